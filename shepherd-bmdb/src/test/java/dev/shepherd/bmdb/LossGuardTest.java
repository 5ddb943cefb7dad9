package dev.shepherd.bmdb;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.shepherd.api.SessionExpiredException;
import dev.shepherd.bmdb.BmdbSession.LossGuard;
import java.util.concurrent.Phaser;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class LossGuardTest {

    @RegisterExtension
    static final TestDatabase db = new TestDatabase();

    @Test
    void aLossInterruptsTheThreadAndClosingTheGuardClearsThat() throws Exception {
        BmdbSession session = db.session();

        try (LossGuard guard = session.interruptOnLoss()) {
            assertThat(guard.isLost()).isFalse();
            session.lose("of a test");
            assertThat(guard.isLost()).isTrue();
            assertThat(Thread.currentThread().isInterrupted()).isTrue();
        }

        assertThat(Thread.interrupted()).isFalse();
    }

    @Test
    void aGuardThatWasClosedBeforeTheLossDoesNothing() throws Exception {
        BmdbSession session = db.session();
        LossGuard guard = session.interruptOnLoss();

        guard.close();
        session.lose("of a test");

        assertThat(guard.isLost()).isFalse();
        assertThat(Thread.interrupted()).isFalse();
    }

    @Test
    void anInterruptionThatWasThereBeforeTheLossIsKept() throws Exception {
        BmdbSession session = db.session();

        try (LossGuard guard = session.interruptOnLoss()) {
            Thread.currentThread().interrupt();
            session.lose("of a test");
            assertThat(guard.isLost()).isTrue();
        }

        assertThat(Thread.interrupted()).isTrue();
    }

    @Test
    void anInnerGuardLeavesTheInterruptionToTheOuterOne() throws Exception {
        BmdbSession session = db.session();

        try (LossGuard outer = session.interruptOnLoss()) {
            try (LossGuard inner = session.interruptOnLoss()) {
                session.lose("of a test");
                assertThat(inner.isLost()).isTrue();
            }
            assertThat(outer.isLost()).isTrue();
            assertThat(Thread.currentThread().isInterrupted()).isTrue();
        }

        assertThat(Thread.interrupted()).isFalse();
    }

    @Test
    void aGuardThatIsClosedTwiceClearsNothingTheSecondTime() throws Exception {
        BmdbSession session = db.session();
        LossGuard guard = session.interruptOnLoss();
        session.lose("of a test");
        guard.close();

        Thread.currentThread().interrupt();
        guard.close();

        assertThat(Thread.interrupted()).isTrue();
    }

    @Test
    void closingTheSessionInterruptsToo() throws Exception {
        BmdbSession session = db.session();
        LossGuard guard = session.interruptOnLoss();

        session.close();

        assertThat(Thread.currentThread().isInterrupted()).isTrue();
        guard.close();
        assertThat(Thread.interrupted()).isFalse();
    }

    @Test
    void thereIsNoGuardForALostSession() throws Exception {
        BmdbSession session = db.session();
        session.lose("of a test");

        assertThatThrownBy(session::interruptOnLoss)
                .isInstanceOf(SessionExpiredException.class)
                .hasMessageContaining("of a test");
        assertThat(Thread.interrupted()).isFalse();
    }

    @Test
    void aLossNeverInterruptsAThreadThatHasLeftItsGuard() throws Exception {
        BmdbSession[] current = {db.session()};
        int rounds = 150;
        Phaser round = new Phaser(2);
        Thread losing = new Thread(() -> {
            for (int i = 0; i < rounds; i++) {
                round.arriveAndAwaitAdvance();
                current[0].lose("of a test");
                round.arriveAndAwaitAdvance();
            }
        });
        losing.start();

        int lost = 0;
        for (int i = 0; i < rounds; i++) {
            current[0] = db.session();
            LossGuard guard = current[0].interruptOnLoss();
            round.arriveAndAwaitAdvance();
            for (int spin = i * 40; spin > 0; spin--) {
                Thread.onSpinWait();
            }
            guard.close();
            lost += guard.isLost() ? 1 : 0;
            assertThat(Thread.currentThread().isInterrupted()).isFalse();
            round.arriveAndAwaitAdvance();
            assertThat(Thread.currentThread().isInterrupted()).isFalse();
        }
        losing.join();

        // Both orders must have come up, or nothing was raced.
        assertThat(lost).isBetween(1, rounds - 1);
    }
}
