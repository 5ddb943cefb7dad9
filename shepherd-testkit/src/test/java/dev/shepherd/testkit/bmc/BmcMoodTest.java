package dev.shepherd.testkit.bmc;

import static dev.shepherd.testkit.bmc.BmcClient.at;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.awaitility.Awaitility.await;

import dev.shepherd.testkit.bmc.FakeBmc.Vendor;
import dev.shepherd.testkit.bmc.FakeSystem.Power;
import dev.shepherd.testkit.http.Json;
import dev.shepherd.testkit.http.TestCertificate;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpResponse;
import java.security.cert.CertificateExpiredException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLHandshakeException;
import javax.net.ssl.SSLSocket;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Calls that end without an answer are POSTs: the client of the JDK repeats a GET. */
class BmcMoodTest {

    private FakeBmc bmc = start(Vendor.DMTF);
    private BmcClient client = new BmcClient(bmc);

    private static FakeBmc start(Vendor vendor) {
        return FakeBmc.builder().vendor(vendor).credentials("root", "secret").start();
    }

    private void restart(Vendor vendor) {
        bmc.close();
        bmc = start(vendor);
        client = new BmcClient(bmc);
    }

    @AfterEach
    void close() {
        bmc.close();
    }

    @ParameterizedTest
    @CsvSource({"ILO, SessionLimitExceeded", "IDRAC, RAC0218", "DMTF, SessionLimitExceeded"})
    void noSessionIsLeftEvenForBasicAuthentication(Vendor vendor, String message) throws Exception {
        restart(vendor);
        bmc.mood(BmcMood.noSession());
        HttpResponse<String> answer = client.get(bmc.system().path());
        assertThat(answer.statusCode()).isEqualTo(503);
        assertThat(answer.body()).contains(message);
        assertThat(client.get("/redfish/v1").statusCode()).isEqualTo(200);
        bmc.calm();
        assertThat(client.get(bmc.system().path()).statusCode()).isEqualTo(200);
    }

    @ParameterizedTest
    @EnumSource
    void theRightPasswordIsRefused(Vendor vendor) throws Exception {
        restart(vendor);
        bmc.mood(BmcMood.unauthorized());
        assertThat(client.get(bmc.system().path()).statusCode()).isEqualTo(401);
        assertThat(client.get("/redfish/v1/").statusCode()).isEqualTo(200);
    }

    @ParameterizedTest
    @EnumSource
    void anAccountForMonitoringReadsAndResetsNothing(Vendor vendor) throws Exception {
        restart(vendor);
        bmc.mood(BmcMood.forbidden().on("POST"));
        assertThat(client.get(bmc.system().path()).statusCode()).isEqualTo(200);
        HttpResponse<String> answer = client.reset("ForceRestart");
        assertThat(answer.statusCode()).isEqualTo(403);
        assertThat(answer.body()).contains("InsufficientPrivilege");
        assertThat(bmc.system().resets()).isEmpty();
    }

    @Test
    void aBusyOneSaysWhenToComeAgain() throws Exception {
        bmc.mood(
                BmcMood.busy("7").times(1),
                BmcMood.busy("Fri, 31 Dec 1999 23:59:59 GMT").times(1));
        HttpResponse<String> answer = client.get("/redfish/v1");
        assertThat(answer.statusCode()).isEqualTo(503);
        assertThat(answer.headers().firstValue("Retry-After")).hasValue("7");
        assertThat(client.get("/redfish/v1").headers().firstValue("Retry-After"))
                .hasValue("Fri, 31 Dec 1999 23:59:59 GMT");
        assertThat(client.get("/redfish/v1").statusCode()).isEqualTo(200);
    }

    @Test
    void changesAreNotAllowed() throws Exception {
        bmc.mood(BmcMood.methodNotAllowed());
        HttpResponse<String> answer = client.reset("ForceRestart");
        assertThat(answer.statusCode()).isEqualTo(405);
        assertThat(answer.headers().firstValue("Allow")).hasValue("GET, HEAD");
        assertThat(client.bootOnceFromNetwork(bmc.system().path()).statusCode()).isEqualTo(405);
        assertThat(bmc.system().resets()).isEmpty();
    }

