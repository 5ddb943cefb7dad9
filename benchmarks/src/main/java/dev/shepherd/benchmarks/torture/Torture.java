package dev.shepherd.benchmarks.torture;

import dev.shepherd.benchmarks.torture.Checker.Verdict;
import dev.shepherd.benchmarks.torture.Effect.Kind;
import dev.shepherd.benchmarks.torture.ManagerProcess.Frozen;
import dev.shepherd.benchmarks.torture.Nemesis.Fault;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbConfig;
import dev.shepherd.bmdb.agent.AgentCallback;
import dev.shepherd.bmdb.event.StoredEvent;
import dev.shepherd.postgres.PostgresPair;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** Several managers over a database that fails over, hurt in every way, and checked. */
public final class Torture {

    private static final long STEP_MILLIS = 100;
    /** How long everything may stand still before it is taken for stuck. */
    private static final long STUCK_SECONDS = 180;

    private static final long SETTLE_LOOK_MILLIS = 500;
    private static final long END_SECONDS = 60;
    private static final int SHOWN = 20;

    /** How many agents fall silent, as a share of the machines. */
    private static final double SILENCED = 0.5;

    private final int machines;
    private final int managers;
    private final long seconds;
    private final Random random;
    private final Consumer<String> progress;

    /**
     * How much work was moved away from machines before they went down.
     *
     * @param begun drains that hooks were told of
     * @param goneOn those whose manager was killed, and whose machine another one then rebooted
     * @param endedByAnother those whose manager was killed before their end, which hooks then heard from another one
     */
    public record Drains(int begun, int goneOn, int endedByAnother) {}

    /**
     * What came out.
     *
     * @param violations what must not have happened
     * @param faults how often managers were hurt, by the kind of it, in lower case
     * @param failovers how often the primary was taken away
     * @param rollouts how many rollouts were begun
     * @param rolledOut how often a machine was brought to another agent
     * @param putBack how often a machine got its former agent back
     * @param events how many events the feed had in the end
     * @param effects how much was done to machines
     * @param takeovers how often an agent was started
     * @param reboots how often a machine was rebooted
     * @param drains how much work was moved away before, and by whom
     * @param finishes how many ends of work the database recorded as finished
     * @param silenced how many agents fell silent
     * @param commitsCut how many commits there were of which the answer was swallowed
     * @param latestEffectMillis how long after its session's loss a manager last acted, without the time for which it
     *     was frozen
     * @param longestStallMillis the longest time for which the host as a whole stood still
     * @param settleSeconds how long it took after the last fault until everything was in order
     * @param machines how many machines there were in the end
     * @param started how many managers were started, one after the other
     */
    public record Outcome(
            List<String> violations,
            Map<String, Integer> faults,
            int failovers,
            int rollouts,
            long rolledOut,
            long putBack,
            long events,
            long effects,
            long takeovers,
            long reboots,
            Drains drains,
            long finishes,
            long silenced,
            int commitsCut,
            long latestEffectMillis,
            long longestStallMillis,
            double settleSeconds,
            int machines,
            int started) {}

    /**
     * Prepares a run.
     *
     * @param machines how many machines there are in the end
     * @param managers how many managers run at a time, at least 2
     * @param seconds for how long they are hurt
     * @param seed what chance begins with
     * @param progress is told how far it is
     */
    public Torture(int machines, int managers, long seconds, long seed, Consumer<String> progress) {
        if (managers < 2) {
            throw new IllegalArgumentException("at least two managers are needed, not " + managers);
        }
        this.machines = machines;
        this.managers = managers;
        this.seconds = seconds;
        this.random = new Random(seed);
        this.progress = progress;
    }

    /** Runs it. What was logged is kept where something was found. */
    public Outcome run() throws IOException, SQLException, InterruptedException {
        Path folder = Files.createTempDirectory("shepherd-torture");
        Thread hook = new Thread(() -> deleteQuietly(folder), "torture-cleaner");
        Runtime.getRuntime().addShutdownHook(hook);
        boolean keep = false;
        try {
            Outcome outcome = run(folder);
            keep = !outcome.violations().isEmpty();
            if (keep) {
                progress.accept("what was logged is kept in " + folder);
            }
            return outcome;
        } finally {
            if (!keep) {
                deleteQuietly(folder);
            }
            Runtime.getRuntime().removeShutdownHook(hook);
        }
    }

