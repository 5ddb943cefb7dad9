package dev.shepherd.manager.listing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.awaitility.Awaitility.await;

import dev.shepherd.api.Availability;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderException.Scope;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.testkit.database.BmdbExtension;
import dev.shepherd.testkit.provider.FakeProvider;
import dev.shepherd.testkit.provider.FakeProvider.Blocked;
import dev.shepherd.testkit.provider.FakeProvider.Operation;
import java.net.InetAddress;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Several machines are asked for at the same time, where the provider takes that. */
class UpdaterAtOnceTest {

    private static final ProviderType TYPE = new ProviderType("lab");
    private static final int MACHINES = 60;

    /** Of the calls that the provider takes, the updater makes half. */
    private static final int AT_ONCE = 4;

    @RegisterExtension
    final BmdbExtension database = BmdbExtension.create(config -> config.sessionInterval(Duration.ofSeconds(20)));

    private final Deque<AutoCloseable> open = new ArrayDeque<>();
    private final FakeProvider provider =
            FakeProvider.builder(TYPE).maxConcurrentCalls(2 * AT_ONCE).build();

    @AfterEach
    void close() throws Exception {
        while (!open.isEmpty()) {
            open.pop().close();
        }
        provider.close();
    }

    private Updater updater(@Nullable ExecutorService executor) throws Exception {
        try (BmdbSession session = database.bmdb().startSession("test", "here")) {
            session.useTransaction(tx -> {
                for (int i = 0; i < MACHINES; i++) {
                    MachineInfo machine = MachineInfo.builder(new ProviderID("machine-" + i), Availability.KNOWN_USED)
                            .address(InetAddress.getLoopbackAddress())
                            .build();
                    tx.recordMachine(TYPE, CreateMachineRequest.any(UUID.randomUUID()), machine);
                    provider.addMachine(
                            machine.toBuilder().status(ProviderStatus.RUNNING).build());
                }
            });
        }
        Shepherd.Builder builder = Shepherd.builder()
                .bmdb(database.bmdb())
                .provider(provider)
                .takeover(target -> {
                    throw new IllegalStateException("nothing is taken over here");
                });
        if (executor != null) {
            builder.executor(executor);
            open.push(executor::shutdownNow);
        }
        Shepherd shepherd = builder.build();
        open.push(shepherd);
        return shepherd.updater(TYPE);
    }

    private long running() throws InterruptedException {
        return database.bmdb().providedMachines(TYPE).stream()
                .filter(machine ->
                        machine.status().filter(ProviderStatus.RUNNING::equals).isPresent())
                .count();
    }

    @Test
    void silentMachinesDoNotHoldUpTheOthers() throws Exception {
        Updater updater = updater(null);
        List<Blocked> silent = new ArrayList<>();
        for (int i = 0; i < AT_ONCE - 1; i++) {
            silent.add(provider.blockNext(Operation.GET));
        }
        CompletableFuture<Integer> changed = CompletableFuture.supplyAsync(() -> step(updater));
        for (Blocked one : silent) {
            one.awaitReached();
        }

        await().until(() -> provider.calls(Operation.GET) == MACHINES);
        assertThat(changed).isNotDone();
        silent.forEach(Blocked::release);

        assertThat(changed.get(1, TimeUnit.MINUTES)).isEqualTo(MACHINES);
        assertThat(running()).isEqualTo(MACHINES);
        assertThat(provider.mostConcurrentCalls()).isBetween(2, AT_ONCE);
    }

