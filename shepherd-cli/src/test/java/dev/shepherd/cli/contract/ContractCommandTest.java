package dev.shepherd.cli.contract;

import static java.util.stream.Collectors.toSet;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import dev.shepherd.cli.CommandLineProcess;
import dev.shepherd.cli.CommandLineRun;
import dev.shepherd.cli.PluginJar;
import dev.shepherd.testkit.equinix.FakeEquinix;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ContractCommandTest {

    private static final Duration LIMIT = Duration.ofMinutes(2);

    /** A provider all of whose calls fail, with an expression as the message of one. */
    private static final String PROVIDER = """
            public final class RackProvider implements Provider {
                private final ProviderConfig config;

                public RackProvider(ProviderConfig config) {
                        this.config = config;
                    }

                @Override
                public ProviderType type() {
                    return new ProviderType("racks");
                }

                @Override
                public List<Machine> listMachines() {
                    throw new IllegalStateException(%s);
                }

                @Override
                public Machine getMachine(ProviderID id) {
                    throw new IllegalStateException();
                }

                @Override
                public Machine createMachine(Session session, CreateMachineRequest request) {
                    throw new IllegalStateException();
                }
            }
            """;

    @TempDir
    Path folder;

    // The static provider.

    private String list() throws IOException {
        Path list = Files.writeString(folder.resolve("machines.json"), """
                [{"ID": "rack1-07", "Addr": "127.0.0.7"},
                 {"ID": "rack1-08", "Addr": "127.0.0.8"},
                 {"ID": "rack1-09", "Addr": "127.0.0.9"}]
                """);
        return "list=" + list.toUri();
    }

    @Test
    void rulesThatReadAreTriedWithoutAMachine() throws Exception {
        CommandLineRun run = CommandLineRun.of("contract", "--provider", "static", "--property", list());

        assertThat(run.exitCode()).as(run.out() + run.err()).isZero();
        assertThat(run.out())
                .contains("Only rules that read are tried", " 0 broken, ", " need a free machine")
                .contains("skipped  P12 MUST   needs a free machine, or one more, that may be created: --machine")
                .doesNotContain("()) ", "How the machines were left");
        assertThat(ruled(run, "kept"))
                .contains("P01", "P03", "P04", "P05", "P06", "P07", "P09", "P10", "P11", "P25", "P27", "P47", "P48")
                .doesNotContain("P12", "P22", "P54");
    }

    @Test
    void rulesOnCreationsAreTriedOnAMachineThatWasNamed() throws Exception {
        CommandLineRun run = CommandLineRun.of(
                "contract",
                "--provider",
                "static",
                "--property",
                list(),
                "--machine",
                "rack1-08",
                "--rule",
                "P03,P12,P16,P22",
                "--rule",
                "P24");

        assertThat(run.exitCode()).as(run.out() + run.err()).isZero();
        assertThat(run.out()).contains("No other one is touched:\n  rack1-08\n", "3 kept, 0 broken, 2 skipped");
        assertThat(ruled(run, "kept")).containsExactly("P03", "P12", "P16");
        assertThat(ruled(run, "skipped")).containsExactly("P22", "P24");
        assertThat(run.out()).endsWith("  rack1-08: as before, for all that the provider knows\n");
    }

    @Test
    void aMachineThatIsNotListedEndsItBeforeAnythingIsTried() throws Exception {
        CommandLineRun run = CommandLineRun.of(
                "contract",
                "--provider",
                "static",
                "--property",
                list(),
                "--machine",
                "rack1-08",
                "--machine",
                "rack2");

        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err())
                .contains("the provider lists no machine \"rack2\"; free are: rack1-07, rack1-08, rack1-09");
        assertThat(run.out()).isEmpty();
    }

    @Test
    void theResultIsOneJsonObjectOnRequest() throws Exception {
        CommandLineRun run = CommandLineRun.of(
                "contract", "--provider", "static", "--property", list(), "--json", "--rule", "P01,P12");

        assertThat(run.exitCode()).as(run.out() + run.err()).isZero();
        assertThat(texts(run.out()))
                .containsSequence("P01", "MUST")
                .contains("kept")
                .containsSequence("skipped", "needs a free machine, or one more, that may be created: --machine");
    }

    @Test
    void whatWillBeDoneIsSaidBesideTheJsonObject() throws Exception {
        CommandLineRun run = CommandLineRun.of(
                "contract",
                "--provider",
                "static",
                "--property",
                list(),
                "--json",
                "--machine",
                "rack1-09",
                "--rule",
                "P01");

        assertThat(run.exitCode()).as(run.out() + run.err()).isZero();
        assertThat(run.err()).contains("These machines may be created", "  rack1-09\n");
        assertThat(texts(run.out())).contains("rack1-09", "rack1-09: as before, for all that the provider knows");
    }

    /** Reads one JSON object and nothing after it, and returns its strings. */
    private static List<String> texts(String json) throws IOException {
        List<String> texts = new ArrayList<>();
        try (JsonParser parser = new JsonFactory().createParser(json)) {
            assertThat(parser.nextToken()).isEqualTo(JsonToken.START_OBJECT);
            int depth = 1;
            while (depth > 0) {
                JsonToken token = parser.nextToken();
                depth += token.isStructStart() ? 1 : token.isStructEnd() ? -1 : 0;
                if (token == JsonToken.VALUE_STRING) {
                    texts.add(parser.getText());
                }
            }
            assertThat(parser.nextToken()).isNull();
        }
        return texts;
    }

    @Test
    void optionsThatMeanNothingAreRefused() throws Exception {
        assertRefused("--reinstall goes with --machine", "--reinstall");
        assertRefused("--listing goes with --faults", "--listing", "/machines");
        assertRefused("--rule: R05 is for providers that reboot machines", "--rule", "R05");
        assertRefused("--rule: F01 is for factories", "--rule", "F01");
        assertRefused("has no property \"place\", or it has no value; there are: list", "--faults", "place");
        assertRefused("the property \"list\" has no http: or https: URL", "--faults", "list");
        assertRefused("call-limit", "--call-limit", "0");
    }

    private void assertRefused(String text, String... options) throws IOException {
        CommandLineRun run = CommandLineRun.of(Stream.concat(
                        Stream.of("contract", "--provider", "static", "--property", list()), Arrays.stream(options))
                .toArray(String[]::new));

        assertThat(run.exitCode()).as(run.out() + run.err()).isEqualTo(2);
        assertThat(run.err()).contains(text);
    }

    @Test
    void itEndsWhenItIsAskedToThoughACallWaits() throws Exception {
        try (ServerSocket silent = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
                CommandLineProcess run = CommandLineProcess.start(
                        folder,
                        "contract",
                        "--provider",
                        "static",
                        "--property",
                        "list=http://127.0.0.1:" + silent.getLocalPort() + "/machines.json")) {
            await().atMost(LIMIT).until(() -> run.log().contains("kept     P02") || !run.isAlive());
            run.askToEnd();

            assertThat(run.endsWithin(Duration.ofSeconds(30))).isTrue();
            assertThat(run.log())
                    .contains("Ended before all rules were tried.", "2 kept, 0 broken, ")
                    .doesNotContain("Exception");
        }
    }

    // A provider over HTTP.

    private List<String> equinix(FakeEquinix api, String... options) throws IOException {
        Path properties = Files.writeString(
                folder.resolve("equinix.properties"), """
                endpoint=%s
                project=%s
                api-token=%s
                device-prefix=try-
                use-project-keys=true
                page-size=2
                attempt-timeout=500ms
                total-timeout=1s
                backoff-initial=1ms
                backoff-maximum=10ms
                calls-per-second=10000
                """.formatted(api.endpoint(), api.projectId(), api.token()));
        List<String> command = new ArrayList<>(List.of(
                "contract", "--provider", "equinix", "--property-file", properties.toString(), "--call-limit", "10"));
        command.addAll(List.of(options));
        return command;
    }

    private static CommandLineRun run(List<String> command) {
        return CommandLineRun.of(command.toArray(String[]::new));
    }

    @Test
    void withoutAMachineNoRequestChangesAnything() throws Exception {
        try (FakeEquinix api = FakeEquinix.start()) {
            api.addReservations(5);
            api.addDevice("try-1", "shepherd");
            String devices = "/projects/" + api.projectId() + "/devices";
            CommandLineRun run = run(equinix(api, "--faults", "endpoint", "--listing", devices));

            assertThat(run.exitCode()).as(run.out() + run.err()).isZero();
            assertThat(ruled(run, "kept")).contains("P03", "P31", "P36", "P38", "P39", "P40", "P50", "P55");
            assertThat(api.calls())
                    .hasSizeGreaterThan(100)
                    .extracting(FakeEquinix.Call::method)
                    .containsOnly("GET");
            assertThat(run.out() + run.err()).doesNotContain(api.token());
        }
    }

    @Test
    void machinesThatWereNamedAndNoOthersAreTaken() throws Exception {
        try (FakeEquinix api = FakeEquinix.start()) {
            List<UUID> reservations = api.addReservations(14);
            Set<UUID> named = reservations.stream().skip(1).limit(12).collect(toSet());
            List<String> command = equinix(
                    api, "--faults", "endpoint", "--rule", "P12,P16,P22,P23,P24,P27,P28,P31,P35,P64,R01,R02,R03,R10");
            named.forEach(one -> command.addAll(List.of("--machine", one.toString())));
            CommandLineRun run = run(command);

            assertThat(run.exitCode()).as(run.out() + run.err()).isZero();
            assertThat(ruled(run, "kept"))
                    .containsExactly("P12", "P16", "P27", "P28", "P31", "P35", "P64", "R01", "R10");
            assertThat(ruled(run, "skipped")).containsExactly("P22", "P23", "P24", "R02", "R03");
            assertThat(api.calls())
                    .filteredOn(
                            call -> call.method().equals("POST") && call.path().endsWith("/devices"))
                    .hasSizeGreaterThan(4)
                    .allSatisfy(call -> assertThat(named)
                            .anySatisfy(one -> assertThat(call.requestBody()).contains(one.toString())));
            assertThat(api.calls()).extracting(FakeEquinix.Call::requestBody).noneMatch(b -> b.contains("reinstall"));
            assertThat(run.out()).contains("How the machines were left", ": free\n");
            api.devices()
                    .forEach(device -> assertThat(run.out()).contains(": in use as " + device.id() + " for intent "));
            assertThat(run.out() + run.err()).doesNotContain(api.token());
        }
    }

    @Test
    void machinesAreReinstalledIfThatIsAskedFor() throws Exception {
        try (FakeEquinix api = FakeEquinix.start()) {
            String named = api.addReservations(3).get(1).toString();
            CommandLineRun run = run(equinix(api, "--machine", named, "--reinstall", "--rule", "R01,R03,R05"));

            assertThat(run.exitCode()).as(run.out() + run.err()).isZero();
            assertThat(run.out())
                    .contains(", rebooted, reinstalled (which destroys what is on them). No other one is touched:");
            assertThat(ruled(run, "kept")).containsExactly("R01", "R03", "R05");
            assertThat(api.devices()).hasSize(1); // The first rule has made it, the others do with it.
        }
    }

    @Test
    void aMachineThatIsInUseIsRefused() throws Exception {
        try (FakeEquinix api = FakeEquinix.start()) {
            api.addReservations(1);
            String used = api.addDevice("try-1", "shepherd").toString();
            CommandLineRun run = run(equinix(api, "--machine", used));

            assertThat(run.exitCode()).as(run.out() + run.err()).isEqualTo(2);
            assertThat(run.err()).contains("--machine: " + used + " is not free, but KNOWN_USED");
            assertThat(run.out()).isEmpty();
        }
    }

    @Test
    void aProviderThatCannotBeMadeIsOneClearLine() throws Exception {
        try (FakeEquinix api = FakeEquinix.start()) {
            List<String> command = equinix(api, "--property", "api-token=not-the-token");
            CommandLineRun run = run(command);

            assertThat(run.exitCode()).as(run.out() + run.err()).isEqualTo(1);
            assertThat(run.out() + run.err()).doesNotContain("\tat ");
        }
    }

    // A plugin.

    /** A provider of a plugin that finds the same machine by every id. */
    private Path brokenPlugin() throws IOException {
        Path plugins = Files.createDirectories(folder.resolve("plugins"));
        PluginJar.racks().write(plugins.resolve("racks.jar"));
        return plugins;
    }

    @Test
    void aRuleThatIsBrokenIsToldWholeAndEndsItWithOne() throws Exception {
        CommandLineRun run = CommandLineRun.of(
                "contract",
                "--provider",
                "racks",
                "--plugins",
                brokenPlugin().toString(),
                "--property",
                "port=22",
                "--rule",
                "P03,P07,P09");

        assertThat(run.exitCode()).as(run.out() + run.err()).isEqualTo(1);
        assertThat(ruled(run, "kept")).containsExactly("P03", "P09");
        assertThat(run.out())
                .contains(
                        "BROKEN   P07 MUST ",
                        "    P07 MUST: getMachine of an id that no machine has fails with NOT_FOUND\n",
                        "      provider: com.example.racks.RackProvider@",
                        "      expected: a ProviderException with reason NOT_FOUND\n",
                        "      actual:   getMachine(",
                        "      check:    ",
                        "2 kept, 1 broken, 0 skipped");
    }

    @Test
    void aProviderThatCannotEvenListIsOneClearLineWhereMachinesAreNamed() throws Exception {
        Path plugins = Files.createDirectories(folder.resolve("plugins"));
        forger().write(plugins.resolve("racks.jar"));
        CommandLineRun run = CommandLineRun.of(
                "contract",
                "--provider",
                "racks",
                "--plugins",
                plugins.toString(),
                "--property",
                "port=22",
                "--machine",
                "one");

        assertThat(run.exitCode()).isEqualTo(1);
        assertThat(run.out()).isEmpty();
        assertThat(run.err()).contains("shepherd: the provider cannot be looked at: java.lang.IllegalStateException");
    }

    @Test
    void aSecretThatAProviderShowsBreaksARuleAndIsNotRepeated() throws Exception {
        Path plugins = Files.createDirectories(folder.resolve("plugins"));
        new PluginJar()
                .service("RackFactory")
                .source(
                        "RackFactory",
                        PluginJar.factory("RackFactory", "racks", "\"tells\"", "")
                                .replace("SSH server\")", "SSH server\").asSecret()"))
                .source("RackProvider", PROVIDER.formatted("String.valueOf(config.integer(\"port\"))"))
                .write(plugins.resolve("racks.jar"));
        Path properties = Files.writeString(folder.resolve("racks.properties"), "port=12345\n");
        CommandLineRun run = CommandLineRun.of(
                "contract",
                "--provider",
                "racks",
                "--plugins",
                plugins.toString(),
                "--property-file",
                properties.toString(),
                "--rule",
                "P03,P31");

        assertThat(run.exitCode()).isEqualTo(1);
        assertThat(ruled(run, "BROKEN")).as(run.out()).containsExactly("P03", "P31");
        assertThat(run.out()).contains("IllegalStateException: Optional[***]");
        assertThat(run.out() + run.err()).doesNotContain("12345");
    }

    @Test
    void whatAProviderSaysCannotForgeALineNorSpeakToTheTerminal() throws Exception {
        Path plugins = Files.createDirectories(folder.resolve("plugins"));
        forger().write(plugins.resolve("racks.jar"));
        CommandLineRun run = CommandLineRun.of(
                "contract",
                "--provider",
                "racks",
                "--plugins",
                plugins.toString(),
                "--property",
                "port=22",
                "--rule",
                "P03");

        assertThat(run.exitCode()).isEqualTo(1);
        assertThat(ruled(run, "kept")).isEmpty();
        assertThat(run.out()).contains("forged").doesNotContain("\u001b");
    }

    /** A provider whose failures look like a line of the command. */
    private static PluginJar forger() {
        return new PluginJar()
                .service("RackFactory")
                .source("RackFactory", PluginJar.factory("RackFactory", "racks", "\"forges\"", ""))
                .source("RackProvider", PROVIDER.formatted("\"\\u001b[2J\\nkept     P03 MUST   forged\""));
    }

    /** The rules of which a line begins with a word. */
    private static List<String> ruled(CommandLineRun run, String word) {
        return run.out()
                .lines()
                .filter(line -> line.startsWith(word + " "))
                .map(line -> line.substring(9, 12))
                .toList();
    }
}
