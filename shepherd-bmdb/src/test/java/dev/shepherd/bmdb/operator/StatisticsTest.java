package dev.shepherd.bmdb.operator;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.bmdb.Backoff;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.InstallationResult;
import dev.shepherd.bmdb.TestDatabase;
import dev.shepherd.bmdb.WorkProcess;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class StatisticsTest {

    @RegisterExtension
    static final TestDatabase db = new TestDatabase();

    @Test
    void anEmptyDatabaseCountsNothing() throws Exception {
        assertThat(Operator.of(db.bmdb()).statistics())
                .isEqualTo(new Statistics(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, Map.of(), Map.of()));
    }

    @Test
    void everythingIsCounted() throws Exception {
        List<UUID> m = new ArrayList<>();
        for (int i = 0; i < 12; i++) {
            m.add(i < 10 ? db.providedMachine() : db.machine());
        }
        BmdbSession session = db.session();
        // 0: started and heard. 1: started and silent. 2: started, never heard. 3: installed. 4: a failed installation.
        // 5: a requested one. 6: worked on. 7: backed off. 8, 9: nothing. 10, 11: not provided.
        db.advance(Duration.ofHours(-1));
        session.useTransaction(tx -> {
            for (int i = 0; i < 3; i++) {
                tx.putAgentStarted(m.get(i), new byte[32]);
            }
            tx.putAgentHeartbeat(m.get(1));
        });
        db.advance(Duration.ofHours(1));
        session.useTransaction(tx -> {
            tx.putAgentHeartbeat(m.get(0));
            for (int i = 3; i < 6; i++) {
                tx.requestInstallation(m.get(i), new byte[0]);
            }
            tx.putInstallationReport(m.get(3), 1, InstallationResult.SUCCESS, new byte[0]);
            tx.putInstallationReport(m.get(4), 1, InstallationResult.ERROR, new byte[0]);
        });
        assertThat(session.claimMachine(WorkProcess.ACCESS, m.get(6))).isPresent();
        assertThat(session.claimMachine(new WorkProcess("UnitTest1"), m.get(6))).isPresent();
        assertThat(session.claimMachine(new WorkProcess("UnitTest1"), m.get(10)))
                .isPresent();
        Backoff backoff = Backoff.constant(Duration.ofHours(1));
        session.claimMachine(WorkProcess.AGENT_START, m.get(7)).orElseThrow().fail(backoff, "of a test");
        session.claimMachine(new WorkProcess("UnitTest2"), m.get(7))
                .orElseThrow()
                .fail(backoff, "of a test");

        assertThat(Operator.of(db.bmdb()).statistics())
                .isEqualTo(new Statistics(
                        12, // machines
                        10, // provided
                        3, // agent started
                        1, // heartbeating
                        2, // installation pending
                        1, // installation complete
                        4, // waiting for agent start: 4, 5, 8, 9
                        2, // waiting for recovery: 1, 2
                        0, // in recovery
                        0, // recovered
                        0, // quarantined
                        Map.of(WorkProcess.ACCESS, 1L, new WorkProcess("UnitTest1"), 2L),
                        Map.of(WorkProcess.AGENT_START, 1L, new WorkProcess("UnitTest2"), 1L)));

        db.advance(Duration.ofHours(2));
        Statistics later = Operator.of(db.bmdb()).statistics();
        assertThat(later.activeBackoffs()).isEmpty();
        assertThat(later.heartbeating()).isZero();
        assertThat(later.waitingForAgentStart()).isEqualTo(5);
        assertThat(later.waitingForRecovery()).isEqualTo(3);
    }
}
