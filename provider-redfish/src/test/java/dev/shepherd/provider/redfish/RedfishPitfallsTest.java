package dev.shepherd.provider.redfish;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import com.sun.net.httpserver.HttpServer;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderException.Scope;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.testkit.LogCapture;
import dev.shepherd.testkit.bmc.BmcMood;
import dev.shepherd.testkit.bmc.FakeBmc;
import dev.shepherd.testkit.bmc.FakeBmc.Vendor;
import dev.shepherd.testkit.bmc.FakeSystem;
import dev.shepherd.testkit.bmc.FakeSystem.BootOverride;
import dev.shepherd.testkit.bmc.FakeSystem.Power;
import dev.shepherd.testkit.http.TestCertificate;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What BMCs are known for; each test is named after it. */
class RedfishPitfallsTest {

    @RegisterExtension
    final LogCapture log = LogCapture.of(RedfishProvider.class.getName());

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

    private static ProviderException failure(org.assertj.core.api.ThrowableAssert.ThrowingCallable call) {
        ProviderException failure = catchThrowableOfType(ProviderException.class, call);
        assertThat(failure).as("a ProviderException").isNotNull();
        assertThat(failure.scope()).isEqualTo(Scope.MACHINE);
        return failure;
    }

    private static ProviderStatus status(RedfishProvider provider, ProviderID id) throws InterruptedException {
        return provider.getMachine(id).status().orElseThrow();
    }

    private static long posts(FakeBmc bmc) {
        return bmc.calls().stream().filter(call -> call.method().equals("POST")).count();
    }

    // How a system is restarted.

    @ParameterizedTest
    @EnumSource(Vendor.class)
    void eachVendorsSystemIsRestartedByForce(Vendor vendor) throws Exception {
        FakeBmc bmc = bmc(vendor);
        ProviderID id = rack.add(bmc);
        RedfishProvider provider = rack.provider();

        assertThat(status(provider, id)).isEqualTo(ProviderStatus.RUNNING);
        provider.rebootMachine(id);

        assertThat(bmc.system().resets()).containsExactly("ForceRestart");
    }

    @ParameterizedTest
    @EnumSource(Vendor.class)
    void aSystemThatIsOffIsTurnedOn(Vendor vendor) throws Exception {
        FakeBmc bmc = bmc(vendor, BmcMood.refusesResetWhileOff());
        bmc.system().setPower(Power.OFF);
        ProviderID id = rack.add(bmc);
        RedfishProvider provider = rack.provider();

        assertThat(status(provider, id)).isEqualTo(ProviderStatus.STOPPED);
        provider.rebootMachine(id);

        assertThat(bmc.system().resets()).containsExactly("On");
    }

    @Test
    void withoutAForceRestartThePowerIsCycled() throws Exception {
        FakeBmc bmc = bmc(Vendor.IDRAC, BmcMood.allows("On", "ForceOff", "PowerCycle", "PushPowerButton"));
        rack.provider().rebootMachine(rack.add(bmc));

        assertThat(bmc.system().resets()).containsExactly("PowerCycle");
    }

    @ParameterizedTest
    @EnumSource(Vendor.class)
    void withoutEitherItIsTurnedOffAndOnOnceItIsOff(Vendor vendor) throws Exception {
        FakeBmc bmc = start(Rack.bmc().vendor(vendor).powerDelay(Duration.ofMillis(700)));
        bmc.mood(BmcMood.allows("On", "ForceOff", "GracefulRestart"));
        rack.provider("timeout", "20s").rebootMachine(rack.add(bmc));

        await().until(() -> bmc.system().resets(), List.of("ForceOff", "On")::equals);
    }

