package dev.shepherd.benchmarks.torture;

import dev.shepherd.api.ProviderType;
import dev.shepherd.api.ShepherdException;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.bmdb.operator.Rollout;
import dev.shepherd.bmdb.operator.RolloutActions;
import dev.shepherd.bmdb.operator.RolloutPlan;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicReference;
import org.jooq.exception.DataAccessException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An operator who begins one rollout after the other, of good versions and of bad ones, pauses some, and aborts those that
 * take too long. A thread of its own.
 */
final class Rollouter implements AutoCloseable {

    private static final Logger log = LoggerFactory.getLogger(Rollouter.class);

    /** What the versions of agents begin with that fall silent soon. */
    static final String BAD = "bad";

    private static final double BAD_ONES = 0.4;
    private static final double PAUSED_ONES = 0.3;
    private static final long LOOK_MILLIS = 500;
    private static final long LONGEST_MILLIS = 25_000;

    private static final Duration BAKE = Duration.ofSeconds(6);

    private static final int END_SECONDS = 60;

    private final Bmdb bmdb;
    private final Path folder;
    private final Random random;
    private final Thread thread = new Thread(this::run, "torture-rollouts");
    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    private volatile boolean ending;
    private volatile int begun;

    Rollouter(Bmdb bmdb, Path folder, Random random) {
        this.bmdb = bmdb;
        this.folder = folder;
        this.random = random;
        thread.setDaemon(true);
    }

    void start() {
        thread.start();
    }

    /** Ends the last rollout, and returns how many there were. */
    int end() throws InterruptedException {
        ending = true;
        thread.join(END_SECONDS * 1000L);
        Throwable failed = failure.get();
        if (failed != null || thread.isAlive()) {
            throw new IllegalStateException("the operator of rollouts failed, or does not end", failed);
        }
        return begun;
    }

    private void run() {
        try {
            for (int number = 1; !ending; number++) {
                rollOut(number);
            }
            abortAll();
        } catch (InterruptedException e) {
            // That is the end.
        } catch (RuntimeException | IOException e) {
            failure.set(e);
        }
    }

    private RolloutActions actions() {
        return RolloutActions.of(bmdb, Actor.program("torture"));
    }

    private void rollOut(int number) throws InterruptedException, IOException {
        String version = (random.nextDouble() < BAD_ONES ? BAD : "good") + "-" + number;
        Path agent = Files.writeString(
                folder.resolve("agent-" + number),
                "# Shepherd-Agent-Version: " + version + "\n" + "x".repeat(random.nextInt(3_000_000)));
        RolloutPlan plan = RolloutPlan.builder()
                .canary(3)
                .batch(1000)
                .bake(BAKE)
                .maxFailures(5)
                .build();
        try {
            Rollout rollout = actions().start(new ProviderType(Plan.PROVIDER), agent, plan, "torture");
            begun++;
            watch(rollout.id());
        } catch (ShepherdException | DataAccessException e) {
            // It fails over just now; or machines of the last one are still to be put back.
            log.info("no rollout just now: {}", e.getMessage());
            Thread.sleep(LOOK_MILLIS);
        } finally {
            Files.delete(agent);
        }
    }

    private void watch(long id) throws InterruptedException {
        boolean pauses = random.nextDouble() < PAUSED_ONES;
        long startedAt = System.nanoTime();
        while (!ending && (System.nanoTime() - startedAt) / 1_000_000 < LONGEST_MILLIS) {
            Thread.sleep(LOOK_MILLIS);
            Rollout rollout = Operator.of(bmdb).rollout(id).orElseThrow();
            if (!rollout.state().isUnderWay()) {
                return;
            }
            if (pauses && rollout.wave() > 1) {
                pauses = false;
                actions().pause(id, "torture");
                Thread.sleep(LOOK_MILLIS * 4);
                actions().resume(id, "torture");
            }
        }
        actions().abort(id, "torture");
    }

    private void abortAll() throws InterruptedException {
        long startedAt = System.nanoTime();
        while ((System.nanoTime() - startedAt) / 1_000_000_000 < END_SECONDS / 2) {
            try {
                List<Rollout> rollouts = Operator.of(bmdb).rollouts(10);
                for (Rollout rollout : rollouts) {
                    if (rollout.state().isUnderWay()) {
                        actions().abort(rollout.id(), "the end");
                    }
                }
                return;
            } catch (ShepherdException | DataAccessException e) {
                log.info("not ended yet: {}", e.getMessage());
                Thread.sleep(LOOK_MILLIS);
            }
        }
        throw new UncheckedIOException(new IOException("the last rollout cannot be ended"));
    }

    @Override
    public void close() {
        thread.interrupt();
    }
}