    @Test
    void itFreezesAfterABurstAndStaysFrozen() throws Exception {
        bmc.mood(BmcMood.freezesAfter(3, Duration.ofMinutes(1)));
        for (int i = 0; i < 3; i++) {
            assertThat(client.get("/redfish/v1").statusCode()).isEqualTo(200);
        }
        CompletableFuture<?> fourth = client.sendAsync("POST", "/redfish/v1", "");
        await().until(bmc::isFrozen);
        CompletableFuture<?> fifth = client.sendAsync("POST", "/redfish/v1", "");
        await().until(() -> bmc.calls().size() == 5);
        assertThat(List.of(fourth, fifth)).noneMatch(CompletableFuture::isDone);
        assertThat(bmc.mostConcurrentCalls()).isEqualTo(2);
        bmc.calm();
        assertThat(fourth).failsWithin(Duration.ofSeconds(10));
        assertThat(client.get("/redfish/v1").statusCode()).isEqualTo(200);
    }

    @Test
    void callsThatComeSlowlyAreNoBurst() throws Exception {
        bmc.mood(BmcMood.freezesAfter(1, Duration.ofNanos(1)));
        for (int i = 0; i < 5; i++) {
            assertThat(client.get("/redfish/v1").statusCode()).isEqualTo(200);
        }
        assertThat(bmc.isFrozen()).isFalse();
    }

    @Test
    void itFreezesWhileASecondCallRuns() throws Exception {
        bmc.mood(BmcMood.freezesOnSecondCall());
        for (int i = 0; i < 5; i++) {
            assertThat(client.get("/redfish/v1").statusCode()).isEqualTo(200);
        }
        bmc.mood(BmcMood.slow(Duration.ofMinutes(5)));
        CompletableFuture<HttpResponse<String>> first = client.sendAsync("POST", "/redfish/v1", "");
        // The first is not among the calls before it is answered.
        await().until(() -> bmc.mostConcurrentCalls() == 1 && !first.isDone());
        CompletableFuture<HttpResponse<String>> second = client.sendAsync("POST", "/redfish/v1", "");
        await().until(bmc::isFrozen);
        assertThat(bmc.mostConcurrentCalls()).isEqualTo(2);
        bmc.calm();
        // The connection of one of them ends, whichever came second; the other is answered, late.
        await().until(() -> first.isDone() && second.isDone());
        assertThat(List.of(first, second))
                .filteredOn(call -> !call.isCompletedExceptionally())
                .hasSize(1);
    }

    @Test
    void aConnectionDropsBeforeAndAfterTheEffect() throws Exception {
        bmc.mood(BmcMood.dropsBeforeEffect().on("POST").times(1));
        assertThatIOException().isThrownBy(() -> client.reset("ForceRestart"));
        assertThat(bmc.system().resets()).isEmpty();
        bmc.mood(BmcMood.dropsAfterEffect().on("POST").times(1));
        assertThatIOException().isThrownBy(() -> client.reset("ForceRestart"));
        assertThat(bmc.system().resets()).containsExactly("ForceRestart");
        assertThat(client.reset("ForceOff").statusCode()).isEqualTo(204);
    }

    @ParameterizedTest
    @CsvSource({"ILO, 400", "IDRAC, 409", "DMTF, 409"})
    void aRestartIsRefusedWhileTheSystemIsOff(Vendor vendor, int status) throws Exception {
        restart(vendor);
        bmc.mood(BmcMood.refusesResetWhileOff());
        bmc.system().setPower(Power.OFF);
        assertThat(client.reset("ForceRestart").statusCode()).isEqualTo(status);
        assertThat(client.reset("ForceOff").statusCode()).isEqualTo(status);
        assertThat(bmc.system().power()).isEqualTo(Power.OFF);
        assertThat(client.reset("On").statusCode() / 100).isEqualTo(2);
        assertThat(bmc.system().power()).isEqualTo(Power.ON);
    }

