package dev.shepherd.cli.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.MachineRecord;
import dev.shepherd.cli.CommandLineProcess;
import dev.shepherd.cli.CommandLineRun;
import dev.shepherd.cli.PluginJar;
import dev.shepherd.manager.takeover.SshCredentials;
import dev.shepherd.testkit.agent.TestAgent;
import dev.shepherd.testkit.database.BmdbExtension;
import dev.shepherd.testkit.ssh.SshHost;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@code shepherd run --config}. */
class ConfigFileTest {

    private static final Duration LIMIT = Duration.ofMinutes(2);

    @RegisterExtension
    final BmdbExtension database = BmdbExtension.create();

    @TempDir
    Path folder;

    private String publicKey = "";

    @BeforeEach
    void makeWhatTheFileNames() throws Exception {
        publicKey = SshCredentials.generateIfAbsent(folder.resolve("key"))
                .publicKey()
                .orElseThrow();
        TestAgent.write(folder.resolve("agent"));
        Files.writeString(folder.resolve("empty.json"), "[]");
    }

    private Path file(String providers) throws Exception {
        Path file = Files.writeString(folder.resolve("shepherd.yaml"), """
                database:
                  jdbc-url: %s
                agent:
                  executable: agent
                  endpoint: http://here
                  credentials: {key: key}
                provisioner: {creation-interval: 0s}
                providers:
                """.formatted(database.jdbcUrl()) + providers);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
        return file;
    }

    private static final String ONE = """
            - kind: static
              properties: {list: 'file:empty.json'}
            """;

    private CommandLineRun check(Path file, String... more) {
        String[] args = new String[4 + more.length];
        args[0] = "run";
        args[1] = "--config";
        args[2] = file.toString();
        args[3] = "--check";
        System.arraycopy(more, 0, args, 4, more.length);
        return CommandLineRun.of(args);
    }

