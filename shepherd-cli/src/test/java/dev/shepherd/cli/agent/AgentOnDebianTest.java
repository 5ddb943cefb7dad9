package dev.shepherd.cli.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.MachineRecord;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.bmdb.operator.Rollout;
import dev.shepherd.cli.CommandLineProcess;
import dev.shepherd.cli.CommandLineRun;
import dev.shepherd.manager.takeover.SshCredentials;
import dev.shepherd.testkit.database.BmdbExtension;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Stream;
import org.awaitility.core.ConditionTimeoutException;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** The whole life of the packed agent on a machine without a Java, with systemd and OpenSSH, and a real manager. */
@Tag("slow")
@Timeout(600)
class AgentOnDebianTest {

    private static final Duration LIMIT = Duration.ofMinutes(2);
    private static final byte[] REQUEST = "install this: \0 \u00e9".getBytes(StandardCharsets.UTF_8);

    @RegisterExtension
    final BmdbExtension database = BmdbExtension.create();

    @TempDir
    Path folder;

    private Path key = Path.of("");

    @Test
    void aMachineIsTakenOverHeardAgainAfterACrashAndABootAndInstalledOnce() throws Exception {
        Optional<String> missing = DebianMachine.missing();
        assumeTrue(missing.isEmpty(), () -> "no Debian machine: " + missing.orElse(""));
        key = folder.resolve("id_ed25519");
        String publicKey = SshCredentials.generateIfAbsent(key).publicKey().orElseThrow();
        try (DebianMachine machine = new DebianMachine(folder, freePort(), publicKey)) {
            Optional<String> obstacle = machine.obstacle();
            assumeTrue(obstacle.isEmpty(), () -> obstacle.orElse(""));
            assertThat(javas(machine)).isZero();
            Path installer = Files.writeString(
                    Files.createDirectories(machine.path("usr/local/sbin")).resolve("install-os"), """
                    #!/bin/sh
                    cat >>/var/installed
                    until [ -e /var/go-on ]; do sleep 0.1; done
                    echo "all written"
                    """);
            Files.setPosixFilePermissions(installer, PosixFilePermissions.fromString("rwxr-xr-x"));
            machine.turnOn();
            assumeTrue(comesUp(machine), () -> "a container with systemd does not come up here: " + machine.log());
            Path agent = folder.resolve("agent");
            AgentFile.from(null).write(agent, "1.0 of the test", "/usr/local/sbin/install-os", 600);
            Path list = Files.writeString(
                    folder.resolve("machines.json"),
                    "[{\"ID\": \"m1\", \"Addr\": \"127.0.0.1\", \"SSHPort\": %d}]".formatted(machine.port()));

            try (CommandLineProcess manager = CommandLineProcess.start(
                    folder,
                    "run",
                    "-v",
                    "--provider",
                    "static",
                    "--property",
                    "list=" + list.toUri(),
                    "--database",
                    database.jdbcUrl(),
                    "--agent",
                    agent.toString(),
                    "--key",
                    key.toString(),
                    "--agent-listen",
                    String.valueOf(freePort()),
                    "--agent-tls-folder",
                    folder.resolve("tls").toString())) {
                await().atMost(LIMIT).until(() -> heardAt().isPresent() || !manager.isAlive());
                assertThat(heardAt()).as(manager.log() + machine.log()).isPresent();
                System.out.printf(
                        "agent file: %.1f MB; unpacked: %s; at rest: %s%n",
                        Files.size(agent) / 1e6,
                        machine.ssh(key, "du -sm /var/lib/shepherd-agent").split("\t")[0] + " MB",
                        atRest(machine));
                assertThat(machine.ssh(key, "stat -c '%a %n' /var/lib/shepherd-agent /var/lib/shepherd-agent/identity"))
                        .isEqualTo("700 /var/lib/shepherd-agent\n600 /var/lib/shepherd-agent/identity\n");

                assertThat(record().agentStarted()
                                .orElseThrow()
                                .build()
                                .orElseThrow()
                                .version())
                        .contains("1.0 of the test");

                rollOut();

                request();
                await().atMost(LIMIT)
                        .until(() -> machine.ssh(key, "cat /var/installed")
                                .equals(new String(REQUEST, StandardCharsets.UTF_8)));
                Instant killed = database.bmdb().now();
                machine.ssh(key, "kill -9 $(systemctl show -P MainPID shepherd-agent)");
                await().atMost(LIMIT).until(() -> heardAt().orElseThrow().isAfter(killed));
                assertThat(record().installationReport()).isEmpty();
                machine.ssh(key, "touch /var/go-on");
                await().atMost(LIMIT).until(() -> record().installationReport().isPresent());
                assertThat(record().isInstallationFulfilled()).isTrue();
                assertThat(machine.ssh(key, "cat /var/installed"))
                        .isEqualTo(new String(REQUEST, StandardCharsets.UTF_8));

                Instant booted = database.bmdb().now();
                String bootBefore = machine.ssh(
                        key, "systemctl show -P ActiveEnterTimestampMonotonic basic.target; cat /proc/1/stat");
                machine.ssh(key, "systemctl reboot");
                await().atMost(LIMIT).until(() -> heardAt().orElseThrow().isAfter(booted.plusSeconds(1)));
                assertThat(machine.ssh(
                                key, "systemctl show -P ActiveEnterTimestampMonotonic basic.target; cat /proc/1/stat"))
                        .isNotEmpty()
                        .isNotEqualTo(bootBefore);
                assertThat(takeovers()).as("by the list, and by the rollout").isEqualTo(2);
                assertThat(machine.ssh(key, "journalctl -o cat -u shepherd-agent"))
                        .contains("reports to https://", "installation ");
                assertThat(record().hardware().orElseThrow().cpus()).isNotEmpty();
                assertThat(manager.isAlive()).isTrue();
            }
        }
    }