    @Test
    void allowedTypesOfResetAreMissingOrBehindActionInfoOrOthers() throws Exception {
        bmc.mood(BmcMood.withoutAllowedValues());
        assertThat((Object) reset().keySet()).isEqualTo(Set.of("target"));
        assertThat(client.reset("ForceRestart").statusCode()).isEqualTo(204);
        bmc.calm();
        bmc.mood(BmcMood.allowedValuesBehindActionInfo(), BmcMood.allows("On", "PowerCycle"));
        assertThat((Object) reset().keySet()).isEqualTo(Set.of("target", "@Redfish.ActionInfo"));
        Map<String, @Nullable Object> info = client.read(String.valueOf(reset().get("@Redfish.ActionInfo")));
        assertThat(at(info, "Parameters", "0", "Name")).isEqualTo("ResetType");
        assertThat(at(info, "Parameters", "0", "AllowableValues")).isEqualTo(List.of("On", "PowerCycle"));
        assertThat(client.reset("ForceRestart").statusCode()).isEqualTo(400);
        assertThat(client.reset("PowerCycle").statusCode()).isEqualTo(204);
    }

    private Map<?, ?> reset() throws Exception {
        return (Map<?, ?>) Objects.requireNonNull(at(client.system(), "Actions", "#ComputerSystem.Reset"));
    }

    @Test
    void thereIsNoBootFromTheNetwork() throws Exception {
        bmc.mood(BmcMood.withoutPxe());
        assertThat((List<?>) at(client.system(), "Boot", "BootSourceOverrideTarget@Redfish.AllowableValues"))
                .asList()
                .doesNotContain("Pxe");
        assertThat(client.bootOnceFromNetwork(bmc.system().path()).statusCode()).isEqualTo(400);
    }

    @ParameterizedTest
    @EnumSource
    void aBootOverrideIsTakenAtItsSettingsOnly(Vendor vendor) throws Exception {
        restart(vendor);
        bmc.mood(BmcMood.bootInSettings(), BmcMood.requiresEtag());
        int missing = vendor == Vendor.ILO ? 412 : 428;
        String settings = String.valueOf(at(client.system(), "@Redfish.Settings", "SettingsObject", "@odata.id"));
        assertThat(client.bootOnceFromNetwork(settings).statusCode()).isEqualTo(missing);
        String wrong =
                client.get(bmc.system().path()).headers().firstValue("ETag").orElseThrow();
        assertThat(client.bootOnceFromNetwork(bmc.system().path(), "If-Match", wrong)
                        .statusCode())
                .isEqualTo(400);
        assertThat(client.bootOnceFromNetwork(settings, "If-Match", wrong).statusCode())
                .isEqualTo(412);
        String etag = client.get(settings).headers().firstValue("ETag").orElseThrow();
        assertThat(client.bootOnceFromNetwork(settings, "If-Match", etag).statusCode() / 100)
                .isEqualTo(2);
        assertThat(bmc.system().bootOverride().target()).isEqualTo("Pxe");
    }

    @Test
    void resetsAreAcceptedWithoutAnEffect() throws Exception {
        bmc.mood(BmcMood.ignoresGracefulResets());
        assertThat(client.reset("GracefulShutdown").statusCode()).isEqualTo(204);
        assertThat(client.reset("ForceRestart").statusCode()).isEqualTo(204);
        bmc.mood(BmcMood.ignoresResets());
        assertThat(client.reset("ForceOff").statusCode()).isEqualTo(204);
        assertThat(bmc.system().resets()).containsExactly("ForceRestart");
        assertThat(bmc.system().power()).isEqualTo(Power.ON);
    }

    private void restart(Vendor vendor, Duration powerDelay) {
        bmc.close();
        bmc = FakeBmc.builder()
                .vendor(vendor)
                .credentials("root", "secret")
                .powerDelay(powerDelay)
                .start();
        client = new BmcClient(bmc);
    }

