package dev.shepherd.postgres;

import static dev.shepherd.postgres.Children.execute;
import static dev.shepherd.postgres.Children.query;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A server whose own process dies under the process that started it. */
class PostmasterDeathTest {

    private static final Duration LIMIT = Duration.ofSeconds(60);

    @TempDir
    private Path folder;

    @Test
    void aServerThatIsKilledRunsAgainAtTheSamePortWithAllThatWasCommitted() throws Exception {
        try (PostgresServer server = PostgresServer.startIn(folder.resolve("database"))) {
            execute(server.jdbcUrl(), "create table kept (n int)");
            String url = server.jdbcUrl();
            for (int i = 1; i <= 3; i++) {
                execute(url, "insert into kept values (" + i + ")");
                try (Connection busy = DriverManager.getConnection(url);
                        Statement statement = busy.createStatement()) {
                    statement.execute("begin");
                    statement.execute("insert into kept values (100)"); // Never committed.
                    long pid = kill(server);

                    await().atMost(LIMIT).until(() -> answers(url));

                    // It answers a moment before the server is told of it.
                    await().atMost(LIMIT).until(() -> server.process().pid() != pid);
                }
                assertThat(query(url, "select sum(n) from kept")).isEqualTo(String.valueOf(i * (i + 1) / 2));
                assertThat(server.gone().toCompletableFuture()).isNotDone();
            }
        }
        assertThat(ownProcesses(folder)).isZero();
    }

    @Test
    void aServerThatCannotBeStartedAgainIsGoneForGoodAndSaysWhy() throws Exception {
        try (PostgresServer server = PostgresServer.startTemporary()) {
            CompletableFuture<PostgresException> gone = server.gone().toCompletableFuture();
            // Whatever it is: the data is of no use any more.
            Files.delete(server.home().resolve("data").resolve("PG_VERSION"));

            kill(server);

            assertThat(result(gone))
                    .hasMessageContaining("has died and cannot be started again")
                    .hasMessageContaining(server.home().toString());
        }
    }

    @Test
    void aServerThatDiesAgainAndAgainIsGivenUp() throws Exception {
        try (PostgresServer server = PostgresServer.startTemporary()) {
            CompletableFuture<PostgresException> gone = server.gone().toCompletableFuture();
            String url = server.jdbcUrl();
            for (int i = 1; i < 5; i++) {
                kill(server);
                await().atMost(LIMIT).until(() -> answers(url));
            }
            assertThat(gone).isNotDone();

            kill(server);

            assertThat(result(gone)).hasMessageContaining("died 5 times within 10 min and is not started again");
        }
    }

    @Test
    void closingAServerThatHasJustDiedLeavesNothing() throws Exception {
        for (int i = 0; i < 3; i++) {
            PostgresServer server = PostgresServer.startTemporary();
            Path home = server.home();
            kill(server);
            if (i > 0) {
                // In the middle of its coming back, or a moment later.
                long pid = server.process().pid();
                await().pollDelay(Duration.ofMillis(250L * i)).atMost(LIMIT).until(() -> pid > 0);
            }

            server.close();

            assertThat(home).doesNotExist();
            assertThat(ownProcesses(home)).isZero();
            assertThat(server.gone().toCompletableFuture()).isNotDone();
        }
    }

    @Test
    void theWatcherEndsWithTheServer() {
        PostgresServer server = PostgresServer.startTemporary();
        server.close();

        await().atMost(LIMIT)
                .until(() -> Thread.getAllStackTraces().keySet().stream()
                        .noneMatch(thread -> thread.getName().equals("shepherd-postgres-watcher") && thread.isAlive()));
    }

    private static long kill(PostgresServer server) {
        // A server that is back answers a moment before the one who brought it back has noted its process.
        await().atMost(LIMIT).until(() -> Postmaster.isRunning(server.process()));
        ProcessHandle process = server.process();
        process.destroyForcibly();
        await().atMost(LIMIT).until(() -> !Postmaster.isRunning(process));
        return process.pid();
    }

    private static boolean answers(String url) {
        try {
            return query(url, "select 1").equals("1");
        } catch (SQLException e) {
            return false;
        }
    }

    private static PostgresException result(CompletableFuture<PostgresException> gone)
            throws InterruptedException, ExecutionException {
        await().atMost(LIMIT).until(gone::isDone);
        return gone.get();
    }

    /** Counts the processes that work in a folder. */
    private static long ownProcesses(Path folder) {
        return ProcessHandle.allProcesses()
                .filter(process -> {
                    try {
                        return Path.of("/proc/" + process.pid() + "/cwd")
                                .toRealPath()
                                .startsWith(folder);
                    } catch (IOException e) {
                        return false;
                    }
                })
                .filter(Postmaster::isRunning)
                .count();
    }
}
