package dev.shepherd.manager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.bmdb.Backoff;
import dev.shepherd.bmdb.WorkEvent;
import dev.shepherd.bmdb.trace.Tracer;
import dev.shepherd.manager.internal.ControlLoop;
import dev.shepherd.manager.internal.LoopMonitor;
import dev.shepherd.manager.status.LoopKind;
import dev.shepherd.manager.status.LoopStatus;
import dev.shepherd.manager.takeover.InitializerSettings;
import dev.shepherd.manager.takeover.MachineTakeover;
import java.net.InetAddress;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.jooq.impl.DSL;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Executors that do not do what is asked of them, and errors that are thrown on their threads. */
class ThreadsTest extends InitializerScenario {

    private static final Duration SOON = Duration.ofSeconds(10);

    private final CountDownLatch released = new CountDownLatch(1);
    private ExecutorService executor = Executors.newCachedThreadPool();

    @AfterEach
    void endThreads() {
        released.countDown();
        executor.shutdownNow();
    }

    @Test
    void aLoopWhoseExecutorRefusesItIsNotRunningAndClosesAtOnce() {
        LoopMonitor monitor = new LoopMonitor("test", TYPE, Clock.systemUTC());
        ControlLoop loop = new ControlLoop("test", monitor, Tracer.NONE, () -> new ControlLoop.Next(SOON, "nothing"));

        assertThatThrownBy(() -> loop.start(task -> {
                    throw new RejectedExecutionException("of a test");
                }))
                .isInstanceOf(RejectedExecutionException.class);

        assertThat(monitor.status().state()).isEqualTo(LoopStatus.State.CLOSED);
        assertThat(took(loop::close)).isLessThan(SOON);
    }

    @Test
    void aLoopThatItsExecutorNeverComesToClosesAtOnceAndDoesNotBeginAfterwards() {
        AtomicInteger steps = new AtomicInteger();
        LinkedBlockingQueue<Runnable> forgotten = new LinkedBlockingQueue<>();
        LoopMonitor monitor = new LoopMonitor("test", TYPE, Clock.systemUTC());
        ControlLoop loop = new ControlLoop("test", monitor, Tracer.NONE, () -> {
            steps.incrementAndGet();
            return new ControlLoop.Next(SOON, "nothing");
        });
        loop.start(forgotten::add);

        assertThat(took(loop::close)).isLessThan(SOON);
        forgotten.remove().run();

        assertThat(monitor.status().state()).isEqualTo(LoopStatus.State.CLOSED);
        assertThat(steps).hasValue(0);
    }

    @Test
    void aPoolThatIsTooSmallIsRefusedWithNumbersAndTheShepherdCanBeStartedLater() {
        executor.shutdownNow();
        executor = Executors.newFixedThreadPool(2);
        try (Shepherd shepherd = shepherd(Set.of(LoopKind.values()), 10)) {
            assertThatThrownBy(shepherd::start)
                    .isInstanceOf(ConfigurationException.class)
                    .hasMessage(
                            "the executor runs 2 task(s) at once: 5 loops keep a thread each, and 15 machines may be in"
                                    + " progress, which makes 20 (7 at the very least); give it more threads, or none, for"
                                    + " threads as they are needed");
            assertThat(shepherd.status().loops()).extracting(LoopStatus::state).containsOnly(LoopStatus.State.NEW);

            ((ThreadPoolExecutor) executor).setMaximumPoolSize(20);
            ((ThreadPoolExecutor) executor).setCorePoolSize(20);
            shepherd.start();
            awaitRunning(shepherd);
            assertThat(took(shepherd::close)).isLessThan(SOON);
        }
    }

