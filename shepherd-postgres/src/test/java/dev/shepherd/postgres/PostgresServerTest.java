package dev.shepherd.postgres;

import static dev.shepherd.postgres.Children.execute;
import static dev.shepherd.postgres.Children.query;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.shepherd.postgres.Children.Child;
import dev.shepherd.postgres.PostgresException.Reason;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.Iterator;
import java.util.List;
import java.util.TimeZone;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Temporary servers, and what holds for every server. */
class PostgresServerTest {

    private static PostgresServer server;

    @BeforeAll
    static void start() {
        server = PostgresServer.startTemporary();
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    @Test
    void temporaryServerIsTunedForTestsAndListensOnLoopbackOnly() throws SQLException {
        assertThat(setting("fsync")).isEqualTo("off");
        assertThat(setting("synchronous_commit")).isEqualTo("off");
        assertThat(setting("full_page_writes")).isEqualTo("off");
        assertThat(setting("max_connections")).isEqualTo("300");
        assertThat(setting("log_timezone")).isEqualTo("UTC");
        assertThat(setting("server_encoding")).isEqualTo("UTF8");
        assertThat(setting("listen_addresses")).isEqualTo("127.0.0.1");
        assertThat(setting("unix_socket_directories")).isEmpty();
    }

    private static String setting(String name) throws SQLException {
        return query(server.jdbcUrl(), "show " + name);
    }

    @Test
    void nobodyGetsInWithoutThePassword() {
        String url = server.jdbcUrl().replaceFirst("password=.*", "password=guess");

        assertThatThrownBy(() -> DriverManager.getConnection(url))
                .isInstanceOfSatisfying(
                        SQLException.class, e -> assertThat(e.getSQLState()).isEqualTo("28P01"));
    }

    @Test
    void textAndErrorsDoNotTellThePassword() {
        String password = server.jdbcUrl().replaceFirst(".*password=", "");

        assertThat(password).hasSizeGreaterThan(20);
        assertThat(server.toString()).contains("127.0.0.1").doesNotContain(password);
        assertThatThrownBy(() -> server.createDatabase("copy", "absent"))
                .isInstanceOfSatisfying(
                        PostgresException.class, e -> assertThat(e.reason()).isEqualTo(Reason.REFUSED))
                .hasMessageContaining("absent")
                .hasMessageNotContaining(password);
    }

    @Test
    void databasesAreMadeCopiedFoundAndDropped() throws SQLException {
        String url = server.createDatabase("Made-1");
        execute(url, "create table notes as select 'original' as text");

        String copy = server.createDatabase("copied", "Made-1");
        execute(url, "update notes set text = 'changed'");

        assertThat(url).isEqualTo(server.jdbcUrl("Made-1"));
        assertThat(server.databaseExists("Made-1")).isTrue();
        assertThat(server.databaseExists("made-1")).isFalse();
        assertThat(query(copy, "select text from notes")).isEqualTo("original");

        server.dropDatabase("Made-1");
        server.dropDatabase("Made-1");

        assertThat(server.databaseExists("Made-1")).isFalse();
        assertThat(server.databaseExists("copied")).isTrue();
    }

    @Test
    void sessionsAreInTheWayNeitherOfACopyNorOfADrop() throws SQLException {
        String url = server.createDatabase("busy");
        try (Connection first = DriverManager.getConnection(url)) {
            server.createDatabase("busy_copy", "busy");

            assertThat(first.isValid(5)).isFalse();
        }
        try (Connection second = DriverManager.getConnection(url)) {
            server.dropDatabase("busy");

            assertThat(second.isValid(5)).isFalse();
        }
    }

    @Test
    void aDatabaseThatExistsIsNotMadeAgain() {
        server.createDatabase("single");

        assertThatThrownBy(() -> server.createDatabase("single"))
                .isInstanceOf(PostgresException.class)
                .hasMessageContaining("already exists");
    }

    @Test
    void namesThatNeedQuotingAreRefused() {
        for (String name : List.of("", "a b", "a\"b", "a'; drop", "a/b", "a?b", "-a", "ä", "a".repeat(64))) {
            assertThatIllegalArgumentException().isThrownBy(() -> server.createDatabase(name));
            assertThatIllegalArgumentException().isThrownBy(() -> server.jdbcUrl(name));
        }
        assertThat(server.jdbcUrl("a".repeat(63))).contains("/" + "a".repeat(63) + "?");
    }

    @Test
    void dataAndProcessesAreGoneAfterTheClose() throws IOException {
        PostgresServer closing = PostgresServer.startTemporary();
        ProcessHandle postmaster = closing.process();
        List<ProcessHandle> children = postmaster.descendants().toList();
        assertThat(closing.home()).isDirectory();
        assertThat(children).isNotEmpty();

        closing.close();

        assertThat(closing.home()).doesNotExist();
        assertThat(Postmaster.isRunning(postmaster)).isFalse();
        assertThat(children).noneMatch(Postmaster::isRunning);
    }

    @Test
    void closingAgainDoesNothingAndUsingAClosedServerIsAnError() throws Exception {
        PostgresServer closing = PostgresServer.startTemporary();

        CompletableFuture.allOf(
                        CompletableFuture.runAsync(closing::close, command -> new Thread(command).start()),
                        CompletableFuture.runAsync(closing::close, command -> new Thread(command).start()),
                        CompletableFuture.runAsync(closing::close, command -> new Thread(command).start()))
                .get(60, TimeUnit.SECONDS);
        closing.close();

        assertThatIllegalStateException().isThrownBy(closing::jdbcUrl).withMessageContaining("closed");
        assertThatIllegalStateException().isThrownBy(() -> closing.createDatabase("late"));
    }

    @Test
    void closeEndsOpenSessions() throws SQLException {
        PostgresServer closing = PostgresServer.startTemporary();
        try (Connection connection = DriverManager.getConnection(closing.jdbcUrl())) {
            closing.close();

            assertThat(connection.isValid(5)).isFalse();
        }
    }

    @Test
    void aPortThatIsTakenMeanwhileIsNoHindrance() throws IOException {
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"));
                ServerSocket free = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
            Iterator<Integer> ports =
                    List.of(taken.getLocalPort(), free.getLocalPort()).iterator();

            try (PostgresServer second = PostgresServer.startTemporary(Account.current(), () -> {
                int port = ports.next();
                if (!ports.hasNext()) {
                    free.close();
                }
                return port;
            })) {
                assertThat(second.jdbcUrl()).contains(":" + free.getLocalPort() + "/");
                assertThat(second.databaseExists("postgres")).isTrue();
            }
        }
    }

