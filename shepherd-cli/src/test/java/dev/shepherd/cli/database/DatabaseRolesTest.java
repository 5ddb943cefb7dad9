package dev.shepherd.cli.database;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.shepherd.cli.CommandLineProcess;
import dev.shepherd.cli.CommandLineRun;
import dev.shepherd.manager.takeover.SshCredentials;
import dev.shepherd.postgres.PostgresServer;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** The roles of {@code docs/database-roles.sql}, each with what it is for. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class DatabaseRolesTest {

    private static final Path SCRIPT = Path.of("..", "docs", "database-roles.sql");
    private static final Duration LIMIT = Duration.ofMinutes(2);

    @TempDir
    static Path folder;

    private PostgresServer server = PostgresServer.startTemporary();
    private String url = "";

    @BeforeAll
    void runTheScriptAndMigrateAsTheOwner() throws Exception {
        url = server.createDatabase("fleet");
        try (Connection connection = DriverManager.getConnection(url);
                Statement statement = connection.createStatement()) {
            statement.execute(Files.readString(SCRIPT));
            for (String role : new String[] {"owner", "run", "look"}) {
                statement.execute("alter role shepherd_" + role + " password 'of " + role + "'");
            }
        }
        SshCredentials.generateIfAbsent(folder.resolve("key"));
        Files.writeString(folder.resolve("agent"), "#!/bin/sh\n");
        Files.writeString(folder.resolve("machines"), "[]");
        CommandLineRun migration = as("owner", "migrate");
        assertThat(migration.exitCode()).as(migration.err()).isZero();
    }

    @AfterAll
    void close() {
        server.close();
    }

    /** Returns the URL without a user, for one of the roles. */
    private String plain() {
        return url.replaceFirst("[?].*", "");
    }

    private CommandLineProcess run() throws Exception {
        Path file = Files.writeString(folder.resolve("shepherd.yaml"), """
                database:
                  jdbc-url: %s
                  username: shepherd_run
                  password: ${file:run-password}
                  migration: check
                agent:
                  executable: agent
                  endpoint: here
                  credentials: {key: key}
                providers:
                - kind: static
                  properties: {list: 'file:machines'}
                """.formatted(plain()));
        Files.writeString(folder.resolve("run-password"), "of run\n");
        return CommandLineProcess.start(folder, "run", "--config", file.toString());
    }

    private static void awaitRunning(CommandLineProcess process) throws Exception {
        await().atMost(LIMIT)
                .until(() -> !process.isAlive() || process.log().contains("Running the machines of provider(s)"));
        assertThat(process.isAlive()).as(process.log()).isTrue();
    }

    private CommandLineRun as(String role, String... command) throws Exception {
        Path password = Files.writeString(folder.resolve(role + "-password"), "of " + role + "\n");
        String[] args = new String[command.length + 6];
        System.arraycopy(command, 0, args, 0, command.length);
        args[command.length] = "--database";
        args[command.length + 1] = plain();
        args[command.length + 2] = "--database-user";
        args[command.length + 3] = "shepherd_" + role;
        args[command.length + 4] = "--database-password-file";
        args[command.length + 5] = password.toString();
        return CommandLineRun.of(args);
    }

    @Test
    void theRoleThatRunsRunsAllLoopsAndOperatesButChangesNoTable() throws Exception {
        try (CommandLineProcess process = run()) {
            awaitRunning(process);
            await().atMost(LIMIT).until(() -> as("look", "sessions").out().contains("recoverer-static"));
            CommandLineRun pause = as("run", "pause", "--all", "--reason", "of a test", "--by", "alice");
            assertThat(pause.exitCode()).as(pause.err()).isZero();
            assertThat(as("look", "pauses").out()).contains("of a test");
            assertThat(process.log()).doesNotContain("permission denied");
        }
        assertThat(refused("run", "create table fleet.mine (id int)")).contains("permission denied for schema fleet");
        assertThat(refused("run", "drop table fleet.machines")).contains("must be owner");
    }

    @Test
    void theRoleThatLooksLooksAndChangesNothing() throws Exception {
        for (String command : new String[] {"machines", "pauses", "sessions", "history", "plan", "backoffs"}) {
            CommandLineRun look = as("look", command);
            assertThat(look.exitCode()).as(command + ": " + look.err()).isZero();
        }
        CommandLineRun pause = as("look", "pause", "--all", "--reason", "no", "--by", "mallory");
        assertThat(pause.exitCode()).isEqualTo(1);
        assertThat(pause.err()).contains("permission denied");
        assertThat(refused("look", "insert into fleet.machines default values")).contains("permission denied");
    }

    @Test
    void theRoleThatLooksServesThePage() throws Exception {
        int port;
        try (ServerSocket socket = new ServerSocket(0)) {
            port = socket.getLocalPort();
        }
        Path password = Files.writeString(folder.resolve("look-password"), "of look\n");
        try (CommandLineProcess process = CommandLineProcess.start(
                folder,
                "serve",
                "--web-listen",
                String.valueOf(port),
                "--database",
                plain(),
                "--database-user",
                "shepherd_look",
                "--database-password-file",
                password.toString())) {
            await().atMost(LIMIT)
                    .until(() -> !process.isAlive() || process.log().contains("The page is at"));
            for (String path : new String[] {"", "machines", "api/v1/pauses"}) {
                HttpResponse<String> answer = HttpClient.newHttpClient()
                        .send(
                                HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/" + path))
                                        .build(),
                                HttpResponse.BodyHandlers.ofString());
                assertThat(answer.statusCode()).as(path + answer.body()).isEqualTo(200);
            }
        }
    }

    private String refused(String role, String sql) throws Exception {
        try (Connection connection = DriverManager.getConnection(plain(), "shepherd_" + role, "of " + role);
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
            return "it was done";
        } catch (SQLException e) {
            return String.valueOf(e.getMessage());
        }
    }
}
