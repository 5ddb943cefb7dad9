package dev.shepherd.provider.staticlist;

import static dev.shepherd.provider.staticlist.Lists.RACKS;
import static dev.shepherd.provider.staticlist.Lists.id;
import static dev.shepherd.provider.staticlist.Lists.ids;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.shepherd.api.Availability;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderID;
import dev.shepherd.provider.support.AddressLiteral;
import dev.shepherd.testkit.LogCapture;
import dev.shepherd.testkit.MutableClock;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

class StaticProviderFileTest {

    @RegisterExtension
    final LogCapture log = LogCapture.of(StaticProvider.class.getName());

    private final MutableClock clock = new MutableClock();
    private Path folder;
    private Path file;
    private StaticProvider provider;

    @BeforeEach
    void open(@TempDir Path folder) {
        this.folder = folder;
        file = folder.resolve("machines.json");
        provider = StaticProvider.builder(RACKS, file.toUri()).clock(clock).build();
    }

    @AfterEach
    void close() {
        provider.close();
    }

    /** Writes the file as if it had been written long ago. */
    private void write(String document) throws IOException {
        Files.writeString(file, document);
        touch(Duration.ofHours(1));
    }

    private void touch(Duration ago) throws IOException {
        Files.setLastModifiedTime(file, FileTime.from(clock.instant().minus(ago)));
    }

    @Test
    void listsTheMachinesOfTheFileAsPossiblyUsed() throws Exception {
        write("[{\"ID\": \"a\", \"Addr\": \"10.0.0.7\", \"Location\": \"rack 1\", \"SSHPort\": 2222}]");

        assertThat(provider.listMachines())
                .containsExactly(MachineInfo.builder(id("a"), Availability.POSSIBLY_USED)
                        .address(AddressLiteral.address("10.0.0.7"))
                        .location("rack 1")
                        .sshPort(2222)
                        .build());
        assertThat(provider.type()).isEqualTo(RACKS);
        assertThat(provider.maxConcurrentCalls()).isEqualTo(1);
    }

    @Test
    void theListingIsTheCallersToChange() throws Exception {
        write(Lists.of("a", "b"));

        provider.listMachines().clear();

        assertThat(ids(provider)).containsExactly("a", "b");
    }

    @Test
    void describesAMachineOfTheList() throws Exception {
        write(Lists.of("a", "b"));

        assertThat(provider.getMachine(id("b")).address()).contains(AddressLiteral.address("10.0.0.2"));
    }

