package dev.shepherd.cli.run;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.api.ProviderType;
import dev.shepherd.manager.status.LoopStatus;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class ProgressTest {

    private static final ProviderType RACKS = new ProviderType("racks");

    private final Progress progress = new Progress();

    private static LoopStatus loop(String name, int inProgress, long succeeded, long failed, @Nullable String error) {
        return new LoopStatus(
                name,
                RACKS,
                LoopStatus.State.RUNNING,
                "a machine to work on",
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.ofNullable(error).map(text -> new LoopStatus.LastError(Instant.EPOCH, text, true)),
                inProgress,
                succeeded,
                failed);
    }

    @Test
    void aLineSaysWhatWasDoneSinceTheLastOneAndAnErrorOnce() {
        assertThat(progress.lines(
                        List.of(loop("provisioner", 0, 60, 0, null), loop("initializer", 2, 40, 10, "no key"))))
                .containsExactly("Provider racks: provisioner 60 done;"
                        + " initializer 40 done, 10 failed, 2 in progress, last error: no key");
        assertThat(progress.lines(
                        List.of(loop("provisioner", 0, 60, 0, null), loop("initializer", 0, 42, 11, "no key"))))
                .containsExactly("Provider racks: initializer 2 done, 1 failed");
    }

    @Test
    void nothingIsSaidOfNothingUntilAnHourHasPassed() {
        List<LoopStatus> quiet = List.of(loop("provisioner", 0, 0, 0, null));
        for (int i = 1; i < Progress.LONGEST_SILENCE; i++) {
            assertThat(progress.lines(quiet)).isEmpty();
        }
        assertThat(progress.lines(quiet)).containsExactly("Provider racks: nothing to do for an hour");
        assertThat(progress.lines(quiet)).isEmpty();
    }
}