    private Outcome run(Path folder) throws IOException, SQLException, InterruptedException {
        progress.accept("starting a primary and a standby");
        try (PostgresPair pair = PostgresPair.start()) {
            String url = pair.createDatabase("torture");
            try (Bmdb bmdb = Bmdb.open(BmdbConfig.builder().jdbcUrl(url).build());
                    AgentCallback callback = AgentCallback.of(bmdb)) {
                Evidence.noteSessions(url);
                callback.start();
                return run(folder, pair, url, bmdb, callback);
            }
        }
    }

    private Outcome run(Path folder, PostgresPair pair, String url, Bmdb bmdb, AgentCallback callback)
            throws IOException, SQLException, InterruptedException {
        World world =
                new World(new EffectReader(folder, List.of(EffectLog.CREATIONS, EffectLog.EFFECTS)), callback, random);
        Plan plan = new Plan(folder, System.currentTimeMillis(), seconds, machines);
        ScheduledExecutorService ticker = Executors.newSingleThreadScheduledExecutor(task -> {
            Thread thread = new Thread(task, "torture-world");
            thread.setDaemon(true);
            return thread;
        });
        try (Managers fleet = new Managers(plan, pair.ports(), ports -> pair.jdbcUrl(ports, "torture"), managers);
                Failovers failovers = new Failovers(pair, new Random(random.nextLong()), seconds);
                Rollouter rollouts = new Rollouter(bmdb, folder, new Random(random.nextLong()));
                Follower follower = new Follower(bmdb);
                Stalls stalls = new Stalls()) {
            var unused = ticker.scheduleWithFixedDelay(
                    world::tick, World.TICK_MILLIS, World.TICK_MILLIS, TimeUnit.MILLISECONDS);
            Nemesis nemesis = new Nemesis(fleet, world, new Random(random.nextLong()));
            for (int i = 0; i < managers; i++) {
                fleet.start(i);
            }
            progress.accept("waiting until every manager is at work");
            awaitWork(world, fleet);
            failovers.start();
            rollouts.start();
            follower.start();
            hurt(world, fleet, nemesis);
            progress.accept("no more faults: waiting until everything is in order");
            nemesis.healAll();
            int failedOver = failovers.await();
            int rolledOut = rollouts.end();
            double settled = settle(world, fleet, url);
            progress.accept("ending the managers");
            fleet.end();
            ticker.shutdown();
            if (!ticker.awaitTermination(END_SECONDS, TimeUnit.SECONDS)) {
                throw new IllegalStateException("the machines do not stand still");
            }
            world.read();
            progress.accept("checking");
            List<Frozen> frozen = new ArrayList<>(fleet.frozen());
            frozen.addAll(stalls.spans());
            List<StoredEvent> followed = follower.end();
            Evidence evidence = Evidence.read(
                    url,
                    machines,
                    world.effects(),
                    frozen,
                    fleet.killed(),
                    world.alive(),
                    follower.readAgain(),
                    followed,
                    fleet.complaints());
            Verdict verdict = Checker.check(evidence);
            return outcome(
                    evidence, verdict, nemesis, failedOver, rolledOut, world, fleet, stalls.longestMillis(), settled);
        } finally {
            ticker.shutdownNow();
        }
    }

    private void awaitWork(World world, Managers fleet) throws IOException, InterruptedException {
        long startedAt = System.nanoTime();
        while (!IntStream.range(0, managers)
                .allMatch(slot -> world.hasWorkedSince(fleet.number(slot).orElseThrow(), 0))) {
            if (System.nanoTime() - startedAt > TimeUnit.SECONDS.toNanos(STUCK_SECONDS)) {
                throw new IllegalStateException("not every manager is at work within " + STUCK_SECONDS + " s");
            }
            fleet.replaceFallen();
            Thread.sleep(STEP_MILLIS);
        }
    }

