package dev.shepherd.benchmarks;

import dev.shepherd.api.ProviderType;
import dev.shepherd.benchmarks.HostileMachines.Attack;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.bmdb.operator.Quarantine;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What three hostile machines cost two managers and the machines beside them. */
final class HostileBenchmark implements Benchmark {

    private static final String PROVIDER = "ssh";
    private static final String REMOTE_NAME = "agent";
    private static final long END_SECONDS = 40;
    private static final long RENEW_MILLIS = 500;

    @Override
    public String name() {
        return "hostile";
    }

    @Override
    public String description() {
        return "three hostile machines beside good ones, which are taken over again and again and beat, by two managers";
    }

    @Override
    public Map<String, Long> options() {
        Map<String, Long> options = new LinkedHashMap<>();
        options.put("seconds", 60L);
        options.put("good", 20L);
        options.put("managers", 2L);
        options.put("heap-mb", 512L);
        return options;
    }

    @Override
    public Figures run(Map<String, Long> options, Progress progress) throws Exception {
        int good = Math.toIntExact(Benchmark.option(options, "good"));
        long seconds = Benchmark.option(options, "seconds");
        int count = Math.toIntExact(Benchmark.option(options, "managers"));
        progress.stage("starting a PostgreSQL, " + good + " machines of OpenSSH and three hostile ones");
        try (BenchmarkDatabase database = BenchmarkDatabase.start("hostile");
                Bmdb bmdb = Bmdb.open(database.url());
                SshMachines machines = SshMachines.start(good, "internal-sftp");
                HostileMachines hostile = HostileMachines.start(REMOTE_NAME)) {
            Path agent = machines.folder().resolve("light-agent");
            LightAgent.write(agent, 100_000);
            List<UUID> ids = new ArrayList<>();
            for (SshMachines.Machine machine : machines.machines()) {
                ids.add(record(database, machine.port()));
            }
            Map<Attack, UUID> attackers = new EnumMap<>(Attack.class);
            for (Attack attack : Attack.values()) {
                attackers.put(attack, record(database, hostile.port(attack)));
            }
            List<String> arguments = new ArrayList<>(List.of(
                    PROVIDER,
                    machines.keyFile().toString(),
                    agent.toString(),
                    machines.user(),
                    machines.folder().resolve(REMOTE_NAME).toString(),
                    Stream.of(Attack.values())
                            .map(attack -> Integer.toString(hostile.port(attack)))
                            .collect(Collectors.joining(","))));
            ids.forEach(id -> arguments.add(id.toString()));
            List<Process> managers = new ArrayList<>();
            List<Path> logs = new ArrayList<>();
            try {
                for (int i = 1; i <= count; i++) {
                    Path log = machines.folder().resolve("manager-" + i + ".log");
                    logs.add(log);
                    managers.add(start(database.url(), Benchmark.option(options, "heap-mb"), log, arguments));
                }
                progress.stage("attacked for " + seconds + " s");
                renew(database, ids, seconds);
                int alive = (int) managers.stream().filter(Process::isAlive).count();
                for (Process manager : managers) {
                    manager.getOutputStream().close();
                    manager.waitFor(END_SECONDS, TimeUnit.SECONDS);
                }
                return figures(database, bmdb, attackers, logs, progress)
                        .put("managers", count)
                        .put("managers_alive", alive)
                        .put("good", good)
                        .put("seconds", seconds)
                        .put("processors", Runtime.getRuntime().availableProcessors());
            } finally {
                managers.forEach(Process::destroyForcibly);
            }
        }
    }

    private static UUID record(BenchmarkDatabase database, int port) throws SQLException {
        UUID id = UUID.randomUUID();
        database.execute("insert into machines (machine_id) values (?)", id);
        database.execute(
                "insert into machine_provided (machine_id, provider, provider_id, provider_ip_address, provider_ssh_port)"
                        + " values (?, ?, ?, '127.0.0.1', ?)",
                id,
                new ProviderType(PROVIDER).name(),
                Integer.toString(port),
                port);
        return id;
    }

    private static Process start(String url, long heapMegabytes, Path log, List<String> arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx" + heapMegabytes + "m",
                "-XX:+ExitOnOutOfMemoryError",
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=info",
                "-cp",
                System.getProperty("java.class.path"),
                HostileManager.class.getName()));
        command.addAll(arguments);
        ProcessBuilder builder =
                new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile());
        builder.environment().put("HOSTILE_JDBC_URL", url);
        return builder.start();
    }

    /** Takes the agents of good machines away in turns, so that they are taken over for as long as this goes on. */
    private static void renew(BenchmarkDatabase database, List<UUID> ids, long seconds)
            throws SQLException, InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
        for (int i = 0; System.nanoTime() < deadline; i = (i + 1) % ids.size()) {
            database.execute("delete from machine_agent_started where machine_id = ?", ids.get(i));
            TimeUnit.MILLISECONDS.sleep(RENEW_MILLIS);
        }
    }

    private static Figures figures(
            BenchmarkDatabase database, Bmdb bmdb, Map<Attack, UUID> attackers, List<Path> logs, Progress progress)
            throws Exception {
        String hostile = String.join(
                ",", attackers.values().stream().map(id -> "'" + id + "'").toList());
        String spans = " from work_history f join work_history s using (claim_id) where s.event = 'Started'"
                + " and f.machine_id not in (" + hostile + ") and f.event = ";
        long outOfMemory = 0;
        long beats = 0;
        double slowest = 0;
        for (Path log : logs) {
            for (String line : Files.readAllLines(log)) {
                outOfMemory += line.contains("OutOfMemoryError") ? 1 : 0;
                if (line.startsWith("BEATS ")) {
                    beats += Long.parseLong(line.split(" ")[1]);
                    slowest = Math.max(slowest, Double.parseDouble(line.split(" ")[2]));
                }
            }
        }
        long quarantined = 0;
        for (Map.Entry<Attack, UUID> attacker : attackers.entrySet()) {
            Optional<Quarantine> quarantine = Operator.of(bmdb).quarantine(attacker.getValue());
            quarantined += quarantine.isPresent() ? 1 : 0;
            progress.stage(attacker.getKey() + ": "
                    + quarantine.map(found -> "in quarantine: " + found.cause()).orElse("not in quarantine") + "; "
                    + database.number(
                            "select count(*) from work_history where machine_id = ? and event = 'Started'",
                            attacker.getValue())
                    + " takeovers, the last failed: "
                    + bmdb.history(attacker.getValue(), 10).stream()
                            .flatMap(entry -> entry.failedCause().stream())
                            .findFirst()
                            .orElse("none has ended"));
        }
        return new Figures()
                .put("out_of_memory", outOfMemory)
                .put("takeovers", database.number("select count(*)" + spans + "'Finished'"))
                .put("takeovers_failed", database.number("select count(*)" + spans + "'Failed'"))
                .put(
                        "takeover_p99_ms",
                        database.number("select coalesce(round(1000 * percentile_cont(0.99) within group (order by"
                                + " extract(epoch from f.timestamp - s.timestamp))), -1)" + spans + "'Finished'"))
                .put("heartbeats", beats)
                .put("heartbeat_p99_ms", slowest, 1)
                .put("hostile", attackers.size())
                .put("quarantined", quarantined);
    }
}
