package dev.shepherd.cli.bmc;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpServer;
import dev.shepherd.cli.CommandLineProcess;
import dev.shepherd.cli.CommandLineRun;
import dev.shepherd.testkit.bmc.BmcMood;
import dev.shepherd.testkit.bmc.FakeBmc;
import dev.shepherd.testkit.bmc.FakeBmc.Vendor;
import dev.shepherd.testkit.http.Json;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BmcCommandTest {

    private static final String PASSWORD = "calvin-and-hobbes";

    @TempDir
    Path folder;

    private final List<FakeBmc> bmcs = new ArrayList<>();
    private final List<String> entries = new ArrayList<>();

    @BeforeEach
    void write() throws IOException {
        Path credentials = Files.writeString(folder.resolve("credentials"), "default root " + PASSWORD + "\n");
        Files.setPosixFilePermissions(credentials, PosixFilePermissions.fromString("rw-------"));
    }

    @AfterEach
    void close() {
        bmcs.forEach(FakeBmc::close);
    }

    private FakeBmc start(FakeBmc.Builder builder) {
        FakeBmc bmc = builder.credentials("root", PASSWORD).start();
        bmcs.add(bmc);
        return bmc;
    }

    private FakeBmc add(Vendor vendor, BmcMood... moods) throws IOException {
        FakeBmc bmc = start(FakeBmc.builder().vendor(vendor));
        bmc.mood(moods);
        add(bmc.uri(), ", \"Fingerprint\": \"" + bmc.fingerprint() + "\"");
        return bmc;
    }

    private void add(URI bmc, String more) throws IOException {
        int number = entries.size() + 1;
        entries.add("{\"ID\": \"rack-1-%d\", \"Addr\": \"10.0.0.%d\", \"BMC\": \"%s\"%s}"
                .formatted(number, number, bmc, more));
        Files.writeString(folder.resolve("machines.json"), "[" + String.join(",\n", entries) + "]");
    }

    private String[] arguments(String... more) {
        List<String> all = new ArrayList<>(List.of(
                "bmc",
                "check",
                "--property",
                "list=" + folder.resolve("machines.json").toUri(),
                "--property",
                "credentials=" + folder.resolve("credentials")));
        all.addAll(List.of(more));
        return all.toArray(String[]::new);
    }

    private CommandLineRun check(String... more) {
        return CommandLineRun.of(arguments(more));
    }

    private static void assertNothingChanged(List<FakeBmc> bmcs) {
        assertThat(bmcs).allSatisfy(bmc -> {
            assertThat(bmc.calls()).extracting(FakeBmc.Call::method).allMatch("GET"::equals);
            assertThat(bmc.system().resets()).isEmpty();
        });
    }

    @Test
    void aRackThatCanBeRebootedIsATableAndASummary() throws Exception {
        add(Vendor.ILO);
        add(Vendor.IDRAC, BmcMood.allows("On", "ForceOff"));
        add(Vendor.DMTF).system().setPower(dev.shepherd.testkit.bmc.FakeSystem.Power.OFF);

        CommandLineRun run = check();

        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out().replaceAll("\\d+\\.\\d s", "0.1 s")).isEqualTo("""
                        MACHINE   VENDOR     MODEL                POWER  REBOOT BY          CERTIFICATE  TIME
                        rack-1-1  HPE        ProLiant Fake Gen11  On     ForceRestart       pinned       0.1 s
                        rack-1-2  Dell Inc.  PowerEdge Fake       On     ForceOff, then On  pinned       0.1 s
                        rack-1-3  Contoso    Fake 3500            Off    On                 pinned       0.1 s

                        3 of 3 can be rebooted
                        """);
        assertThat(run.err()).doesNotContain("shepherd: ");
        assertNothingChanged(bmcs);
    }

    /** What docs/providers/redfish.md shows, but for what differs each time. */
    @Test
    void theExampleOfTheDocumentationIsWhatIsPrinted() throws Exception {
        add(Vendor.ILO);
        add(start(FakeBmc.builder().vendor(Vendor.IDRAC)).uri(), "");
        FakeBmc blades = start(FakeBmc.builder().systems(2));
        add(blades.uri(), ", \"Fingerprint\": \"" + blades.fingerprint() + "\"");
        int closed;
        try (ServerSocket socket = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            closed = socket.getLocalPort();
        }
        add(URI.create("https://127.0.0.1:" + closed), "");

        CommandLineRun run = check();

        assertThat(run.exitCode()).isEqualTo(1);
        Path document = Path.of("..", "docs", "providers", "redfish.md");
        String page = Files.readString(document);
        int from = page.indexOf("MACHINE   VENDOR");
        String example = page.substring(from, page.indexOf("```", from));
        assertThat(withoutWhatDiffers(run.out())).isEqualTo(withoutWhatDiffers(example));
        assertNothingChanged(bmcs);
    }

    private static String withoutWhatDiffers(String text) {
        return text.replaceAll("\\d+\\.\\d s", "0.1 s")
                .replaceAll("https://[0-9.]+(:\\d+)?", "https://10.0.1.1")
                .replaceAll("([0-9A-F]{2}:){31}[0-9A-F]{2}", "FINGERPRINT")
                .replaceAll("Systems/FB[0-9A-F]{8}", "Systems/FB00000000");
    }

    @Test
    void whatIsWrongIsToldBelowTheTableWithWhatToDo() throws Exception {
        add(Vendor.ILO, BmcMood.unauthorized());
        add(Vendor.IDRAC, BmcMood.noSession());
        add(Vendor.DMTF, BmcMood.allows("Nmi"));

        CommandLineRun run = check();

        assertThat(run.exitCode()).isEqualTo(1);
        assertThat(run.out())
                .contains(
                        "status 401",
                        "RAC0218",
                        "cannot be restarted by any reset that it",
                        "→ ",
                        "\n0 of 3 can be rebooted; 1 with a password that is refused; 1 without a reset; 1 that failed\n");
        assertThat(run.out().lines()).allMatch(line -> line.length() <= 120);
        assertNothingChanged(bmcs);
    }

    @Test
    void machinesThatAreNamedAreCheckedAloneAndDescribed() throws Exception {
        FakeBmc first = add(Vendor.ILO);
        FakeBmc second = add(Vendor.IDRAC);

        CommandLineRun run = check("--machine", "rack-1-2");

        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out())
                .contains(
                        "  serial number  " + second.system().serial(),
                        "  firmware       7.00.00.00",
                        "  password       accepted",
                        "  certificate    pinned, expires ",
                        "1 of 1 can be rebooted")
                .doesNotContain("rack-1-1");
        assertThat(first.calls()).isEmpty();

        CommandLineRun unknown = check("--machine", "rack-1-2", "--machine", "rack-9");
        assertThat(unknown.exitCode()).isEqualTo(2);
        assertThat(unknown.err()).endsWith("shepherd: --machine: the list has no machine \"rack-9\"\n");
    }

    @Test
    void programsAreToldInJson() throws Exception {
        FakeBmc fine = add(Vendor.ILO);
        FakeBmc untrusted = start(FakeBmc.builder());
        add(untrusted.uri(), "");

        CommandLineRun run = check("--json");

        assertThat(run.exitCode()).isEqualTo(1);
        Map<String, @Nullable Object> json = Json.readObject(run.out());
        assertThat(json).containsOnlyKeys("machines", "can_reboot", "reports");
        assertThat(json.get("machines")).hasToString("2");
        assertThat(json.get("can_reboot")).hasToString("1");
        List<?> reports = (List<?>) json.get("reports");
        assertThat(reports).hasSize(2);
        assertThat((Map<?, ?>) reports.get(0))
                .extracting(Map::keySet)
                .asString()
                .isEqualTo(
                        "[id, bmc, can_reboot, reachable, login, vendor, model, serial_number, firmware, power, reboot,"
                                + " systems, took_ms, certificate]");
        assertThat(run.out())
                .contains(
                        "\"fingerprint\" : \"" + fine.fingerprint() + "\"",
                        "\"fingerprint\" : \"" + untrusted.fingerprint() + "\"",
                        "\"trust\" : \"pinned\"",
                        "\"trust\" : \"refused\"",
                        "\"cause\" : \"not_trusted\"");
        assertThat(untrusted.calls()).isEmpty();
    }

    @Test
    void mistakesInTheListAndInTheCredentialsNameTheEntry() throws Exception {
        add(Vendor.ILO);
        add(URI.create("ftp://10.0.1.2"), "");
        CommandLineRun run = check();
        assertThat(run.exitCode()).isEqualTo(1);
        assertThat(run.out()).isEmpty();
        assertThat(run.err()).contains("entry 2 (line 2, column ", "field \"BMC\"", "not \"ftp://10.0.1.2\"");

        entries.clear();
        add(Vendor.ILO);
        Files.writeString(folder.resolve("credentials"), "other root " + PASSWORD + "\n");
        run = check();
        assertThat(run.exitCode()).isEqualTo(1);
        assertThat(run.out()).contains("rack-1-1 at ", "no user and password of the name \"default\"");

        Files.setPosixFilePermissions(folder.resolve("credentials"), PosixFilePermissions.fromString("rw-r--r--"));
        run = check();
        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err()).contains("is open to others than its owner", "chmod 600");
    }

    @Test
    void textsOfABmcDoNothingToATerminal() throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", exchange -> {
            byte[] body = "{\"Vendor\": \"\\u001b[31m\\nforged\\u202e\", \"Systems\": \"/\\u001b[2J\"}"
                    .getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.start();
        try {
            add(URI.create("http://127.0.0.1:" + server.getAddress().getPort()), "");
            for (String format : List.of("--details", "--json")) {
                CommandLineRun run = check("--property", "allow-http=true", format);
                assertThat(run.exitCode()).isEqualTo(1);
                assertThat(run.out().replace("\n", "").chars())
                        .noneMatch(c -> Character.isISOControl(c) || Character.getType(c) == Character.FORMAT);
                assertThat(run.out().lines()).noneMatch(line -> line.startsWith("forged"));
            }
        } finally {
            server.stop(0);
        }
    }

    @Test
    void noPasswordShowsInWhatItPrintsNorInTheListOfProcesses() throws Exception {
        for (BmcMood mood : List.of(
                BmcMood.unauthorized(),
                BmcMood.noSession(),
                BmcMood.busy("1"),
                BmcMood.malformed(),
                BmcMood.dropsAfterEffect())) {
            add(Vendor.IDRAC, mood);
        }
        add(Vendor.ILO, BmcMood.silent());
        String login = Base64.getEncoder().encodeToString(("root:" + PASSWORD).getBytes(StandardCharsets.UTF_8));
        String shown;
        StringBuilder processes = new StringBuilder();
        try (CommandLineProcess process =
                CommandLineProcess.start(folder, arguments("--details", "-vv", "--property", "timeout=5s"))) {
            long end = System.nanoTime() + TimeUnit.MINUTES.toNanos(2);
            while (!process.endsWithin(Duration.ofMillis(200)) && System.nanoTime() < end) {
                processes.append(CommandLineProcess.all());
            }
            shown = process.log();
            assertThat(process.exitCode()).as(shown).isEqualTo(1);
        }

        assertThat(shown).contains("0 of 6 can be rebooted");
        assertThat(processes).contains("dev.shepherd.cli.Main");
        assertThat(shown + processes).doesNotContain(PASSWORD).doesNotContain(login);
    }
}
