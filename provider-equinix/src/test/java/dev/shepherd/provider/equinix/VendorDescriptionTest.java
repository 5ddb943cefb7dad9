package dev.shepherd.provider.equinix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.shepherd.provider.equinix.client.ApiException;
import dev.shepherd.provider.equinix.client.CreateDeviceRequest;
import dev.shepherd.provider.equinix.client.Device;
import dev.shepherd.provider.equinix.client.DeviceActionInput;
import dev.shepherd.provider.equinix.client.DeviceCreateInFacilityInput;
import dev.shepherd.provider.equinix.client.DeviceCreateInMetroInput;
import dev.shepherd.provider.equinix.client.DeviceUpdateInput;
import dev.shepherd.provider.equinix.client.SSHKey;
import dev.shepherd.provider.equinix.client.SSHKeyCreateInput;
import dev.shepherd.provider.equinix.client.SSHKeyInput;
import dev.shepherd.provider.support.CallThreads;
import dev.shepherd.testkit.equinix.FakeEquinix;
import dev.shepherd.testkit.equinix.FakeEquinix.Call;
import dev.shepherd.testkit.equinix.Operation;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Holds every operation of the generated client, and every answer of the fake, against the vendor's own description. The
 * other tests do so with their calls too.
 */
class VendorDescriptionTest {

    private final CallThreads threads = new CallThreads("test-client");
    private final FakeEquinix api = FakeEquinix.start();
    private final UUID project = api.projectId();

    @BeforeEach
    void theDescriptionIsThere() {
        assumeTrue(
                VendorDescription.find().isPresent(),
                "the vendor's description is not here: set " + VendorDescription.VARIABLE + " or the system property "
                        + VendorDescription.PROPERTY + " to its file");
    }

    @AfterEach
    void end() {
        threads.close();
        api.close();
    }

    private MetalApi client(String token) {
        return MetalApi.open(api.endpoint(), token, Duration.ofSeconds(10), threads);
    }

    @Test
    void everyOperationOfTheClientHoldsAndSoDoesEveryAnswer() throws Exception {
        List<UUID> reservations = api.addReservations(12);
        MetalApi client = client(api.token());
        SSHKey key = client.keys()
                .createProjectSSHKey(
                        project, new SSHKeyCreateInput().label("one").key(Equinix.KEY), null);
        client.keys().findProjectSSHKeys(project, null, null);
        client.keys().updateSSHKey(key.getId(), new SSHKeyInput().label("other"), null);
        client.reservations()
                .findProjectHardwareReservations(
                        project, null, null, "only", List.of("facility.metro", "plan", "device"), null, 1, 5);
        Device inMetro = client.devices()
                .createDevice(
                        project,
                        new CreateDeviceRequest(new DeviceCreateInMetroInput()
                                .metro("fr")
                                .plan("c3.small.x86")
                                .operatingSystem("ubuntu_24_04")
                                .hostname("a")
                                .tags(List.of("x=y"))
                                .projectSshKeys(List.of(key.getId()))
                                .hardwareReservationId(reservations.get(0).toString())),
                        null,
                        null);
        Device inFacility = client.devices()
                .createDevice(
                        project,
                        new CreateDeviceRequest(new DeviceCreateInFacilityInput()
                                .facility(List.of("fr2"))
                                .plan("c3.small.x86")
                                .operatingSystem("ubuntu_24_04")
                                .hardwareReservationId(reservations.get(1).toString())),
                        List.of("hardware_reservation"),
                        null);
        client.devices()
                .findProjectDevices(project, null, null, null, null, "a", null, "x=y", null, null, null, null, 1, 1000);
        client.devices()
                .findProjectDevices(
                        project,
                        null,
                        null,
                        null,
                        null,
                        null,
                        null,
                        null,
                        null,
                        null,
                        List.of("hardware_reservation"),
                        null,
                        2,
                        1);
        client.devices().findDeviceById(inMetro.getId(), null, null);
        assertThat(client.devices()
                        .updateDevice(
                                inMetro.getId(),
                                new DeviceUpdateInput().hostname("b").tags(List.of("z")),
                                null,
                                null)
                        .getHostname())
                .isEqualTo("b");
        for (DeviceActionInput.TypeEnum action : List.of(
                DeviceActionInput.TypeEnum.REBOOT,
                DeviceActionInput.TypeEnum.POWER_OFF,
                DeviceActionInput.TypeEnum.POWER_ON,
                DeviceActionInput.TypeEnum.REINSTALL)) {
            client.devices().performAction(inMetro.getId(), new DeviceActionInput().type(action));
        }
        client.devices().deleteDevice(inFacility.getId(), true);

        assertThat(operations())
                .containsExactlyInAnyOrderElementsOf(Set.of(Operation.values()).stream()
                        .filter(o -> o != Operation.OTHER)
                        .toList());
        assertThat(violations()).isEmpty();
    }

