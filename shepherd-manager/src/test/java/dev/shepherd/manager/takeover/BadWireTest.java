package dev.shepherd.manager.takeover;

import static dev.shepherd.manager.takeover.TakeoverFixture.assertNoConnectionIsLeft;
import static dev.shepherd.manager.takeover.TakeoverFixture.assertNoThreadIsLeft;
import static dev.shepherd.manager.takeover.TakeoverFixture.failure;
import static dev.shepherd.manager.takeover.TakeoverFixture.remoteFiles;
import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.manager.takeover.TakeoverException.Kind;
import dev.shepherd.testkit.ssh.SshHost;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumSet;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A connection can go wrong at every byte of it. */
class BadWireTest {

    private final TakeoverFixture fixture;

    BadWireTest(@TempDir Path folder) {
        fixture = new TakeoverFixture(folder);
    }

    /** Returns how many bytes a host sends for a takeover. */
    private long bytes(Wire wire) throws InterruptedException {
        fixture.settings().build().takeover(wire.target());
        fixture.settings().build().takeover(wire.target());
        return wire.passed();
    }

    @ParameterizedTest
    @EnumSource(
            value = Wire.Mishap.class,
            names = {"CLOSE", "RESET"})
    void aConnectionThatIsLostIsLostAtWhateverByte(Wire.Mishap mishap) throws Exception {
        try (SshHost host = fixture.host();
                Wire wire = new Wire(host.port())) {
            long all = bytes(wire);
            AgentTakeover takeover = fixture.settings().build();
            Set<TakeoverStep> steps = EnumSet.noneOf(TakeoverStep.class);
            long after = 1;
            // What is sent in how many packets differs a little each time, and so does where the end is.
            for (boolean whole = false; !whole; after += 61) {
                wire.spoil(mishap, after);
                TakeoverTarget target = wire.target();
                try {
                    takeover.takeover(target);
                    whole = true;
                } catch (TakeoverException e) {
                    if (e.step() == TakeoverStep.CONNECT) {
                        // A reset after the first bytes can overtake the connecting itself.
                        assertThat(mishap).as(e.getMessage()).isEqualTo(Wire.Mishap.RESET);
                        assertThat(e.kind()).as(e.getMessage()).isEqualTo(Kind.UNREACHABLE);
                    } else {
                        // A host that hangs up on who has just said who it is does not want it.
                        boolean refused = e.step() == TakeoverStep.AUTHENTICATE && mishap == Wire.Mishap.CLOSE;
                        assertThat(e.kind())
                                .as(e.getMessage())
                                .isEqualTo(refused ? Kind.AUTHENTICATION_FAILED : Kind.CONNECTION_LOST);
                        steps.add(e.step());
                    }
                }
                assertNoThreadIsLeft();
                tidyUp(host);
            }
            assertThat(after).isBetween(all * 9 / 10, all * 11 / 10);
            assertThat(steps)
                    .containsExactly(
                            TakeoverStep.KEY_EXCHANGE,
                            TakeoverStep.AUTHENTICATE,
                            TakeoverStep.UPLOAD,
                            TakeoverStep.EXECUTE);
            assertNoConnectionIsLeft(host);
        }
    }

    @Test
    void aHostThatFallsSilentIsLeftAtTheDeadlineAtWhateverByte() throws Exception {
        try (SshHost host = fixture.host();
                Wire wire = new Wire(host.port())) {
            long all = bytes(wire);
            AgentTakeover takeover =
                    fixture.settings().totalTimeout(Duration.ofMillis(700)).build();
            for (long after = 0; after < all * 9 / 10; after += all / 8) {
                wire.spoil(Wire.Mishap.SILENCE, after);

                TakeoverException failure = failure(takeover, wire.target());

                assertThat(failure.kind()).as(failure.getMessage()).isEqualTo(Kind.TIMEOUT);
                assertThat(failure.elapsed()).isBetween(Duration.ofMillis(700), Duration.ofSeconds(5));
                tidyUp(host);
            }
            assertNoConnectionIsLeft(host);
        }
    }

    @Test
    void aByteThatArrivesAsAnotherNeverMakesATakeoverSucceedWrongly() throws Exception {
        try (SshHost host = fixture.host();
                Wire wire = new Wire(host.port())) {
            long all = bytes(wire);
            AgentTakeover takeover =
                    fixture.settings().totalTimeout(Duration.ofSeconds(2)).build();
            TakeoverTarget target = wire.target();
            for (long after = 0; after < all; after += 67) {
                wire.spoil(Wire.Mishap.FLIP, after);
                try {
                    assertThat(takeover.takeover(target).hostKey()).isEqualTo(host.hostKey());
                } catch (TakeoverException e) {
                    assertThat(e.kind()).isNotIn(Kind.BAD_ANSWER, Kind.AGENT_FAILED, Kind.UNREACHABLE);
                }
                assertNoThreadIsLeft();
            }
            assertNoConnectionIsLeft(host);
        }
    }

    /** Each upload that is cut off leaves a file behind, and makes the next list of files longer. */
    private static void tidyUp(SshHost host) throws IOException {
        for (String name : remoteFiles(host)) {
            Files.deleteIfExists(host.root().resolve("root").resolve(name));
        }
    }
}