    @Test
    void aPoolThatRefusesMoreIsCountedByWhatItRan() {
        executor.shutdownNow();
        executor = new ThreadPoolExecutor(0, 3, 1, TimeUnit.MINUTES, new SynchronousQueue<>());
        try (Shepherd shepherd = shepherd(Set.of(LoopKind.INITIALIZER), 2)) {
            shepherd.start(); // Exactly as many as it needs.
            awaitRunning(shepherd);
        }
        try (Shepherd shepherd = shepherd(Set.of(LoopKind.INITIALIZER), 5)) {
            shepherd.start(); // Enough for the loop and some machines: a warning.
            awaitRunning(shepherd);
        }
        try (Shepherd shepherd = shepherd(Set.of(LoopKind.values()), 5)) {
            assertThatThrownBy(shepherd::start)
                    .isInstanceOf(ConfigurationException.class)
                    .hasMessageContaining("the executor runs 3 task(s) at once");
        }
    }

    @Test
    void anExecutorThatRunsTasksOnTheCallersThreadOrIsShutDownIsRefused() {
        executor.shutdownNow();
        try (Shepherd shepherd = shepherd(Set.of(LoopKind.PROVISIONER), 1)) {
            assertThatThrownBy(shepherd::start).hasMessageContaining("runs 0 task(s) at once");
        }
        executor = new ThreadPoolExecutor(
                1, 1, 0, TimeUnit.SECONDS, new SynchronousQueue<>(), new ThreadPoolExecutor.CallerRunsPolicy());
        try (Shepherd shepherd = shepherd(Set.of(LoopKind.INITIALIZER), 1)) {
            assertThatThrownBy(shepherd::start).hasMessageContaining("runs 1 task(s) at once");
        }
    }

    @Test
    void machinesThatWaitForAThreadDoNotHoldUpAClose() throws Exception {
        executor.shutdownNow();
        executor = Executors.newFixedThreadPool(2);
        for (int i = 0; i < 3; i++) {
            record(InetAddress.getLoopbackAddress(), 22);
        }
        CountDownLatch begun = new CountDownLatch(1);
        try (Shepherd shepherd = shepherd(Set.of(LoopKind.INITIALIZER), 3, target -> {
            begun.countDown();
            released.await();
            throw new AssertionError("it is interrupted before");
        })) {
            shepherd.start();
            begun.await();
            await().until(() -> shepherd.status().loops().stream().anyMatch(loop -> loop.inProgress() == 3));

            assertThat(took(shepherd::close)).isLessThan(SOON);
            assertThat(shepherd.status().loops()).allMatch(loop -> loop.inProgress() == 0);
        }
        assertThat(database.bmdb().<Integer>query(dsl -> dsl.fetchCount(DSL.table("work"))))
                .isZero();
    }

    static List<Throwable> whatIsThrown() {
        return List.of(
                new IllegalStateException("of a test"),
                new OutOfMemoryError("of a test"),
                new StackOverflowError("of a test"),
                new NoClassDefFoundError("of a test"));
    }

    @ParameterizedTest
    @MethodSource("whatIsThrown")
    void aLoopGoesOnWhateverItsStepAndWhatTellsOfItThrow(Throwable thrown) {
        AtomicInteger steps = new AtomicInteger();
        // Its clock is asked when a failure is noted: what tells of an error can fail as well.
        AtomicInteger noted = new AtomicInteger();
        Clock erring = new ErringClock(thrown, () -> steps.get() == 1 && noted.getAndIncrement() < 3);
        ControlLoop loop = new ControlLoop("test", new LoopMonitor("test", TYPE, erring), Tracer.NONE, () -> {
            if (steps.incrementAndGet() < 3) {
                ThreadsTest.<RuntimeException>sneak(thrown);
            }
            return new ControlLoop.Next(Duration.ofMillis(1), "nothing");
        });
        loop.start(executor);

        await().atMost(LIMIT).until(() -> steps.get() > 5);

        loop.close();
    }

