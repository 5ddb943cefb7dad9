package dev.shepherd.testkit.bmc;

import static dev.shepherd.testkit.bmc.BmcClient.at;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.awaitility.Awaitility.await;

import dev.shepherd.testkit.bmc.FakeBmc.Vendor;
import dev.shepherd.testkit.bmc.FakeSystem.BootOverride;
import dev.shepherd.testkit.bmc.FakeSystem.Power;
import dev.shepherd.testkit.http.Json;
import dev.shepherd.testkit.ssh.Mood;
import dev.shepherd.testkit.ssh.SshHost;
import java.net.ConnectException;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class FakeBmcTest {

    private static final Duration FOR_EVER = Duration.ofHours(1);

    private static FakeBmc.Builder builder(Vendor vendor) {
        return FakeBmc.builder().vendor(vendor).credentials("root", "secret");
    }

    @ParameterizedTest
    @EnumSource
    void linksLeadFromTheRootToASystemThatSaysWhatItIs(Vendor vendor) throws Exception {
        try (FakeBmc bmc = builder(vendor).start()) {
            BmcClient client = new BmcClient(bmc);
            String root = String.valueOf(at(client.read("/redfish"), "v1"));
            String systems = String.valueOf(at(client.read(root), "Systems", "@odata.id"));
            Map<String, @Nullable Object> collection = client.read(systems);
            assertThat(collection.get("Members@odata.count")).isEqualTo(1);
            String path = String.valueOf(at(collection, "Members", "0", "@odata.id"));
            assertThat(path).isEqualTo(bmc.system().path());
            Map<String, @Nullable Object> system = client.read(path);
            assertThat(system)
                    .containsEntry("PowerState", "On")
                    .containsEntry("UUID", bmc.system().uuid().toString())
                    .containsEntry("SerialNumber", bmc.system().serial())
                    .containsKeys("Manufacturer", "Model", "Status", "@odata.type");
            assertThat(at(system, "Boot", "BootSourceOverrideEnabled")).isEqualTo("Disabled");
            assertThat((List<?>) at(system, "Boot", "BootSourceOverrideTarget@Redfish.AllowableValues"))
                    .asList()
                    .contains("Pxe");
            assertThat((List<?>) at(system, "Actions", "#ComputerSystem.Reset", "ResetType@Redfish.AllowableValues"))
                    .asList()
                    .contains("On", "ForceOff", "ForceRestart");
            String manager = String.valueOf(at(system, "Links", "ManagedBy", "0", "@odata.id"));
            assertThat(at(client.read(manager), "Links", "ManagerForServers", "0", "@odata.id"))
                    .isEqualTo(path);
            assertThat(client.get(path + "/").body()).isEqualTo(client.get(path).body());
            assertThat(client.get("/redfish/v1/Systems/other").statusCode()).isEqualTo(404);
        }
    }

    @ParameterizedTest
    @EnumSource
    void theRootIsForAllAndTheRestForTheUser(Vendor vendor) throws Exception {
        try (FakeBmc bmc = builder(vendor).start()) {
            BmcClient client = new BmcClient(bmc);
            assertThat(client.send("GET", "/redfish/v1/", "", "Authorization", "none")
                            .statusCode())
                    .isEqualTo(200);
            HttpResponse<String> refused = client.send("GET", "/redfish/v1/Systems", "", "Authorization", "none");
            assertThat(refused.statusCode()).isEqualTo(401);
            assertThat(refused.headers().firstValue("WWW-Authenticate")).hasValue("Basic realm=\"RedfishService\"");
            assertThat((List<?>) at(Json.readObject(refused.body()), "error", "@Message.ExtendedInfo"))
                    .hasSize(1);
            assertThat(client.get("/redfish/v1/Systems").statusCode()).isEqualTo(200);
        }
    }

    @ParameterizedTest
    @EnumSource
    void aSessionIsOpenedUsedAndClosedAndThereIsRoomForEight(Vendor vendor) throws Exception {
        try (FakeBmc bmc = builder(vendor).start()) {
            BmcClient client = new BmcClient(bmc);
            String login = Json.write(Map.of("UserName", "root", "Password", "secret"));
            String sessions = "/redfish/v1/SessionService/Sessions";
            List<HttpResponse<String>> opened = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                opened.add(client.send("POST", sessions, login, "Authorization", "none"));
            }
            assertThat(opened).extracting(HttpResponse::statusCode).containsOnly(201);
            String token = opened.get(7).headers().firstValue("X-Auth-Token").orElseThrow();
            String path = opened.get(7).headers().firstValue("Location").orElseThrow();
            String system = bmc.system().path();
            assertThat(client.send("GET", system, "", "Authorization", "none", "X-Auth-Token", token)
                            .statusCode())
                    .isEqualTo(200);

            HttpResponse<String> ninth = client.send("POST", sessions, login, "Authorization", "none");
            assertThat(ninth.statusCode()).isEqualTo(503);
            assertThat(ninth.body()).contains(vendor == Vendor.IDRAC ? "RAC0218" : "SessionLimitExceeded");
            assertThat(client.send("DELETE", path, "", "X-Auth-Token", token).statusCode())
                    .isEqualTo(204);
            assertThat(client.send("GET", system, "", "Authorization", "none", "X-Auth-Token", token)
                            .statusCode())
                    .isEqualTo(401);
            assertThat(client.send("POST", sessions, login, "Authorization", "none")
                            .statusCode())
                    .isEqualTo(201);
            String wrong = Json.write(Map.of("UserName", "root", "Password", "other"));
            assertThat(client.send("POST", sessions, wrong, "Authorization", "none")
                            .statusCode())
                    .isEqualTo(401);
        }
    }

    @ParameterizedTest
    @CsvSource({"ILO, 200", "IDRAC, 204", "DMTF, 204"})
    void resetsChangeThePowerAndAreTold(Vendor vendor, int success) throws Exception {
        try (FakeBmc bmc = builder(vendor).start()) {
            BmcClient client = new BmcClient(bmc);
            List<String> told = new ArrayList<>();
            bmc.system().onReset(told::add);
            assertThat(client.reset("ForceRestart").statusCode()).isEqualTo(success);
            assertThat(client.system()).containsEntry("PowerState", "On");
            assertThat(client.reset("ForceOff").statusCode()).isEqualTo(success);
            assertThat(client.system()).containsEntry("PowerState", "Off");
            assertThat(client.reset("On").statusCode()).isEqualTo(success);
            assertThat(client.system()).containsEntry("PowerState", "On");
            assertThat(client.reset("GracefulShutdown").statusCode()).isEqualTo(success);
            assertThat(client.reset("PushPowerButton").statusCode()).isEqualTo(success);
            assertThat(client.reset("Nmi").statusCode()).isEqualTo(success);
            assertThat(told)
                    .containsExactly("ForceRestart", "ForceOff", "On", "GracefulShutdown", "PushPowerButton", "Nmi")
                    .isEqualTo(bmc.system().resets());
            assertThat(bmc.system().power()).isEqualTo(Power.ON);
            assertThat(client.reset("FullPowerCycle").statusCode()).isEqualTo(400);
            assertThat(client.send("POST", bmc.system().path() + "/Actions/ComputerSystem.Reset", "{}")
                            .statusCode())
                    .isEqualTo(400);
            assertThat(client.send("POST", bmc.system().path() + "/Actions/ComputerSystem.Reset", "{")
                            .statusCode())
                    .isEqualTo(400);
            assertThat(told).hasSize(6);
        }
    }

    @ParameterizedTest
    @CsvSource({"ILO, 400, 400", "IDRAC, 409, 409", "DMTF, 204, 204"})
    void aResetThatThePowerDoesNotAllowIsAnsweredAsTheVendorDoes(Vendor vendor, int onWhileOn, int restartWhileOff)
            throws Exception {
        try (FakeBmc bmc = builder(vendor).start()) {
            BmcClient client = new BmcClient(bmc);
            assertThat(client.reset("On").statusCode()).isEqualTo(onWhileOn);
            bmc.system().setPower(Power.OFF);
            assertThat(client.reset("ForceOff").statusCode()).isEqualTo(restartWhileOff);
            assertThat(bmc.system().resets()).isEmpty();
            assertThat(client.reset("ForceRestart").statusCode()).isEqualTo(restartWhileOff);
            assertThat(bmc.system().power()).isEqualTo(vendor == Vendor.DMTF ? Power.ON : Power.OFF);
        }
    }

    @ParameterizedTest
    @CsvSource({"ILO, 400, PoweringOff", "IDRAC, 409, On", "DMTF, 409, PoweringOff"})
    void aSystemInTransitionRefusesOtherResets(Vendor vendor, int refused, String meanwhile) throws Exception {
        try (FakeBmc bmc = builder(vendor).powerDelay(FOR_EVER).start()) {
            BmcClient client = new BmcClient(bmc);
            client.reset("ForceOff");
            assertThat(client.system()).containsEntry("PowerState", meanwhile);
            assertThat(client.reset("On").statusCode()).isEqualTo(refused);
            assertThat(bmc.system().resets()).isEmpty();
        }
    }

    @ParameterizedTest
    @EnumSource
    void powerTakesItsTime(Vendor vendor) throws Exception {
        try (FakeBmc bmc = builder(vendor).powerDelay(Duration.ofMillis(100)).start()) {
            BmcClient client = new BmcClient(bmc);
            client.reset("ForceOff");
            await().untilAsserted(() -> assertThat(client.system()).containsEntry("PowerState", "Off"));
            client.reset("On");
            await().untilAsserted(() -> assertThat(client.system()).containsEntry("PowerState", "On"));
            client.reset("ForceRestart");
            await().untilAsserted(
                            () -> assertThat(bmc.system().resets()).containsExactly("ForceOff", "On", "ForceRestart"));
        }
    }

    @Test
    void aPowerCycleIsOffForAWhile() throws Exception {
        try (FakeBmc bmc =
                builder(Vendor.IDRAC).powerDelay(Duration.ofSeconds(2)).start()) {
            assertThat(new BmcClient(bmc).reset("PowerCycle").statusCode()).isEqualTo(204);
            await().pollInterval(Duration.ofMillis(5)).until(() -> bmc.system().power() == Power.OFF);
            assertThat(bmc.system().resets()).isEmpty();
            await().until(() -> bmc.system().power() == Power.ON);
            assertThat(bmc.system().resets()).containsExactly("PowerCycle");
        }
    }

    @ParameterizedTest
    @EnumSource
    void aBootOverrideHoldsForOneBoot(Vendor vendor) throws Exception {
        try (FakeBmc bmc = builder(vendor).start()) {
            BmcClient client = new BmcClient(bmc);
            String mode = bmc.system().bootOverride().mode();
            assertThat(client.bootOnceFromNetwork(bmc.system().path()).statusCode() / 100)
                    .isEqualTo(2);
            assertThat(bmc.system().bootOverride()).isEqualTo(new BootOverride("Once", "Pxe", mode));
            client.reset("ForceOff");
            assertThat(bmc.system().pxeBoots()).isZero();
            client.reset("On");
            assertThat(bmc.system().pxeBoots()).isEqualTo(1);
            client.reset("ForceRestart");
            assertThat(bmc.system().pxeBoots()).isEqualTo(1);
            assertThat(bmc.system().bootOverride()).isEqualTo(new BootOverride("Disabled", "None", mode));

            String both = "{\"Boot\": {\"BootSourceOverrideTarget\": \"Pxe\", \"BootSourceOverrideMode\": \"UEFI\"}}";
            assertThat(client.send("PATCH", bmc.system().path(), both).statusCode())
                    .isEqualTo(vendor == Vendor.ILO ? 400 : 204);
            for (String wrong : List.of(
                    "{\"Boot\": {\"BootSourceOverrideTarget\": \"Moon\"}}",
                    "{\"Boot\": {\"Other\": 1}}",
                    "{\"AssetTag\": \"x\"}",
                    "{}",
                    "no JSON")) {
                assertThat(client.send("PATCH", bmc.system().path(), wrong).statusCode())
                        .as(wrong)
                        .isEqualTo(400);
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void aWrongEtagIsRefusedAndTheRightOneTaken(Vendor vendor) throws Exception {
        try (FakeBmc bmc = builder(vendor).start()) {
            BmcClient client = new BmcClient(bmc);
            String path = bmc.system().path();
            String etag = client.get(path).headers().firstValue("ETag").orElseThrow();
            assertThat(etag.startsWith("W/")).isEqualTo(vendor == Vendor.ILO);
            assertThat(client.get(path).headers().firstValue("ETag")).hasValue(etag);
            assertThat(client.bootOnceFromNetwork(path, "If-Match", "\"other\"").statusCode())
                    .isEqualTo(412);
            assertThat(bmc.system().bootOverride().enabled()).isEqualTo("Disabled");
            assertThat(client.bootOnceFromNetwork(path, "If-Match", etag).statusCode() / 100)
                    .isEqualTo(2);
            assertThat(client.get(path).headers().firstValue("ETag")).isNotEqualTo(etag);
            assertThat(client.bootOnceFromNetwork(path, "If-Match", etag).statusCode())
                    .isEqualTo(412);
        }
    }

    @Test
    void manySystemsComeInPages() throws Exception {
        try (FakeBmc bmc = builder(Vendor.DMTF).systems(5).pageSize(2).start()) {
            BmcClient client = new BmcClient(bmc);
            List<String> paths = new ArrayList<>();
            int pages = 0;
            Object next = "/redfish/v1/Systems";
            while (next != null) {
                pages++;
                Map<String, @Nullable Object> page = client.read(next.toString());
                assertThat(page.get("Members@odata.count")).isEqualTo(5);
                ((List<?>) at(page, "Members"))
                        .forEach(member -> paths.add(String.valueOf(((Map<?, ?>) member).get("@odata.id"))));
                next = page.get("Members@odata.nextLink");
            }
            assertThat(pages).isEqualTo(3);
            assertThat(paths)
                    .hasSize(5)
                    .doesNotHaveDuplicates()
                    .isEqualTo(bmc.systems().stream().map(FakeSystem::path).toList());
            client.send(
                    "POST",
                    bmc.systems().get(3).path() + "/Actions/ComputerSystem.Reset",
                    "{\"ResetType\": \"ForceOff\"}");
            assertThat(bmc.systems())
                    .extracting(FakeSystem::power)
                    .containsExactly(Power.ON, Power.ON, Power.ON, Power.OFF, Power.ON);
        }
    }

    @Test
    void aHostBehindASystemRebootsAndIsReinstalledAndIsGoneWhileItIsOff() throws Exception {
        try (FakeBmc bmc = builder(Vendor.DMTF).start();
                SshHost host = SshHost.builder().start()) {
            BmcClient client = new BmcClient(bmc);
            bmc.system().powers(host);
            host.setMood(Mood.HANG_BEFORE_BANNER);
            client.reset("ForceRestart");
            assertThat(host.mood()).isEqualTo(Mood.NORMAL);
            client.reset("ForceOff");
            assertThat(host.mood()).isEqualTo(Mood.REFUSE);
            client.reset("On");
            assertThat(host.mood()).isEqualTo(Mood.NORMAL);
            bmc.system().setPower(Power.OFF);
            assertThat(host.mood()).isEqualTo(Mood.REFUSE);
            bmc.system().setPower(Power.ON);
            assertThat(host.mood()).isEqualTo(Mood.NORMAL);
            String key = host.hostKey();
            client.reset("ForceRestart");
            assertThat(host.hostKey()).isEqualTo(key);
            client.bootOnceFromNetwork(bmc.system().path());
            client.reset("ForceRestart");
            assertThat(host.hostKey()).isNotEqualTo(key);
        }
    }

    @Test
    void callsAreRememberedAndPasswordsAreNot() throws Exception {
        try (FakeBmc bmc = builder(Vendor.ILO).start()) {
            BmcClient client = new BmcClient(bmc);
            client.get("/redfish/v1/Systems?x=y");
            client.send(
                    "POST",
                    "/redfish/v1/SessionService/Sessions",
                    Json.write(Map.of("UserName", "root", "Password", "secret")));
            client.reset("ForceRestart");
            assertThat(bmc.calls())
                    .extracting(call -> call.method() + " " + call.path() + " " + call.status())
                    .containsExactly(
                            "GET /redfish/v1/Systems?x=y 200",
                            "POST /redfish/v1/SessionService/Sessions 201",
                            "GET /redfish/v1/Systems/1 200",
                            "POST /redfish/v1/Systems/1/Actions/ComputerSystem.Reset 200");
            assertThat(bmc.calls()).isSortedAccordingTo((a, b) -> Long.signum(a.arrivedNanos() - b.arrivedNanos()));
            assertThat(bmc.mostConcurrentCalls()).isEqualTo(1);
            assertThat(bmc + " " + bmc.calls() + bmc.systems()).doesNotContain("secret");
        }
    }

    @Test
    void nothingIsLeftAfterItIsClosed() throws Exception {
        List<String> told = new CopyOnWriteArrayList<>();
        FakeBmc bmc = builder(Vendor.DMTF).powerDelay(Duration.ofMinutes(10)).start();
        BmcClient client = new BmcClient(bmc);
        bmc.system().onReset(told::add);
        client.reset("ForceOff");
        bmc.mood(BmcMood.silent());
        var waiting = client.sendAsync("GET", "/redfish/v1", "");
        await().until(() -> bmc.calls().stream().anyMatch(call -> call.status() == 0));
        assertThat(threads()).isNotEmpty();
        bmc.close();
        bmc.close();
        await().untilAsserted(() -> assertThat(threads()).isEmpty());
        assertThat(waiting).failsWithin(Duration.ofSeconds(10));
        assertThatIOException().isThrownBy(() -> client.get("/redfish/v1")).isInstanceOf(ConnectException.class);
        assertThat(told).isEmpty();
        assertThat(bmc.system().power()).isEqualTo(Power.POWERING_OFF);
    }

    /** Those of others that run in this process end with their own tests. */
    private static Set<String> threads() {
        return Thread.getAllStackTraces().keySet().stream()
                .map(Thread::getName)
                .filter(name -> name.startsWith("fake-bmc"))
                .collect(Collectors.toSet());
    }

    @Test
    void settingsAreChecked() {
        assertThatIllegalArgumentException().isThrownBy(() -> FakeBmc.builder().systems(0));
        assertThatIllegalArgumentException().isThrownBy(() -> FakeBmc.builder().systems(FakeBmc.MOST_SYSTEMS + 1));
        assertThatIllegalArgumentException().isThrownBy(() -> FakeBmc.builder().pageSize(0));
        assertThatIllegalArgumentException().isThrownBy(() -> FakeBmc.builder().powerDelay(Duration.ofMillis(-1)));
    }
}