    @ParameterizedTest
    @EnumSource
    void aTaskRunsUntilTheResetTakesEffect(Vendor vendor) throws Exception {
        restart(vendor, Duration.ofHours(1));
        bmc.mood(BmcMood.tasks());
        HttpResponse<String> accepted = client.reset("ForceOff");
        assertThat(accepted.statusCode()).isEqualTo(202);
        Map<String, @Nullable Object> task = Json.readObject(accepted.body());
        assertThat(task).containsEntry("TaskState", "Running");
        String monitor = accepted.headers().firstValue("Location").orElseThrow();
        assertThat(task).containsEntry("TaskMonitor", monitor);
        assertThat(client.get(monitor).statusCode()).isEqualTo(202);
    }

    @ParameterizedTest
    @CsvSource({"ILO, 200", "IDRAC, 204", "DMTF, 204"})
    void aTaskIsDoneWhenTheResetHasTakenEffect(Vendor vendor, int success) throws Exception {
        restart(vendor, Duration.ofMillis(100));
        bmc.mood(BmcMood.tasks());
        HttpResponse<String> accepted = client.reset("ForceOff");
        String monitor = accepted.headers().firstValue("Location").orElseThrow();
        await().untilAsserted(() -> assertThat(client.get(monitor).statusCode()).isEqualTo(success));
        assertThat(bmc.system().power()).isEqualTo(Power.OFF);
        String task = String.valueOf(Json.readObject(accepted.body()).get("@odata.id"));
        assertThat(client.read(task)).containsEntry("TaskState", "Completed");
        assertThat(client.read("/redfish/v1/TaskService/Tasks")).containsEntry("Members@odata.count", 1);
    }

    @Test
    void aTaskFails() throws Exception {
        bmc.mood(BmcMood.failingTasks());
        HttpResponse<String> accepted = client.reset("ForceOff");
        assertThat(accepted.statusCode()).isEqualTo(202);
        String monitor = accepted.headers().firstValue("Location").orElseThrow();
        assertThat(client.get(monitor).statusCode()).isEqualTo(500);
        assertThat(bmc.system().power()).isEqualTo(Power.ON);
        assertThat(client.get(monitor + "0").statusCode()).isEqualTo(404);
    }

    @Test
    void aSlowAnswerComesAfterTheEffect() throws Exception {
        bmc.mood(BmcMood.slow(Duration.ofMinutes(5)).on("POST"));
        CompletableFuture<HttpResponse<String>> answer = client.sendAsync(
                "POST", bmc.system().path() + "/Actions/ComputerSystem.Reset", "{\"ResetType\": \"ForceOff\"}");
        await().until(() -> bmc.system().power() == Power.OFF);
        assertThat(answer).isNotDone();
        bmc.calm();
        assertThat(answer).succeedsWithin(Duration.ofSeconds(10));
    }

    @Test
    void anAnswerTricklesByteByByte() throws Exception {
        bmc.mood(BmcMood.trickles(Duration.ofMillis(1)));
        long before = System.nanoTime();
        String body = client.get("/redfish/v1").body();
        assertThat(System.nanoTime() - before)
                .isGreaterThan(Duration.ofMillis(body.length()).toNanos());
        assertThat(Json.readObject(body)).containsKey("Systems");
    }

    @Test
    void answersAreHugeOrMalformedOrAPageOrHalf() throws Exception {
        bmc.mood(BmcMood.huge(1_000_000).times(1));
        String huge = client.get("/redfish/v1").body();
        assertThat(huge).hasSizeGreaterThan(1_000_000);
        assertThat(huge).startsWith("{\"Padding\":\"xxx").endsWith("}");
        // The writer reads it, so that what follows the padding is the whole answer.
        assertThat(Json.readObject(huge)).containsKey("Systems");
        bmc.mood(BmcMood.malformed().times(1));
        HttpResponse<String> malformed = client.get("/redfish/v1");
        assertThat(malformed.statusCode()).isEqualTo(200);
        assertThatIOException().isThrownBy(() -> Json.readObject(malformed.body()));
        bmc.mood(BmcMood.webPage().times(1));
        HttpResponse<String> page = client.get("/redfish/v1");
        assertThat(page.headers().firstValue("Content-Type")).hasValue("text/html");
        assertThat(page.body()).startsWith("<!DOCTYPE html>");
        bmc.mood(BmcMood.half().times(1));
        assertThatIOException().isThrownBy(() -> client.get("/redfish/v1"));
        assertThat(client.get("/redfish/v1").statusCode()).isEqualTo(200);
    }

