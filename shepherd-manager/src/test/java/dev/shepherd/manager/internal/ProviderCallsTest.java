package dev.shepherd.manager.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.shepherd.api.Availability;
import dev.shepherd.api.Machine;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.trace.Tracer;
import dev.shepherd.manager.ShowingProvider;
import dev.shepherd.testkit.LogCapture;
import dev.shepherd.testkit.provider.FakeProvider;
import java.net.InetAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

class ProviderCallsTest {

    private static final ProviderType TYPE = new ProviderType("lab");

    private static final ShowingProvider ENDLESS = new ShowingProvider(TYPE, visitor -> {
        while (true) {
            visitor.visit(machine());
        }
    });

    @Test
    void aProviderThatOnlyListsIsShownMachineByMachine() throws Exception {
        FakeProvider provider = FakeProvider.create(TYPE);
        provider.addReservations(3);
        List<Machine> seen = new ArrayList<>();

        new ProviderCalls(provider, Tracer.NONE).forEachMachine(visitor(seen::add));

        assertThat(seen).hasSize(3);
    }

    @Test
    void aListingThatNeverEndsIsGivenUp() {
        ProviderCalls calls = new ProviderCalls(ENDLESS, Duration.ofMillis(50), Tracer.NONE);

        assertThatExceptionOfType(ProviderException.class)
                .isThrownBy(() -> calls.forEachMachine(visitor(machine -> {})))
                .withMessageContaining("still listing")
                .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.TRANSIENT));
    }

    @Test
    void anInterruptionEndsAListingThatWaitsForNothing() {
        ProviderCalls calls = new ProviderCalls(ENDLESS, Tracer.NONE);

        assertThatExceptionOfType(InterruptedException.class)
                .isThrownBy(() -> calls.forEachMachine(
                        visitor(machine -> Thread.currentThread().interrupt())));
    }

    @Test
    void aListingWhoseEndTheProviderSwallowedIsNotAWholeOne() {
        ProviderCalls calls = new ProviderCalls(
                new ShowingProvider(TYPE, visitor -> {
                    try {
                        visitor.visit(machine());
                    } catch (IllegalStateException e) {
                        // As a provider would that goes on to its next page.
                    }
                }),
                Tracer.NONE);

        assertThatExceptionOfType(ProviderException.class)
                .isThrownBy(() -> calls.forEachMachine(visitor(machine -> {
                    throw new IllegalStateException("the database is down");
                })))
                .withMessageContaining("swallowed");
    }

    /** A machine whose labels were not checked. */
    private record Labelled(ProviderID id, Map<String, String> labels) implements Machine {
        @Override
        public Optional<InetAddress> address() {
            return Optional.empty();
        }

        @Override
        public Availability availability() {
            return Availability.KNOWN_UNUSED;
        }
    }

    @Test
    void aLabelThatBreaksARuleIsPassedOverAndCountedAndNothingElse() throws Exception {
        ProviderCalls calls = new ProviderCalls(
                new ShowingProvider(TYPE, visitor -> {
                    visitor.visit(new Labelled(new ProviderID("m-1"), Map.of("rack number", "7", "tier", "db")));
                    visitor.visit(new Labelled(new ProviderID("m-2"), Map.of("tier", "web")));
                }),
                Tracer.NONE);
        List<MachineInfo> seen = new ArrayList<>();
        LogCapture log = LogCapture.of("dev.shepherd.manager");
        log.start();
        try {
            calls.forEachMachine(visitor(seen::add));
            calls.forEachMachine(visitor(seen::add));

            assertThat(seen)
                    .extracting(MachineInfo::labels)
                    .containsExactly(
                            Map.of("tier", "db"), Map.of("tier", "web"), Map.of("tier", "db"), Map.of("tier", "web"));
            assertThat(calls.labelsPassedOver()).isEqualTo(2);
            assertThat(log.text().lines().filter(line -> line.contains("a label is passed over")))
                    .singleElement()
                    .asString()
                    .contains("m-1")
                    .contains("rack number");
        } finally {
            log.stop();
        }
    }

    private static ProviderCalls.Visitor visitor(Consumer<MachineInfo> machines) {
        return new ProviderCalls.Visitor() {
            @Override
            public void visit(MachineInfo machine) {
                machines.accept(machine);
            }

            @Override
            public void passOver(ProviderID id, String why) {
                throw new AssertionError("machine " + id + " is passed over: " + why);
            }
        };
    }

    private static MachineInfo machine() {
        return MachineInfo.builder(new ProviderID("machine"), Availability.KNOWN_UNUSED)
                .build();
    }
}
