package dev.shepherd.provider.equinix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderException.Scope;
import dev.shepherd.api.ProviderID;
import dev.shepherd.testkit.LogCapture;
import dev.shepherd.testkit.equinix.FakeEquinix;
import dev.shepherd.testkit.equinix.Fault;
import dev.shepherd.testkit.equinix.Operation;
import dev.shepherd.testkit.provider.FakeSession;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The rows of the table of errors in the provider's documentation, at each of its calls. */
class EquinixErrorsTest {

    @RegisterExtension
    final LogCapture log = LogCapture.of(EquinixProvider.class.getPackageName() + ".");

    private final FakeEquinix api = FakeEquinix.start();

    @AfterEach
    void close() {
        VendorDescription.checkIfPresent(api.calls());
        api.close();
    }

    private static ProviderException failure(ThrowingCallable call) {
        return catchThrowableOfType(ProviderException.class, call);
    }

    private EquinixProvider provider() throws InterruptedException {
        return provider(api).build();
    }

    /** One for which the time between its attempts passes at once. */
    private static EquinixProvider.Builder provider(FakeEquinix api) {
        return Equinix.provider(api)
                .backoff(Duration.ofMillis(500), Duration.ofSeconds(20))
                .ticker(new FakeTicker());
    }

    /** Makes more calls go wrong than any test makes. */
    private static void failAlways(FakeEquinix api, Operation operation, Fault fault) {
        for (int i = 0; i < 1000; i++) {
            api.failNext(operation, fault);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "400, PERMANENT, PERMANENT, PERMANENT",
        "401, UNAUTHENTICATED, UNAUTHENTICATED, UNAUTHENTICATED",
        "403, UNAUTHENTICATED, UNAUTHENTICATED, UNAUTHENTICATED",
        "404, PERMANENT, PERMANENT, NOT_FOUND",
        "408, TRANSIENT, TRANSIENT, TRANSIENT",
        "409, CONFLICT, CONFLICT, CONFLICT",
        "422, PERMANENT, PERMANENT, PERMANENT",
        "425, TRANSIENT, TRANSIENT, TRANSIENT",
        "429, RATE_LIMITED, RATE_LIMITED, RATE_LIMITED",
        "500, TRANSIENT, TRANSIENT, TRANSIENT",
        "503, TRANSIENT, TRANSIENT, TRANSIENT",
    })
    void eachErrorReachesTheCallerAsItsOwnKindWithTheApisOwnMessage(
            int status, Reason listing, Reason creation, Reason reboot) throws Exception {
        String text = "what the API says of " + status;
        UUID device = api.addDevice("fleet-a");
        api.addReservations(1);
        try (EquinixProvider provider = provider()) {
            failAlways(api, Operation.LIST_RESERVATIONS, Fault.answer(status, text));
            ProviderException listed = failure(provider::listMachines);
            assertThat(listed.reason()).isEqualTo(listing);
            assertThat(listed).hasMessageContaining(text);
        }
        try (FakeEquinix other = FakeEquinix.start();
                EquinixProvider provider = provider(other).build()) {
            other.addReservations(1);
            CreateMachineRequest request = CreateMachineRequest.of(
                    UUID.randomUUID(), provider.listMachines().get(0));
            failAlways(other, Operation.CREATE_DEVICE, Fault.answer(status, text));
            ProviderException created = failure(() -> provider.createMachine(new FakeSession(), request));
            assertThat(created.reason()).isEqualTo(creation);
            assertThat(created).hasMessageContaining(text);
            assertThat(other.devices()).isEmpty();
        }
        try (EquinixProvider provider = provider()) {
            failAlways(api, Operation.DEVICE_ACTION, Fault.answer(status, text));
            ProviderException rebooted = failure(() -> provider.rebootMachine(new ProviderID(device.toString())));
            assertThat(rebooted.reason()).isEqualTo(reboot);
            assertThat(rebooted).hasMessageContaining(text);
        }
    }

    @Test
    void aDeviceThatIsForbiddenWhileTheProjectAnswersIsGone() throws Exception {
        UUID device = api.addDevice("fleet-a");
        UUID other = api.addDevice("fleet-b");
        ProviderID id = new ProviderID(device.toString());
        try (EquinixProvider provider = provider()) {
            api.moveDevice(device);

            ProviderException got = failure(() -> provider.getMachine(id));
            ProviderException rebooted = failure(() -> provider.rebootMachine(id));

            assertThat(got.reason()).isEqualTo(Reason.NOT_FOUND);
            assertThat(got.scope()).isEqualTo(Scope.MACHINE);
            assertThat(rebooted.reason()).isEqualTo(Reason.NOT_FOUND);
            assertThat(api.calls(Operation.LIST_DEVICES))
                    .as("looks at the project")
                    .isEqualTo(1);
            assertThat(provider.getMachine(new ProviderID(other.toString())).id())
                    .isEqualTo(new ProviderID(other.toString()));
        }
    }