    @Test
    void anInterruptEndsTheStartAndLeavesNothing() throws Exception {
        AtomicReference<Throwable> thrown = new AtomicReference<>();
        AtomicReference<Boolean> interrupted = new AtomicReference<>();
        Thread starting = new Thread(() -> {
            try {
                PostgresServer.startTemporary(Account.current(), () -> {
                            Thread.currentThread().interrupt();
                            return 5432;
                        })
                        .close();
            } catch (RuntimeException e) {
                thrown.set(e);
            }
            interrupted.set(Thread.currentThread().isInterrupted());
        });
        starting.start();
        starting.join(60_000);

        assertThat(thrown.get()).isInstanceOf(PostgresException.class).hasMessageContaining("Interrupted");
        assertThat(interrupted.get()).isTrue();
        assertThat(Folders.list(server.home().resolveSibling("")))
                .filteredOn(home -> home.getFileName()
                        .toString()
                        .startsWith(ProcessHandle.current().pid() + "-"))
                .containsExactly(server.home());
    }

    @Test
    void aForgottenServerIsClosedWhenTheJvmExitsAndNothingIsPrinted() throws Exception {
        try (Child child = Children.start(Children.Forgetful.class, List.of())) {
            String[] words = child.line().split(" ", 2);
            Path home = Path.of(words[1]);
            assertThat(home).isDirectory();

            child.release();

            assertThat(child.output().readLine()).isNull();
            assertThat(home).doesNotExist();
            assertThat(ProcessHandle.of(Long.parseLong(words[0])).filter(Postmaster::isRunning))
                    .isEmpty();
        }
    }

