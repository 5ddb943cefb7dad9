package dev.shepherd.provider.redfish;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderException.Scope;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.testkit.LogCapture;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.SocketException;
import java.net.URI;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.BooleanSupplier;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** The real {@code ipmitool}, and a BMC that others wrote; skipped where they are not installed. */
class IpmiSimulatorTest {

    @RegisterExtension
    final LogCapture log = LogCapture.of(RedfishProvider.class.getName());

    private IpmiSimulator bmc;
    private Rack rack;

    @BeforeEach
    void open(@TempDir Path folder) throws IOException {
        IpmiSimulator.assumeInstalled();
        rack = new Rack(folder);
        rack.credentials("default " + IpmiSimulator.USER + " " + IpmiSimulator.PASSWORD + "\n");
        bmc = IpmiSimulator.start();
    }

    @AfterEach
    void close() throws IOException {
        if (bmc != null) {
            rack.close();
            bmc.close();
        }
    }

    /** The simulator does not answer which cipher suites it has; {@code ipmitool} waits for that a while. */
    private RedfishProvider provider(String... more) {
        List<String> properties = new ArrayList<>(
                List.of("timeout", "40s", "status-timeout", "40s", "ipmi-cipher-suite", "3", "reinstall", "pxe"));
        properties.addAll(List.of(more));
        return rack.provider(properties.toArray(String[]::new));
    }

    private static ProviderException failure(ThrowingCallable call) {
        ProviderException failure = catchThrowableOfType(ProviderException.class, call);
        assertThat(failure).as("a ProviderException").isNotNull();
        assertThat(failure.scope()).isEqualTo(Scope.MACHINE);
        return failure;
    }

    private static ProviderStatus status(RedfishProvider provider, ProviderID id) throws InterruptedException {
        return provider.getMachine(id).status().orElseThrow();
    }

    @Test
    void aMachineIsSeenResetAndTurnedOn() throws Exception {
        ProviderID id = rack.add(bmc.uri(), "");
        RedfishProvider provider = provider();

        assertThat(status(provider, id)).isEqualTo(ProviderStatus.RUNNING);
        provider.rebootMachine(id);
        bmc.turnOff();
        assertThat(status(provider, id)).isEqualTo(ProviderStatus.STOPPED);
        provider.rebootMachine(id);
        assertThat(status(provider, id)).isEqualTo(ProviderStatus.RUNNING);

        assertThat(bmc.changes()).containsExactly("set reset 1", "set power 1");
        assertThat(bmc.starts()).isEqualTo(2);
    }

    @Test
    void aCheckSaysWhatARebootWouldSendAndChangesNothing() throws Exception {
        ProviderID id = rack.add(bmc.uri(), "");
        RedfishProvider provider = provider();

        BmcReport report = provider.check(id);
        assertThat(report.problem()).isEmpty();
        assertThat(report.power()).contains("On");
        assertThat(report.reboot()).contains("chassis power reset");
        assertThat(report.firmware()).as("that of the simulator's settings").contains("9.08");

        rack.credentials("default " + IpmiSimulator.USER + " wrong\n");
        report = provider.check(id);
        assertThat(report.problem().orElseThrow().cause()).isEqualTo(BmcReport.Cause.LOGIN_REFUSED);
        assertThat(bmc.changes()).isEmpty();
        assertThat(bmc.starts()).isZero();
    }

    @Test
    void aMachineIsShutDownFirstIfItMay() throws Exception {
        ProviderID id = rack.add(bmc.uri(), "");

        provider("graceful", "30s").rebootMachine(id);
        bmc.ignoreShutdowns();
        provider("graceful", "1s").rebootMachine(id);

        assertThat(bmc.changes()).containsExactly("set shutdown 1", "set power 1", "set shutdown 1", "set reset 1");
    }

    @Test
    void aMachineBootsFromTheNetworkOnce() throws Exception {
        ProviderID id = rack.add(bmc.uri(), "");
        RedfishProvider provider = provider();

        provider.reinstallMachine(id);
        provider.rebootMachine(id);

        assertThat(bmc.changes()).containsExactly("set boot pxe", "set reset 1", "set reset 1");
        assertThat(bmc.pxeBoots()).isEqualTo(1);
    }

    @Test
    void theBetterCipherSuiteIsFoundWhereNoneIsSet() throws Exception {
        ProviderID id = rack.add(bmc.uri(), "");

        assertThat(status(provider("ipmi-cipher-suite", "auto", "status-timeout", "10s"), id))
                .isEqualTo(ProviderStatus.RUNNING);
    }

    @Test
    void aCipherSuiteThatTheBmcDoesNotHaveIsNamedWithTheProperty() {
        ProviderID id = rack.add(bmc.uri(), "");

        ProviderException failure =
                failure(() -> provider("ipmi-cipher-suite", "17").rebootMachine(id));

        assertThat(failure.reason()).isEqualTo(Reason.PERMANENT);
        assertThat(failure)
                .hasMessageContaining("invalid authentication algorithm; the property \"ipmi-cipher-suite\" chooses");
    }