    /** Tells whether the machine lets one in. Nothing of the agent has a part in that. */
    private boolean comesUp(DebianMachine machine) {
        try {
            await().atMost(LIMIT).until(() -> machine.ssh(key, "echo in").endsWith("in\n"));
            return true;
        } catch (ConditionTimeoutException e) {
            return false;
        }
    }

    private static long javas(DebianMachine machine) throws IOException {
        try (Stream<Path> files = Files.walk(machine.path("usr"))) {
            return files.filter(file -> file.endsWith("java")).count();
        }
    }

    /** Tells what the agent costs while it waits, over ten seconds. */
    private String atRest(DebianMachine machine) throws Exception {
        String used = "cat /proc/$(systemctl show -P MainPID shepherd-agent)/stat";
        long before = ticks(machine.ssh(key, used));
        Thread.sleep(10_000);
        long ticks = ticks(machine.ssh(key, used)) - before;
        String memory = machine.ssh(key, "grep VmRSS /proc/$(systemctl show -P MainPID shepherd-agent)/status");
        return memory.replaceAll("\\s+", " ").strip() + ", " + ticks + " ms of a core in 10 s";
    }

    /** Returns the milliseconds of a core that a process has used: 100 ticks are a second. */
    private static long ticks(String stat) {
        String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
        return (Long.parseLong(fields[11]) + Long.parseLong(fields[12])) * 10;
    }

    /** Brings the machine to another version, as an operator would. */
    private void rollOut() throws Exception {
        Path next = folder.resolve("next");
        AgentFile.from(null).write(next, "2.0 of the test", "/usr/local/sbin/install-os", 600);
        CommandLineRun run = CommandLineRun.of(
                "rollout",
                "start",
                "--agent",
                next.toString(),
                "--bake",
                "1m",
                "--reason",
                "a test",
                "--database",
                database.jdbcUrl());
        assertThat(run.exitCode()).as(run.err()).isZero();
        await().atMost(Duration.ofMinutes(6)).until(() -> {
            Rollout rollout = Operator.of(database.bmdb()).rollouts(1).get(0);
            assertThat(rollout.troubles()).isEmpty();
            return !rollout.state().isUnderWay();
        });
        assertThat(Operator.of(database.bmdb()).rollouts(1).get(0).counts().done())
                .isEqualTo(1);
        assertThat(record().agentStarted().orElseThrow().build().orElseThrow().version())
                .contains("2.0 of the test");
    }

    private void request() throws InterruptedException {
        UUID id = record().machineId();
        try (BmdbSession session = database.bmdb().startSession("test", "")) {
            session.useTransaction(tx -> tx.requestInstallation(id, REQUEST));
        }
    }

    private MachineRecord record() {
        return find().orElseThrow();
    }

    private Optional<Instant> heardAt() {
        return find().flatMap(MachineRecord::agentHeartbeatAt);
    }

    private Optional<MachineRecord> find() {
        try {
            Optional<UUID> id = database.bmdb().findMachine(new ProviderType("static"), new ProviderID("m1"));
            return id.isEmpty() ? Optional.empty() : database.bmdb().machine(id.get());
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private int takeovers() throws InterruptedException {
        return database.bmdb()
                .query(dsl -> dsl.fetchCount(
                        org.jooq.impl.DSL.table("work_history"),
                        org.jooq.impl.DSL.condition("process = 'ShepherdAgentStart' and event = 'Started'")));
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }
}