    @Test
    void aPowerButtonIsNeverPushedAndNoNmiSent() {
        FakeBmc bmc = bmc(Vendor.DMTF, BmcMood.allows("Nmi", "PushPowerButton", "GracefulRestart"));
        ProviderID id = rack.add(bmc);
        RedfishProvider provider = rack.provider();

        assertThat(failure(() -> provider.rebootMachine(id)))
                .hasMessageContaining("cannot be restarted by any reset that it allows: Nmi, PushPowerButton")
                .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.NOT_SUPPORTED));
        assertThat(posts(bmc)).isZero();
    }

    @ParameterizedTest
    @EnumSource(Vendor.class)
    void allowedValuesThatAreMissingAreTheUsualOnes(Vendor vendor) throws Exception {
        FakeBmc bmc = bmc(vendor, BmcMood.withoutAllowedValues());
        rack.provider().rebootMachine(rack.add(bmc));

        assertThat(bmc.system().resets()).containsExactly("ForceRestart");
    }

    @Test
    void allowedValuesBehindActionInfoAreReadThere() throws Exception {
        FakeBmc bmc = bmc(Vendor.DMTF, BmcMood.allowedValuesBehindActionInfo(), BmcMood.allows("On", "PowerCycle"));
        rack.provider().rebootMachine(rack.add(bmc));

        assertThat(bmc.system().resets()).containsExactly("PowerCycle");
    }

    @Test
    void aSystemThatDoesNotTurnOffIsNotTurnedOnAndNothingIsRepeated() {
        FakeBmc bmc = bmc(Vendor.DMTF, BmcMood.allows("On", "ForceOff"), BmcMood.ignoresResets());
        ProviderID id = rack.add(bmc);
        RedfishProvider provider = rack.provider("timeout", "2s");

        assertThat(failure(() -> provider.rebootMachine(id)))
                .hasMessageContaining("the system was not off in time after ForceOff, which was accepted")
                .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.TRANSIENT));
        assertThat(posts(bmc)).isEqualTo(1);
    }

    @Test
    void aRefusalAfterTheFirstStepIsTransient() throws Exception {
        FakeBmc bmc = bmc(Vendor.DMTF, BmcMood.allows("On", "ForceOff"));
        bmc.system().onReset(type -> bmc.mood(BmcMood.unauthorized().on("POST")));
        ProviderID id = rack.add(bmc);
        RedfishProvider provider = rack.provider();

        assertThat(failure(() -> provider.rebootMachine(id)))
                .hasMessageContaining("an earlier step has taken effect, and then: ")
                .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.TRANSIENT));

        bmc.calm();
        provider.rebootMachine(id);
        assertThat(bmc.system().resets()).containsExactly("ForceOff", "On");
    }

    @Test
    void anInterruptionBetweenTheStepsLeavesItOffAndTheNextAttemptTurnsItOn() throws Exception {
        FakeBmc bmc = start(Rack.bmc().powerDelay(Duration.ofSeconds(2)));
        bmc.mood(BmcMood.allows("On", "ForceOff"));
        ProviderID id = rack.add(bmc);
        RedfishProvider provider = rack.provider();
        CompletableFuture<Throwable> outcome = new CompletableFuture<>();
        Thread caller = new Thread(() ->
                outcome.complete(org.assertj.core.api.Assertions.catchThrowable(() -> provider.rebootMachine(id))));
        caller.start();
        await().until(() -> bmc.system().power() == Power.POWERING_OFF);

        caller.interrupt();

        assertThat(outcome.get()).isInstanceOf(InterruptedException.class);
        await().until(() -> bmc.system().power() == Power.OFF);
        provider.rebootMachine(id);
        await().until(() -> bmc.system().resets(), List.of("ForceOff", "On")::equals);
    }

    @Test
    void anOperatingSystemThatShutsDownInTimeIsNotForced() throws Exception {
        FakeBmc bmc = start(Rack.bmc().vendor(Vendor.ILO).powerDelay(Duration.ofMillis(300)));
        rack.provider("graceful", "30s").rebootMachine(rack.add(bmc));

        await().until(() -> bmc.system().resets(), List.of("GracefulShutdown", "On")::equals);
    }

    @Test
    void anOperatingSystemThatDoesNotShutDownIsForced() throws Exception {
        FakeBmc bmc = bmc(Vendor.ILO, BmcMood.ignoresGracefulResets());
        rack.provider("graceful", "1s").rebootMachine(rack.add(bmc));

        assertThat(bmc.system().resets()).containsExactly("ForceRestart");
        assertThat(log.text()).contains("did not shut down in time; it is restarted by force");
    }

    @Test
    void whatIsAcceptedWithATaskIsAccepted() throws Exception {
        FakeBmc bmc = start(Rack.bmc().powerDelay(Duration.ofMillis(300)));
        bmc.mood(BmcMood.tasks());
        rack.provider().rebootMachine(rack.add(bmc));

        await().until(() -> bmc.system().resets(), List.of("ForceRestart")::equals);
    }

    // What is refused, or gets no answer.

    @Test
    void aBmcWithoutASessionLeftConcernsItsMachineOnly() throws Exception {
        FakeBmc bmc = bmc(Vendor.IDRAC, BmcMood.noSession());
        FakeBmc other = bmc(Vendor.IDRAC);
        ProviderID id = rack.add(bmc);
        ProviderID fine = rack.add(other);
        RedfishProvider provider = rack.provider();

        assertThat(failure(() -> provider.rebootMachine(id)))
                .hasMessageContaining("RAC0218")
                .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.TRANSIENT));
        assertThat(status(provider, id)).isEqualTo(ProviderStatus.UNKNOWN);
        provider.rebootMachine(fine);
        assertThat(other.system().resets()).containsExactly("ForceRestart");
    }

    @Test
    void aWrongPasswordConcernsItsMachineOnly() throws Exception {
        FakeBmc bmc = bmc(Vendor.ILO, BmcMood.unauthorized());
        ProviderID id = rack.add(bmc);
        RedfishProvider provider = rack.provider();

        assertThat(failure(() -> provider.rebootMachine(id)).reason()).isEqualTo(Reason.UNAUTHENTICATED);
        assertThat(status(provider, id)).isEqualTo(ProviderStatus.UNKNOWN);
        assertThat(status(provider, id)).isEqualTo(ProviderStatus.UNKNOWN);
        assertThat(log.text()).containsOnlyOnce("it is unknown whether rack-1-1 is on");

        bmc.calm();
        assertThat(status(provider, id)).isEqualTo(ProviderStatus.RUNNING);
        assertThat(log.text()).contains("the BMC of rack-1-1 at " + bmc.uri() + " answers again");
    }

    @Test
    void aBmcThatAsksToBeLeftAloneIsAndNoOtherIs() throws Exception {
        FakeBmc bmc = bmc(Vendor.DMTF, BmcMood.busy("120").on("POST").times(1));
        FakeBmc other = bmc(Vendor.DMTF);
        ProviderID id = rack.add(bmc);
        ProviderID fine = rack.add(other);
        RedfishProvider provider = rack.provider("timeout", "5s");

        assertThat(failure(() -> provider.rebootMachine(id)).retryAfter()).contains(Duration.ofSeconds(120));
        int calls = bmc.calls().size();
        assertThat(failure(() -> provider.rebootMachine(id)).reason()).isEqualTo(Reason.RATE_LIMITED);
        assertThat(bmc.calls()).hasSize(calls);
        provider.rebootMachine(fine);
        assertThat(other.system().resets()).containsExactly("ForceRestart");
    }

    @Test
    void aLicenceThatOnlyReadsRefusesForGood() {
        FakeBmc bmc = bmc(Vendor.IDRAC, BmcMood.methodNotAllowed());
        ProviderID id = rack.add(bmc);
        RedfishProvider provider = rack.provider();

        assertThat(failure(() -> provider.rebootMachine(id)))
                .hasMessageContaining("status 405")
                .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.PERMANENT));
        assertThat(bmc.system().resets()).isEmpty();
    }

    @Test
    void aConnectionThatDropsBeforeTheEffectIsTransient() {
        FakeBmc bmc = bmc(Vendor.DMTF, BmcMood.dropsBeforeEffect().on("POST"));
        ProviderID id = rack.add(bmc);
        RedfishProvider provider = rack.provider();

        assertThat(failure(() -> provider.rebootMachine(id)).reason()).isEqualTo(Reason.TRANSIENT);
        assertThat(bmc.system().resets()).isEmpty();
        assertThat(posts(bmc)).isEqualTo(1);
    }

    @Test
    void aConnectionThatDropsAfterTheEffectIsTransientAndNothingIsRepeated() {
        FakeBmc bmc = bmc(Vendor.DMTF, BmcMood.dropsAfterEffect().on("POST"));
        ProviderID id = rack.add(bmc);
        RedfishProvider provider = rack.provider();

        assertThat(failure(() -> provider.rebootMachine(id)).reason()).isEqualTo(Reason.TRANSIENT);
        assertThat(bmc.system().resets()).containsExactly("ForceRestart");
        assertThat(posts(bmc)).isEqualTo(1);
    }

    @Test
    void aBmcThatFreezesAfterABurstIsAskedTwiceForARebootOnceItIsKnown() throws Exception {
        FakeBmc bmc = bmc(Vendor.DMTF);
        ProviderID id = rack.add(bmc);
        RedfishProvider provider = rack.provider();
        provider.rebootMachine(id);
        assertThat(bmc.calls()).as("root, systems, system, reset").hasSize(4);
        bmc.mood(BmcMood.freezesAfter(6, Duration.ofHours(1)));

        provider.rebootMachine(id);

        assertThat(bmc.isFrozen()).isFalse();
        assertThat(failure(() -> rack.provider("timeout", "1s").rebootMachine(id)))
                .hasMessageContaining("no whole answer within")
                .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.TRANSIENT));
    }

    @Test
    void aBmcThatFreezesOnASecondCallIsAskedOneThingAtATime() throws Exception {
        FakeBmc bmc = start(Rack.bmc().systems(6));
        bmc.mood(BmcMood.freezesOnSecondCall(), BmcMood.slow(Duration.ofMillis(100)));
        List<ProviderID> ids = bmc.systems().stream()
                .map(system -> rack.add(bmc.uri(), bmc.fingerprint(), system))
                .toList();
        RedfishProvider provider = rack.provider();
        ExecutorService callers = Executors.newFixedThreadPool(ids.size());
        try {
            List<Future<ProviderStatus>> found = new ArrayList<>();
            for (ProviderID id : ids) {
                found.add(callers.submit(() -> status(provider, id)));
            }
            for (Future<ProviderStatus> each : found) {
                assertThat(each.get()).isEqualTo(ProviderStatus.RUNNING);
            }
        } finally {
            callers.shutdownNow();
        }

        assertThat(bmc.isFrozen()).isFalse();
        assertThat(bmc.mostConcurrentCalls()).isEqualTo(1);
    }

    @Test
    void aSilentBmcEndsWithTheLimitAndItsMachineIsThere() throws Exception {
        FakeBmc bmc = bmc(Vendor.DMTF, BmcMood.silent());
        ProviderID id = rack.add(bmc);
        RedfishProvider provider = rack.provider("timeout", "1s", "status-timeout", "500ms");
        long start = System.nanoTime();

        assertThat(status(provider, id)).isEqualTo(ProviderStatus.UNKNOWN);
        assertThat(failure(() -> provider.rebootMachine(id)).reason()).isEqualTo(Reason.TRANSIENT);

        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(5));
        assertThat(provider.listMachines()).hasSize(1);
    }

    @Test
    void anAnswerThatTricklesEndsWithTheLimit() {
        FakeBmc bmc = bmc(Vendor.DMTF, BmcMood.trickles(Duration.ofMillis(50)));
        ProviderID id = rack.add(bmc);
        RedfishProvider provider = rack.provider("timeout", "1s");

        assertThat(failure(() -> provider.rebootMachine(id)).reason()).isEqualTo(Reason.TRANSIENT);
    }

    @Test
    void aSlowAnswerWithinTheLimitIsAnAnswer() throws Exception {
        FakeBmc bmc = bmc(Vendor.DMTF, BmcMood.slow(Duration.ofMillis(300)));
        rack.provider().rebootMachine(rack.add(bmc));

        assertThat(bmc.system().resets()).containsExactly("ForceRestart");
    }

    @Test
    void aHugeAnswerIsNotReadToItsEnd() {
        FakeBmc bmc = bmc(Vendor.DMTF, BmcMood.huge(64 << 20));
        ProviderID id = rack.add(bmc);
        RedfishProvider provider = rack.provider();

        assertThat(failure(() -> provider.rebootMachine(id)))
                .hasMessageContaining("the answer is longer than 4194304 bytes");
    }

    @Test
    void answersThatAreNoRedfishAreFailures() throws Exception {
        for (BmcMood mood : List.of(BmcMood.malformed(), BmcMood.webPage(), BmcMood.half())) {
            FakeBmc bmc = bmc(Vendor.DMTF, mood);
            ProviderID id = rack.add(bmc);
            RedfishProvider provider = rack.provider();

            assertThat(failure(() -> provider.rebootMachine(id)).reason())
                    .as(mood.toString())
                    .isEqualTo(Reason.TRANSIENT);
            assertThat(status(provider, id)).isEqualTo(ProviderStatus.UNKNOWN);
            assertThat(bmc.system().resets()).isEmpty();
        }
    }

    // Where it is.

    @Test
    void aBmcWithSeveralSystemsAndNoPathIsRefusedWithTheirPaths() {
        FakeBmc bmc = start(Rack.bmc().systems(3).pageSize(2));
        ProviderID id = rack.add(bmc);
        RedfishProvider provider = rack.provider();
        List<String> paths = bmc.systems().stream().map(FakeSystem::path).toList();

        assertThat(failure(() -> provider.rebootMachine(id)))
                .hasMessageContaining("it manages 3 systems, and the entry does not say which is meant; its field"
                        + " \"System\" must be one of " + String.join(", ", paths))
                .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.PERMANENT));
        assertThat(posts(bmc)).isZero();
    }

    @Test
    void onlyTheSystemThatTheEntryNamesIsRestarted() throws Exception {
        FakeBmc bmc = start(Rack.bmc().systems(3));
        List<FakeSystem> systems = bmc.systems();
        rack.add(bmc.uri(), bmc.fingerprint(), systems.get(0));
        ProviderID id = rack.add(bmc.uri(), bmc.fingerprint(), systems.get(2));
        rack.provider().rebootMachine(id);

        assertThat(systems)
                .extracting(FakeSystem::resets)
                .containsExactly(List.of(), List.of(), List.of("ForceRestart"));
    }

    @Test
    void aPathThatIsNotThereIsRefusedWithThoseThatAre() {
        FakeBmc bmc = bmc(Vendor.DMTF);
        ProviderID id = rack.add(
                bmc.uri(),
                ", \"System\": \"/redfish/v1/Systems/none\", \"Fingerprint\": \"" + bmc.fingerprint() + "\"");
        RedfishProvider provider = rack.provider();

        assertThat(failure(() -> provider.rebootMachine(id)))
                .hasMessageContaining("it has no system at /redfish/v1/Systems/none, only "
                        + bmc.system().path())
                .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.PERMANENT));
    }

    /** As after an update of the firmware; and no path is assumed but the root's. */
    @Test
    void aSystemThatHasMovedIsFoundAgain() throws Exception {
        AtomicReference<String> path = new AtomicReference<>("/any/where/1");
        List<String> asked = new CopyOnWriteArrayList<>();
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", exchange -> {
            String at = exchange.getRequestURI().getPath();
            asked.add(exchange.getRequestMethod() + " " + at);
            String answer = null;
            if (at.equals("/redfish/v1/")) {
                answer = "{\"Systems\": {\"@odata.id\": \"/all\"}}";
            } else if (at.equals("/all")) {
                answer = "{\"Members\": [{\"@odata.id\": \"" + path.get() + "\"}]}";
            } else if (at.equals(path.get())) {
                answer = "{\"PowerState\": \"On\", \"Actions\": {\"#ComputerSystem.Reset\": {\"target\": \"/go\"}}}";
            } else if (at.equals("/go")) {
                answer = "{}";
            }
            byte[] body = answer == null ? new byte[0] : answer.getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(answer == null ? 404 : 200, body.length == 0 ? -1 : body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.start();
        try {
            ProviderID id = rack.add(
                    URI.create("http://127.0.0.1:" + server.getAddress().getPort()), "");
            RedfishProvider provider = rack.provider("allow-http", "true");
            provider.rebootMachine(id);
            path.set("/any/where/2");
            asked.clear();

            provider.rebootMachine(id);
        } finally {
            server.stop(0);
        }
        assertThat(asked)
                .containsExactly("GET /any/where/1", "GET /redfish/v1/", "GET /all", "GET /any/where/2", "POST /go");
    }

    @Test
    void redirectionsWithinTheBmcAreFollowed() throws Exception {
        FakeBmc bmc = bmc(Vendor.DMTF, BmcMood.redirects().times(2));
        rack.provider().rebootMachine(rack.add(bmc));

        assertThat(bmc.system().resets()).containsExactly("ForceRestart");
    }

    @Test
    void redirectionsToAnotherHostAreRefusedAndItGetsNoPassword() {
        FakeBmc other = bmc(Vendor.DMTF);
        FakeBmc bmc = bmc(Vendor.DMTF, BmcMood.redirectsTo(other.uri()));
        ProviderID id = rack.add(bmc);
        RedfishProvider provider = rack.provider("trust", "none");

        assertThat(failure(() -> provider.rebootMachine(id)))
                .hasMessageContaining("leads away from this BMC, which is not followed");
        assertThat(other.calls()).isEmpty();
    }

    // Certificates.

    @Test
    void anExpiredCertificateIsRefusedByAuthoritiesAndAcceptedIfItIsPinned() throws Exception {
        Instant now = Instant.now();
        TestCertificate expired = TestCertificate.create(now.minus(Duration.ofDays(2)), now.minus(Duration.ofDays(1)));
        FakeBmc bmc = start(Rack.bmc().certificate(expired));
        ProviderID byAuthority = rack.add(bmc.uri(), "");
        RedfishProvider provider = rack.provider();

        assertThat(failure(() -> provider.rebootMachine(byAuthority)))
                .hasMessageContaining("its SHA-256 fingerprint is " + bmc.fingerprint());
        rack.remove(byAuthority);
        provider.rebootMachine(rack.add(bmc));

        assertThat(bmc.system().resets()).containsExactly("ForceRestart");
    }

    @Test
    void aCertificateOfTheFileIsTrusted() throws Exception {
        FakeBmc bmc = bmc(Vendor.DMTF);
        String ca = rack.pem(bmc.certificate()).toString();
        rack.provider("ca", ca).rebootMachine(rack.add(bmc.uri(), ""));

        assertThat(bmc.system().resets()).containsExactly("ForceRestart");
    }

    @Test
    void aCertificateOfTheRacksAuthorityThatNamesAnotherHostIsTrustedOnlyIfNamesDoNotCount() throws Exception {
        TestCertificate authority = TestCertificate.create();
        FakeBmc bmc = start(Rack.bmc().certificate(authority.issue("bmc-7.example.com")));
        ProviderID id = rack.add(bmc.uri(), "");
        String ca = rack.pem(authority).toString();
        RedfishProvider strict = rack.provider("ca", ca);

        assertThat(failure(() -> strict.rebootMachine(id)))
                .hasMessageContaining(
                        "it does not name the host 127.0.0.1 (its SHA-256 fingerprint is " + bmc.fingerprint());
        assertThat(bmc.calls()).isEmpty();
        rack.provider("ca", ca, "host-names", "false").rebootMachine(id);

        assertThat(bmc.system().resets()).containsExactly("ForceRestart");
    }

    @Test
    void aCertificateOfAnotherAuthorityIsRefusedAlsoIfNamesDoNotCount() {
        FakeBmc bmc = start(Rack.bmc().certificate(TestCertificate.create().issue("bmc-7.example.com")));
        ProviderID id = rack.add(bmc.uri(), "");
        RedfishProvider provider =
                rack.provider("ca", rack.pem(TestCertificate.create()).toString(), "host-names", "false");

        assertThat(failure(() -> provider.rebootMachine(id)))
                .hasMessageContaining("it is signed by no authority that is trusted");
        assertThat(bmc.calls()).isEmpty();
    }

    @Test
    void aCertificateThatIsNotThePinnedOneIsRefusedWhateverIsTrusted() {
        FakeBmc bmc = bmc(Vendor.DMTF);
        ProviderID id = rack.add(bmc.uri(), ", \"Fingerprint\": \"" + "AB:".repeat(31) + "AB\"");
        RedfishProvider provider = rack.provider("trust", "none");

        assertThat(failure(() -> provider.rebootMachine(id)))
                .hasMessageContaining("has the SHA-256 fingerprint " + bmc.fingerprint());
        assertThat(bmc.calls()).isEmpty();
    }

    @Test
    void withoutVerificationAnyCertificateWillDoAndTheLogWarnsOnce() throws Exception {
        FakeBmc bmc = bmc(Vendor.DMTF);
        ProviderID id = rack.add(bmc.uri(), "");
        RedfishProvider provider = rack.provider("trust", "none");
        provider.rebootMachine(id);
        provider.rebootMachine(id);

        assertThat(bmc.system().resets()).hasSize(2);
        assertThat(log.text()).containsOnlyOnce("BMCs are not verified (trust=none)");
    }

    @Test
    void anAuthorityThatIsUnknownIsNotTrustedByDefault() {
        FakeBmc bmc = bmc(Vendor.DMTF);
        ProviderID id = rack.add(bmc.uri(), "");
        RedfishProvider provider = rack.provider();

        assertThat(failure(() -> provider.rebootMachine(id))).hasMessageContaining("there is no secure connection");
        assertThat(bmc.calls()).isEmpty();
    }

    @Test
    void oldFirmwareSpeaksTls12() throws Exception {
        FakeBmc bmc = start(Rack.bmc().tls12Only());
        ProviderID id = rack.add(bmc);
        rack.provider().rebootMachine(id);
        rack.provider("tls", "1.2").rebootMachine(id);

        assertThat(bmc.system().resets()).hasSize(2);
    }

    // Reinstallations.

    @ParameterizedTest
    @EnumSource(Vendor.class)
    void aReinstallationBootsFromTheNetworkOnceInTheModeThatTheSystemHas(Vendor vendor) throws Exception {
        FakeBmc bmc = bmc(vendor, BmcMood.requiresEtag());
        String mode = bmc.system().bootOverride().mode();
        rack.provider("reinstall", "pxe").reinstallMachine(rack.add(bmc));

        assertThat(bmc.system().pxeBoots()).isEqualTo(1);
        assertThat(bmc.system().bootOverride()).isEqualTo(new BootOverride("Disabled", "None", mode));
    }

    @ParameterizedTest
    @EnumSource(Vendor.class)
    void anOverrideIsSetInTheSettingsObjectWhereThereIsOne(Vendor vendor) throws Exception {
        FakeBmc bmc = bmc(vendor, BmcMood.bootInSettings(), BmcMood.requiresEtag());
        rack.provider("reinstall", "pxe").reinstallMachine(rack.add(bmc));

        assertThat(bmc.system().pxeBoots()).isEqualTo(1);
    }

    @Test
    void aSystemThatIsOffIsTurnedOnToBeReinstalled() throws Exception {
        FakeBmc bmc = bmc(Vendor.ILO);
        bmc.system().setPower(Power.OFF);
        rack.provider("reinstall", "pxe").reinstallMachine(rack.add(bmc));

        assertThat(bmc.system().resets()).containsExactly("On");
        assertThat(bmc.system().pxeBoots()).isEqualTo(1);
    }

    @Test
    void aSystemThatCannotBootFromTheNetworkIsNotRestarted() {
        FakeBmc bmc = bmc(Vendor.DMTF, BmcMood.withoutPxe());
        ProviderID id = rack.add(bmc);
        RedfishProvider provider = rack.provider("reinstall", "pxe");

        assertThat(failure(() -> provider.reinstallMachine(id)).reason()).isEqualTo(Reason.NOT_SUPPORTED);
        assertThat(bmc.system().resets()).isEmpty();
    }

    @Test
    void anOverrideIsTakenBackIfTheResetIsRefused() {
        FakeBmc bmc = bmc(Vendor.DMTF, BmcMood.methodNotAllowed().on("POST"));
        ProviderID id = rack.add(bmc);
        RedfishProvider provider = rack.provider("reinstall", "pxe");

        assertThat(failure(() -> provider.reinstallMachine(id)).reason()).isEqualTo(Reason.TRANSIENT);

        assertThat(bmc.system().bootOverride().enabled()).isEqualTo("Disabled");
        assertThat(bmc.system().resets()).isEmpty();
    }

    @Test
    void anOverrideThatMayHaveBeenSetIsTakenBack() {
        FakeBmc bmc = bmc(Vendor.DMTF, BmcMood.dropsAfterEffect().on("PATCH").times(1));
        ProviderID id = rack.add(bmc);
        RedfishProvider provider = rack.provider("reinstall", "pxe");

        assertThat(failure(() -> provider.reinstallMachine(id)).reason()).isEqualTo(Reason.TRANSIENT);

        assertThat(bmc.system().bootOverride().enabled()).isEqualTo("Disabled");
        assertThat(posts(bmc)).isZero();
    }

    @Test
    void machinesAreNotReinstalledUnlessASettingSaysHow() {
        FakeBmc bmc = bmc(Vendor.DMTF);
        ProviderID id = rack.add(bmc);
        RedfishProvider provider = rack.provider();

        assertThatThrownBy(() -> provider.reinstallMachine(id)).hasMessageContaining("reinstall=pxe");
        assertThat(bmc.calls()).isEmpty();
    }
}
