package dev.shepherd.benchmarks;

import dev.shepherd.api.Availability;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.Machine;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.MachineNotFoundException;
import dev.shepherd.api.NoCapacityException;
import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Session;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.manager.provisioning.ProvisionerSettings;
import dev.shepherd.manager.status.LoopKind;
import dev.shepherd.manager.status.LoopStatus;
import dev.shepherd.manager.takeover.AgentTakeover;
import dev.shepherd.manager.takeover.InitializerSettings;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * Heap and threads of a manager: with four loops that have nothing to do, and with takeovers that are all stuck in the
 * middle of their upload, where they hold the most. The machines are OpenSSH's own servers, so none of what they need is
 * in this JVM; their SFTP takes the beginning of the agent and then nothing more.
 */
final class MemoryBenchmark implements Benchmark {

    private static final ProviderType PROVIDER = new ProviderType("bench");
    private static final long MEGABYTE = 1_000_000;
    private static final long AGENT_SIZE = 10 * MEGABYTE;

    /** How much the machines take of it, and of all that comes before it. */
    private static final long TAKEN = MEGABYTE;

    private static final int BLOCK = 1000;
    private static final long STUCK_SECONDS = 300;
    private static final long LONGEST_SECONDS = 120;
    private static final long LOOK_MILLIS = 100;
    private static final int COLLECTIONS = 4;
    private static final List<String> SFTP_SERVERS = List.of(
            "/usr/lib/openssh/sftp-server",
            "/usr/libexec/openssh/sftp-server",
            "/usr/lib/ssh/sftp-server",
            "/usr/libexec/sftp-server");

    @Override
    public String name() {
        return "memory";
    }

    @Override
    public String description() {
        return "Heap and threads of a manager: idle, and with takeovers that are stuck. Needs OpenSSH's sshd.";
    }

    @Override
    public Map<String, Long> options() {
        Map<String, Long> options = new LinkedHashMap<>();
        options.put("machines", 1_000L);
        options.put("takeovers", 200L);
        options.put("settle-seconds", 20L);
        return options;
    }

    @Override
    public Figures run(Map<String, Long> options, Progress progress) throws Exception {
        int machines = Math.toIntExact(Benchmark.option(options, "machines"));
        int takeovers = Math.toIntExact(Benchmark.option(options, "takeovers"));
        long settleSeconds = Benchmark.option(options, "settle-seconds");
        progress.stage(
                "starting a PostgreSQL that keeps what it commits, and " + takeovers + " machines that get stuck");
        Path folder = Files.createTempDirectory("shepherd-benchmark-sftp");
        try (BenchmarkDatabase database = BenchmarkDatabase.start("memory");
                SshMachines stuck =
                        SshMachines.start(takeovers, stuckSftp(folder).toString())) {
            Path agent = stuck.folder().resolve("agent");
            LightAgent.write(agent, AGENT_SIZE);
            Bmdb.open(database.url()).close();
            progress.stage("recording " + machines + " machines with an agent, and " + takeovers + " without");
            Fleet fleet = record(database, machines, stuck);
            Usage before = Usage.now();
            try (Bmdb bmdb = Bmdb.open(database.url())) {
                Shepherd shepherd = shepherd(bmdb, fleet, stuck, agent, takeovers);
                try {
                    return measure(database, shepherd, stuck, settleSeconds, before, progress)
                            .put("machines", machines)
                            .put("processors", Runtime.getRuntime().availableProcessors());
                } finally {
                    shepherd.close();
                }
            }
        } finally {
            Files.deleteIfExists(folder.resolve("sftp"));
            Files.delete(folder);
        }
    }

