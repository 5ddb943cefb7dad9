package dev.shepherd.postgres;

import static dev.shepherd.postgres.Children.execute;
import static dev.shepherd.postgres.Children.query;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.shepherd.postgres.Children.Child;
import dev.shepherd.postgres.PostgresException.Reason;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Servers whose data stays in a folder. */
class DurablePostgresServerTest {

    private static Path laidOut;

    private Path tmp;

    @BeforeAll
    static void layOut(@TempDir Path folder) throws IOException {
        laidOut = Prepared.binariesIn(folder.resolve("laid-out"));
        Files.createFile(laidOut.resolve(FolderLock.FILE));
        PostgresServer.startIn(laidOut).close();
    }

    @BeforeEach
    void findAPlace(@TempDir Path folder) {
        tmp = folder;
    }

    /** Returns a folder that a start was begun in. */
    private Path begunFolder(String name) throws IOException {
        Path folder = Prepared.binariesIn(tmp.resolve(name));
        Files.createFile(folder.resolve(FolderLock.FILE));
        return folder;
    }

    /** Returns a folder of a server that was started and closed. */
    private Path usedFolder(String name) throws IOException {
        Path folder = begunFolder(name);
        Prepared.copy(laidOut.resolve("data"), folder.resolve("data"), false);
        Files.copy(laidOut.resolve("password"), folder.resolve("password"), StandardCopyOption.COPY_ATTRIBUTES);
        return folder;
    }

    private static void write(PostgresServer server) throws Exception {
        execute(server.jdbcUrl(), "create table notes as select 'committed' as text");
    }

    private static String read(PostgresServer server) throws Exception {
        return query(server.jdbcUrl(), "select text from notes");
    }

    private static void assertRefused(Reason reason, ThrowingCallable start, String... parts) {
        assertThatThrownBy(start)
                .isInstanceOfSatisfying(
                        PostgresException.class, e -> assertThat(e.reason()).isEqualTo(reason))
                .hasMessageContainingAll(parts);
    }

    @Test
    void dataSurvivesARestart() throws Exception {
        Path folder = tmp.resolve("new").resolve("with a space and ü");
        String before;
        try (PostgresServer first = PostgresServer.startIn(folder)) {
            write(first);
            before = first.jdbcUrl();
            assertThat(query(first.jdbcUrl(), "show fsync")).isEqualTo("on");
            assertThat(query(first.jdbcUrl(), "show synchronous_commit")).isEqualTo("on");
            assertThat(query(first.jdbcUrl(), "show full_page_writes")).isEqualTo("on");
            assertThat(folder.resolve("connection")).hasContent(before.substring("jdbc:".length()));
            for (String file : List.of("connection", "password", "server.log", FolderLock.FILE)) {
                assertThat(mode(folder.resolve(file))).isEqualTo("rw-------");
            }
        }
        assertThat(folder.resolve("connection")).doesNotExist();
        assertThat(mode(folder)).isEqualTo("rwx------");

        try (PostgresServer second = PostgresServer.startIn(folder)) {
            assertThat(read(second)).isEqualTo("committed");
            assertThat(second.jdbcUrl().replaceFirst(".*password=", ""))
                    .isEqualTo(before.replaceFirst(".*password=", ""));
        }
    }

    private static String mode(Path path) throws IOException {
        assumeTrue(Folders.POSIX, "modes are POSIX's");
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
    }