    @Test
    void whatAKilledJvmLeavesIsClearedAwayByTheNextServer() throws Exception {
        try (Child child = Children.start(Children.Forgetful.class, List.of())) {
            String[] words = child.line().split(" ", 2);
            Path home = Path.of(words[1]);
            child.kill();
            assertThat(home).isDirectory();
            ProcessHandle orphan = ProcessHandle.of(Long.parseLong(words[0])).orElseThrow();

            try (PostgresServer next = PostgresServer.startTemporary()) {
                assertThat(next.databaseExists("postgres")).isTrue();
                assertThat(home).doesNotExist();
                assertThat(Postmaster.isRunning(orphan)).isFalse();
                assertThat(server.databaseExists("postgres")).isTrue();
            }
        }
    }

    @Test
    void binariesThatWereSweptAwayInPartAreUnpackedAgain(@TempDir Path tmp) throws IOException {
        Prepared.binariesIn(tmp.resolve(folderOfTemporaryServers()));
        withTmpdir(tmp, () -> {
            PostgresServer.startTemporary().close();
            Path binaries = Folders.list(Folders.list(tmp).get(0)).stream()
                    .filter(path -> path.getFileName().toString().startsWith("binaries-"))
                    .findFirst()
                    .orElseThrow();
            Files.delete(binaries.resolve("share/postgresql/postgres.bki"));

            PostgresServer.startTemporary().close();

            assertThat(binaries.resolve("share/postgresql/postgres.bki")).exists();
            assertThat(Folders.list(binaries.resolveSibling("")))
                    .extracting(file -> file.getFileName().toString())
                    .containsExactlyInAnyOrder(binaries.getFileName().toString(), "temporary", "unpacking.lock");
        });
    }

    @Test
    void aDurableServerCopiesTheBinariesThatATemporaryOneHasUnpacked(@TempDir Path tmp) throws IOException {
        Path top = Prepared.binariesIn(tmp.resolve(folderOfTemporaryServers()));
        Path unpacked = Folders.list(top).get(0);
        Files.createFile(unpacked.resolve("trace"));
        Path folder = tmp.resolve("durable");

        withTmpdir(tmp, () -> PostgresServer.startIn(folder).close());

        assertThat(folder.resolve(unpacked.getFileName()).resolve("trace")).exists();
    }

    @Test
    void aDurableServerTrustsNoBinariesBehindALink(@TempDir Path tmp) throws IOException {
        Path elsewhere = Prepared.binariesIn(tmp.resolve("elsewhere"));
        Path unpacked = Folders.list(elsewhere).get(0);
        Files.createFile(unpacked.resolve("trace"));
        Files.createSymbolicLink(tmp.resolve(folderOfTemporaryServers()), elsewhere);
        Path folder = tmp.resolve("durable");

        withTmpdir(tmp, () -> PostgresServer.startIn(folder).close());

        assertThat(folder.resolve(unpacked.getFileName()).resolve("bin")).exists();
        assertThat(folder.resolve(unpacked.getFileName()).resolve("trace")).doesNotExist();
    }

    @Test
    void aFolderOfBinariesThatIsALinkIsNotTrusted(@TempDir Path tmp) throws IOException {
        Path elsewhere = Files.createDirectory(tmp.resolve("elsewhere"));
        Files.createSymbolicLink(tmp.resolve(folderOfTemporaryServers()), elsewhere);

        withTmpdir(
                tmp,
                () -> assertThatThrownBy(PostgresServer::startTemporary)
                        .hasMessageContaining("belongs to another user"));
    }

