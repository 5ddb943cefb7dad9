package dev.shepherd.bmdb.fleet;

import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbException;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.fleet.MachinePage.Place;
import dev.shepherd.bmdb.internal.Database;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.Transactions;
import dev.shepherd.bmdb.internal.hardware.HardwareQueries;
import dev.shepherd.bmdb.operator.RecoveryPolicies;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A fleet as people look at it. A page of machines costs the same in a fleet of any size. Counts cost as much as there are machines:
 * they are made by {@link #count}, at most once in a while over all processes, and read from then on.
 *
 * <p>Safe for use by several threads.
 */
public final class Fleet {

    /** The most machines of a page. */
    public static final int LARGEST_PAGE = 1000;

    /** How far apart samples are: 5 min. */
    public static final Duration SAMPLE_INTERVAL = Duration.ofMinutes(5);

    /** How long samples are kept: 2 days. */
    public static final Duration SAMPLES_KEPT = Duration.ofDays(2);

    /** What a page may take: 10 s. */
    private static final Duration LONGEST_READ = Duration.ofSeconds(10);

    /** What counting may take: 5 min. */
    private static final Duration LONGEST_COUNT = Duration.ofMinutes(5);

    /** What one call spends at most on reading reports that were not read when they were written: 5 s. */
    private static final Duration LONGEST_READING = Duration.ofSeconds(5);

    private final Transactions transactions;
    private final RecoveryPolicies policies;

    private Fleet(Transactions transactions, RecoveryPolicies policies) {
        this.transactions = transactions;
        this.policies = policies;
    }

    /**
     * Returns a fleet.
     *
     * @param policy the policy that its recoverers run with: it says from when on an agent is silent
     */
    public static Fleet of(Bmdb bmdb, RecoveryPolicy policy) {
        return of(bmdb, RecoveryPolicies.of(policy));
    }

    /**
     * Returns a fleet whose providers are run with different policies.
     *
     * @param policies the policies that its recoverers run with
     */
    public static Fleet of(Bmdb bmdb, RecoveryPolicies policies) {
        return new Fleet(bmdb.unwrap(Database.class).transactions(), Objects.requireNonNull(policies, "policies"));
    }

    /**
     * Reads a page of machines. Those that fell silent since the fleet was counted last are not among the {@link
     * MachineState#SILENT} ones yet.
     *
     * @param filter which machines
     * @param from where the page begins or ends, or null for the first one
     * @param limit how many machines at most: 1 to {@value #LARGEST_PAGE}
     * @throws BmdbException if the database cannot be reached, or needs longer than 10 s
     */
    public MachinePage machines(MachineFilter filter, @Nullable Place from, int limit) throws InterruptedException {
        if (limit < 1 || limit > LARGEST_PAGE) {
            throw new IllegalArgumentException("a page has 1 to " + LARGEST_PAGE + " machines, not " + limit);
        }
        return transactions.read("reading machines", db -> {
            limit(db, LONGEST_READ);
            // To start workers takes longer than what they would save, and they are for others.
            db.dsl().execute("set local max_parallel_workers_per_gather = 0");
            return new PageQueries(db, policies).page(filter, from, limit);
        });
    }

    /** Reads one machine as a line of a list; empty if there is none, or if it has no provider. */
    public Optional<MachineLine> machine(UUID machineId) throws InterruptedException {
        return transactions.ask("reading machine " + machineId, db -> new PageQueries(db, policies).machine(machineId));
    }

    /** Returns the counts as last made, by whichever process; empty if none has made them yet. */
    public Optional<FleetSummary> summary() throws InterruptedException {
        return transactions.read("reading the counts of the fleet", CountQueries::summary);
    }

    /**
     * Counts the fleet, unless that was done a short while ago or another process is at it, and returns the counts as last made.
     * Reads every machine: call it in the background. Each {@link #SAMPLE_INTERVAL} it also keeps a sample.
     *
     * @param interval how old the counts may be; they get older where counting takes long, so that it takes at most a twentieth of
     *     the time
     * @return the counts; empty only while another process makes the first ones
     * @throws BmdbException if the database cannot be reached
     */
    public Optional<FleetSummary> count(Duration interval) throws InterruptedException {
        readReports();
        transactions.runAlone("counting the fleet", db -> {
            limit(db, LONGEST_COUNT);
            return new CountQueries(db, policies).countIfDue(interval);
        });
        return summary();
    }

    /**
     * Reads reports that their writer did not: few at any time, all of them once after an update from a version that did
     * not.
     */
    private void readReports() throws InterruptedException {
        long start = System.nanoTime();
        boolean more = true;
        while (more && System.nanoTime() - start < LONGEST_READING.toNanos()) {
            more = transactions.runAlone("reading hardware reports", HardwareQueries::readUnread);
        }
    }

    /**
     * Reads the machines that have a disk that says that it will fail, in the order of their ids.
     *
     * @param limit how many machines at most, at least 1
     */
    public List<UUID> machinesWithFailingDisks(int limit) throws InterruptedException {
        if (limit < 1) {
            throw new IllegalArgumentException("the limit is at least 1, not " + limit);
        }
        return transactions.ask("reading machines with failing disks", db -> HardwareQueries.failing(db, limit));
    }

    /** A statement whose client has gone would go on at the database, and slow down all the others. */
    private static void limit(Handle db, Duration limit) {
        db.dsl().execute("set local statement_timeout = " + limit.toMillis());
    }

    /** Reads the samples since a moment, the oldest first; none is older than {@link #SAMPLES_KEPT}. */
    public List<FleetSample> samples(Instant since) throws InterruptedException {
        return transactions.ask("reading the samples of the fleet", db -> CountQueries.samples(db, since));
    }

    /**
     * Returns a text that is another one once work on machines began or ended, something was paused, a rollout went on, or the fleet
     * was counted. Cheap in a fleet of any size. Heartbeats alone do not change it.
     */
    public String version() throws InterruptedException {
        return transactions.ask("reading whether the fleet changed", CountQueries::version);
    }
}
