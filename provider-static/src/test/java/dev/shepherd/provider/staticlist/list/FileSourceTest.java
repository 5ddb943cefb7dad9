package dev.shepherd.provider.staticlist.list;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.shepherd.provider.staticlist.Lists;
import dev.shepherd.testkit.MutableClock;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FileSourceTest {

    private final MutableClock clock = new MutableClock();
    private Path file;

    @BeforeEach
    void open(@TempDir Path folder) {
        file = folder.resolve("machines.json");
    }

    @Test
    void aFileThatHasSettledIsNotReadAgain() throws Exception {
        Files.writeString(file, Lists.of("a"));
        Files.setLastModifiedTime(file, FileTime.from(clock.instant().minus(Duration.ofHours(1))));
        assumeTrue(hasTimeOfChange(), "the file system has no time of change");
        FileSource source = new FileSource(file, 1000, clock);

        ListSource.Version version = source.read(null).orElseThrow().version();

        assertThat(version).isNotNull();
        assertThat(source.read(version)).isEmpty();
    }

    @Test
    void aListThatWasChangedJustNowIsReadAgainWhateverItsModificationTimeSays() throws Exception {
        Files.writeString(file, Lists.of("a"));
        Files.setLastModifiedTime(file, FileTime.fromMillis(1000));
        FileSource source = new FileSource(file, 1000, Clock.systemUTC());

        assertThat(source.read(null).orElseThrow().version()).isNull();
    }

    private boolean hasTimeOfChange() throws IOException {
        return List.of("ext4", "xfs", "btrfs", "tmpfs", "overlay", "zfs", "apfs")
                .contains(Files.getFileStore(file).type());
    }
}