    @Test
    void rootWithoutUserNamespacesRunsItUnderAnotherAccount(@TempDir Path tmp) throws IOException {
        assumeTrue(
                Files.exists(Path.of("/proc/self"))
                        && Files.getAttribute(Path.of("/proc/self"), "unix:uid").equals(0),
                "only root can take on another account");
        for (Path folder = tmp.toRealPath(); folder != null; folder = folder.getParent()) {
            if (folder.equals(tmp.toRealPath())) {
                Folders.setPermissions(folder, "rwx--x--x");
            }
            assumeTrue(
                    Files.getPosixFilePermissions(folder)
                            .contains(java.nio.file.attribute.PosixFilePermission.OTHERS_EXECUTE),
                    () -> "another account must get to " + tmp);
        }
        Account account = Account.unprivileged();
        Prepared.binariesIn(tmp.resolve(folderOfTemporaryServers()));
        withTmpdir(tmp, () -> {
            try (PostgresServer other = PostgresServer.startTemporary(account, Postmaster::freePort)) {
                assertThat(other.process().info().user()).isPresent().get().isNotEqualTo("root");
                assertThat(other.databaseExists("postgres")).isTrue();
            }
        });
        Path durable = Prepared.binariesIn(tmp.resolve("durable"));
        Files.createFile(durable.resolve(FolderLock.FILE));
        try (PostgresServer other = PostgresServer.startIn(durable, account, Postmaster::freePort)) {
            assertThat(other.databaseExists("postgres")).isTrue();
        }
    }

    @Test
    void aTimeZoneThatThisServerDoesNotKnowIsToldWithWhatToDo() {
        Databases databases = new Databases(server.jdbcUrl());
        TimeZone before = TimeZone.getDefault();
        TimeZone.setDefault(TimeZone.getTimeZone("IST"));
        try {
            assertThatThrownBy(databases::version)
                    .isInstanceOf(PostgresException.class)
                    .hasMessageContainingAll("\"IST\"", "start the JVM with -Duser.timezone=UTC");
        } finally {
            TimeZone.setDefault(before);
        }
    }

    private static String folderOfTemporaryServers() {
        return "shepherd-postgres-" + System.getProperty("user.name").replaceAll("[^A-Za-z0-9._-]", "_");
    }

    @Test
    void dataLivesWhereTheFolderForItIs(@TempDir Path memory) throws IOException {
        withProperty(TemporaryFolders.DATADIR_PROPERTY, memory.toString(), () -> {
            assumeTrue(memory.toFile().getUsableSpace() > 3L << 30, "there is room");
            try (PostgresServer other = PostgresServer.startTemporary()) {
                assertThat(other.home()).startsWith(memory.toRealPath());
                assertThat(other.databaseExists("postgres")).isTrue();
            }
            assertThat(Folders.list(memory))
                    .singleElement()
                    .satisfies(top ->
                            assertThat(Folders.list(top)).as("no binaries").containsExactly(top.resolve("temporary")));
        });
    }

    @Test
    void aFolderForDataThatIsNotThereOrHasNoRoomIsNotUsed(@TempDir Path memory) throws IOException {
        assertThat(TemporaryFolders.dataParent(memory.toString(), 1)).isEqualTo(memory);
        assertThat(TemporaryFolders.dataParent(memory.toString(), Long.MAX_VALUE))
                .isNull();
        assertThat(TemporaryFolders.dataParent(memory.resolve("absent").toString(), 1))
                .isNull();
        assertThat(TemporaryFolders.dataParent("", 1)).isNull();
    }

    private interface Action {
        void run() throws IOException;
    }

    /** Binaries and data are in that folder. */
    private static void withTmpdir(Path tmp, Action action) throws IOException {
        withProperty(
                TemporaryFolders.DATADIR_PROPERTY,
                "",
                () -> withProperty(TemporaryFolders.TMPDIR_PROPERTY, tmp.toString(), action));
    }

    private static void withProperty(String name, String value, Action action) throws IOException {
        String before = System.getProperty(name);
        System.setProperty(name, value);
        try {
            action.run();
        } finally {
            if (before == null) {
                System.clearProperty(name);
            } else {
                System.setProperty(name, before);
            }
        }
    }
}