    @Test
    void aMachineThatIsNotInTheListIsNotFound() throws Exception {
        write(Lists.of("a"));

        for (ProviderID unknown : List.of(id("b"), ProviderID.INVALID)) {
            assertThatExceptionOfType(ProviderException.class)
                    .isThrownBy(() -> provider.getMachine(unknown))
                    .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.NOT_FOUND))
                    .withMessage("static provider racks (file:%s) has no machine %s".formatted(file, unknown));
        }
    }

    @Test
    void aChangeOfTheFileShowsAtTheNextCall() throws Exception {
        write(Lists.of("a"));
        assertThat(ids(provider)).containsExactly("a");

        write(Lists.of("a", "b"));

        assertThat(provider.getMachine(id("b")).id()).isEqualTo(id("b"));
        assertThat(ids(provider)).containsExactly("a", "b");
        assertThat(log.at("INFO"))
                .containsExactly(
                        "provider racks: 1 machines in the list at file:" + file,
                        "provider racks: the list at file:" + file + " has changed: 2 machines, 1 before");
    }

    @Test
    void aChangeWithinTheSameTickOfTheFileSystemsClockShows() throws Exception {
        Files.writeString(file, Lists.of("a"));
        touch(Duration.ofSeconds(1));
        assertThat(ids(provider)).containsExactly("a");

        Files.writeString(file, Lists.of("b"));
        touch(Duration.ofSeconds(1));

        assertThat(ids(provider)).containsExactly("b");
    }

    @Test
    void aFileFromTheFutureIsReadEachTime() throws Exception {
        Files.writeString(file, Lists.of("a"));
        touch(Duration.ofDays(-1));
        assertThat(ids(provider)).containsExactly("a");

        Files.writeString(file, Lists.of("b"));
        touch(Duration.ofDays(-1));

        assertThat(ids(provider)).containsExactly("b");
    }

    /** Image builders, archives and the like give all files one time. */
    @Test
    void aListOfTheSameTimeSizeAndFileIsReadOnceItIsWritten() throws Exception {
        write(Lists.of("a"));
        assertThat(ids(provider)).containsExactly("a");

        write(Lists.of("b"));

        assertThat(ids(provider)).containsExactly("b");
    }

    @Test
    void anotherFileInItsPlaceIsReadWhateverItsTimeAndSize() throws Exception {
        write(Lists.of("a"));
        assertThat(ids(provider)).containsExactly("a");
        assumeTrue(
                Files.readAttributes(file, BasicFileAttributes.class).fileKey() != null,
                "the file system does not tell files apart");

        Path next = folder.resolve("next.json");
        Files.writeString(next, Lists.of("b"));
        Files.setLastModifiedTime(next, Files.getLastModifiedTime(file));
        Files.move(next, file, StandardCopyOption.ATOMIC_MOVE);

        assertThat(ids(provider)).containsExactly("b");
    }

    @Test
    void anOlderFileIsAChangeToo() throws Exception {
        write(Lists.of("a"));
        assertThat(ids(provider)).containsExactly("a");

        Files.writeString(file, Lists.of("b"));
        touch(Duration.ofDays(100));

        assertThat(ids(provider)).containsExactly("b");
    }

    @Test
    void aListThatIsOutOfReachAtFirstFailsTheListingOnly() throws Exception {
        assertThatExceptionOfType(ProviderException.class)
                .isThrownBy(provider::listMachines)
                .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.TRANSIENT))
                .withMessage("the list at file:" + file + " cannot be read: the file does not exist");

        write(Lists.of("a"));

        assertThat(ids(provider)).containsExactly("a");
    }

    @Test
    void aListThatIsMalformedAtFirstIsAPermanentFailure() throws Exception {
        write("[\n{}]");

        assertThatExceptionOfType(ProviderException.class)
                .isThrownBy(provider::listMachines)
                .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.PERMANENT))
                .withMessage("the list at file:" + file
                        + " is malformed: entry 1 (line 2, column 1): field \"ID\" is missing");
    }

    @Test
    void theLastGoodListStaysInForceAndEachChangeOfFailureIsLoggedOnce() throws Exception {
        write(Lists.of("a", "b"));
        assertThat(ids(provider)).containsExactly("a", "b");
        Instant read = clock.instant();

        write("[");
        for (int i = 0; i < 3; i++) {
            assertThat(ids(provider)).containsExactly("a", "b");
        }
        Files.delete(file);
        clock.advance(Duration.ofMinutes(1));
        for (int i = 0; i < 3; i++) {
            assertThat(ids(provider)).containsExactly("a", "b");
        }
        clock.advance(Duration.ofMinutes(1));
        write(Lists.of("a", "c"));
        assertThat(ids(provider)).containsExactly("a", "c");

        String list = "provider racks: the list at file:" + file;
        String stays = "; the list of 2 machines read at " + read + " stays in force";
        assertThat(log.at("WARN"))
                .containsExactly(
                        list + " is malformed: line 1, column 2: the document ends before the array does" + stays,
                        list + " cannot be read: the file does not exist" + stays);
        assertThat(log.at("DEBUG")).hasSize(6);
        assertThat(log.at("INFO")).endsWith(list + " can be read again, after 2 min");
    }

    @Test
    void aFailureThatComesBackIsLoggedAgain() throws Exception {
        write(Lists.of("a"));
        provider.listMachines();

        for (int i = 0; i < 2; i++) {
            write("oops");
            provider.listMachines();
            write(Lists.of("a"));
            provider.listMachines();
        }

        assertThat(log.at("WARN")).hasSize(2);
    }

    @Test
    void theFileThatWasGoodIsGoodAgain() throws Exception {
        write(Lists.of("a"));
        provider.listMachines();
        write("[]]");
        assertThat(ids(provider)).containsExactly("a");

        write(Lists.of("a"));

        assertThat(ids(provider)).containsExactly("a");
        assertThat(log.at("INFO")).last().asString().contains("can be read again");
    }

    @Test
    void aFileCutShortIsNotAnEmptyList() throws Exception {
        write(Lists.of("a"));
        provider.listMachines();

        write("");

        assertThat(ids(provider)).containsExactly("a");
        assertThat(log.at("WARN")).singleElement().asString().contains("the document is empty");
    }

    @Test
    void anEmptyListIsAList() throws Exception {
        write(Lists.of("a"));
        provider.listMachines();

        write("[]");

        assertThat(ids(provider)).isEmpty();
        assertThat(log.at("WARN")).isEmpty();
    }

    @Test
    void aFileOverTheSizeIsRefusedWithoutBeingRead() throws Exception {
        write(Lists.of("a", "b"));
        int size = (int) Files.size(file);

        try (StaticProvider exact = StaticProvider.builder(RACKS, file.toUri())
                        .maxSize(size)
                        .build();
                StaticProvider tooSmall = StaticProvider.builder(RACKS, file.toUri())
                        .maxSize(size - 1)
                        .build()) {
            assertThat(ids(exact)).containsExactly("a", "b");
            assertThatExceptionOfType(ProviderException.class)
                    .isThrownBy(tooSmall::listMachines)
                    .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.PERMANENT))
                    .withMessageEndingWith(" cannot be read: it is larger than the " + (size - 1)
                            + " bytes that the property \"max-size\" allows");
        }
    }

    @Test
    void aFileThatIsLongerThanItsSizeSaysIsBoundedToo() throws Exception {
        Path endless = Path.of("/proc/self/maps");
        assumeTrue(Files.exists(endless), "there is no " + endless);
        try (StaticProvider bounded =
                StaticProvider.builder(RACKS, endless.toUri()).maxSize(100).build()) {
            assertThatExceptionOfType(ProviderException.class)
                    .isThrownBy(bounded::listMachines)
                    .withMessageContaining("larger than the 100 bytes");
        }
    }

    @Test
    void aFolderIsNotAList() {
        try (StaticProvider ofFolder = StaticProvider.of(RACKS, folder.toUri())) {
            assertThatExceptionOfType(ProviderException.class)
                    .isThrownBy(ofFolder::listMachines)
                    .withMessageEndingWith("cannot be read: it is not a regular file");
        }
    }

    @Test
    void aNamedPipeIsNotWaitedFor() throws Exception {
        Path pipe = folder.resolve("pipe");
        assumeTrue(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor() == 0, "mkfifo failed");
        try (StaticProvider ofPipe = StaticProvider.of(RACKS, pipe.toUri())) {
            assertThatExceptionOfType(ProviderException.class)
                    .isThrownBy(ofPipe::listMachines)
                    .withMessageEndingWith("cannot be read: it is not a regular file");
        }
    }

    @Test
    void aFileThatMayNotBeReadSaysSo() throws Exception {
        write(Lists.of("a"));
        assumeTrue(Files.getFileStore(file).supportsFileAttributeView("posix"), "files have no permissions here");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("---------"));
        assumeFalse(Files.isReadable(file), "root may read every file");

        assertThatExceptionOfType(ProviderException.class)
                .isThrownBy(provider::listMachines)
                .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.TRANSIENT))
                .withMessageEndingWith("cannot be read: access to the file is denied");
    }

    @Test
    void anInterruptedCallerIsHeeded() throws Exception {
        write(Lists.of("a"));
        Thread.currentThread().interrupt();

        assertThatExceptionOfType(InterruptedException.class).isThrownBy(provider::listMachines);

        assertThat(Thread.currentThread().isInterrupted()).isFalse();
        assertThat(ids(provider)).containsExactly("a");
    }

    @Test
    void afterCloseOnlyTheTypeIsLeft() throws Exception {
        write(Lists.of("a"));
        provider.listMachines();

        provider.close();
        provider.close();

        assertThatIllegalStateException()
                .isThrownBy(provider::listMachines)
                .withMessage("static provider racks (file:%s) is closed".formatted(file));
        assertThatIllegalStateException().isThrownBy(() -> provider.getMachine(id("a")));
        assertThat(provider.type()).isEqualTo(RACKS);
        Lists.assertNoThreadIsLeft();
    }

    @Test
    void noThreadLivesBeforeTheFirstCall() {
        Lists.assertNoThreadIsLeft();
    }

    @Test
    void saysWhichListItIs() {
        assertThat(provider).hasToString("StaticProvider[racks, file:" + file + "]");
    }
}
