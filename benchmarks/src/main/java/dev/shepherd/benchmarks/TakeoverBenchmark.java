package dev.shepherd.benchmarks;

import dev.shepherd.api.ProviderType;
import dev.shepherd.benchmarks.SshMachines.Machine;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.manager.status.LoopKind;
import dev.shepherd.manager.status.LoopStatus;
import dev.shepherd.manager.takeover.AgentTakeover;
import dev.shepherd.manager.takeover.InitializerSettings;
import dev.shepherd.manager.takeover.MachineTakeover;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.stream.DoubleStream;

/**
 * Takeovers of machines that run OpenSSH's own server, all of them on this host: by a manager with its database, by the
 * SSH library alone, and by Ansible where it is installed. In turns, as many at once by each.
 */
final class TakeoverBenchmark implements Benchmark {

    private static final ProviderType PROVIDER = new ProviderType("bench");
    private static final long LONGEST_SECONDS = 600;
    private static final long LOOK_MILLIS = 5;
    private static final long MEGABYTE = 1_000_000;

    private final Optional<Path> ansibleProgram;

    TakeoverBenchmark() {
        this(Ansible.program());
    }

    /** Makes one that compares with the Ansible that it is given, or with none. */
    TakeoverBenchmark(Optional<Path> ansibleProgram) {
        this.ansibleProgram = ansibleProgram;
    }

    @Override
    public String name() {
        return "takeover";
    }

    @Override
    public String description() {
        return "Machines taken over by SSH a second, beside the SSH library alone and Ansible. Needs OpenSSH's sshd.";
    }

    @Override
    public Map<String, Long> options() {
        Map<String, Long> options = new LinkedHashMap<>();
        options.put("machines", 200L);
        options.put("parallelism", (long) InitializerSettings.DEFAULT.parallelism());
        options.put("agent-mb", 10L);
        options.put("rounds", 3L);
        options.put("ansible-rounds", 1L);
        return options;
    }

    @Override
    public Figures run(Map<String, Long> options, Progress progress) throws Exception {
        int count = Math.toIntExact(Benchmark.option(options, "machines"));
        int parallelism = Math.toIntExact(Benchmark.option(options, "parallelism"));
        int rounds = Math.toIntExact(Benchmark.option(options, "rounds"));
        long size = Benchmark.option(options, "agent-mb") * MEGABYTE;
        progress.stage("starting a PostgreSQL that keeps what it commits, and " + count + " machines");
        try (BenchmarkDatabase database = BenchmarkDatabase.start("takeover");
                Bmdb bmdb = Bmdb.open(database.url());
                SshMachines machines = SshMachines.start(count, "internal-sftp")) {
            Path agent = machines.folder().resolve("agent");
            LightAgent.write(agent, size);
            MachineTakeover takeover = takeover(machines, agent);
            BareSshj bare = new BareSshj(machines, agent);
            Optional<Ansible> ansible = ansible(machines, agent, parallelism, progress);
            double[] shepherdSeconds = new double[rounds];
            double[] bareSeconds = new double[rounds];
            double[] ansibleSeconds =
                    new double[Math.min(rounds, Math.toIntExact(Benchmark.option(options, "ansible-rounds")))];
            // A first time that does not count, since nothing has been compiled yet.
            for (int round = -1; round < rounds; round++) {
                String which = round < 0 ? "warming up" : "round " + (round + 1) + " of " + rounds;
                double shepherd = 0;
                double alone = 0;
                // They take turns in who comes first.
                for (int turn = 0; turn < 2; turn++) {
                    if (Math.floorMod(round + turn, 2) == 0) {
                        progress.stage(which + ": Shepherd");
                        shepherd = shepherd(database, bmdb, machines, takeover, parallelism);
                    } else {
                        progress.stage(which + ": the SSH library alone");
                        alone = bare.run(parallelism);
                    }
                    machines.check(size);
                    machines.clean();
                }
                if (round >= 0) {
                    shepherdSeconds[round] = shepherd;
                    bareSeconds[round] = alone;
                    if (ansible.isPresent() && round < ansibleSeconds.length) {
                        progress.stage(which + ": Ansible");
                        ansibleSeconds[round] = ansible.get().run();
                        machines.check(size);
                        machines.clean();
                    }
                }
            }
            Figures figures = new Figures()
                    .put("per_s", count / median(shepherdSeconds), 2)
                    .put("bare_sshj_per_s", count / median(bareSeconds), 2)
                    .put("ratio_bare_sshj", ratio(bareSeconds, shepherdSeconds), 2);
            if (ansible.isPresent()) {
                figures.put("ansible_per_s", count / median(ansibleSeconds), 2)
                        .put("ratio_ansible", ratio(ansibleSeconds, shepherdSeconds), 2);
            } else {
                figures.putUnmeasured("ansible_per_s").putUnmeasured("ratio_ansible");
            }
            return figures.put("machines", count)
                    .put("parallelism", parallelism)
                    .put("agent_mb", size / MEGABYTE)
                    .put("rounds", rounds)
                    .put("ansible_rounds", ansible.isPresent() ? ansibleSeconds.length : 0)
                    .put("processors", Runtime.getRuntime().availableProcessors());
        }
    }