    private void hurt(World world, Managers fleet, Nemesis nemesis) throws IOException, InterruptedException {
        long startedAt = System.nanoTime();
        long told = 0;
        int silenced = 0;
        while (true) {
            double elapsed = (System.nanoTime() - startedAt) / 1e9;
            if (elapsed >= seconds) {
                return;
            }
            nemesis.step();
            int due = (int) (machines * SILENCED * elapsed / seconds);
            silenced += world.silence(due - silenced);
            if (elapsed >= told) {
                told += 10;
                progress.accept(String.format(
                        Locale.ROOT,
                        "%d of %d s: %d effects, %d kills, %d freezes",
                        Math.round(elapsed),
                        seconds,
                        world.effects().size(),
                        nemesis.count(Fault.KILL),
                        nemesis.count(Fault.FREEZE)));
            }
            Thread.sleep(STEP_MILLIS);
        }
    }

    /** Waits until everything is in order, or nothing gets better any more. Returns how long it took, in seconds. */
    private double settle(World world, Managers fleet, String url) throws IOException, InterruptedException {
        long startedAt = System.nanoTime();
        long bestAt = startedAt;
        int best = -1;
        while (true) {
            int inOrder = machinesInOrder(url, world.alive());
            long now = System.nanoTime();
            if (inOrder > best) {
                best = inOrder;
                bestAt = now;
            }
            // There is no machine that could have an intent then.
            if (inOrder == machines || now - bestAt > TimeUnit.SECONDS.toNanos(STUCK_SECONDS)) {
                return (now - startedAt) / 1e9;
            }
            fleet.replaceFallen();
            Thread.sleep(SETTLE_LOOK_MILLIS);
        }
    }

    /** Counts the machines whose agent is recorded and heard, that no loop works on, and that no gate or hook has to do with. */
    private static int machinesInOrder(String url, Map<UUID, String> alive) {
        int count = 0;
        try (Connection connection = DriverManager.getConnection(url);
                PreparedStatement statement = connection.prepareStatement(
                        "select machine_id, encode(agent_public_key, 'hex') from machine_agent_started"
                                + " join machine_agent_heartbeat using (machine_id) where machine_id not in"
                                + " (select machine_id from work where process <> ?) and machine_id not in"
                                + " (select machine_id from machine_rollout where rollout_until is not null) and machine_id not in"
                                + " (select machine_id from machine_disruption)")) {
            statement.setString(1, Plan.INSPECTION);
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    if (rows.getString(2).equals(alive.get(rows.getObject(1, UUID.class)))) {
                        count++;
                    }
                }
            }
        } catch (SQLException e) {
            return 0; // It fails over just now.
        }
        return count;
    }

    private static Outcome outcome(
            Evidence evidence,
            Verdict verdict,
            Nemesis nemesis,
            int failovers,
            int rollouts,
            World world,
            Managers fleet,
            long longestStallMillis,
            double settled) {
        Map<String, Integer> faults = new HashMap<>();
        for (Fault fault : Fault.values()) {
            faults.put(fault.name().toLowerCase(Locale.ROOT), nemesis.count(fault));
        }
        List<String> violations = new ArrayList<>();
        verdict.violations().stream().limit(SHOWN).forEach(violation -> violations.add(violation.toString()));
        int more = verdict.violations().size() - violations.size();
        for (int i = 0; i < more; i++) {
            violations.add(verdict.violations().get(SHOWN + i).rule().toString());
        }
        return new Outcome(
                violations,
                faults,
                failovers,
                rollouts,
                steps(evidence, "Done"),
                steps(evidence, "Returned"),
                evidence.told().size(),
                evidence.effects().stream()
                        .filter(effect -> effect.kind().isStep())
                        .count(),
                count(evidence, Kind.RUN),
                count(evidence, Kind.REBOOT),
                verdict.drains(),
                evidence.history().stream()
                        .filter(line -> line.event().equals("Finished"))
                        .count(),
                world.silenced(),
                fleet.commitsCut(),
                verdict.latestEffectMillis(),
                longestStallMillis,
                settled,
                evidence.machines().size(),
                fleet.started());
    }

    private static long steps(Evidence evidence, String step) {
        return evidence.steps().stream()
                .filter(line -> line.step().equals(step))
                .count();
    }

    private static long count(Evidence evidence, Kind kind) {
        return evidence.effects().stream()
                .filter(effect -> effect.kind() == kind)
                .count();
    }

    private static void deleteQuietly(Path folder) {
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(file);
            }
        } catch (IOException | UncheckedIOException e) {
            // Deleted already, or a manager wrote to it just now.
        }
    }
}