    @ParameterizedTest
    @MethodSource("whatIsThrown")
    void aTakeoverThatThrowsAnythingCostsNeitherItsPlaceNorTheOthers(Throwable thrown) throws Exception {
        UUID bad = record(InetAddress.getLoopbackAddress(), 22);
        UUID good = record(InetAddress.getLoopbackAddress(), 23);
        try (Shepherd shepherd = shepherd(Set.of(LoopKind.INITIALIZER), 1, target -> {
            if (target.machineId().equals(bad)) {
                sneak(thrown);
            }
            return InitializerTest.result(target);
        })) {
            shepherd.start();

            await().atMost(LIMIT).until(() -> read(good).agentStarted().isPresent());
            await().atMost(LIMIT).until(() -> events(bad).contains(WorkEvent.FAILED));
            assertThat(read(bad).backoffs()).hasSize(1);
        }
    }

    @Test
    void anErrorWhileAFailureIsToldLeavesNeitherThePlaceNorTheMachineTaken() throws Exception {
        UUID bad = record(InetAddress.getLoopbackAddress(), 22);
        UUID good = record(InetAddress.getLoopbackAddress(), 23);
        AtomicInteger tries = new AtomicInteger();
        AtomicInteger noted = new AtomicInteger();
        Clock erring = new ErringClock(
                new OutOfMemoryError("of a test"), () -> tries.get() == 1 && noted.getAndIncrement() < 3);
        try (Shepherd shepherd = builder(Set.of(LoopKind.INITIALIZER), 1, target -> {
                    if (tries.incrementAndGet() == 1) {
                        throw new OutOfMemoryError("of a test");
                    }
                    return InitializerTest.result(target);
                })
                .clock(erring)
                .build()) {
            shepherd.start();

            await().atMost(LIMIT).until(() -> read(good).agentStarted().isPresent());
            assertThat(events(bad)).contains(WorkEvent.FAILED);
            assertThat(read(bad).work()).isEmpty();
        }
    }

    private static final class ErringClock extends Clock {
        private final Clock clock = Clock.systemUTC();
        private final Throwable thrown;
        private final BooleanSupplier when;

        ErringClock(Throwable thrown, BooleanSupplier when) {
            this.thrown = thrown;
            this.when = when;
        }

        @Override
        public ZoneId getZone() {
            return clock.getZone();
        }

        @Override
        public Clock withZone(ZoneId zone) {
            throw new UnsupportedOperationException();
        }

        @Override
        public Instant instant() {
            if (when.getAsBoolean()) {
                ThreadsTest.<RuntimeException>sneak(thrown);
            }
            return clock.instant();
        }
    }

    private Shepherd shepherd(Set<LoopKind> loops, int parallelism) {
        return shepherd(loops, parallelism, InitializerTest::result);
    }

    private Shepherd shepherd(Set<LoopKind> loops, int parallelism, MachineTakeover takeover) {
        return builder(loops, parallelism, takeover).build();
    }

    private Shepherd.Builder builder(Set<LoopKind> loops, int parallelism, MachineTakeover takeover) {
        return Shepherd.builder()
                .bmdb(database.bmdb())
                .provider(provider)
                .loops(loops)
                .takeover(takeover)
                .executor(executor)
                .initializer(InitializerSettings.builder()
                        .parallelism(parallelism)
                        .pollInterval(Duration.ofMillis(50))
                        .backoff(Backoff.constant(Duration.ofHours(1)))
                        .build());
    }

    private static void awaitRunning(Shepherd shepherd) {
        await().atMost(LIMIT)
                .until(() -> shepherd.status().loops().stream()
                        .filter(loop -> loop.state() == LoopStatus.State.RUNNING)
                        .allMatch(loop -> loop.lastRunAt().isPresent()));
    }

    private static Duration took(Runnable task) {
        long startedAt = System.nanoTime();
        task.run();
        return Duration.ofNanos(System.nanoTime() - startedAt);
    }

    @SuppressWarnings("unchecked")
    private static <T extends Throwable> void sneak(Throwable thrown) throws T {
        throw (T) thrown;
    }
}