    @Test
    void aWrongUserOrPasswordIsToldFromABmcThatIsNotThere() throws Exception {
        ProviderID id = rack.add(bmc.uri(), "");
        ProviderID absent;
        try (DatagramSocket silent = new DatagramSocket(0, InetAddress.getLoopbackAddress())) {
            absent = rack.add(URI.create("ipmi://127.0.0.1:" + silent.getLocalPort()), "");
            RedfishProvider provider = provider();
            rack.credentials("default " + IpmiSimulator.USER + " calvin\n");
            ProviderException password = failure(() -> provider.rebootMachine(id));
            rack.credentials("default nobody " + IpmiSimulator.PASSWORD + "\n");
            ProviderException user = failure(() -> provider.rebootMachine(id));
            ProviderException silence = failure(() -> provider.rebootMachine(absent));

            assertThat(password.reason()).isEqualTo(Reason.UNAUTHENTICATED);
            assertThat(password)
                    .hasMessage("BMC of rack-1-1 at " + bmc.uri() + ": chassis power status: > RAKP 2 HMAC is invalid");
            assertThat(user.reason()).isEqualTo(Reason.UNAUTHENTICATED);
            assertThat(user).hasMessageContaining("unauthorized name");
            assertThat(silence.reason()).isEqualTo(Reason.TRANSIENT);
            assertThat(bmc.changes()).isEmpty();
        }
    }

    @Test
    void aResetWhoseAnswerIsLostIsNotSentAgain() throws Exception {
        try (Relay relay = new Relay(bmc.port(), () -> !bmc.changes().isEmpty())) {
            ProviderID id = rack.add(relay.uri(), "");

            ProviderException failure = failure(() -> provider("timeout", "16s").rebootMachine(id));

            assertThat(failure.reason()).isEqualTo(Reason.TRANSIENT);
            assertThat(failure)
                    .hasMessageEndingWith("Unable to set Chassis Power Control to Reset, since the BMC did not answer");
        }
        assertThat(bmc.changes()).containsExactly("set reset 1");
    }

    @Test
    void aLookWhoseAnswerIsLostIsTakenAgain() throws Exception {
        List<Boolean> lost = new ArrayList<>();
        BooleanSupplier once = () -> lost.isEmpty() && !bmc.calls().isEmpty() && lost.add(true);
        try (Relay relay = new Relay(bmc.port(), once)) {
            ProviderID id = rack.add(relay.uri(), "");

            assertThat(status(provider(), id)).isEqualTo(ProviderStatus.RUNNING);
        }
        assertThat(bmc.calls()).containsExactly("get power", "get power");
    }

    @Test
    void noProcessIsLeftOfACallToASilentBmc() throws Exception {
        try (DatagramSocket silent = new DatagramSocket(0, InetAddress.getLoopbackAddress())) {
            ProviderID id = rack.add(URI.create("ipmi://127.0.0.1:" + silent.getLocalPort()), "");
            RedfishProvider provider = provider();
            CompletableFuture<Throwable> thrown =
                    CompletableFuture.supplyAsync(() -> catchThrowable(() -> provider.rebootMachine(id)));
            await().until(() -> programs().contains("ipmitool"));
            provider.close();

            assertThat(thrown.join()).isInstanceOf(IllegalStateException.class);
            await().until(() -> !programs().contains("ipmitool"));
        }
    }

    private static List<String> programs() {
        return ProcessHandle.current()
                .children()
                .flatMap(child -> child.info().command().stream())
                .map(command -> Path.of(command).getFileName().toString())
                .toList();
    }

    /** Passes on what is sent to a BMC, and its answers but those that are to be lost. */
    private static final class Relay implements AutoCloseable {

        private final DatagramSocket front = new DatagramSocket(0, InetAddress.getLoopbackAddress());
        private final DatagramSocket back = new DatagramSocket(0, InetAddress.getLoopbackAddress());
        private final BooleanSupplier loses;
        private volatile SocketAddress client;

        Relay(int port, BooleanSupplier loses) throws SocketException {
            this.loses = loses;
            SocketAddress bmc = new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
            start(front, packet -> {
                client = packet.getSocketAddress();
                packet.setSocketAddress(bmc);
                back.send(packet);
            });
            start(back, packet -> {
                if (!this.loses.getAsBoolean()) {
                    packet.setSocketAddress(client);
                    front.send(packet);
                }
            });
        }

        private interface Handler {
            void take(DatagramPacket packet) throws IOException;
        }

        private static void start(DatagramSocket socket, Handler handler) {
            Thread thread = new Thread(() -> {
                try {
                    while (true) {
                        DatagramPacket packet = new DatagramPacket(new byte[2048], 2048);
                        socket.receive(packet);
                        handler.take(packet);
                    }
                } catch (SocketException e) {
                    // It is closed.
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
            thread.setDaemon(true);
            thread.start();
        }

        URI uri() {
            return URI.create("ipmi://127.0.0.1:" + front.getLocalPort());
        }

        @Override
        public void close() {
            front.close();
            back.close();
        }
    }
}
