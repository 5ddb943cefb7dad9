package dev.shepherd.provider.redfish;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.PortUnreachableException;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.awaitility.Awaitility;

/**
 * OpenIPMI's simulator of a BMC, {@code ipmi_sim}, with a machine behind it: a script that keeps its state in files. It
 * listens on the loopback interface, and ends when its input does, so at the latest with this process.
 */
final class IpmiSimulator implements AutoCloseable {

    static final String USER = "operator";
    static final String PASSWORD = "hobbes+calvin=42";

    /** A presence ping of RMCP, as in section 13.2.3 of the specification of IPMI 2.0. */
    private static final byte[] PING = {6, 0, (byte) 0xff, 6, 0, 0, 0x11, (byte) 0xbe, (byte) 0x80, 0, 0, 0};

    private static final String MACHINE = """
            #!/bin/sh
            cd '%s' || exit 1
            echo "$*" >>calls
            start() {
                echo started >>starts
                [ "$(cat boot)" = pxe ] && echo pxe >>pxe
                echo none >boot
            }
            case "$1 $2" in
                "get power") echo "power:$(cat power)" ;;
                "get boot") echo "boot:$(cat boot)" ;;
                "set boot") echo "$3" >boot ;;
                "set reset") [ "$(cat power)" = 1 ] && start ;;
                "set shutdown") [ -e stubborn ] || echo 0 >power ;;
                "set power")
                    [ "$(cat power)$3" = 01 ] && start
                    echo "$3" >power
                    ;;
            esac
            """;

    private final Path folder;
    private final int port;
    private final Process process;

    private IpmiSimulator(Path folder, int port, Process process) {
        this.folder = folder;
        this.port = port;
        this.process = process;
    }

    /** Skips the test where the simulator, or the program that is tried with it, is missing. */
    static void assumeInstalled() {
        for (String program : List.of("ipmitool", "ipmi_sim")) {
            assumeTrue(
                    path(program) != null,
                    "this machine has no " + program + " (Debian: the packages ipmitool and openipmi)");
        }
    }

    /** Returns where a program is, or null. */
    static Path path(String program) {
        return Stream.of(System.getenv("PATH").split(":"))
                .map(folder -> Path.of(folder, program))
                .filter(Files::isExecutable)
                .findFirst()
                .orElse(null);
    }

    /** Starts one, whose machine is on, in a new folder of its own. */
    static IpmiSimulator start() throws IOException {
        Path folder = Files.createTempDirectory("ipmi");
        int port = freePort();
        Files.createDirectory(folder.resolve("state"));
        Files.writeString(folder.resolve("power"), "1\n");
        Files.writeString(folder.resolve("boot"), "none\n");
        for (String log : List.of("calls", "starts", "pxe")) {
            Files.createFile(folder.resolve(log));
        }
        Path machine = Files.writeString(folder.resolve("machine"), MACHINE.formatted(folder));
        Files.setPosixFilePermissions(machine, PosixFilePermissions.fromString("rwx------"));
        Files.writeString(folder.resolve("lan.conf"), """
                name "bmc"
                set_working_mc 0x20
                  startlan 1
                    addr 127.0.0.1 %d
                    priv_limit admin
                    allowed_auths_operator none md2 md5 straight
                    allowed_auths_admin none md2 md5 straight
                    guid a123456789abcdefa123456789abcdef
                  endlan
                  chassis_control "%s"
                  user 2 true "%s" "%s" operator 10 none md2 md5 straight
                """.formatted(port, machine, USER, PASSWORD));
        Files.writeString(folder.resolve("bmc.emu"), """
                mc_setbmc 0x20
                mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
                sel_enable 0x20 1000 0x0a
                mc_enable 0x20
                """);
        Process process = new ProcessBuilder("ipmi_sim", "-c", "lan.conf", "-f", "bmc.emu", "-s", "state")
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve("log").toFile())
                .start();
        IpmiSimulator simulator = new IpmiSimulator(folder, port, process);
        Awaitility.await("the simulator answers").atMost(Duration.ofSeconds(20)).until(simulator::answers);
        return simulator;
    }

    private static int freePort() throws IOException {
        try (DatagramSocket socket = new DatagramSocket(0, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    private boolean answers() throws IOException {
        if (!process.isAlive()) {
            throw new IOException("ipmi_sim has ended: " + Files.readString(folder.resolve("log")));
        }
        try (DatagramSocket socket = new DatagramSocket(0, InetAddress.getLoopbackAddress())) {
            socket.connect(InetAddress.getLoopbackAddress(), port);
            socket.setSoTimeout(200);
            socket.send(new DatagramPacket(PING, PING.length));
            socket.receive(new DatagramPacket(new byte[64], 64));
            return true;
        } catch (SocketTimeoutException | PortUnreachableException e) {
            return false;
        }
    }

    URI uri() {
        return URI.create("ipmi://127.0.0.1:" + port);
    }

    int port() {
        return port;
    }

    /** Returns what the machine was told, and asked for: {@code set reset 1}, {@code get power}. */
    List<String> calls() {
        return lines("calls");
    }

    /** Returns what the machine was told, without what it was asked for. */
    List<String> changes() {
        return calls().stream().filter(call -> call.startsWith("set ")).toList();
    }

    /** Returns how often it was started or restarted; waits for the second half of a power cycle. */
    int starts() {
        Awaitility.await("the machine is on").until(this::isOn);
        return lines("starts").size();
    }

    /** Returns how often it booted from the network; waits as {@link #starts} does. */
    int pxeBoots() {
        Awaitility.await("the machine is on").until(this::isOn);
        return lines("pxe").size();
    }

    String bootDevice() {
        return lines("boot").get(0);
    }

    boolean isOn() {
        return lines("power").equals(List.of("1"));
    }

    void turnOff() throws IOException {
        Files.writeString(folder.resolve("power"), "0\n");
    }

    /** Has its operating system not shut down when it is asked to. */
    void ignoreShutdowns() throws IOException {
        Files.createFile(folder.resolve("stubborn"));
    }

    private List<String> lines(String file) {
        try {
            return Files.readAllLines(folder.resolve(file));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() throws IOException {
        process.getOutputStream().close();
        try {
            if (!process.waitFor(5, TimeUnit.SECONDS)) {
                process.destroyForcibly();
                process.waitFor();
            }
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }
}
