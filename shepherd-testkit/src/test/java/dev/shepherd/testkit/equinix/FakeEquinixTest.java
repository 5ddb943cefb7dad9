package dev.shepherd.testkit.equinix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;

import dev.shepherd.testkit.http.Json;
import java.io.IOException;
import java.net.InetAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class FakeEquinixTest {

    private static final String KEY =
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGfw3Wb0c5jYl1vWqgY1JHtzLbH1o8e1n0nKJt9oN4pU";

    private final HttpClient http = HttpClient.newHttpClient();
    private final List<String> told = new ArrayList<>();
    private Instant now = Instant.parse("2030-01-01T12:00:00Z");
    private final FakeEquinix api = FakeEquinix.builder()
            .clock(new Clock() {
                @Override
                public Instant instant() {
                    return now;
                }

                @Override
                public ZoneId getZone() {
                    return ZoneOffset.UTC;
                }

                @Override
                public Clock withZone(ZoneId zone) {
                    throw new UnsupportedOperationException();
                }
            })
            .queued(Duration.ofMinutes(1))
            .provisioning(Duration.ofMinutes(5))
            .hosts(this::host)
            .start();

    @AfterEach
    void close() {
        api.close();
    }

    private Host host(Device device) {
        if (device.hostname().equals("broken")) {
            throw new IllegalStateException("there is no room for it");
        }
        return new Host() {
            @Override
            public Optional<InetAddress> address() {
                return Optional.of(InetAddress.getLoopbackAddress());
            }

            @Override
            public void reboot() {
                told.add("reboot");
            }

            @Override
            public void reinstall() {
                told.add("reinstall");
            }

            @Override
            public void close() {
                told.add("close");
            }
        };
    }

    private HttpResponse<String> send(String method, String path, String body, String token)
            throws IOException, InterruptedException {
        HttpRequest request = HttpRequest.newBuilder(URI.create(api.endpoint() + path))
                .method(method, HttpRequest.BodyPublishers.ofString(body))
                .header("X-Auth-Token", token)
                .build();
        return http.send(request, BodyHandlers.ofString());
    }

    private HttpResponse<String> send(String method, String path, String body)
            throws IOException, InterruptedException {
        return send(method, path, body, api.token());
    }

    private String project(String path) {
        return "/projects/" + api.projectId() + path;
    }

    private String order(UUID reservation) {
        return Json.write(Map.of(
                "metro",
                "fr",
                "plan",
                "c3.small.x86",
                "operating_system",
                "debian_12",
                "hostname",
                "one",
                "tags",
                List.of("a=b"),
                "hardware_reservation_id",
                reservation));
    }

    private UUID create() throws Exception {
        HttpResponse<String> made =
                send("POST", project("/devices"), order(api.addReservations(1).get(0)));
        assertThat(made.statusCode()).as(made.body()).isEqualTo(201);
        return api.devices().get(api.devices().size() - 1).id();
    }

    @Test
    void aDeviceIsQueuedThenProvisionedThenActiveByTheClock() throws Exception {
        UUID device = create();

        assertThat(send("GET", "/devices/" + device, "").body())
                .contains("\"state\":\"queued\"", "\"ip_addresses\":[]");
        now = now.plus(Duration.ofMinutes(1));
        assertThat(send("GET", "/devices/" + device, "").body())
                .contains("\"state\":\"provisioning\"", "\"address\":\"127.0.0.1\"");
        now = now.plus(Duration.ofMinutes(5));
        assertThat(send("GET", "/devices/" + device, "").body()).contains("\"state\":\"active\"");
    }

    @Test
    void actionsReachTheHostAndAreRefusedWhereTheStateDoesNotAllowThem() throws Exception {
        UUID device = create();
        String actions = "/devices/" + device + "/actions";

        assertThat(send("POST", actions, "{\"type\":\"reboot\"}").statusCode()).isEqualTo(422);
        now = now.plus(Duration.ofMinutes(6));
        assertThat(send("POST", actions, "{\"type\":\"reboot\"}").statusCode()).isEqualTo(202);
        assertThat(send("POST", actions, "{\"type\":\"reinstall\"}").statusCode())
                .isEqualTo(202);
        assertThat(send("GET", "/devices/" + device, "").body()).contains("\"state\":\"reinstalling\"");
        assertThat(send("POST", actions, "{\"type\":\"dance\"}").statusCode()).isEqualTo(422);
        assertThat(send("DELETE", "/devices/" + device, "").statusCode()).isEqualTo(204);

        assertThat(told).containsExactly("reboot", "reinstall", "close");
        assertThat(send("GET", "/devices/" + device, "").statusCode()).isEqualTo(404);
    }

    @Test
    void aReservationBacksOneDevice() throws Exception {
        UUID reservation = api.addReservations(1).get(0);

        assertThat(send("POST", project("/devices"), order(reservation)).statusCode())
                .isEqualTo(201);
        HttpResponse<String> second = send("POST", project("/devices"), order(reservation));

        assertThat(second.statusCode()).isEqualTo(422);
        assertThat(second.body())
                .isEqualTo("{\"errors\":[\"hardware_reservation_id " + reservation + " is not provisionable\"]}");
        api.removeDevice(api.devices().get(0).id());
        assertThat(send("POST", project("/devices"), order(reservation)).statusCode())
                .isEqualTo(201);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "not JSON | the body is not JSON",
                "[] | the body is not JSON",
                "{} | plan can't be blank",
                "{\"plan\":\"c3.small.x86\"} | operating_system can't be blank",
                "{\"plan\":\"c3.small.x86\",\"operating_system\":\"x\"} | either metro or facility is required",
                "{\"plan\":\"huge\",\"operating_system\":\"x\",\"metro\":\"fr\"} | huge is not a valid plan",
                "{\"plan\":7,\"operating_system\":\"x\",\"metro\":\"fr\"} | plan must be a string",
                "{\"plan\":\"c3.small.x86\",\"operating_system\":\"x\",\"metro\":\"fr\"} | hardware_reservation_id can't",
            })
    void aBodyThatMakesNoDeviceIs422AndSaysWhy(String body, String why) throws Exception {
        HttpResponse<String> refused = send("POST", project("/devices"), body);

        assertThat(refused.statusCode()).isEqualTo(422);
        assertThat(refused.body()).startsWith("{\"errors\":[\"" + why);
        assertThat(api.devices()).isEmpty();
    }

    @Test
    void aHostThatDoesNotStartIs500AndSaysWhy() throws Exception {
        String order = order(api.addReservations(1).get(0)).replace("\"one\"", "\"broken\"");

        HttpResponse<String> failed = send("POST", project("/devices"), order);

        assertThat(failed.statusCode()).isEqualTo(500);
        assertThat(failed.body()).contains("there is no room for it");
        assertThat(api.devices()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "/",
                "/devices",
                "/devices/x",
                "/devices/1/2/3",
                "/projects/00000000-0000-0000-0000-000000000001/devices"
            })
    void aPathThatLeadsNowhereIs404(String path) throws Exception {
        HttpResponse<String> answer = send("GET", path, "");

        assertThat(answer.statusCode()).isEqualTo(404);
        assertThat(answer.body()).isEqualTo("{\"errors\":[\"Not found\"]}");
    }

    @Test
    void withoutTheTokenNothingIsDone() throws Exception {
        UUID reservation = api.addReservations(1).get(0);
        HttpResponse<String> refused = send("POST", project("/devices"), order(reservation), "another");

        assertThat(refused.statusCode()).isEqualTo(401);
        assertThat(refused.body()).isEqualTo("{\"errors\":[\"Invalid authentication token\"]}");
        assertThat(api.devices()).isEmpty();
    }

    @Test
    void listingsComeInPagesThatTellHowManyThereAre() throws Exception {
        api.addReservations(23);

        HttpResponse<String> last = send("GET", project("/hardware-reservations?page=3&per_page=10"), "");
        Map<String, ?> read = Json.readObject(last.body());
        assertThat((List<?>) read.get("hardware_reservations")).hasSize(3);
        assertThat(last.body())
                .contains("\"total\":23", "\"current_page\":3", "\"last_page\":3", "\"previous\":", "\"first\":")
                .doesNotContain("\"next\":");
        assertThat(send("GET", project("/hardware-reservations?per_page=1001"), "")
                        .statusCode())
                .isEqualTo(422);
        assertThat((List<?>) Json.readObject(send("GET", project("/hardware-reservations"), "")
                                .body())
                        .get("hardware_reservations"))
                .as("without a size")
                .hasSize(10);
    }

    @Test
    void listingsCanBeStale() throws Exception {
        api.freezeListings();
        UUID device = create();

        assertThat(send("GET", project("/devices"), "").body()).doesNotContain(device.toString());
        assertThat(send("GET", "/devices/" + device, "").statusCode()).isEqualTo(200);
        api.thawListings();
        assertThat(send("GET", project("/devices?tag=a%3Db"), "").body()).contains(device.toString());
        assertThat(send("GET", project("/devices?tag=a"), "").body()).doesNotContain(device.toString());
    }

    @Test
    void faultsAreUsedUpOneByOneWithOrWithoutTheEffect() throws Exception {
        List<UUID> reservations = api.addReservations(4);
        api.failNext(Operation.CREATE_DEVICE, Fault.answer(429, "slow down", "7"));
        api.failNext(Operation.CREATE_DEVICE, Fault.dropBeforeEffect());
        api.failNext(Operation.CREATE_DEVICE, Fault.dropAfterEffect());

        HttpResponse<String> limited = send("POST", project("/devices"), order(reservations.get(0)));
        assertThat(limited.statusCode()).isEqualTo(429);
        assertThat(limited.headers().firstValue("Retry-After")).contains("7");
        assertThatIOException().isThrownBy(() -> send("POST", project("/devices"), order(reservations.get(0))));
        assertThat(api.devices()).isEmpty();
        assertThatIOException().isThrownBy(() -> send("POST", project("/devices"), order(reservations.get(0))));
        assertThat(api.devices()).hasSize(1);
        assertThat(send("POST", project("/devices"), order(reservations.get(1))).statusCode())
                .isEqualTo(201);

        assertThat(api.calls()).extracting(FakeEquinix.Call::status).containsExactly(429, 0, 0, 201);
        assertThat(api.calls(Operation.CREATE_DEVICE)).isEqualTo(4);
    }

    @Test
    void aLateAnswerDoesNotOutliveTheServer() throws Exception {
        api.failNext(Operation.LIST_DEVICES, Fault.delay(Duration.ofHours(1)));
        var late = http.sendAsync(
                HttpRequest.newBuilder(URI.create(api.endpoint() + project("/devices")))
                        .header("X-Auth-Token", api.token())
                        .build(),
                BodyHandlers.ofString());
        org.awaitility.Awaitility.await().until(() -> api.mostConcurrentCalls() == 1);

        api.close();

        assertThat(late.handle((answer, failure) -> failure).get(10, java.util.concurrent.TimeUnit.SECONDS))
                .isInstanceOf(Exception.class);
    }

    @Test
    void sshKeysAreMadeUpdatedAndGivenToDevices() throws Exception {
        String body = Json.write(Map.of("label", "one", "key", KEY));

        assertThat(send("POST", project("/ssh-keys"), body).statusCode()).isEqualTo(201);
        assertThat(send("POST", project("/ssh-keys"), body).statusCode())
                .as("again")
                .isEqualTo(422);
        assertThat(api.sshKeys()).containsExactly(Map.entry("one", KEY));
        create();
        assertThat(api.devices().get(0).sshKeys()).containsExactly(KEY);
    }
}
