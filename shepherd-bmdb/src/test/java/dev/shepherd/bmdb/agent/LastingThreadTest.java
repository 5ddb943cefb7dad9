package dev.shepherd.bmdb.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbConfig;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.HookedDataSource;
import dev.shepherd.bmdb.TestDatabase;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.agent.AgentCallException.Reason;
import dev.shepherd.bmdb.internal.DueNotifications;
import dev.shepherd.bmdb.internal.DueQueue;
import dev.shepherd.bmdb.threads.LastingThread;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.postgresql.ds.PGSimpleDataSource;

/** Threads that others rely on, and errors that are thrown in them. */
class LastingThreadTest {

    @RegisterExtension
    static final TestDatabase db = new TestDatabase();

    static List<Throwable> whatIsThrown() {
        return List.of(
                new IllegalStateException("of a test"),
                new OutOfMemoryError("of a test"),
                new StackOverflowError("of a test"),
                new NoClassDefFoundError("of a test"));
    }

    @ParameterizedTest
    @MethodSource("whatIsThrown")
    void aThreadGoesOnWhateverATurnThrows(Throwable thrown) throws Exception {
        AtomicInteger turns = new AtomicInteger();
        AtomicBoolean isOver = new AtomicBoolean();
        LastingThread thread = LastingThread.start("test-lasting", isOver::get, Duration.ofMillis(1), () -> {
            turns.incrementAndGet();
            sneak(thrown);
        });

        await().until(() -> turns.get() > 3);
        isOver.set(true);
        thread.interrupt();

        assertThat(thread.awaitEnd(Duration.ofSeconds(20))).isTrue();
    }

    @Test
    void aSessionSurvivesErrorsInItsHeartbeats() throws Exception {
        HookedDataSource source = new HookedDataSource(db.url());
        Bmdb bmdb = db.closeLater(Bmdb.open(BmdbConfig.builder()
                .dataSource(source.dataSource())
                .sessionInterval(TestDatabase.LASTING)
                .build()));
        BmdbSession session = bmdb.startSession("test", "host");
        awaitHeartbeat(session);

        for (Supplier<Error> error : List.<Supplier<Error>>of(
                () -> new OutOfMemoryError("of a test"), () -> new NoClassDefFoundError("of a test"))) {
            CompletableFuture<Boolean> thrown = new CompletableFuture<>();
            source.onNextOfAny("commit", (connection, original) -> {
                thrown.complete(true);
                throw error.get();
            });
            assertThat(thrown.get()).isTrue();
            awaitHeartbeat(session);
        }
        assertThat(session.isAlive()).isTrue();
    }

    private static void awaitHeartbeat(BmdbSession session) throws Exception {
        String before = deadline(session);
        await().atMost(Duration.ofSeconds(30)).until(() -> !deadline(session).equals(before));
    }

    private static String deadline(BmdbSession session) throws Exception {
        return db.rows("select session_deadline from sessions where session_id = ?", session.id())
                .toString();
    }

    @Test
    void anErrorOfWhatIsWokenOrOfTheConnectionDoesNotEndTheListening() throws Exception {
        AtomicInteger connections = new AtomicInteger();
        PGSimpleDataSource source = new PGSimpleDataSource();
        source.setUrl(db.url());
        DataSource erring = (DataSource) Proxy.newProxyInstance(
                getClass().getClassLoader(), new Class<?>[] {DataSource.class}, (self, method, arguments) -> {
                    if (connections.incrementAndGet() == 1) {
                        throw new NoClassDefFoundError("of a test");
                    }
                    return method.invoke(source, arguments);
                });
        DueNotifications notifications = db.closeLater(new DueNotifications(erring));
        Semaphore woken = new Semaphore(0);
        DueQueue.Part part = new DueQueue.Part(WorkProcess.AGENT_START, TestDatabase.PROVIDER.name());
        AtomicInteger calls = new AtomicInteger();

        notifications.subscribe(part, () -> {
            woken.release();
            if (calls.incrementAndGet() < 3) {
                throw new NoClassDefFoundError("of a test");
            }
        });

        await().until(() -> connections.get() == 2); // The first one was an error.
        woken.acquire();
        for (int i = 0; i < 3; i++) {
            UUID machine = db.providedMachine();
            woken.acquire();
            assertThat(machine).isNotNull();
        }
    }

    @Test
    void callsOfAgentsAreCarriedOutAndLimitedAfterErrorsOfAnyKind() throws Exception {
        AtomicInteger writes = new AtomicInteger();
        AtomicInteger looks = new AtomicInteger();
        AgentCallQueue queue = new AgentCallQueue(
                "test-calls",
                1,
                100,
                1,
                Duration.ofSeconds(2),
                calls -> {
                    switch (writes.incrementAndGet()) {
                        case 1 -> throw new OutOfMemoryError("of a test");
                        case 2 -> throw new StackOverflowError("of a test");
                        default -> new CountDownLatch(1).await(); // Left to its limit.
                    }
                },
                () -> {
                    if (looks.incrementAndGet() % 2 == 1) {
                        throw new OutOfMemoryError("of a test");
                    }
                });
        queue.start();
        List<CompletableFuture<AgentReply>> answers = new ArrayList<>();

        for (int i = 0; i < 4; i++) {
            CompletableFuture<AgentReply> answer = queue.add(AgentCall.of(UUID.randomUUID(), new byte[32]));
            // What waits for an answer may throw too, on the threads of the queue.
            answer.whenComplete((reply, failure) -> {
                throw new NoClassDefFoundError("of a test");
            });
            answers.add(answer);
        }

        await().until(() -> answers.stream().limit(2).allMatch(CompletableFuture::isCompletedExceptionally));
        await().until(() -> answers.stream().allMatch(CompletableFuture::isCompletedExceptionally));
        assertThat(answers)
                .extracting(answer -> reason(answer))
                .containsExactly(Reason.DATABASE_FAILED, Reason.DATABASE_FAILED, Reason.TIMED_OUT, Reason.TIMED_OUT);
        queue.close();
        assertThat(queue.awaitEnd(System.nanoTime() + Duration.ofSeconds(20).toNanos()))
                .isTrue();
    }

    private static @Nullable Reason reason(CompletableFuture<AgentReply> answer) {
        return answer.handle(
                        (reply, failure) -> failure instanceof AgentCallException refused ? refused.reason() : null)
                .join();
    }

    @SuppressWarnings("unchecked")
    private static <T extends Throwable> void sneak(Throwable thrown) throws T {
        throw (T) thrown;
    }
}