    @Test
    void aCheckPrintsWhatIsInEffectFromWhereAndStartsNothing() throws Exception {
        CommandLineRun run = check(file(ONE), "--max-recovery", "7", "--loops", "updater,provisioner");

        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out())
                .containsPattern("  max-per-provider: 7 +# --max-recovery\\n")
                .containsPattern("loops: \\[updater, provisioner] +# --loops\\n")
                .containsPattern("  max-share: 0.2 +# default\\n")
                .containsPattern("  creation-interval: 0s +# .*shepherd.yaml:7:34\\n")
                .containsPattern("      list: file:empty.json +# .*shepherd.yaml:10:22\\n")
                .doesNotContain(database.jdbcUrl().replaceFirst(".*password=([^&]*).*", "$1"));
        Integer sessions = database.bmdb().query(dsl -> dsl.fetchCount(org.jooq.impl.DSL.table("sessions")));
        assertThat(sessions).isZero();
    }

    @Test
    void allThatIsWrongIsALineEachOnStandardError() throws Exception {
        CommandLineRun run = check(file("""
                - kind: statc
                - kind: static
                  properties: {lst: 'file:empty.json'}
                  recovery: {max-share: 4}
                - kind: static
                  type: other
                  properties: {list: 'file:empty.json', timeout: long}
                """), "--max-recovery", "0");

        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err().lines().filter(line -> line.startsWith("shepherd: ")))
                .anySatisfy(line -> assertThat(line).contains("--max-recovery must be from 1 to 1000000, not 0"))
                .anySatisfy(line -> assertThat(line).contains("yaml:9:3: there is no provider \"statc\""))
                .anySatisfy(line ->
                        assertThat(line).contains("yaml:11:16: provider static has no \"lst\"; did you mean list?"))
                .anySatisfy(line -> assertThat(line).contains("yaml:12:25: recovery.max-share must be over 0"))
                .anySatisfy(line -> assertThat(line).contains("yaml:15:", "\"timeout\" of provider static"));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "--provider static | --provider names a provider, and so does the file of --config",
                "--type lab | --type goes with --provider",
                "--property list=file:x | --property goes with --provider",
                "--loops provisoner | --loops must be one of provisioner, initializer, recoverer, updater, roller"
            })
    void anOptionThatContradictsTheFileIsRefused(String options, String why) throws Exception {
        CommandLineRun run = check(file(ONE), options.split(" "));

        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err()).contains(why);
    }

    @Test
    void withoutTheInitializerNoAgentIsNeeded() throws Exception {
        Path file = Files.writeString(folder.resolve("shepherd.yaml"), """
                loops: [provisioner, updater]
                database: {data: none}
                providers:
                - kind: static
                  properties: {list: 'file:empty.json'}
                """);

        assertThat(check(file).exitCode()).isZero();
        CommandLineRun all = check(file, "--loops", "initializer");
        assertThat(all.exitCode()).isEqualTo(2);
        assertThat(all.err()).contains("agent.executable is missing");
    }

    @Test
    void theMachinesOfTwoProvidersAreTakenOverAndSighupEndsInOrder() throws Exception {
        try (SshHost one = SshHost.builder().authorizedKey(publicKey).start();
                SshHost other = SshHost.builder().authorizedKey(publicKey).start()) {
            Files.writeString(folder.resolve("rack.json"), "[%s]".formatted(entry("one", one)));
            Files.writeString(folder.resolve("cloud.json"), "[%s]".formatted(entry("other", other)));
            PluginJar.racks().write(folder.resolve("plugins/racks.jar"));
            Path file = file("""
                    - {kind: static, type: rack, properties: {list: 'file:rack.json'}}
                    - {kind: static, type: cloud, properties: {list: 'file:cloud.json'}, agent: {remote-path: /root/other}}
                    - {kind: racks, properties: {port: '%d'}}
                    """.formatted(one.port()));

            Path elsewhere = Files.createDirectories(folder.resolve("elsewhere"));
            try (CommandLineProcess process = CommandLineProcess.start(
                    elsewhere,
                    "run",
                    "--config",
                    file.toString(),
                    "--plugins",
                    folder.resolve("plugins").toString())) {
                await().atMost(LIMIT)
                        .until(() -> !process.isAlive()
                                || isAgentStarted("rack") && isAgentStarted("cloud") && isAgentStarted("racks"));
                assertThat(process.isAlive()).as(process.log()).isTrue();
                process.signal("HUP");
                // A JVM leaves it ignored where its parent ignores it, as nohup does.
                boolean ignored = Files.readString(Path.of("/proc/self/status"))
                        .matches("(?s).*\\nSigIgn:\\s*\\p{XDigit}*[13579bdf]\\n.*");
                if (ignored) {
                    process.askToEnd();
                }
                assertThat(process.endsWithin(Duration.ofSeconds(30))).isTrue();
                assertThat(process.exitCode())
                        .as("128 and the number of the signal")
                        .isEqualTo(ignored ? 143 : 129);
                assertThat(process.log())
                        .contains("Running the machines of provider(s) [rack, cloud, racks] with the loops"
                                + " [provisioner, initializer, recoverer, updater, roller]")
                        .contains("Asked to end", "Stopped")
                        .doesNotContain("\tat ");
            }
            assertThat(CommandLineRun.of("machines", "--config", file.toString())
                            .out())
                    .contains("rack", "cloud", "3 machine(s)");
        }
    }

    private static String entry(String id, SshHost host) {
        return "{\"ID\": \"%s\", \"Addr\": \"%s\", \"SSHPort\": %d}"
                .formatted(id, host.address().getHostAddress(), host.port());
    }

    private boolean isAgentStarted(String type) throws InterruptedException {
        var machines = database.bmdb().providedMachines(new ProviderType(type));
        return !machines.isEmpty()
                && database.bmdb()
                        .machine(machines.get(0).machineId())
                        .flatMap(MachineRecord::agentStarted)
                        .isPresent();
    }
}