    @Test
    void redirectsLeadToTheSamePathOrToAnotherServer() throws Exception {
        bmc.mood(BmcMood.redirects());
        HttpResponse<String> answer = client.get("/redfish/v1/Systems?x=y");
        assertThat(answer.statusCode()).isEqualTo(308);
        String location = answer.headers().firstValue("Location").orElseThrow();
        assertThat(location).isEqualTo("/redfish/v1/Systems/?x=y");
        assertThat(client.get(location).statusCode()).isEqualTo(200);
        bmc.calm();
        bmc.mood(BmcMood.redirectsTo(URI.create("https://127.0.0.1:1/ignored")));
        assertThat(client.get("/redfish/v1/").headers().firstValue("Location"))
                .hasValue("https://127.0.0.1:1/redfish/v1/");
    }

    @Test
    void aSilentOneNeverAnswers() {
        bmc.mood(BmcMood.silent().on("POST"));
        CompletableFuture<?> call = client.sendAsync("POST", "/redfish/v1", "");
        await().until(() -> bmc.calls().size() == 1);
        assertThat(call).isNotDone();
        assertThat(bmc.isFrozen()).isFalse();
        bmc.calm();
        assertThat(call).failsWithin(Duration.ofSeconds(10));
    }

    @Test
    void oldFirmwareSpeaksTls12Only() throws IOException {
        try (FakeBmc old = FakeBmc.builder().tls12Only().start()) {
            SSLContext context = old.certificate().clientContext();
            assertThat(handshake(old, context, "TLSv1.3", "TLSv1.2")).isEqualTo("TLSv1.2");
            assertThatIOException().isThrownBy(() -> handshake(old, context, "TLSv1.3"));
        }
        assertThat(handshake(bmc, bmc.certificate().clientContext(), "TLSv1.3", "TLSv1.2"))
                .isEqualTo("TLSv1.3");
    }

    private static String handshake(FakeBmc bmc, SSLContext context, String... protocols) throws IOException {
        try (SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket("127.0.0.1", bmc.port())) {
            socket.setEnabledProtocols(protocols);
            socket.startHandshake();
            return socket.getSession().getProtocol();
        }
    }

    @Test
    void aCertificateHasExpiredOrIsAnother() throws Exception {
        Instant now = Instant.now();
        TestCertificate expired = TestCertificate.create(now.minusSeconds(100), now.minusSeconds(50));
        try (FakeBmc old = FakeBmc.builder().certificate(expired).start()) {
            assertThat(old.fingerprint()).isEqualTo(expired.fingerprint()).matches("[0-9a-f]{64}");
            // Shown as it is: whether it is refused is up to the client.
            try (SSLSocket socket =
                    (SSLSocket) expired.clientContext().getSocketFactory().createSocket("127.0.0.1", old.port())) {
                socket.startHandshake();
                assertThat(socket.getSession().getPeerCertificates()).containsExactly(expired.certificate());
                assertThat(catchThrowable(() -> expired.certificate().checkValidity()))
                        .isInstanceOf(CertificateExpiredException.class);
            }
            assertThatIOException()
                    .isThrownBy(() -> handshake(old, bmc.certificate().clientContext(), "TLSv1.3"))
                    .isInstanceOf(SSLHandshakeException.class);
        }
    }

    @Test
    void moodsOfTheServiceHaveNoNumberOfCalls() {
        List<BmcMood> ofService =
                new ArrayList<>(List.of(BmcMood.tasks(), BmcMood.allows("On"), BmcMood.requiresEtag()));
        assertThat(ofService).allSatisfy(mood -> {
            assertThatIllegalStateException().isThrownBy(() -> mood.times(1));
            assertThatIllegalStateException().isThrownBy(() -> mood.on("GET"));
        });
        assertThatIllegalStateException()
                .isThrownBy(() -> BmcMood.freezesOnSecondCall().times(1));
        assertThatIllegalArgumentException().isThrownBy(() -> BmcMood.silent().times(0));
    }
}
