package dev.shepherd.callback;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

class FairQueueTest {

    private final List<String> done = Collections.synchronizedList(new ArrayList<>());

    private FairQueue.Task task(String name) {
        return release -> {
            done.add(name);
            release.run();
        };
    }

    @Test
    void lanesTakeTurnsHoweverMuchWaitsInOne() {
        try (FairQueue queue = new FairQueue("test-fair", 1, 1_000)) {
            for (int i = 0; i < 500; i++) {
                queue.add("flood", 500, task("flood"));
            }
            queue.add("one", 8, task("one"));
            queue.add("two", 8, task("two"));
            queue.start();
            await().until(() -> done.size() == 502);
        }
        assertThat(done.subList(0, 3)).containsExactly("flood", "one", "two");
    }

    @Test
    void ofALaneOneTaskIsUnderWayUntilItIsReleased() throws Exception {
        try (FairQueue queue = new FairQueue("test-fair", 3, 1_000)) {
            List<Runnable> releases = Collections.synchronizedList(new ArrayList<>());
            queue.start();
            for (int i = 0; i < 3; i++) {
                queue.add("slow", 8, releases::add);
            }
            queue.add("other", 8, task("other"));
            await().until(() -> done.contains("other"));
            assertThat(releases).hasSize(1);
            releases.get(0).run();
            releases.get(0).run();
            await().until(() -> releases.size() == 2);
            assertThat(queue.waiting()).isEqualTo(1);
        }
    }

    @Test
    void whatIsLightIsDoneAtOnceUnlessItsLaneIsTaken() {
        try (FairQueue queue = new FairQueue("test-fair", 1, 1_000)) {
            List<Runnable> releases = new ArrayList<>();
            assertThat(queue.runOrAdd("light", 1, releases::add)).isEqualTo(FairQueue.Added.WAITING);
            assertThat(releases).as("without a thread of the queue's").hasSize(1);
            assertThat(queue.runOrAdd("light", 1, task("light"))).isEqualTo(FairQueue.Added.WAITING);
            assertThat(queue.runOrAdd("light", 1, task("light"))).isEqualTo(FairQueue.Added.LANE_FULL);
            assertThat(queue.waiting()).isEqualTo(1);
            assertThat(done).isEmpty();
            queue.start();
            releases.get(0).run();
            await().until(() -> done.contains("light"));
            assertThatThrownBy(() -> queue.runOrAdd("thrown", 1, release -> {
                        throw new IllegalStateException("on purpose");
                    }))
                    .isInstanceOf(IllegalStateException.class);
            queue.runOrAdd("thrown", 1, task("free again"));
            assertThat(done).contains("free again");
            queue.close();
            assertThat(queue.runOrAdd("light", 1, task("late"))).isEqualTo(FairQueue.Added.CLOSED);
        }
    }

    @Test
    void lanesAndTheWholeAreBounded() {
        try (FairQueue queue = new FairQueue("test-fair", 1, 3)) {
            assertThat(queue.add("a", 2, task("a"))).isEqualTo(FairQueue.Added.WAITING);
            assertThat(queue.add("a", 2, task("a"))).isEqualTo(FairQueue.Added.WAITING);
            assertThat(queue.add("a", 2, task("a"))).isEqualTo(FairQueue.Added.LANE_FULL);
            assertThat(queue.add("b", 2, task("b"))).isEqualTo(FairQueue.Added.WAITING);
            assertThat(queue.add("c", 2, task("c"))).isEqualTo(FairQueue.Added.FULL);
            queue.close();
            assertThat(queue.add("c", 2, task("c"))).isEqualTo(FairQueue.Added.CLOSED);
        }
    }

    /** What is thrown when there is no memory throws again when it is described. */
    private static final class NoMemory extends Error {
        private static final long serialVersionUID = 1L;

        @Override
        public String toString() {
            throw new OutOfMemoryError("again");
        }
    }

    @Test
    void noErrorEndsAThread() {
        CountDownLatch thrown = new CountDownLatch(3);
        try (FairQueue queue = new FairQueue("test-fair", 1, 10)) {
            queue.start();
            for (int i = 0; i < 3; i++) {
                queue.add("bad", 8, release -> {
                    thrown.countDown();
                    throw new NoMemory();
                });
            }
            queue.add("good", 8, task("good"));
            await().until(() -> done.contains("good") && thrown.getCount() == 0);
        }
    }
}