    private Optional<Ansible> ansible(SshMachines machines, Path agent, int parallelism, Progress progress)
            throws Exception {
        if (ansibleProgram.isEmpty()) {
            progress.stage("without Ansible: there is no ansible-playbook on the PATH");
            return Optional.empty();
        }
        return Optional.of(Ansible.prepare(ansibleProgram.get(), machines, agent, parallelism));
    }

    /** Machines have a path of their own each, since they share a host. */
    private static MachineTakeover takeover(SshMachines machines, Path agent) {
        Map<Integer, AgentTakeover> byPort = new HashMap<>();
        for (Machine machine : machines.machines()) {
            byPort.put(
                    machine.port(),
                    AgentTakeover.builder()
                            .executable(agent)
                            .endpoint(LightAgent.endpoint())
                            .caCertificate(LightAgent.caCertificate())
                            .credentials(machines.credentials())
                            .user(machines.user())
                            .remotePath(machine.agent().toString())
                            .build());
        }
        return target -> Objects.requireNonNull(byPort.get(target.port())).takeover(target);
    }

    /** Returns how long it takes from the start of a manager until all agents are recorded as started, in seconds. */
    private static double shepherd(
            BenchmarkDatabase database, Bmdb bmdb, SshMachines machines, MachineTakeover takeover, int parallelism)
            throws Exception {
        record(database, machines);
        try (Shepherd shepherd = Shepherd.builder()
                .bmdb(bmdb)
                .provider(new EmptyProvider(PROVIDER))
                .takeover(takeover)
                .initializer(
                        InitializerSettings.builder().parallelism(parallelism).build())
                .loops(Set.of(LoopKind.INITIALIZER))
                .build()) {
            long startedAt = System.nanoTime();
            long deadline = startedAt + TimeUnit.SECONDS.toNanos(LONGEST_SECONDS);
            shepherd.start();
            while (database.number("select count(*) from machine_agent_started")
                    < machines.machines().size()) {
                Optional<LoopStatus.LastError> error =
                        shepherd.status().loops().get(0).lastError();
                if (error.isPresent() || System.nanoTime() > deadline) {
                    throw new IllegalStateException(
                            error.map(LoopStatus.LastError::message).orElse("it does not end"));
                }
                Thread.sleep(LOOK_MILLIS);
            }
            return (System.nanoTime() - startedAt) / 1e9;
        }
    }

    /** Replaces all machines by new ones, which have never shown a host key. */
    private static void record(BenchmarkDatabase database, SshMachines machines) throws SQLException {
        database.execute("truncate machines cascade");
        for (Machine machine : machines.machines()) {
            UUID id = UUID.randomUUID();
            database.execute("insert into machines (machine_id) values (?)", id);
            database.execute(
                    "insert into machine_provided"
                            + " (machine_id, provider, provider_id, provider_ip_address, provider_ssh_port)"
                            + " values (?, ?, ?, '127.0.0.1', ?)",
                    id,
                    PROVIDER.name(),
                    Integer.toString(machine.port()),
                    machine.port());
        }
        database.execute("vacuum analyze");
    }

    /** Of as many rounds as both have: how much longer the first took. */
    private static double ratio(double[] slower, double[] faster) {
        double[] ratios = new double[Math.min(slower.length, faster.length)];
        for (int i = 0; i < ratios.length; i++) {
            ratios[i] = slower[i] / faster[i];
        }
        return median(ratios);
    }

    private static double median(double[] numbers) {
        double[] sorted = DoubleStream.of(numbers).sorted().toArray();
        int middle = sorted.length / 2;
        return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}