    @Test
    void dataThatWasOpenedToAGroupIsClosedAgain() throws Exception {
        Path folder = usedFolder("mounted");
        try (Stream<Path> files = Files.walk(folder.resolve("data"))) {
            for (Path file : files.toList()) {
                Folders.setPermissions(file, Files.isDirectory(file) ? "rwxrwx---" : "rw-rw----");
            }
        }
        Folders.setPermissions(folder.resolve("password"), "rw-rw----");

        try (PostgresServer server = PostgresServer.startIn(folder)) {
            write(server);
        }

        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(folder.resolve("data"))))
                .isEqualTo("rwx------");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(folder.resolve("password"))))
                .isEqualTo("rw-------");
    }

    @Test
    void aFolderThatAnotherProcessHoldsIsRefused() throws Exception {
        Path folder = usedFolder("held");
        try (Child holder = Children.start(Children.Holder.class, List.of(), folder.toString())) {
            ProcessHandle postmaster = postmaster(holder);

            assertRefused(
                    Reason.FOLDER_IN_USE,
                    () -> PostgresServer.startIn(folder),
                    folder.toString(),
                    "process " + holder.process().pid() + " since ",
                    "choose another folder");

            assertThat(Postmaster.isRunning(postmaster)).isTrue();
            holder.kill();
            PostgresServer.startIn(folder).close();
        }
    }

    @Test
    void aFolderThatThisProcessHoldsIsRefusedAndStaysHeld() throws Exception {
        Path folder = usedFolder("held");
        try (PostgresServer server = PostgresServer.startIn(folder)) {
            assertRefused(
                    Reason.FOLDER_IN_USE,
                    () -> PostgresServer.startIn(folder),
                    folder.toString(),
                    "another server of this process, " + ProcessHandle.current().pid());

            // What the refused one opened and closed must not have cost the first its lock.
            try (Child other = Children.start(Children.Holder.class, List.of(), folder.toString())) {
                assertThat(other.line()).contains("FOLDER_IN_USE");
            }
            assertThat(server.databaseExists("postgres")).isTrue();
        }
    }

    private static ProcessHandle postmaster(Child holder) throws IOException {
        String line = holder.line();
        assertThat(line).startsWith("holding ");
        return ProcessHandle.of(Long.parseLong(line.substring("holding ".length())))
                .orElseThrow();
    }

    @Test
    void aServerThatAKilledProcessLeftIsStoppedAndItsDataTakenOver() throws Exception {
        Path folder = usedFolder("orphaned");
        try (Child holder = Children.start(Children.Holder.class, List.of(), folder.toString())) {
            ProcessHandle orphan = postmaster(holder);
            holder.kill();
            assertThat(Postmaster.isRunning(orphan)).isTrue();

            try (PostgresServer server = PostgresServer.startIn(folder)) {
                assertThat(Postmaster.isRunning(orphan)).isFalse();
                assertThat(server.process()).isNotEqualTo(orphan);
                assertThat(read(server)).isEqualTo("committed");
            }
        }
    }

    @Test
    void anOrphanIsKnownAfterItsFolderWasMoved() throws Exception {
        Path folder = usedFolder("before");
        try (Child holder = Children.start(Children.Holder.class, List.of(), folder.toString())) {
            ProcessHandle orphan = postmaster(holder);
            holder.kill();
            Path moved = Files.move(folder, tmp.resolve("after"));

            try (PostgresServer server = PostgresServer.startIn(moved)) {
                assertThat(Postmaster.isRunning(orphan)).isFalse();
                assertThat(read(server)).isEqualTo("committed");
            }
        }
    }

    @Test
    void dataSurvivesTheDeathOfProcessAndServer() throws Exception {
        Path folder = usedFolder("crashed");
        try (Child holder = Children.start(Children.Holder.class, List.of(), folder.toString())) {
            ProcessHandle postmaster = postmaster(holder);
            holder.kill();
            postmaster.destroyForcibly();

            try (PostgresServer server = PostgresServer.startIn(folder)) {
                assertThat(read(server)).isEqualTo("committed");
            }
        }
    }

    @Test
    void aProcessThatGotTheNumberOfADeadServerIsLeftAlone() throws Exception {
        Path folder = usedFolder("reused");
        try (PostgresServer server = PostgresServer.startIn(folder)) {
            write(server);
        }
        long self = ProcessHandle.current().pid();
        Files.writeString(
                folder.resolve("data/postmaster.pid"),
                self + "\n" + folder.resolve("data") + "\n1763900000\n5432\n\n127.0.0.1\n  5432001 1\nready   \n");

        try (PostgresServer server = PostgresServer.startIn(folder)) {
            assertThat(read(server)).isEqualTo("committed");
        }
    }

    @Test
    void foldersOfOthersAreRefusedUntouched() throws IOException {
        Path foreign = Files.createDirectory(tmp.resolve("foreign"));
        Files.writeString(Files.createDirectory(foreign.resolve("data")).resolve("precious"), "precious");
        Path plain = Files.createDirectory(tmp.resolve("plain"));
        Files.writeString(plain.resolve("PG_VERSION"), "17\n");
        Path parent = Files.createDirectory(tmp.resolve("pgsql"));
        Files.writeString(Files.createDirectory(parent.resolve("data")).resolve("PG_VERSION"), "17\n");
        Path file = Files.writeString(tmp.resolve("file"), "text");
        Map<String, String> before = contents(tmp);

        assertRefused(
                Reason.FOLDER_NOT_OURS, () -> PostgresServer.startIn(foreign), foreign.toString(), "empty folder");
        assertRefused(
                Reason.FOLDER_NOT_OURS, () -> PostgresServer.startIn(plain), plain.toString(), "another PostgreSQL");
        assertRefused(Reason.FOLDER_NOT_OURS, () -> PostgresServer.startIn(parent), parent.toString(), "empty folder");
        assertRefused(Reason.FOLDER_NOT_OURS, () -> PostgresServer.startIn(file), file.toString(), "not a folder");

        assertThat(contents(tmp)).isEqualTo(before);
    }

    private static Map<String, String> contents(Path folder) throws IOException {
        Map<String, String> contents = new TreeMap<>();
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.toList()) {
                contents.put(
                        folder.relativize(file).toString(),
                        Files.getLastModifiedTime(file)
                                + (Folders.POSIX ? mode(file) : "")
                                + (Files.isRegularFile(file) ? Files.readString(file) : ""));
            }
        }
        return contents;
    }

    @Test
    void dataOfAnotherMajorVersionIsRefusedAndTheFolderSetFree() throws Exception {
        Path folder = begunFolder("older");
        Path version = Files.createDirectory(folder.resolve("data")).resolve("PG_VERSION");
        Files.writeString(version, "16\n");

        assertRefused(
                Reason.OTHER_VERSION,
                () -> PostgresServer.startIn(folder),
                folder.toString(),
                "PostgreSQL 16",
                "PostgreSQL 17.",
                "pg_dumpall");

        assertThat(Folders.list(folder.resolve("data"))).containsExactly(version);
        Folders.delete(folder.resolve("data"));
        PostgresServer.startIn(folder).close();
    }

    @Test
    void aStartThatWasCutShortIsBegunAnew() throws Exception {
        Path folder = begunFolder("short");
        Files.writeString(Files.createDirectory(folder.resolve("data.new")).resolve("PG_VERSION"), "17\n");
        Files.writeString(folder.resolve("password"), "half");

        try (PostgresServer server = PostgresServer.startIn(folder)) {
            write(server);
            assertThat(read(server)).isEqualTo("committed");
        }
        assertThat(folder.resolve("data.new")).doesNotExist();
    }

    @Test
    void aFailedStartTellsTheEndOfTheLogAndLeavesNothingBehind() throws Exception {
        Path folder = usedFolder("broken");
        PostgresServer.startIn(folder).close();
        Path configuration = folder.resolve("data/postgresql.conf");
        String whole = Files.readString(configuration);
        Files.writeString(configuration, "shared_buffers = plenty\n", StandardOpenOption.APPEND);

        assertRefused(
                Reason.NOT_STARTED,
                () -> PostgresServer.startIn(folder),
                folder.toString(),
                "server.log ends with",
                "invalid value for parameter \"shared_buffers\": \"plenty\"");

        assertThat(folder.resolve("data/postmaster.pid")).doesNotExist();
        Files.writeString(configuration, whole);
        PostgresServer.startIn(folder).close();
    }

    @Test
    void aServerWhoseFolderIsGoneIsStoppedAllTheSame() throws Exception {
        Path folder = usedFolder("deleted");
        PostgresServer server = PostgresServer.startIn(folder);
        ProcessHandle postmaster = server.process();
        Folders.deleteWhileInUse(folder);

        server.close();

        assertThat(Postmaster.isRunning(postmaster)).isFalse();
    }

    @Test
    void aLogThatHasGrownLargeMakesWay() throws Exception {
        Path folder = usedFolder("talkative");
        byte[] large = new byte[9 << 20];
        Files.write(folder.resolve("server.log"), large);

        PostgresServer.startIn(folder).close();

        assertThat(folder.resolve("server.log.1")).hasSize(large.length);
        assertThat(Files.size(folder.resolve("server.log"))).isLessThan(100_000);
    }

    @Test
    void binariesOfOtherVersionsAreClearedAway() throws Exception {
        Path folder = usedFolder("updated");
        Path older = Files.createDirectories(folder.resolve("binaries-older/bin"));

        PostgresServer.startIn(folder).close();

        assertThat(older.getParent()).doesNotExist();
    }

    @Test
    void aPathThatAShellWouldReadIsRefused() {
        assertRefused(
                Reason.NOT_STARTED,
                () -> PostgresServer.startIn(tmp.resolve("$(touch x)")),
                "$(touch x)",
                "a path with");
    }
}
