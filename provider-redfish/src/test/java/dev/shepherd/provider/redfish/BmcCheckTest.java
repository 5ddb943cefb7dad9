package dev.shepherd.provider.redfish;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import com.sun.net.httpserver.HttpServer;
import dev.shepherd.api.MachineNotFoundException;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Scope;
import dev.shepherd.api.ProviderID;
import dev.shepherd.provider.redfish.BmcReport.Cause;
import dev.shepherd.provider.redfish.BmcReport.Login;
import dev.shepherd.provider.redfish.BmcReport.Trust;
import dev.shepherd.testkit.bmc.BmcMood;
import dev.shepherd.testkit.bmc.FakeBmc;
import dev.shepherd.testkit.bmc.FakeBmc.Vendor;
import dev.shepherd.testkit.bmc.FakeSystem;
import dev.shepherd.testkit.bmc.FakeSystem.Power;
import dev.shepherd.testkit.http.TestCertificate;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** What a check of BMCs says, and that it changes nothing. */
class BmcCheckTest {

    private final List<FakeBmc> bmcs = new ArrayList<>();
    private Rack rack;

    @BeforeEach
    void open(@TempDir Path folder) {
        rack = new Rack(folder);
    }

    @AfterEach
    void close() {
        rack.close();
        bmcs.forEach(FakeBmc::close);
    }

    private FakeBmc start(FakeBmc.Builder builder) {
        FakeBmc bmc = builder.start();
        bmcs.add(bmc);
        return bmc;
    }

    private FakeBmc bmc(Vendor vendor, BmcMood... moods) {
        FakeBmc bmc = start(Rack.bmc().vendor(vendor));
        bmc.mood(moods);
        return bmc;
    }

    private BmcReport check(ProviderID id, String... properties) throws InterruptedException {
        return rack.provider(properties).check(id);
    }

    private static void assertUnchanged(FakeBmc bmc) {
        assertThat(bmc.calls()).extracting(FakeBmc.Call::method).containsOnly("GET");
        assertThat(bmc.systems()).allSatisfy(system -> {
            assertThat(system.resets()).isEmpty();
            assertThat(system.pxeBoots()).isZero();
            assertThat(system.bootOverride().enabled()).isEqualTo("Disabled");
        });
    }

    @ParameterizedTest
    @CsvSource({
        "ILO, HPE, ProLiant Fake Gen11, iLO 6 v1.66",
        "IDRAC, Dell Inc., PowerEdge Fake, 7.00.00.00",
        "DMTF, Contoso, Fake 3500, 1.45-fake"
    })
    void aBmcIsDescribedWhateverItsVendorAndNothingChanges(Vendor vendor, String maker, String model, String firmware)
            throws Exception {
        FakeBmc bmc = bmc(vendor);

        BmcReport report = check(rack.add(bmc));

        assertThat(report.problem()).isEmpty();
        assertThat(report.canReboot()).isTrue();
        assertThat(report.reachable()).isTrue();
        assertThat(report.login()).isEqualTo(Login.ACCEPTED);
        assertThat(report.vendor()).contains(maker);
        assertThat(report.model()).contains(model);
        assertThat(report.serialNumber()).contains(bmc.system().serial());
        assertThat(report.firmware()).contains(firmware);
        assertThat(report.power()).contains("On");
        assertThat(report.reboot()).contains("ForceRestart");
        assertThat(report.systems()).containsExactly(bmc.system().path());
        assertThat(report.took()).isPositive();
        assertThat(report.certificate().orElseThrow().fingerprint()).isEqualTo(bmc.fingerprint());
        assertThat(report.certificate().orElseThrow().trust()).isEqualTo(Trust.PINNED);
        assertThat(report.certificate().orElseThrow().expires())
                .isEqualTo(bmc.certificate().certificate().getNotAfter().toInstant());
        assertUnchanged(bmc);
    }