    private static Figures measure(
            BenchmarkDatabase database,
            Shepherd shepherd,
            SshMachines stuck,
            long settleSeconds,
            Usage before,
            Progress progress)
            throws Exception {
        int takeovers = stuck.machines().size();
        progress.stage("an idle manager");
        shepherd.start();
        awaitFirstSteps(shepherd);
        // Until it has put away what it needed for that.
        TimeUnit.SECONDS.sleep(settleSeconds);
        requireInFlight(database, shepherd, stuck, 0);
        Usage idle = Usage.now();
        progress.stage(takeovers + " takeovers");
        database.execute("delete from work_backoff");
        awaitInFlight(database, shepherd, stuck);
        TimeUnit.SECONDS.sleep(settleSeconds);
        requireInFlight(database, shepherd, stuck, takeovers);
        Usage busy = Usage.now();
        requireInFlight(database, shepherd, stuck, takeovers);
        progress.stage("closing it");
        long closedAt = System.nanoTime();
        shepherd.close();
        double closeMillis = (System.nanoTime() - closedAt) / 1e6;
        return new Figures()
                .put("heap_mb_before", before.megabytes(), 1)
                .put("threads_before", before.threads())
                .put("heap_mb_idle", idle.megabytes(), 1)
                .put("threads_idle", idle.threads())
                .put("heap_mb_takeovers", busy.megabytes(), 1)
                .put("threads_takeovers", busy.threads())
                .put("takeovers", takeovers)
                .put("kb_per_takeover", (busy.bytes() - idle.bytes()) / 1024.0 / takeovers, 0)
                .put("threads_per_takeover", (busy.threads() - idle.threads()) / (double) takeovers, 2)
                .put("close_ms", closeMillis, 0);
    }

    /** What is left after a full collection of garbage, and the threads that live. */
    private record Usage(long bytes, int threads) {

        static Usage now() throws InterruptedException {
            long least = Long.MAX_VALUE;
            for (int i = 0; i < COLLECTIONS; i++) {
                System.gc();
                Thread.sleep(LOOK_MILLIS);
                least = Math.min(
                        least,
                        ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed());
            }
            return new Usage(least, ManagementFactory.getThreadMXBean().getThreadCount());
        }

        double megabytes() {
            return bytes / 1048576.0;
        }
    }

    /** Finds OpenSSH's SFTP server, which is on no path. */
    static Optional<String> sftpServer() {
        return SFTP_SERVERS.stream()
                .filter(path -> Files.isExecutable(Path.of(path)))
                .findFirst();
    }

    /**
     * Writes a program that serves SFTP up to some point, and then neither reads nor ends, as long as its connection
     * lasts.
     */
    private static Path stuckSftp(Path folder) throws IOException {
        String server = sftpServer()
                .orElseThrow(() -> new IllegalStateException(
                        "there is no sftp-server of OpenSSH on this machine: not one of " + SFTP_SERVERS));
        Path program = folder.resolve("sftp");
        Files.writeString(program, String.format(Locale.ROOT, """
                #!/bin/sh
                dd bs=%d count=%d 2> /dev/null | %s
                while kill -0 $PPID 2> /dev/null; do sleep 2; done
                """, BLOCK, TAKEN / BLOCK, server));
        return Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private static Fleet record(BenchmarkDatabase database, int machines, SshMachines stuck)
            throws SQLException, IOException {
        List<MachineInfo> all = new ArrayList<>();
        for (int i = 0; i < machines + stuck.machines().size(); i++) {
            boolean started = i < machines;
            UUID id = UUID.randomUUID();
            MachineInfo.Builder machine = MachineInfo.builder(new ProviderID(id.toString()), Availability.KNOWN_USED)
                    .address(InetAddress.getByName("127.0.0.1"))
                    .status(ProviderStatus.RUNNING);
            database.execute("insert into machines (machine_id) values (?)", id);
            if (started) {
                database.execute("insert into machine_agent_started values (?, now(), '')", id);
                database.execute("insert into machine_agent_heartbeat values (?, now())", id);
            } else {
                machine.sshPort(stuck.machines().get(i - machines).port());
                // Not yet.
                database.execute(
                        "insert into work_backoff values (?, 'ShepherdAgentStart', now() + interval '1 day', '', 1)",
                        id);
            }
            database.execute(
                    "insert into machine_provided (machine_id, provider, provider_id, provider_ip_address,"
                            + " provider_ssh_port, provider_status) values (?, ?, ?, '127.0.0.1', nullif(?, 0), 'Running')",
                    id,
                    PROVIDER.name(),
                    id.toString(),
                    started ? 0 : stuck.machines().get(i - machines).port());
            all.add(machine.build());
        }
        return new Fleet(List.copyOf(all));
    }

    private static Shepherd shepherd(Bmdb bmdb, Fleet fleet, SshMachines stuck, Path agent, int takeovers) {
        Map<Integer, AgentTakeover> byPort = new HashMap<>();
        for (SshMachines.Machine machine : stuck.machines()) {
            byPort.put(
                    machine.port(),
                    AgentTakeover.builder()
                            .executable(agent)
                            .endpoint(LightAgent.endpoint())
                            .credentials(stuck.credentials())
                            .user(stuck.user())
                            .remotePath(machine.agent().toString())
                            // All of them begin at once, on the same host.
                            .connectTimeout(Duration.ofSeconds(30))
                            .totalTimeout(Duration.ofSeconds(STUCK_SECONDS))
                            .build());
        }
        return Shepherd.builder()
                .bmdb(bmdb)
                .provider(fleet)
                .takeover(target ->
                        Objects.requireNonNull(byPort.get(target.port())).takeover(target))
                .provisioner(ProvisionerSettings.builder().maxCount(0).build())
                .initializer(
                        InitializerSettings.builder().parallelism(takeovers).build())
                .build();
    }

    private static void awaitFirstSteps(Shepherd shepherd) throws InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(LONGEST_SECONDS);
        while (!shepherd.status().loops().stream()
                .allMatch(loop -> loop.lastRunAt().isPresent())) {
            if (System.nanoTime() > deadline) {
                throw new IllegalStateException("not every loop has made a step: " + shepherd.status());
            }
            Thread.sleep(LOOK_MILLIS);
        }
    }