    @Test
    void aDeviceThatIsForbiddenAsTheProjectIsSaysNothingOfTheDevice() throws Exception {
        UUID device = api.addDevice("fleet-a");
        try (EquinixProvider provider = provider()) {
            api.moveDevice(device);
            failAlways(api, Operation.LIST_DEVICES, Fault.answer(403, "you are no member of this project"));

            ProviderException failure = failure(() -> provider.getMachine(new ProviderID(device.toString())));

            assertThat(failure.reason()).isEqualTo(Reason.UNAUTHENTICATED);
            assertThat(failure.scope()).isEqualTo(Scope.PROVIDER);
        }
    }

    @Test
    void anActionThatIsForbiddenConcernsTheDeviceThatCouldBeSeen() throws Exception {
        UUID device = api.addDevice("fleet-a");
        try (EquinixProvider provider = provider()) {
            failAlways(api, Operation.DEVICE_ACTION, Fault.answer(403, "this device is locked"));

            ProviderException failure = failure(() -> provider.rebootMachine(new ProviderID(device.toString())));

            assertThat(failure.reason()).isEqualTo(Reason.UNAUTHENTICATED);
            assertThat(failure.scope()).isEqualTo(Scope.MACHINE);
        }
    }

    @Test
    void aWrongTokenIsOneClearLineAndOneCall() {
        ProviderException failure = failure(() -> EquinixProvider.builder(Equinix.TYPE, api.projectId(), "wrong-token")
                .endpoint(api.endpoint())
                .devicePrefix(Equinix.PREFIX)
                .sshKey(Equinix.LABEL, Equinix.KEY)
                .build());

        assertThat(failure.reason()).isEqualTo(Reason.UNAUTHENTICATED);
        assertThat(failure)
                .hasMessage("provider equinix: listing the SSH keys failed: the API answers 401:"
                        + " Invalid authentication token");
        assertThat(api.calls()).hasSize(1);
    }

    @Test
    void aWrongProjectIsOneClearLine() throws Exception {
        UUID wrong = UUID.randomUUID();
        ProviderException failure;
        try (EquinixProvider provider = EquinixProvider.builder(Equinix.TYPE, wrong, api.token())
                .endpoint(api.endpoint())
                .devicePrefix(Equinix.PREFIX)
                .projectKeys(true)
                .build()) {
            failure = failure(provider::listMachines);
        }

        assertThat(failure.reason()).isEqualTo(Reason.PERMANENT);
        assertThat(failure)
                .hasMessage("provider equinix: listing the hardware reservations, page 1 failed: the API answers 404:"
                        + " Not found (does project " + wrong + " exist, and may the token see it?)");
    }

    @Test
    void retryAfterReachesTheCaller() throws Exception {
        try (EquinixProvider provider = provider()) {
            api.failNext(Operation.LIST_RESERVATIONS, Fault.answer(429, "slow down", "120"));

            ProviderException failure = failure(provider::listMachines);

            assertThat(failure.reason()).isEqualTo(Reason.RATE_LIMITED);
            assertThat(failure.retryAfter()).contains(Duration.ofSeconds(120));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"<html>not JSON</html>", "{\"devices\": 7}", "[]", "", "{\"devices\": [{}]}"})
    void anAnswerThatIsNoneIsNeitherAListingNorADefect(String body) throws Exception {
        try (EquinixProvider provider = provider()) {
            failAlways(api, Operation.LIST_DEVICES, Fault.answerRaw(200, body));
            ProviderException failure = failure(provider::listMachines);

            assertThat(failure.reason()).isEqualTo(Reason.TRANSIENT);
        }
    }