    // What a reboot would send.

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "On, ForceOff, PowerCycle, PushPowerButton | ON | PowerCycle | PowerCycle",
                "On, ForceOff, ForceRestart | ON | ForceRestart | ForceRestart",
                "On, ForceOff, ForceRestart | OFF | On | On",
                "On, ForceOff, GracefulRestart | ON | ForceOff, then On | ForceOff, On"
            })
    void whatARebootWouldSendIsWhatItSends(String allowed, Power power, String said, String sent) throws Exception {
        FakeBmc bmc = bmc(Vendor.DMTF, BmcMood.allows(allowed.split(", ")));
        bmc.system().setPower(power);
        ProviderID id = rack.add(bmc);

        assertThat(check(id).reboot()).contains(said);
        assertUnchanged(bmc);
        rack.provider().rebootMachine(id);

        await().until(() -> String.join(", ", bmc.system().resets()), sent::equals);
    }

    @Test
    void aGracefulRebootIsSaidToBeOne() throws Exception {
        ProviderID id = rack.add(bmc(Vendor.ILO));

        assertThat(check(id, "graceful", "30s").reboot()).contains("GracefulShutdown, then On; else ForceRestart");
    }

    @Test
    void aSystemWithoutAResetThatRestartsItIsAProblem() throws Exception {
        FakeBmc bmc = bmc(Vendor.DMTF, BmcMood.allows("Nmi", "PushPowerButton"));

        BmcReport report = check(rack.add(bmc));

        assertThat(report.reboot()).isEmpty();
        assertThat(report.firmware()).contains("1.45-fake");
        assertThat(report.problem().orElseThrow().cause()).isEqualTo(Cause.NO_RESET);
        assertThat(report.problem().orElseThrow().text())
                .isEqualTo(
                        "the system is on and cannot be restarted by any reset that it allows: Nmi, PushPowerButton");
        assertUnchanged(bmc);
    }

    // Certificates.

    private void assertRefused(FakeBmc bmc, BmcReport report, String refusal) {
        assertThat(report.problem().orElseThrow().cause()).isEqualTo(Cause.NOT_TRUSTED);
        assertThat(report.problem().orElseThrow().text()).contains(refusal);
        assertThat(report.problem().orElseThrow().advice())
                .contains(report.certificate().orElseThrow().fingerprintWithColons(), "\"Fingerprint\"");
        assertThat(report.reachable()).isTrue();
        assertThat(report.login()).isEqualTo(Login.UNKNOWN);
        assertThat(report.certificate().orElseThrow().fingerprint()).isEqualTo(bmc.fingerprint());
        assertThat(report.certificate().orElseThrow().trust()).isEqualTo(Trust.REFUSED);
        assertThat(bmc.calls()).as("nothing was sent").isEmpty();
    }

    @Test
    void aCertificateThatIsNotTrustedIsShownAndItsOwnerIsSentNothing() throws Exception {
        FakeBmc bmc = bmc(Vendor.DMTF);

        assertRefused(
                bmc, check(rack.add(bmc.uri(), "")), "it is signed by itself, and is none of those that are trusted");
    }

    @Test
    void aCertificateThatIsNotThePinnedOneIsShownWithBothFingerprints() throws Exception {
        FakeBmc bmc = bmc(Vendor.DMTF);
        String other = "ab".repeat(32);

        assertRefused(
                bmc,
                check(rack.add(bmc.uri(), ", \"Fingerprint\": \"" + other + "\""), "trust", "none"),
                "has the SHA-256 fingerprint " + bmc.fingerprint() + ", but the list says " + other);
    }

    @Test
    void aCertificateThatHasExpiredIsShownWithItsDate() throws Exception {
        Instant now = Instant.now();
        TestCertificate expired = TestCertificate.create(now.minus(Duration.ofDays(2)), now.minus(Duration.ofDays(1)));
        FakeBmc bmc = start(Rack.bmc().certificate(expired));
        Instant date = expired.certificate().getNotAfter().toInstant();

        BmcReport report = check(rack.add(bmc.uri(), ""));

        assertRefused(bmc, report, "it expired at " + date);
        assertThat(report.certificate().orElseThrow().expires()).isEqualTo(date);
    }

    @Test
    void aCertificateOfAnAuthorityThatNamesAnotherHostIsShownAsThat() throws Exception {
        TestCertificate authority = TestCertificate.create();
        FakeBmc bmc = start(Rack.bmc().certificate(authority.issue("bmc-7.example.com")));
        ProviderID id = rack.add(bmc.uri(), "");
        String ca = rack.pem(authority).toString();

        assertRefused(bmc, check(id, "ca", ca), "it does not name the host 127.0.0.1");
        BmcReport trusted = check(id, "ca", ca, "host-names", "false");

        assertThat(trusted.problem()).isEmpty();
        assertThat(trusted.certificate().orElseThrow().trust()).isEqualTo(Trust.VERIFIED);
    }

    @Test
    void aCertificateOfAnotherAuthorityIsShownAsThat() throws Exception {
        FakeBmc bmc = start(Rack.bmc().certificate(TestCertificate.create().issue("bmc-7.example.com")));

        assertRefused(
                bmc,
                check(
                        rack.add(bmc.uri(), ""),
                        "ca",
                        rack.pem(TestCertificate.create().issue("other")).toString()),
                "it is signed by no authority that is trusted");
    }

    @Test
    void aCertificateThatIsNotCheckedIsSaidNotToBe() throws Exception {
        BmcReport report = check(rack.add(bmc(Vendor.DMTF).uri(), ""), "trust", "none");

        assertThat(report.problem()).isEmpty();
        assertThat(report.certificate().orElseThrow().trust()).isEqualTo(Trust.UNCHECKED);
    }

    @Test
    void theVersionsOfTlsThatAreOfferedAreThoseOfAReboot() throws Exception {
        ProviderID id = rack.add(start(Rack.bmc().tls12Only()));

        assertThat(check(id).problem()).isEmpty();
        assertThat(check(id, "tls", "1.2").problem()).isEmpty();
    }

    // What is wrong.

    private BmcReport assertWrong(Cause cause, BmcReport report, String... text) {
        assertThat(report.problem()).as(report.toString()).isPresent();
        for (String part : text) {
            assertThat(report.problem().orElseThrow().text()).contains(part);
        }
        assertThat(report.problem().orElseThrow().cause()).isEqualTo(cause);
        assertThat(report.problem().orElseThrow().advice()).endsWith(".").doesNotContain("\n");
        assertThat(report.canReboot()).isFalse();
        assertThat(report.reboot()).isEmpty();
        return report;
    }

    @Test
    void aWrongPasswordIsToldByTheNameOfItsCredentials() throws Exception {
        FakeBmc bmc = bmc(Vendor.ILO);
        rack.credentials("old " + Rack.USER + " wrong-secret\n");
        ProviderID id =
                rack.add(bmc.uri(), ", \"Credentials\": \"old\", \"Fingerprint\": \"" + bmc.fingerprint() + "\"");

        BmcReport report = assertWrong(Cause.LOGIN_REFUSED, check(id), "GET /redfish/v1/Systems", "401");

        assertThat(report.login()).isEqualTo(Login.REFUSED);
        assertThat(report.reachable()).isTrue();
        assertThat(report.vendor())
                .as("what the root says, which needs no password")
                .contains("HPE");
        assertThat(report.problem().orElseThrow().advice()).contains("the password of the name \"old\"");
        assertThat(report.toString()).doesNotContain("wrong-secret");
    }

    @Test
    void aNameWithoutAPasswordIsToldWithTheCertificate() throws Exception {
        FakeBmc bmc = bmc(Vendor.ILO);
        ProviderID id =
                rack.add(bmc.uri(), ", \"Credentials\": \"old\", \"Fingerprint\": \"" + bmc.fingerprint() + "\"");

        BmcReport report = assertWrong(Cause.NO_CREDENTIALS, check(id), "no user and password of the name \"old\"");

        assertThat(report.certificate()).isPresent();
        assertThat(bmc.calls()).isEmpty();
    }

    @Test
    void aFileOfCredentialsThatCannotBeUsedEndsTheCheck() throws Exception {
        FakeBmc bmc = bmc(Vendor.ILO);
        ProviderID id = rack.add(bmc);
        RedfishProvider provider = rack.provider();
        Files.setPosixFilePermissions(rack.credentials(), PosixFilePermissions.fromString("rw-r--r--"));

        ProviderException failure = catchThrowableOfType(ProviderException.class, () -> provider.check(id));

        assertThat(failure).hasMessageContaining("is open to others than its owner");
        assertThat(failure.scope()).isEqualTo(Scope.PROVIDER);
    }

    @Test
    void aBmcWithSeveralSystemsAndNoPathIsToldWithItsPaths() throws Exception {
        FakeBmc bmc = start(Rack.bmc().systems(3).pageSize(2));
        List<String> paths = bmc.systems().stream().map(FakeSystem::path).toList();

        BmcReport report =
                assertWrong(Cause.WHICH_SYSTEM, check(rack.add(bmc)), "it manages 3 systems", String.join(", ", paths));

        assertThat(report.systems()).isEqualTo(paths);
        assertThat(report.login()).isEqualTo(Login.ACCEPTED);
        assertUnchanged(bmc);
    }

    @Test
    void aPathThatIsNotThereIsToldWithThoseThatAre() throws Exception {
        FakeBmc bmc = bmc(Vendor.DMTF);
        ProviderID id = rack.add(
                bmc.uri(),
                ", \"System\": \"/redfish/v1/Systems/none\", \"Fingerprint\": \"" + bmc.fingerprint() + "\"");

        assertWrong(
                Cause.WHICH_SYSTEM,
                check(id),
                "it has no system at /redfish/v1/Systems/none, only "
                        + bmc.system().path());
    }

    @Test
    void whatDoesNotAnswerIsToldByWhatItDoes() throws Exception {
        try (ServerSocket mute = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            URI connects = URI.create("https://127.0.0.1:" + mute.getLocalPort());
            BmcReport report = assertWrong(
                    Cause.SILENT,
                    check(rack.add(connects, ""), "timeout", "1s"),
                    "it connects, and does not begin TLS in time");
            assertThat(report.reachable()).isTrue();
        }
        FakeBmc silent = bmc(Vendor.DMTF, BmcMood.silent());
        BmcReport report = assertWrong(Cause.SILENT, check(rack.add(silent), "timeout", "1s"), "no whole answer");
        assertThat(report.certificate()).isPresent();
        int closed;
        try (ServerSocket socket = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            closed = socket.getLocalPort();
        }
        report = assertWrong(
                Cause.UNREACHABLE,
                check(rack.add(URI.create("https://127.0.0.1:" + closed), "")),
                "the host cannot be reached: Connection refused");
        assertThat(report.reachable()).isFalse();
        assertWrong(
                Cause.UNREACHABLE,
                check(rack.add(URI.create("https://bmc-7.invalid"), "")),
                "the name of the host cannot be resolved");
    }

    @Test
    void whatIsNoBmcIsToldAsThat() throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", exchange -> {
            exchange.sendResponseHeaders(404, -1);
            exchange.close();
        });
        server.start();
        try (ServerSocket other = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            CompletableFuture.runAsync(() -> {
                try (Socket accepted = other.accept()) {
                    accepted.getOutputStream().write("220 mail.example.com\r\n".getBytes(StandardCharsets.UTF_8));
                    accepted.getInputStream().read();
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
            assertWrong(
                    Cause.NO_TLS,
                    check(rack.add(URI.create("https://127.0.0.1:" + other.getLocalPort()), "")),
                    "it connects, and there is no TLS with it");
            assertWrong(
                    Cause.NO_BMC,
                    check(
                            rack.add(
                                    URI.create("http://127.0.0.1:"
                                            + server.getAddress().getPort()),
                                    ""),
                            "allow-http",
                            "true"),
                    "GET /redfish/v1/",
                    "404");
        } finally {
            server.stop(0);
        }
    }

    @Test
    void aBmcThatWantsToBeLeftAloneIsBusyAndOneWithoutRedfishFails() throws Exception {
        assertWrong(Cause.BUSY, check(rack.add(bmc(Vendor.DMTF, BmcMood.busy("120")))), "503");
        assertWrong(Cause.FAILED, check(rack.add(bmc(Vendor.IDRAC, BmcMood.noSession()))), "RAC0218");
        assertWrong(Cause.FAILED, check(rack.add(bmc(Vendor.DMTF, BmcMood.webPage()))));
        assertWrong(Cause.FAILED, check(rack.add(bmc(Vendor.DMTF, BmcMood.huge(8 << 20)))), "longer than");
    }

    @ParameterizedTest
    @EnumSource(Vendor.class)
    void whateverABmcDoesNothingChangesAndNoPasswordShows(Vendor vendor) throws Exception {
        for (BmcMood mood : List.of(
                BmcMood.noSession(),
                BmcMood.unauthorized(),
                BmcMood.busy("0"),
                BmcMood.methodNotAllowed(),
                BmcMood.dropsBeforeEffect(),
                BmcMood.dropsAfterEffect(),
                BmcMood.malformed(),
                BmcMood.webPage(),
                BmcMood.half(),
                BmcMood.redirects(),
                BmcMood.allowedValuesBehindActionInfo(),
                BmcMood.bootInSettings())) {
            FakeBmc bmc = bmc(vendor, mood);
            BmcReport report = check(rack.add(bmc), "reinstall", "pxe", "graceful", "10s");
            assertThat(report.toString()).doesNotContain("hobbes");
            assertUnchanged(bmc);
        }
    }

    @Test
    void textsOfABmcThatATerminalWouldObeyAreEscapedAndCutOff() throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", exchange -> {
            String hostile = "\\u001b[31mred\\nforged\\u202e" + "x".repeat(5_000);
            String answer = switch (exchange.getRequestURI().getPath()) {
                case "/redfish/v1/" -> "{\"Systems\": {\"@odata.id\": \"/all\"}}";
                case "/all" -> "{\"Members\": [{\"@odata.id\": \"/1\"}]}";
                default ->
                    ("{\"Manufacturer\": \"%s\", \"Model\": \"%s\", \"SerialNumber\": \"%s\", \"PowerState\": \"%s\","
                                    + " \"Actions\": {\"#ComputerSystem.Reset\": {\"target\": \"/go\","
                                    + " \"ResetType@Redfish.AllowableValues\": [\"%s\"]}},"
                                    + " \"Links\": {\"ManagedBy\": [{\"@odata.id\": \"%s\"}]}}")
                            .replace("%s", hostile);
            };
            byte[] body = answer.getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.start();
        try {
            BmcReport report = check(
                    rack.add(
                            URI.create("http://127.0.0.1:" + server.getAddress().getPort()), ""),
                    "allow-http",
                    "true");

            assertWrong(Cause.NO_RESET, report);
            assertThat(report.model().orElseThrow())
                    .startsWith("\\u001b[31mred\\nforged\\u202exxx")
                    .hasSizeLessThan(150);
            assertThat(report.toString().chars())
                    .noneMatch(c -> Character.isISOControl(c) || Character.getType(c) == Character.FORMAT);
        } finally {
            server.stop(0);
        }
    }

    // Many of them.

    @Test
    void machinesOfOneBmcAreCheckedOneAfterTheOtherAndOthersMeanwhile() throws Exception {
        FakeBmc blades = start(Rack.bmc().systems(6));
        blades.mood(BmcMood.freezesOnSecondCall(), BmcMood.slow(Duration.ofMillis(100)));
        List<ProviderID> ids = new ArrayList<>();
        blades.systems().forEach(system -> ids.add(rack.add(blades.uri(), blades.fingerprint(), system)));
        for (int i = 0; i < 3; i++) {
            ids.add(rack.add(bmc(Vendor.IDRAC)));
        }
        List<BmcReport> reports = new ArrayList<>();

        rack.provider().check(ids, reports::add);

        assertThat(reports).extracting(BmcReport::id).containsExactlyInAnyOrderElementsOf(ids);
        assertThat(reports).allSatisfy(report -> assertThat(report.problem()).isEmpty());
        assertThat(reports.get(8).bmc()).as("the slow one is the last").isEqualTo(blades.uri());
        assertThat(blades.isFrozen()).isFalse();
        assertThat(bmcs).allSatisfy(bmc -> assertThat(bmc.mostConcurrentCalls()).isEqualTo(1));
    }

    @Test
    void silentBmcsAreWaitedForTogether() throws Exception {
        List<ProviderID> ids = new ArrayList<>();
        for (int i = 0; i < 30; i++) {
            ids.add(rack.add(bmc(Vendor.DMTF, BmcMood.silent())));
        }
        ids.add(rack.add(bmc(Vendor.DMTF)));
        List<BmcReport> reports = new ArrayList<>();
        long start = System.nanoTime();

        rack.provider("timeout", "2s", "max-concurrent-calls", "16").check(ids, reports::add);

        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(15));
        assertThat(reports).hasSize(31);
        assertThat(reports.stream().filter(BmcReport::canReboot)).hasSize(1);
    }

    @Test
    void aMachineThatIsNotListedIsNotFound() {
        ProviderID id = rack.add(bmc(Vendor.DMTF));
        RedfishProvider provider = rack.provider();

        assertThat(catchThrowable(() -> provider.check(List.of(id, new ProviderID("no-such")), report -> {})))
                .isInstanceOf(MachineNotFoundException.class);
    }

    @Test
    void aCheckEndsWhenItIsInterruptedAndWhenTheProviderIsClosed() throws Exception {
        ProviderID id = rack.add(bmc(Vendor.DMTF, BmcMood.silent()));
        RedfishProvider provider = rack.provider();
        for (boolean closes : new boolean[] {false, true}) {
            CompletableFuture<Throwable> outcome = new CompletableFuture<>();
            Thread caller = new Thread(() -> outcome.complete(catchThrowable(() -> provider.check(id))));
            int calls = bmcs.get(0).calls().size();
            caller.start();
            await().until(() -> bmcs.get(0).calls().size() > calls);
            if (closes) {
                provider.close();
            } else {
                caller.interrupt();
            }
            assertThat(outcome.get()).isInstanceOf(closes ? IllegalStateException.class : InterruptedException.class);
        }
    }
}
