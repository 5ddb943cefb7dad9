package dev.shepherd.bmdb.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import dev.shepherd.bmdb.agent.AgentCallException.Reason;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The threads that answer agents go on, whatever is thrown in them. */
class AgentCallQueueTest {

    private static final Duration TIMEOUT = Duration.ofSeconds(2);

    private AgentCallQueue queue;

    /** What is thrown when there is no memory throws again when it is described. */
    private static final class NoMemory extends Error {
        private static final long serialVersionUID = 1L;

        @Override
        public String toString() {
            throw new OutOfMemoryError("again");
        }
    }

    @AfterEach
    void close() {
        queue.close();
    }

    private void start(AgentCallQueue.Writer writer, Runnable onLook) {
        queue = new AgentCallQueue("test-calls", 1, 10, 5, TIMEOUT, writer, onLook);
        queue.start();
    }

    private CompletableFuture<AgentReply> add() {
        return queue.add(AgentCall.of(UUID.randomUUID(), new byte[32]));
    }

    private static void answer(List<PendingCall> calls) {
        calls.forEach(call -> call.succeed(AgentReply.NOTHING_TO_DO));
    }

    private static Reason refusal(CompletableFuture<AgentReply> answer) {
        return ((AgentCallException)
                        catchThrowableOfType(ExecutionException.class, () -> answer.get(30, TimeUnit.SECONDS))
                                .getCause())
                .reason();
    }

    @Test
    void anErrorThatCannotEvenBeDescribedEndsNoThreadAndItsCallIsAnsweredInTime() throws Exception {
        AtomicInteger writes = new AtomicInteger();
        start(
                calls -> {
                    if (writes.incrementAndGet() == 1) {
                        throw new NoMemory();
                    }
                    answer(calls);
                },
                () -> {});
        CompletableFuture<AgentReply> lost = add();
        await().until(() -> writes.get() == 1);

        assertThat(add().get(30, TimeUnit.SECONDS)).isEqualTo(AgentReply.NOTHING_TO_DO);
        assertThat(refusal(lost)).isEqualTo(Reason.TIMED_OUT);
    }

    @Test
    void deadlinesAreKeptAfterAnErrorInTheThreadThatWatchesThem() {
        AtomicInteger looks = new AtomicInteger();
        start(calls -> TimeUnit.MINUTES.sleep(1), () -> {
            if (looks.incrementAndGet() < 3) {
                throw new NoMemory();
            }
        });

        assertThat(refusal(add())).isEqualTo(Reason.TIMED_OUT);
        assertThat(looks.get()).isGreaterThanOrEqualTo(3);
    }
}
