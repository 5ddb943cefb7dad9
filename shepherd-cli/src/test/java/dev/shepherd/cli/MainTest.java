package dev.shepherd.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.manager.takeover.SshCredentials;
import dev.shepherd.postgres.PostgresServer;
import dev.shepherd.postgres.TestPostgres;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import net.schmizz.sshj.common.SecurityUtils;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class MainTest {

    @TempDir
    Path folder;

    /** BouncyCastle is on the class path, for the demo's machines. */
    @Test
    void cryptographyIsTheJdksAsAnEmbeddersIsByDefault() throws Exception {
        // In a process of its own, since what was used first in a process decides for the rest of it.
        try (CommandLineProcess process = CommandLineProcess.start(Cryptography.class, folder)) {
            assertThat(process.endsWithin(Duration.ofMinutes(1))).isTrue();
            assertThat(process.log()).endsWith("the provider is null\n");
        }
    }

    static final class Cryptography {

        public static void main(String[] args) {
            Main.run("--version");
            System.out.println("the provider is " + SecurityUtils.getSecurityProvider());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"256", "384", "521"})
    void ecdsaKeysAreReadAsAnEmbeddersAre(String bits) throws Exception {
        Path key = folder.resolve("key");
        Process made = new ProcessBuilder(
                        "ssh-keygen", "-q", "-t", "ecdsa", "-b", bits, "-N", "", "-C", "", "-f", key.toString())
                .inheritIO()
                .start();
        assertThat(made.waitFor()).isZero();

        try (CommandLineProcess process = CommandLineProcess.start(PublicKey.class, folder, key.toString())) {
            assertThat(process.endsWithin(Duration.ofMinutes(1))).isTrue();
            assertThat(process.log().strip())
                    .endsWith(Files.readString(folder.resolve("key.pub")).strip());
        }
    }

    static final class PublicKey {

        public static void main(String[] args) {
            Main.run("--version");
            System.out.println(
                    SshCredentials.privateKey(Path.of(args[0])).publicKey().orElseThrow());
        }
    }

    @Test
    void withoutACommandItSaysWhichThereAre() {
        CommandLineRun run = CommandLineRun.of();

        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err()).contains("demo", "run", "machines", "database", "providers");
    }

    @ParameterizedTest
    @ValueSource(strings = {"demo", "run", "machines", "database", "providers", "bmc", "fake-equinix", "fake-bmc"})
    void everyCommandExplainsItself(String command) {
        CommandLineRun run = CommandLineRun.of(command, "--help");

        assertThat(run.exitCode()).isZero();
        assertThat(run.out()).contains("Usage: shepherd " + command);
    }

    @ParameterizedTest
    @CsvSource({"demo --machines 0, --machines is from 1 to 1000", "demo --machnes 3, Unknown option", "dmeo, Unmatched"
    })
    void aWrongCommandLineIsExplainedAndExitsWith2(String line, String explanation) {
        CommandLineRun run = CommandLineRun.of(line.split(" "));

        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err()).contains(explanation);
    }

    @Test
    void anUnknownProviderIsNamedTogetherWithThoseThatExist() throws Exception {
        CommandLineRun run = run("--provider", "clouds");

        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err()).contains("\"clouds\"", "there are: ", "static").doesNotContain("\tat ");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "--type Lab | a provider type is made of lower-case letters",
                "--max-count -1 | --max-count must be 0 (no limit) or more, not -1",
                "--chunk-size 0 | --chunk-size must be at least 1, not 0",
                "--reconcile-interval 0 | --reconcile-interval must be at least 1 ms, not 0 s",
                "--creation-interval -1 | --creation-interval must be a span of time",
                "--max-losses 1 | --max-losses must be from 2 to 1000, not 1",
                "--parallelism 0 | --parallelism must be from 1 to 1000, not 0",
                "--ssh-port 0 | --ssh-port must be from 1 to 65535, not 0",
                "--takeover-timeout 0 | --takeover-timeout must be from 1 ms to 1 d, not 0 s",
                "--agent-path agent | --agent-path must be the absolute path of a file",
                "--max-recovery-share 7 | --max-recovery-share must be over 0 and at most 1, not 7",
                "--heartbeat-interval 0 | --heartbeat-interval must be",
                "--heartbeat-interval 5m | --silent-after must be at least 12 min 30 s, not 10 min",
                "--silent-after 149s | --silent-after must be at least 2 min 30 s, not 2 min 29 s",
                "--cooldown soon | --cooldown must be a span of time such as 500ms, 90s, 15m, 2h or 1d, not \"soon\""
            })
    void aWrongValueIsToldUnderItsOptionsName(String setting, String why) throws Exception {
        List<String> args = new ArrayList<>(List.of("--provider", "static", "--property", "list=file:none"));
        args.addAll(List.of(setting.split(" ")));
        CommandLineRun run = run(args.toArray(String[]::new));

        assertThat(run.exitCode()).as(run.err()).isEqualTo(2);
        assertThat(run.err()).contains(why == null ? "" : why).doesNotContain("\tat ");
        assertThat(run.err()).contains(setting.contains(" 5m") ? "--silent-after" : setting.split(" ")[0]);
    }

    @Test
    void anUnknownPropertyIsNamed() throws Exception {
        CommandLineRun run = run("--provider", "static", "--property", "lst=file:x");

        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err()).contains("\"lst\"", "list").doesNotContain("\tat ");
    }

    @Test
    void aDatabaseThatCannotBeReachedIsOneLineWithoutThePassword() throws Exception {
        CommandLineRun run = run(
                "--provider",
                "static",
                "--property",
                "list=file:" + folder.resolve("machines.json"),
                "--database",
                "jdbc:postgresql://127.0.0.1:1/fleet?password=hunter2");

        assertThat(run.exitCode()).isEqualTo(1);
        assertThat(run.err())
                .contains("jdbc:postgresql://127.0.0.1:1/fleet cannot be reached")
                .doesNotContain("hunter2")
                .doesNotContain("\tat ");
    }

    @Test
    void whereAgentsReportToMustBeKnown() throws Exception {
        assertThat(runWithoutEndpoint().err()).contains("--endpoint", "--agent-listen");
        assertThat(runWithoutEndpoint("--agent-listen", "0.0.0.0:7834").err())
                .contains("listens on all interfaces: give --endpoint");
        assertThat(runWithoutEndpoint("--agent-grpc-listen", "0.0.0.0:7835").err())
                .contains(
                        "--agent-grpc-listen (agent-endpoint.grpc-address) listens on all interfaces: give --endpoint");
        for (String wrong : new String[] {"host", "127.0.0.1:0", "65536", ":7834"}) {
            assertThat(runWithoutEndpoint("--agent-listen", wrong).err())
                    .contains("--agent-listen is a port from 1 to 65535 or HOST:PORT, not " + wrong);
        }
    }

    @Test
    void whatIsWrongWithTheCertificateOfTheEndpointIsNamedByItsOption() throws Exception {
        Path file = Files.writeString(folder.resolve("no-certificate"), "x");
        String at = "10.0.0.1:7834";
        assertThat(runWithoutEndpoint("--agent-listen", at, "--agent-tls-folder", file + "/below")
                        .err())
                .contains("shepherd: --agent-tls-folder (agent-endpoint.tls.folder): the certificate authority in");
        assertThat(runWithoutEndpoint("--agent-listen", "0.0.0.0:7834", "--loops", "updater")
                        .err())
                .contains("listens on all interfaces: give --agent-name (agent-endpoint.tls.names)");
        assertThat(runWithoutEndpoint("--agent-listen", at, "--agent-certificate", file.toString())
                        .err())
                .contains("--agent-key: certificate and key go together");
        assertThat(runWithoutEndpoint("--agent-listen", at, "--agent-certificate", file.toString(), "--agent-key", "x")
                        .err())
                .contains("--agent-certificate: " + file + " has no certificate (PEM)");
    }

    @Test
    void limitsOfAgentsThatMakeNoSenseAreNamedByTheirOption() throws Exception {
        for (String option : List.of(
                "--agent-connections",
                "--agent-connections-per-address",
                "--agent-heartbeats-per-minute",
                "--agent-reports-per-hour",
                "--agent-report-mib-per-hour")) {
            assertThat(runWithoutEndpoint("--agent-listen", "7834", option, "0").err())
                    .contains(option + " must be from 1");
        }
        assertThat(runWithoutEndpoint("--agent-listen", "7834", "--agent-proxy", "no.such.host.invalid")
                        .err())
                .contains("--agent-proxy: there is no host no.such.host.invalid");
    }

    @Test
    void agentsThatBeatMoreOftenMayBeSilentForLess() throws Exception {
        String[] fast = {"--provider=static", "--property=list=file:none", "--heartbeat-interval=20s", "--silent-after"
        };

        CommandLineRun enough =
                run(Stream.of(fast, new String[] {"80s", "--database", "jdbc:postgresql://127.0.0.1:1/x"})
                        .flatMap(Stream::of)
                        .toArray(String[]::new));
        CommandLineRun less =
                run(Stream.of(fast, new String[] {"79s"}).flatMap(Stream::of).toArray(String[]::new));

        assertThat(enough.err()).contains("cannot be reached");
        assertThat(less.exitCode()).isEqualTo(2);
        assertThat(less.err()).contains("--silent-after must be at least 80 s, not 79 s");
    }

    private CommandLineRun runWithoutEndpoint(String... args) throws Exception {
        Path agent = Files.writeString(folder.resolve("agent"), "#!/bin/sh\n");
        SshCredentials.generateIfAbsent(folder.resolve("key"));
        List<String> all = new ArrayList<>(List.of("run", "--provider", "static", "--property", "list=file:none"));
        all.addAll(List.of(
                "--agent", agent.toString(), "--key", folder.resolve("key").toString()));
        all.addAll(List.of(args));
        CommandLineRun run = CommandLineRun.of(all.toArray(String[]::new));
        assertThat(run.exitCode()).isEqualTo(2);
        return run;
    }

    @Test
    void aDatabaseThatIsNotThereIsNotMadeByLookingAtIt() {
        Path nothing = folder.resolve("nothing");

        for (String command : new String[] {"machines", "database"}) {
            CommandLineRun run = CommandLineRun.of(command, "--data", nothing.toString());
            assertThat(run.exitCode()).isEqualTo(2);
            assertThat(run.err()).contains("there is no database in " + nothing);
        }
        assertThat(nothing).doesNotExist();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "machines",
                "explain x",
                "plan",
                "pauses",
                "pause --all --reason x",
                "resume 00000000-0000-0000-0000-000000000000 --reason x",
                "quarantine x --reason x",
                "release --freeze --reason x",
                "forget x --reason x",
                "retry x --reason x",
                "backoffs",
                "sessions",
                "history",
                "trust x --reason x",
                "serve",
                "queue verify",
                "queue rebuild"
            })
    void whatOnlyLooksOrOperatesMakesNoFleet(String command) throws Exception {
        Path empty = Files.createDirectories(folder.resolve("empty"));
        String url = TestPostgres.shared().freshDatabase();
        try {
            CommandLineRun inDatabase = CommandLineRun.of((command + " --database " + url).split(" "));
            CommandLineRun inFolder = CommandLineRun.of((command + " --data " + empty).split(" "));

            assertThat(inDatabase.exitCode()).as(inDatabase.err()).isEqualTo(2);
            assertThat(inDatabase.err()).contains("there is no fleet in the database at jdbc:postgresql:");
            assertThat(tables(url)).isEmpty();
            assertThat(inFolder.exitCode()).isEqualTo(2);
            assertThat(empty).isEmptyDirectory();
        } finally {
            TestPostgres.shared().drop(url);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"--property list=file:x", "--property-file x", "--plugins .", "--max-count 3"})
    void aPlanWithoutAProviderRefusesWhatOnlyAProviderTakes(String option) {
        CommandLineRun run =
                CommandLineRun.of(("plan --database jdbc:postgresql://127.0.0.1:1/x " + option).split(" "));

        assertThat(run.exitCode()).as(run.err()).isEqualTo(2);
        assertThat(run.err()).contains(option.split(" ")[0] + " goes with --provider, which is not given");
    }

    @Test
    void aFleetIsNotBegunBesideTheTablesOfOthers() throws Exception {
        String url = TestPostgres.shared().freshDatabase();
        try (Connection connection = DriverManager.getConnection(url);
                Statement statement = connection.createStatement()) {
            statement.execute("create table customers (id int)");

            CommandLineRun run =
                    run("--provider", "static", "--property", "list=file:" + folder.resolve("none"), "--database", url);

            assertThat(run.exitCode()).as(run.err()).isEqualTo(2);
            assertThat(run.err()).contains("tables of others: customers", "--share-database");
            assertThat(tables(url)).containsExactly("customers");
        } finally {
            TestPostgres.shared().drop(url);
        }
    }

    private static List<String> tables(String url) throws SQLException {
        try (Connection connection = DriverManager.getConnection(url);
                Statement statement = connection.createStatement();
                ResultSet rows =
                        statement.executeQuery("select tablename from pg_tables where schemaname = 'public'")) {
            List<String> tables = new ArrayList<>();
            while (rows.next()) {
                tables.add(rows.getString(1));
            }
            return tables;
        }
    }

    @Test
    void aDatabaseThatIsRunningIsNamedAndCanBeLookedInto() throws Exception {
        try (PostgresServer server = PostgresServer.startIn(folder.resolve("database"))) {
            Bmdb.open(server.createDatabase("shepherd")).close();

            CommandLineRun run = CommandLineRun.of(
                    "database", "--data", folder.resolve("database").toString());
            assertThat(run.exitCode()).as(run.err()).isZero();
            assertThat(run.out()).contains("It is running", "psql \"postgresql:");
            String url = run.out().lines().findFirst().orElseThrow();
            try (Connection connection = DriverManager.getConnection(url)) {
                assertThat(connection.getCatalog()).isEqualTo("shepherd");
            }
            assertThat(CommandLineRun.of(
                                    "machines",
                                    "--data",
                                    folder.resolve("database").toString())
                            .out())
                    .contains("0 machine(s)");
        }
    }

    @Test
    void theProvidersAreListedWithTheirProperties() {
        CommandLineRun run = CommandLineRun.of("providers");

        assertThat(run.exitCode()).isZero();
        assertThat(run.out()).contains("static: ", "list (uri, required, secret)", "timeout (duration, default 10s)");
    }

    private CommandLineRun run(String... args) throws Exception {
        Path agent = Files.writeString(folder.resolve("agent"), "#!/bin/sh\n");
        SshCredentials.generateIfAbsent(folder.resolve("key"));
        String[] all = new String[args.length + 7];
        all[0] = "run";
        all[1] = "--agent";
        all[2] = agent.toString();
        all[3] = "--endpoint";
        all[4] = "here";
        all[5] = "--key";
        all[6] = folder.resolve("key").toString();
        System.arraycopy(args, 0, all, 7, args.length);
        return CommandLineRun.of(all);
    }
}
