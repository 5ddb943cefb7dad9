package dev.shepherd.cli.hostile;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.cli.hostile.HostileServer.Protocol;
import dev.shepherd.testkit.bmc.FakeBmc;
import dev.shepherd.testkit.http.TestCertificate;
import java.io.IOException;
import java.io.PrintStream;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Whatever a provider, a list or a BMC sends without end, a process with little memory goes on with its other machines. */
@Tag("slow")
class HostileProvidersTest {

    /** The console, before anything else writes to it. */
    private static final PrintStream CONSOLE = System.out;

    private static final int GOOD = 20;
    private static final Duration LIMIT = Duration.ofMinutes(8);

    /** What stands in for {@code ipmitool} does to a caller, by the host that it is asked for. */
    private static final List<String> PROGRAMS = List.of(
            "exec yes 'Chassis Power is maybe'",
            "exec cat /dev/zero",
            "trap '' TERM INT HUP; while :; do sleep 1; done",
            "trap '' TERM INT HUP; (trap '' TERM; exec yes) & while :; do wait; done",
            "(exec yes) & exit 0",
            "yes 'Get Chassis Power Status Get Chassis Get Chassis failed' | tr -d '\\n' | head -c 60000; exit 1",
            "yes 'Address lookup for x' | tr -d '\\n' | head -c 65536; exit 1",
            "printf '\\033[2J\\033]0;x\\007%.0s' $(seq 8000); exit 1");

    private final List<AutoCloseable> servers = new ArrayList<>();
    private final List<String> entries = new ArrayList<>();
    private final List<String> attacks = new ArrayList<>();

    @AfterEach
    void close() throws Exception {
        for (AutoCloseable server : servers) {
            server.close();
        }
    }

    @Test
    @Timeout(value = 10, unit = TimeUnit.MINUTES)
    void whateverIsSentWithoutAnEndTwentyMachinesAreRebootedMeanwhileWithin128Mebibytes(@TempDir Path folder)
            throws Exception {
        TestCertificate certificate = TestCertificate.create();
        for (int i = 0; i < GOOD; i++) {
            FakeBmc bmc = FakeBmc.builder().certificate(certificate).start();
            servers.add(bmc);
            machine("good-" + i, bmc.uri() + "\", \"Fingerprint\": \"" + certificate.fingerprint());
        }
        for (Protocol protocol : Protocol.values()) {
            for (Attack attack : Attack.values()) {
                attack(protocol, attack, certificate);
            }
        }
        programs(folder);
        files(folder);
        Files.writeString(folder.resolve("machines.json"), "[" + String.join(",\n", entries) + "]");
        Files.write(folder.resolve("attacks"), attacks);
        Path credentials = Files.writeString(folder.resolve("credentials"), "default admin password\n");
        Files.setPosixFilePermissions(credentials, PosixFilePermissions.fromString("rw-------"));

        String printed = run(folder);

        CONSOLE.println(printed.substring(printed.indexOf("\nREDFISH FIRST_LINE: ")));
        assertThat(printed).doesNotContain("OutOfMemoryError").contains("rebooted: " + GOOD + " machines");
        for (String attack : attacks) {
            assertThat(printed).contains("\n" + attack.substring(0, attack.lastIndexOf(' ')) + ": ");
        }
    }

    private void attack(Protocol protocol, Attack attack, TestCertificate certificate) {
        boolean tls = protocol == Protocol.REDFISH && attack.isFraming();
        HostileServer server = HostileServer.start(protocol, attack, tls ? certificate.serverContext() : null);
        servers.add(server);
        String at = server.origin();
        if (protocol == Protocol.REDFISH) {
            String id = "hostile-" + attack;
            machine(id, at + (tls ? "\", \"Fingerprint\": \"" + certificate.fingerprint() : ""));
            at = id;
        }
        attacks.add(protocol + " " + attack + " " + at + (protocol == Protocol.LIST ? "/machines.json" : ""));
    }

    private void machine(String id, String bmc) {
        int n = entries.size() + 1;
        entries.add(
                "{\"ID\": \"%s\", \"Addr\": \"10.0.%d.%d\", \"BMC\": \"%s\"}".formatted(id, n / 250, n % 250 + 1, bmc));
    }

    private void programs(Path folder) throws IOException {
        StringBuilder script = new StringBuilder("#!/bin/sh\ncase \"$*\" in\n");
        for (int i = 0; i < PROGRAMS.size(); i++) {
            String id = "ipmi-" + i;
            script.append("*'-H 127.0.1." + (i + 1) + " '*) " + PROGRAMS.get(i) + " ;;\n");
            machine(id, "ipmi://127.0.1." + (i + 1));
            attacks.add("IPMI " + i + " " + id);
        }
        Path program = Files.writeString(folder.resolve("ipmitool"), script.append("esac\n"));
        Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwx------"));
    }

    private void files(Path folder) throws Exception {
        Path fifo = folder.resolve("fifo");
        assertThat(new ProcessBuilder("mkfifo", fifo.toString()).start().waitFor())
                .isZero();
        for (long size : new long[] {15L << 20, 60L << 20, 1L << 40}) {
            Path sparse = folder.resolve("sparse-" + size);
            try (RandomAccessFile file = new RandomAccessFile(sparse.toFile(), "rw")) {
                file.setLength(size);
            }
        }
        Path link = Files.createSymbolicLink(folder.resolve("loop"), folder.resolve("loop"));
        for (Path file : Arrays.asList(
                fifo,
                link,
                folder,
                folder.resolve("sparse-" + (15L << 20)),
                folder.resolve("sparse-" + (60L << 20)),
                folder.resolve("sparse-" + (1L << 40)),
                Path.of("/dev/zero"),
                Path.of("/dev/stdin"),
                Path.of("/proc/self/mem"))) {
            attacks.add(
                    "LIST " + file.getFileName() + " " + file.toUri().toString().replaceFirst("/$", ""));
        }
    }

    private static String run(Path folder) throws Exception {
        Path log = folder.resolve("printed");
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx128m",
                        "-XX:+ExitOnOutOfMemoryError",
                        "-Dorg.slf4j.simpleLogger.log.dev.shepherd=error",
                        "-XX:TieredStopAtLevel=1",
                        "-XX:+UseSerialGC",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Victim.class.getName(),
                        folder.toString(),
                        String.valueOf(GOOD))
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        try {
            boolean ended = process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS);
            String printed = Files.readString(log);
            String end = printed.substring(Math.max(0, printed.length() - 4_000));
            assertThat(ended).as(end).isTrue();
            assertThat(process.exitValue()).as(end).isZero();
            return printed;
        } finally {
            process.destroyForcibly();
        }
    }
}
