package dev.shepherd.manager.listing;

import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.BmdbTransaction;
import dev.shepherd.bmdb.ProvidedMachine;
import dev.shepherd.bmdb.listing.Listings;
import dev.shepherd.bmdb.listing.ProviderCheck;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.manager.internal.ControlLoop;
import dev.shepherd.manager.internal.LogContext;
import dev.shepherd.manager.internal.LoopContext;
import dev.shepherd.manager.internal.LoopMonitor;
import dev.shepherd.manager.internal.MachineIndex;
import dev.shepherd.manager.internal.ProviderCalls;
import dev.shepherd.manager.internal.SessionSource;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.Executor;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Mirrors what a provider says about its machines into the database: status, address, port, location, reservation. What
 * it no longer says is cleared; a machine that it no longer knows becomes {@link ProviderStatus#MISSING}.
 *
 * <p>Its cost follows what is due, not the fleet: each machine has a time at which it is looked at next, sooner while
 * it is in motion. Several processes share the machines; for a machine that did not change, only the time of its next
 * check is written.
 *
 * <p>A provider whose listing is cheap is compared as a whole instead, once in {@link UpdaterSettings#restInterval()}
 * by each process: both sides are read as they come, and of each machine a hash is kept of what the database has.
 * Machines at rest then need no time, and nothing at all is written where nothing changed. Those in motion are looked
 * at between the comparisons, at their own times.
 *
 * <p>Safe for use by several threads; steps run one at a time.
 */
public final class Updater {

    private static final Logger log = LoggerFactory.getLogger(Updater.class);

    /** How many machines in motion are looked up in one listing. They are in memory meanwhile. */
    private static final int LISTED_BATCH = 10_000;

    /** How many machines that changed are written in one transaction. */
    private static final int WRITTEN_BATCH = 1000;

    /** How many changes of one step are in the log one by one. */
    private static final int NAMED = 100;

    // What is noted of a machine while the whole fleet is compared.
    private static final int DUE = 1;
    private static final int MISSING = 2;
    private static final int IN_MOTION = 4;
    private static final int LISTED = 8;

    /** How many machines one thread asks for before the results are written. Fits into the lease on them. */
    private static final int ASKED_BATCH = 20;

    /** How many threads ask at most, however many calls the provider takes. */
    private static final int MOST_AT_ONCE = 128;

    /** How long a machine is left alone at most, even if the provider asks for longer. */
    private static final Duration LONGEST_PAUSE = Duration.ofDays(1);

    private static final int LONGEST_REASON = 500;

    /** After how many batches a step ends. */
    private static final int LARGEST_STEP = 50;

    private final Bmdb bmdb;
    private final Listings listings;
    private final ProviderCalls provider;
    private final ProviderType type;
    private final UpdaterSettings settings;
    private final SessionSource sessions;
    private final LoopMonitor monitor;
    private final Executor executor;
    private final Runnable onChanged;
    private final int atOnce;
    private final Object stepping = new Object();

    /** When the whole fleet is compared next. Guarded by {@link #stepping}. */
    private Instant comparedNextAt = Instant.MIN;

    /** How many machines the last comparison found in the database. Guarded by {@link #stepping}. */
    private int recordedLast;

    /** Whether more machines may have been due when the last step ended. */
    private volatile boolean leftOver;

    /** Whether machines that a comparison left at rest were given a time. Guarded by {@link #stepping}. */
    private boolean recalled;

    public Updater(LoopContext context, UpdaterSettings settings) {
        this.bmdb = context.bmdb();
        this.provider = context.provider();
        this.type = provider.type();
        this.listings = Listings.of(bmdb, type);
        this.settings = settings;
        this.sessions = context.sessions();
        this.monitor = context.monitor();
        this.executor = context.executor();
        this.onChanged = context.wakeInitializer();
        this.atOnce = Math.max(1, Math.min(provider.permits() / 2, MOST_AT_ONCE));
    }

    /**
     * Returns how many threads of the executor a step takes, beside its own: with that, it asks for half as many machines at
     * once as the provider takes calls. The other half is left to takeovers and reboots, which must not wait behind machines
     * that are only looked at.
     */
    public int helpers() {
        return atOnce - 1;
    }

    public ControlLoop.Next run() throws InterruptedException {
        step();
        if (leftOver) {
            return new ControlLoop.Next(Duration.ZERO, "nothing: more machines are due");
        }
        return new ControlLoop.Next(settings.pollInterval(), "a machine to be due");
    }

    /**
     * Looks at the machines that are due, a thousand at most for each that is asked for at the same time, and at the whole
     * fleet if that is due. Stops where the provider is paused meanwhile.
     *
     * @return how many of them had changed
     * @throws ProviderException if the provider cannot be asked for any machine; those that were not looked at are due
     *     again within a minute
     * @throws dev.shepherd.api.SessionExpiredException if the session is lost
     * @throws dev.shepherd.bmdb.BmdbException if the database cannot be reached
     * @throws InterruptedException if the thread is interrupted
     */
    public int step() throws InterruptedException {
        synchronized (stepping) {
            boolean goesOn = leftOver;
            leftOver = false;
            if (isPaused()) {
                return 0;
            }
            BmdbSession session = sessions.current();
            try (var guard = session.interruptOnLoss()) {
                return new Round(session, goesOn).update();
            }
        }
    }

    private boolean isPaused() throws InterruptedException {
        return !Operator.of(bmdb).pauses(type).isEmpty();
    }

    /** One look at all that is due. */
    private final class Round {
        private final BmdbSession session;
        private final boolean goesOn;
        private final boolean cheap = provider.isListingCheap();
        private final int asked = ASKED_BATCH * atOnce;
        private int changed;

        Round(BmdbSession session, boolean goesOn) {
            this.session = session;
            this.goesOn = goesOn;
        }

        int update() throws InterruptedException {
            boolean compared = cheap && compareIfDue();
            if (!cheap && !recalled) {
                recall();
            }
            // What is due after a comparison was not listed, or became due only then. This step has listed already.
            boolean lists = cheap && !compared && !goesOn;
            int batch = lists ? LISTED_BATCH : asked;
            List<ProviderCheck> due = take(batch);
            for (int batches = 1; !due.isEmpty(); batches++) {
                List<ProviderCheck> unlisted = lists && due.size() > 1 ? lookUp(due) : due;
                for (int from = 0; from < unlisted.size() && !(from > 0 && isPaused()); from += asked) {
                    ask(unlisted.subList(from, Math.min(unlisted.size(), from + asked)));
                }
                // Machines may come due as fast as they are asked for. A step ends all the same, and shows that the
                // loop goes on.
                leftOver = due.size() == batch && batches == LARGEST_STEP;
                due = due.size() < batch || leftOver || isPaused() ? List.of() : take(batch);
            }
            if (changed > NAMED) {
                log.info("Provider {}: {} more machines changed", type, changed - NAMED);
            }
            return changed;
        }

        private boolean compareIfDue() throws InterruptedException {
            Instant now = bmdb.now();
            // One further ahead was set before the database's clock went back.
            boolean isAhead =
                    comparedNextAt.isAfter(now.plus(settings.restInterval().multipliedBy(2)));
            if (now.isBefore(comparedNextAt) && !isAhead) {
                return false;
            }
            new Comparison(this).compare();
            comparedNextAt = now.plus(spread(settings.restInterval()));
            return true;
        }

        /** The listing of this provider may have been cheap before. */
        private void recall() throws InterruptedException {
            int count;
            do {
                long within = ThreadLocalRandom.current()
                        .nextLong(settings.restInterval().toMillis());
                count = session.inTransaction(
                        tx -> listings.recallChecks(tx, Duration.ofMillis(within), WRITTEN_BATCH));
            } while (count == WRITTEN_BATCH);
            recalled = true;
        }

        /** Looks at those of some machines that are listed. Returns the others. */
        private List<ProviderCheck> lookUp(List<ProviderCheck> due) throws InterruptedException {
            Map<ProviderID, ProviderCheck> unlisted = new LinkedHashMap<>();
            due.forEach(check -> unlisted.put(check.machine().providerId(), check));
            List<Found> found = new ArrayList<>();
            provider.forEachMachine(new ProviderCalls.Visitor() {
                @Override
                public void visit(MachineInfo machine) {
                    ProviderCheck check = unlisted.remove(machine.id());
                    if (check != null) {
                        found.add(Found.compared(check, machine));
                    }
                }

                @Override
                public void passOver(ProviderID id, String why) {
                    ProviderCheck check = unlisted.remove(id);
                    if (check != null) {
                        found.add(failed(check, "it breaks a rule: " + why, Optional.empty()));
                    }
                }
            });
            write(found);
            return List.copyOf(unlisted.values());
        }

        private void ask(List<ProviderCheck> checks) throws InterruptedException {
            Questions questions = new Questions(provider, checks);
            try {
                questions.ask(helpers(), executor);
            } finally {
                write(questions.answered(this::found));
            }
        }

        private List<ProviderCheck> take(int limit) throws InterruptedException {
            return session.inTransaction(tx -> listings.takeChecks(tx, limit));
        }

        /** One that is not listed may be in creation: only the provider's own word makes a machine a missing one. */
        private Found found(ProviderCheck check, @Nullable MachineInfo machine, @Nullable ProviderException failure) {
            if (machine != null) {
                return Found.compared(check, machine);
            }
            if (failure == null || failure.reason() == Reason.NOT_FOUND) {
                return new Found(
                        check,
                        Found.isMissing(check.machine()) ? Found.Look.SAME : Found.Look.MISSING,
                        null,
                        Duration.ZERO);
            }
            return failed(check, String.valueOf(failure.getMessage()), failure.retryAfter());
        }

        /** This machine has to wait, longer with each failure in a row. The others are still looked at. */
        private Found failed(ProviderCheck check, String why, Optional<Duration> retryAfter) {
            Duration grown = settings.motionInterval().multipliedBy(1L << Math.min(check.failures(), 10));
            Duration pause = longer(
                    shorter(grown, longer(settings.restInterval(), settings.motionInterval())),
                    shorter(retryAfter.orElse(Duration.ZERO), LONGEST_PAUSE));
            ProvidedMachine machine = check.machine();
            String reason = Escaped.text(why, LONGEST_REASON);
            monitor.error("machine " + machine.machineId() + ": " + reason);
            try (LogContext about = LogContext.ofMachine(machine.machineId())) {
                log.warn(
                        "{}: the provider cannot describe it, asked again after {}: {}",
                        provider.describe(machine.machineId(), machine.providerId()),
                        monitor.timeIn(pause),
                        reason);
            }
            return new Found(check, Found.Look.FAILED, null, pause);
        }

        private void write(List<Found> found) throws InterruptedException {
            for (int from = 0; from < found.size(); from += WRITTEN_BATCH) {
                List<Found> some = found.subList(from, Math.min(found.size(), from + WRITTEN_BATCH));
                session.useTransaction(tx -> {
                    write(tx, some);
                });
                some.forEach(this::tell);
            }
        }

        private void write(BmdbTransaction tx, List<Found> found) {
            List<UUID> atRest = new ArrayList<>();
            List<UUID> inMotion = new ArrayList<>();
            Map<Duration, List<UUID>> failed = new LinkedHashMap<>();
            for (Found one : found) {
                UUID machineId = one.check().machine().machineId();
                if (one.look() == Found.Look.MISSING) {
                    listings.markMissing(tx, machineId);
                } else if (one.look() == Found.Look.CHANGED && one.info() != null) {
                    listings.update(tx, one.info());
                }
                if (one.look() == Found.Look.FAILED) {
                    failed.computeIfAbsent(one.pause(), pause -> new ArrayList<>())
                            .add(machineId);
                } else if (one.look() != Found.Look.SAME || one.check().due()) {
                    (one.isInMotion() ? inMotion : atRest).add(machineId);
                }
            }
            failed.forEach((pause, machineIds) -> listings.checkFailedAfter(tx, machineIds, pause));
            if (!inMotion.isEmpty()) {
                listings.checkAfter(tx, inMotion, settings.motionInterval());
            }
            if (!atRest.isEmpty() && cheap) {
                listings.restChecks(tx, atRest);
            } else if (!atRest.isEmpty()) {
                listings.checkAfter(tx, atRest, spread(settings.restInterval()));
            }
        }

        private void tell(Found one) {
            ProvidedMachine machine = one.check().machine();
            if (one.look() == Found.Look.MISSING || one.look() == Found.Look.CHANGED) {
                changed++;
            }
            if (one.look() == Found.Look.CHANGED) {
                onChanged.run();
            }
            if (changed > NAMED) {
                return;
            }
            try (LogContext about = LogContext.ofMachine(machine.machineId())) {
                say(one, machine);
            }
        }

        private void say(Found one, ProvidedMachine machine) {
            if (one.look() == Found.Look.MISSING) {
                log.warn(
                        "{}: the provider no longer knows it",
                        provider.describe(machine.machineId(), machine.providerId()));
            } else if (one.look() == Found.Look.CHANGED && one.info() != null) {
                log.info(
                        "{}: {}",
                        provider.describe(machine.machineId(), machine.providerId()),
                        Changes.between(machine, one.info()));
            }
        }
    }

    /** Compares the whole fleet with the whole listing. Keeps of each machine its id and a hash. */
    private final class Comparison implements ProviderCalls.Visitor {
        private final Round round;
        private final DescriptionHash hash = new DescriptionHash();
        private final Map<ProviderID, MachineInfo> differing = new LinkedHashMap<>();
        private MachineIndex index = MachineIndex.ofNumbers(0);

        Comparison(Round round) {
            this.round = round;
        }

        void compare() throws InterruptedException {
            index = listings.scanChecks(() -> MachineIndex.ofNumbers(recordedLast), this::recorded);
            recordedLast = index.size();
            provider.forEachMachine(this);
            write();
            if (index.anyMatch(LISTED | MISSING | IN_MOTION | DUE, 0)) {
                List<ProviderID> unlisted = listings.scanIds(ArrayList::new, this::ifUnlisted);
                for (int from = 0; from < unlisted.size(); from += WRITTEN_BATCH) {
                    askSoon(unlisted.subList(from, Math.min(unlisted.size(), from + WRITTEN_BATCH)));
                }
            }
        }

        /** Those that are too many for now are found by the next comparison. */
        private void ifUnlisted(List<ProviderID> unlisted, ProviderID id, boolean excused) {
            int position = index.find(id);
            if (position != MachineIndex.ABSENT
                    && (index.flags(position) & (LISTED | MISSING | IN_MOTION | DUE)) == 0
                    && unlisted.size() < LISTED_BATCH) {
                unlisted.add(id);
            }
        }

        private void recorded(MachineIndex into, ProviderCheck check) {
            int position = into.put(check.machine().providerId());
            into.setNumber(position, hash.of(check.machine()));
            boolean moves =
                    check.inRecovery() || check.machine().status().equals(Optional.of(ProviderStatus.PROVISIONING));
            into.addFlags(
                    position,
                    (check.due() ? DUE : 0)
                            | (Found.isMissing(check.machine()) ? MISSING : 0)
                            | (moves ? IN_MOTION : 0));
        }

        /** It is listed, and so not missing. One that is due is asked for by its id. */
        @Override
        public void passOver(ProviderID id, String why) {
            markListed(id);
        }

        /** Returns the position of a machine that is recorded. */
        private int markListed(ProviderID id) {
            int position = id.isValid() ? index.find(id) : MachineIndex.ABSENT;
            if (position != MachineIndex.ABSENT) {
                if ((index.flags(position) & LISTED) != 0) {
                    throw provider.listedTwice(id);
                }
                index.addFlags(position, LISTED);
            }
            return position;
        }

        @Override
        public void visit(MachineInfo info) throws InterruptedException {
            int position = markListed(info.id());
            if (position == MachineIndex.ABSENT) {
                return;
            }
            int flags = index.flags(position);
            if ((flags & DUE) != 0 || index.number(position) != hash.of(info)) {
                differing.put(info.id(), info);
                if (differing.size() == WRITTEN_BATCH) {
                    write();
                }
            }
        }

        /**
         * Looks at the rows again, under a lock. Changes that another process has made since they were read are kept.
         */
        private void write() throws InterruptedException {
            if (differing.isEmpty()) {
                return;
            }
            List<Found> found = round.session.inTransaction(tx -> {
                List<Found> looked = new ArrayList<>();
                for (ProviderCheck check : listings.lockChecks(tx, differing.keySet())) {
                    ProviderID id = check.machine().providerId();
                    MachineInfo info = differing.get(id);
                    if (info != null && index.number(index.find(id)) == hash.of(check.machine())) {
                        looked.add(Found.compared(check, info));
                    }
                }
                round.write(tx, looked);
                return looked;
            });
            found.forEach(round::tell);
            differing.clear();
        }

        /** What is not listed is asked for by its id. */
        private void askSoon(List<ProviderID> unlisted) throws InterruptedException {
            round.session.useTransaction(tx -> {
                List<UUID> machineIds = listings.lockChecks(tx, unlisted).stream()
                        .filter(check -> !check.due())
                        .map(check -> check.machine().machineId())
                        .toList();
                listings.checkAfter(tx, machineIds, Duration.ZERO);
            });
        }
    }

    private static Duration shorter(Duration a, Duration b) {
        return a.compareTo(b) <= 0 ? a : b;
    }

    private static Duration longer(Duration a, Duration b) {
        return a.compareTo(b) >= 0 ? a : b;
    }

    private static Duration spread(Duration interval) {
        double factor = 0.9 + 0.2 * ThreadLocalRandom.current().nextDouble();
        return Duration.ofMillis(Math.round(interval.toMillis() * factor));
    }
}