    private static int step(Updater updater) {
        try {
            return updater.step();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void anInterruptionEndsAllQuestionsAndIsWaitedFor() throws Exception {
        Updater updater = updater(null);
        List<Blocked> silent = new ArrayList<>();
        for (int i = 0; i < AT_ONCE; i++) {
            silent.add(provider.blockNext(Operation.GET));
        }
        CompletableFuture<Throwable> thrown = new CompletableFuture<>();
        Thread stepping = new Thread(() -> thrown.complete(catchThrowable(updater::step)));
        stepping.start();
        for (Blocked one : silent) {
            one.awaitReached();
        }

        stepping.interrupt();

        assertThat(thrown.get(1, TimeUnit.MINUTES)).isInstanceOf(InterruptedException.class);
        assertThat(provider.calls(Operation.GET)).as("none was asked after it").isEqualTo(AT_ONCE);
        assertThat(running()).isZero();
        // A thread that has said that it is at its end still has to get there.
        await().atMost(Duration.ofSeconds(5))
                .untilAsserted(() -> assertThat(Thread.getAllStackTraces().entrySet())
                        .as("nothing goes on")
                        .noneMatch(
                                thread -> List.of(thread.getValue()).toString().contains("listing.Questions")));
    }

    @Test
    void whatConcernsTheWholeProviderEndsTheStepOnceAllQuestionsAreOverAndTheirAnswersAreKept() throws Exception {
        Updater updater = updater(null);
        try (Blocked slow = provider.blockNext(Operation.GET)) {
            provider.failNext(
                    Operation.GET,
                    ProviderException.builder(Reason.RATE_LIMITED, "slow down")
                            .scope(Scope.PROVIDER)
                            .build());
            CompletableFuture<Throwable> thrown = new CompletableFuture<>();
            new Thread(() -> thrown.complete(catchThrowable(updater::step))).start();
            slow.awaitReached();
            await().until(() -> provider.calls(Operation.GET) >= 2);
            assertThat(thrown).isNotDone();
            slow.release();

            assertThat(thrown.get(1, TimeUnit.MINUTES))
                    .isInstanceOf(ProviderException.class)
                    .hasMessageContaining("slow down");
        }
        assertThat(provider.calls(Operation.GET)).isLessThan(MACHINES);
        assertThat(running()).isBetween(1L, provider.calls(Operation.GET) - 1);
    }

    @Test
    void aFailureOfOneMachineIsThatMachinesOnly() throws Exception {
        Updater updater = updater(null);
        provider.failNext(Operation.GET, new ProviderException(Reason.TRANSIENT, "one machine's controller hangs"));

        assertThat(updater.step()).isEqualTo(MACHINES - 1);
        assertThat(running()).isEqualTo(MACHINES - 1);
    }

    @Test
    void anExecutorThatHelpsNotAtAllCostsTimeOnly() throws Exception {
        ExecutorService rejecting = Executors.newSingleThreadExecutor();
        rejecting.shutdown();
        Updater updater = updater(rejecting);

        assertThat(updater.step()).isEqualTo(MACHINES);
        assertThat(provider.mostConcurrentCalls()).isEqualTo(1);
    }

    @Test
    void anExecutorThatRunsHelpersOnTheCallersThreadKeepsItsInterruption() throws Exception {
        ExecutorService callers = new ThreadPoolExecutor(
                1, 1, 1, TimeUnit.SECONDS, new LinkedBlockingQueue<>(1), new ThreadPoolExecutor.CallerRunsPolicy());
        CountDownLatch end = new CountDownLatch(1);
        open.push(end::countDown);
        callers.execute(() -> awaitQuietly(end)); // Takes the only thread.
        callers.execute(() -> {}); // And this the only place to wait.
        Updater updater = updater(callers);
        try (Blocked silent = provider.blockNext(Operation.GET)) {
            CompletableFuture<Throwable> thrown = new CompletableFuture<>();
            Thread stepping = new Thread(() -> thrown.complete(catchThrowable(updater::step)));
            stepping.start();
            silent.awaitReached();

            stepping.interrupt();

            assertThat(thrown.get(1, TimeUnit.MINUTES)).isInstanceOf(InterruptedException.class);
        }
        assertThat(provider.calls(Operation.GET)).isEqualTo(1);
    }

    private static void awaitQuietly(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