    private static void awaitInFlight(BenchmarkDatabase database, Shepherd shepherd, SshMachines stuck)
            throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(LONGEST_SECONDS);
        while (uploading(stuck) < stuck.machines().size() && System.nanoTime() < deadline) {
            Thread.sleep(LOOK_MILLIS);
        }
        requireInFlight(database, shepherd, stuck, stuck.machines().size());
    }

    /**
     * Takeovers are counted at all ends: on the machines, by files that have begun and do not end; in the database, by
     * claims; and in the manager, which must not have failed at anything.
     */
    private static void requireInFlight(BenchmarkDatabase database, Shepherd shepherd, SshMachines stuck, int wanted)
            throws Exception {
        Optional<LoopStatus.LastError> error = shepherd.status().loops().stream()
                .flatMap(loop -> loop.lastError().stream())
                .findFirst();
        if (error.isPresent()) {
            throw new IllegalStateException(error.get().message());
        }
        long claimed = database.number("select count(*) from work where process = 'ShepherdAgentStart'");
        long uploading = uploading(stuck);
        int inProgress = shepherd.status().loops().stream()
                .filter(loop -> loop.name().contains("initializer"))
                .mapToInt(LoopStatus::inProgress)
                .sum();
        if (claimed != wanted || uploading != wanted || inProgress != wanted) {
            throw new IllegalStateException(String.format(
                    Locale.ROOT,
                    "of %d takeovers %d are claimed, %d uploading and %d in progress, with %d loops of %d",
                    wanted,
                    claimed,
                    uploading,
                    inProgress,
                    shepherd.status().loops().size(),
                    LoopKind.values().length));
        }
    }

    /** Returns how many machines have just what they take of an agent, by and large, and no more. */
    private static long uploading(SshMachines stuck) throws IOException {
        long uploading = 0;
        for (SshMachines.Machine machine : stuck.machines()) {
            try (Stream<Path> files = Files.list(machine.folder())) {
                for (Path file : files.toList()) {
                    uploading += file.toString().endsWith(".upload")
                                    && Files.size(file) > TAKEN / 2
                                    && Files.size(file) <= TAKEN
                            ? 1
                            : 0;
                }
            }
        }
        return uploading;
    }

    /** The machines, as they are recorded. */
    private record Fleet(List<MachineInfo> machines) implements Provider {

        @Override
        public ProviderType type() {
            return PROVIDER;
        }

        @Override
        public boolean isListingCheap() {
            return true;
        }

        @Override
        public List<MachineInfo> listMachines() {
            return machines;
        }

        @Override
        public Machine getMachine(ProviderID id) {
            return machines.stream()
                    .filter(machine -> machine.id().equals(id))
                    .findFirst()
                    .orElseThrow(() -> new MachineNotFoundException("there is no machine " + id));
        }

        @Override
        public Machine createMachine(Session session, CreateMachineRequest request) {
            throw new NoCapacityException("there are no free machines");
        }
    }
}