    @Test
    void everyRefusalHolds() throws Exception {
        api.addReservations(1);
        MetalApi client = client(api.token());
        MetalApi stranger = client("not-the-token");
        UUID nobody = UUID.randomUUID();
        CreateDeviceRequest onNothing = new CreateDeviceRequest(new DeviceCreateInMetroInput()
                .metro("fr")
                .plan("c3.small.x86")
                .operatingSystem("ubuntu_24_04")
                .hardwareReservationId(nobody.toString()));

        refused(401, () -> stranger.devices().findDeviceById(nobody, null, null));
        refused(401, () -> stranger.devices().createDevice(project, onNothing, null, null));
        refused(401, () -> stranger.keys().findProjectSSHKeys(project, null, null));
        refused(404, () -> client.devices().findDeviceById(nobody, null, null));
        refused(404, () -> client.devices().deleteDevice(nobody, null));
        refused(404, () -> client.devices().createDevice(nobody, onNothing, null, null));
        refused(
                404,
                () -> client.devices()
                        .performAction(nobody, new DeviceActionInput().type(DeviceActionInput.TypeEnum.REBOOT)));
        refused(
                404,
                () -> client.reservations()
                        .findProjectHardwareReservations(nobody, null, null, null, null, null, 1, 10));
        refused(404, () -> client.keys().updateSSHKey(nobody, new SSHKeyInput().label("x"), null));
        refused(422, () -> client.devices().createDevice(project, onNothing, null, null));
        refused(422, () -> client.keys().createProjectSSHKey(project, new SSHKeyCreateInput().label("x"), null));

        assertThat(violations()).isEmpty();
    }

    @Test
    void theComparisonFindsWhatIsWrong() throws Exception {
        VendorDescription description = VendorDescription.find().orElseThrow();
        String path = "/projects/" + project + "/devices";

        assertThat(description.violations(List.of(call("GET", path, "per_page=5000", "", 200, "{}"))))
                .singleElement()
                .asString()
                .contains("per_page is out of range");
        assertThat(description.violations(List.of(call("GET", path, "colour=red", "", 200, "{}"))))
                .singleElement()
                .asString()
                .contains("no query parameter colour");
        assertThat(description.violations(List.of(call("PATCH", path, "", "", 200, "{}"))))
                .singleElement()
                .asString()
                .contains("no such operation");
        assertThat(description.violations(
                        List.of(call("POST", path, "", "{\"metro\": \"fr\", \"plan\": \"p\"}", 201, "{}"))))
                .singleElement()
                .asString()
                .contains("lacks operating_system");
        assertThat(description.violations(List.of(call("GET", path, "", "", 418, "{}"))))
                .singleElement()
                .asString()
                .contains("this status is not described");
        assertThat(description.violations(
                        List.of(call("GET", path, "", "", 200, "{\"devices\": [{\"id\": 7, \"state\": \"flying\"}]}"))))
                .hasSize(2);
    }

    private static Call call(String method, String path, String query, String body, int status, String answer) {
        return new Call(Operation.LIST_DEVICES, method, path, query, body, status, answer, Optional.empty(), 0);
    }

    private interface Refused {
        void run() throws ApiException;
    }

    private static void refused(int status, Refused call) {
        assertThatExceptionOfType(ApiException.class).isThrownBy(call::run).satisfies(e -> {
            assertThat(e.getCode()).isEqualTo(status);
            assertThat(e.getResponseBody()).startsWith("{\"errors\":[\"");
        });
    }

    private Set<Operation> operations() {
        return api.calls().stream().map(Call::operation).collect(Collectors.toSet());
    }

    private Set<String> violations() {
        return VendorDescription.find().orElseThrow().violations(api.calls());
    }
}