    /** Read by recursion, a few hundred kilobytes of brackets would be the end of the stack. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "200 | LEVELS",
                "200 | {\"devices\": LEVELS}",
                "200 | {\"devices\": [], \"meta\": LEVELS}",
                "200 | {\"devices\": [], \"unheard-of\": LEVELS}",
                "200 | {\"devices\": [{\"id\": \"00000000-0000-0000-0000-000000000001\", \"plan\": {\"specs\": LEVELS}}]}",
                "500 | LEVELS",
                "500 | {\"errors\": LEVELS}",
                "500 | {\"unheard-of\": LEVELS}",
            })
    void jsonWithoutBottomIsAnAnswerThatIsNone(int status, String body) throws Exception {
        for (String level : List.of("[", "{\"a\":")) {
            try (EquinixProvider provider = provider()) {
                failAlways(
                        api,
                        Operation.LIST_DEVICES,
                        Fault.answerRaw(status, body.replace("LEVELS", level.repeat(100_000))));
                ProviderException failure = failure(provider::listMachines);

                assertThat(failure.reason()).isEqualTo(Reason.TRANSIENT);
                assertThat(failure.getMessage()).hasSizeLessThan(1000);
                api.clearFaults();
            }
        }
    }

    /** Drips, floods and heads without end: whatever is sent, for as long as the client takes it. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "'' | '' | 20 | no answer within 500 ms",
                "'HTTP/1.1 200 OK\nX-A: ' | b | 5 | no answer within 500 ms",
                "'HTTP/1.1 200 OK\n\n' | ' ' | 5 | no answer within 500 ms",
                "'HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n' | 0 | 5 | no answer within 500 ms",
                "'HTTP/1.1 500 No\n\n' | ' ' | 5 | no answer within 500 ms",
                "'HTTP/1.1 200 OK\n' | 'X-A: b\n' | 0 | 'no (whole answer: ProtocolException|answer within).*'",
            })
    void anApiThatNeverEndsItsAnswerIsGivenUp(String first, String again, int pauseMillis, String words)
            throws Exception {
        List<Socket> sockets = new CopyOnWriteArrayList<>();
        ExecutorService peers = Executors.newCachedThreadPool();
        try (ServerSocket server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            peers.execute(() -> {
                try {
                    while (true) {
                        Socket socket = server.accept();
                        sockets.add(socket);
                        peers.execute(() -> sayForEver(socket, unescape(first), unescape(again), pauseMillis));
                    }
                } catch (IOException e) {
                    // Closed.
                }
            });

            ProviderException failure = failure(() -> provider(api)
                    .endpoint(URI.create("http://127.0.0.1:" + server.getLocalPort()))
                    .attemptTimeout(Duration.ofMillis(500))
                    .backoff(Duration.ofMinutes(30), Duration.ofMinutes(30))
                    .build());

            assertThat(failure.reason()).isEqualTo(Reason.TRANSIENT);
            assertThat(failure.getMessage()).matches(".*: (the API gave )?" + words);
            // While the other side still goes on.
            await().untilAsserted(() -> assertThat(Thread.getAllStackTraces().keySet())
                    .extracting(Thread::getName)
                    .noneMatch(name -> name.startsWith("shepherd-provider-equinix")));
        } finally {
            for (Socket socket : sockets) {
                socket.close();
            }
            peers.shutdownNow();
        }
        assertThat(peers.awaitTermination(10, TimeUnit.SECONDS)).isTrue();
    }

    private static String unescape(String text) {
        return text.replace("\\n", "\r\n");
    }

    private static void sayForEver(Socket socket, String first, String again, int pauseMillis) {
        try (socket) {
            socket.getOutputStream().write(first.getBytes(StandardCharsets.UTF_8));
            while (true) {
                socket.getOutputStream().write(again.getBytes(StandardCharsets.UTF_8));
                TimeUnit.MILLISECONDS.sleep(pauseMillis);
            }
        } catch (IOException e) {
            // The client has hung up.
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Test
    void anApiThatIsNotThereIsTransient() throws Exception {
        int port;
        try (ServerSocket socket = new ServerSocket(0)) {
            port = socket.getLocalPort();
        }
        ProviderException failure = failure(() ->
                provider(api).endpoint(URI.create("http://127.0.0.1:" + port)).build());

        assertThat(failure.reason()).isEqualTo(Reason.TRANSIENT);
        assertThat(failure).hasMessageContaining("the API cannot be reached: ConnectException");
    }

    @Test
    void anApiThatIsTooSlowIsTransient() throws Exception {
        try (EquinixProvider provider =
                provider(api).attemptTimeout(Duration.ofMillis(200)).build()) {
            api.setLatency(Duration.ofMinutes(10));

            ProviderException failure = failure(provider::listMachines);

            assertThat(failure.reason()).isEqualTo(Reason.TRANSIENT);
            assertThat(failure).hasMessageContaining("no answer within 200 ms");
        }
    }

    @Test
    void theTokenIsInNoMessageNoCauseAndNoText() throws Exception {
        String token = api.token();
        EquinixProvider provider = provider();
        try (provider) {
            List<String> shown = new java.util.ArrayList<>(List.of(provider.toString()));
            for (Fault fault : List.of(
                    Fault.answer(422, "the token " + token + " is of no use"),
                    Fault.answerRaw(500, token),
                    Fault.answerRaw(200, "{\"devices\": \"" + token + "\"}"),
                    Fault.answerRaw(200, "{\"devices\": [{\"id\": \"" + token + "\"}]}"),
                    Fault.dropBeforeEffect())) {
                failAlways(api, Operation.LIST_DEVICES, fault);
                Throwable failure = catchThrowable(provider::listMachines);
                java.io.StringWriter trace = new java.io.StringWriter();
                failure.printStackTrace(new java.io.PrintWriter(trace));
                shown.add(trace.toString());
                api.clearFaults();
            }
            assertThat(shown).hasSize(6).allSatisfy(text -> assertThat(text).doesNotContain(token));
        }
    }
}
