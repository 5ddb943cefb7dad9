package dev.shepherd.bmdb;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.shepherd.bmdb.agent.AgentCall;
import dev.shepherd.bmdb.agent.AgentCallback;
import dev.shepherd.bmdb.disruption.DisruptionKind;
import dev.shepherd.bmdb.labels.LabelLimit;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.operator.DisruptionActions;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.bmdb.recovery.Disruptions;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class StatementCostTest {

    @RegisterExtension
    static final TestDatabase db = new TestDatabase();

    private static final WorkProcess PROCESS = new WorkProcess("UnitTest1");

    /** Claims by eligibility are left out: their cost is looked at elsewhere. */
    @Test
    void noStatementReadsAWholeTableInALargeFleet() throws Exception {
        fillALargeFleet();
        Bmdb bmdb = db.open(config -> config.sessionInterval(TestDatabase.LASTING));
        BmdbSession session = bmdb.startSession("test", "host");
        UUID machine = db.machine();
        db.execute("select pg_stat_force_next_flush()");
        db.execute("select pg_stat_reset()");

        Work failed = session.claimMachine(PROCESS, machine).orElseThrow();
        failed.write(tx -> {
            tx.putAgentStarted(machine, new byte[32]);
            tx.putAgentHeartbeat(machine);
        });
        failed.fail(Backoff.constant(Duration.ofSeconds(1)), "of a test");
        session.claimMachine(PROCESS, machine).orElseThrow().finish();
        session.claimMachine(PROCESS, machine).orElseThrow().close();
        try (AgentCallback callback = AgentCallback.of(bmdb)) {
            callback.start();
            callback.call(AgentCall.of(machine, new byte[32]));
            callback.call(AgentCall.of(machine, new byte[32]).withHardwareReport(new byte[1]));
        }
        assertThat(bmdb.machine(machine)).isPresent();
        assertThat(bmdb.history(machine, 10)).hasSize(6);
        assertThat(bmdb.reapExpiredSessions()).isEqualTo(1);
        await().until(() -> db.number(
                        "select count(*) from sessions where session_id = ?"
                                + " and session_deadline > session_created_at + interval '4 seconds'",
                        session.id())
                == 1);
        session.close();
        bmdb.close();

        // Backends report what they did when they end, at the latest.
        await().until(() -> db.number("select sum(idx_scan) from pg_stat_user_tables") > 20);
        // The positions of events are one row.
        List<String> readWhole = db.rows("select relname, seq_scan from pg_stat_user_tables where seq_scan > 0"
                + " and relname <> 'fleet_event_positions'");
        assertThat(readWhole).isEmpty();
    }

    /** One machine of a group of three is asked for, ten others of the fleet are held back. */
    @Test
    void whatGatesHoldBackReadsNoWholeTableInALargeFleet() throws Exception {
        fillALargeFleet();
        db.execute("delete from machine_disruption");
        db.execute("delete from machine_recovery");
        db.execute("insert into machine_disruption select machine_id, gen_random_uuid(), 'Reboot', 'HeldBack', now(),"
                + " now() - interval '1 s', null, false, null, 'g', 'busy' from machines order by machine_id limit 10");
        db.execute("insert into machine_labels select machine_id, 'group', '1', 'Operator' from machines"
                + " order by machine_id desc limit 3");
        db.execute("vacuum analyze machine_disruption, machine_recovery, machine_labels");
        Bmdb bmdb = db.open(config -> config.sessionInterval(TestDatabase.LASTING));
        BmdbSession session = bmdb.startSession("test", "host");
        Disruptions disruptions = Disruptions.of(bmdb, TestDatabase.PROVIDER, RecoveryPolicy.DEFAULT);
        UUID machine = UUID.fromString(db.rows("select machine_id from machines order by machine_id desc limit 1")
                .get(0));
        db.execute("select pg_stat_force_next_flush()");
        db.execute("select pg_stat_reset()");

        assertThat(disruptions.over())
                .as("they have an agent that is not silent")
                .isNotEmpty();
        for (int i = 0; i < 2; i++) {
            Work work = session.claimMachine(PROCESS, machine).orElseThrow();
            Disruptions.Standing standing = work.update(tx -> disruptions.standing(tx, machine));
            Optional<Disruptions.NoRoom> full = work.update(tx -> disruptions.approve(
                    tx,
                    work,
                    standing.id(),
                    DisruptionKind.REBOOT,
                    List.of(LabelLimit.parse("1 of group")),
                    false,
                    Duration.ofMinutes(1)));
            assertThat(full).isEmpty();
            boolean isNews = work.giveUpQuietly(
                    "busy",
                    tx -> disruptions.holdBack(
                            tx,
                            standing,
                            machine,
                            standing.id(),
                            DisruptionKind.REBOOT,
                            "g",
                            "busy",
                            Optional.of(standing.now().plusSeconds(60))));
            assertThat(isNews).isEqualTo(i == 0);
        }
        assertThat(DisruptionActions.of(bmdb, Actor.program("test")).askAgain(machine, "a test"))
                .isTrue();
        assertThat(Operator.of(bmdb).disruption(machine)).isPresent();
        session.close();
        bmdb.close();

        await().until(() -> db.number("select sum(idx_scan) from pg_stat_user_tables") > 20);
        // What is held back, in recovery, drained, rolled out or worked on at a moment is few, and is read whole.
        List<String> readWhole = db.rows("select relname, seq_tup_read, idx_tup_fetch from pg_stat_user_tables"
                + " where (seq_tup_read > 500 or idx_tup_fetch > 1000) and relname <> 'work'");
        assertThat(readWhole).isEmpty();
    }

    private static void fillALargeFleet() throws Exception {
        db.providedMachines(5000);
        db.execute("insert into sessions select gen_random_uuid(), 'other', '', now(), 60, now() + interval '50 s'"
                + " from generate_series(1, 2000)");
        db.execute("insert into sessions values (gen_random_uuid(), 'dead', '', now(), 1, now() - interval '1 day')");
        db.execute("insert into work (machine_id, session_id, process) select machine_id,"
                + " (select session_id from sessions where session_component_name = 'dead'), 'ShepherdAccess'"
                + " from machines limit 5");
        db.execute("insert into work (machine_id, session_id, process) select machine_id, session_id, 'UnitTest2'"
                + " from (select machine_id, row_number() over () as n from machines) m"
                + " join (select session_id, row_number() over () as n from sessions"
                + " where session_component_name = 'other') s using (n)");
        db.execute("insert into providers values ('test')");
        db.execute("insert into machine_intent (intent_id, provider, candidate, session_id, intent_made_at)"
                + " select gen_random_uuid(), 'test', session_id::text, session_id, now() from sessions");
        db.execute("insert into work_history (machine_id, process, event, claim_id)"
                + " select machine_id, 'UnitTest2', 'Started', gen_random_uuid() from machines");
        db.execute("insert into work_backoff select machine_id, 'UnitTest2', now(), 'cause', 1 from machines");
        for (String table : List.of(
                "work_schedule select machine_id, 'UnitTest2', now()",
                "machine_agent_heartbeat select machine_id, now()",
                "machine_agent_started select machine_id, now(), ''",
                "machine_hardware_report select machine_id, ''",
                "machine_os_installation_request select machine_id, 1, ''",
                "machine_os_installation_report select machine_id, 1, 'Success', ''",
                "machine_ssh_host_key select machine_id, 'key', now()",
                "machine_disruption select machine_id, gen_random_uuid(), 'Reboot', 'UnderWay', now(), null, null, false,"
                        + " null, null, ''",
                "machine_silence select machine_id, now()",
                "machine_labels select machine_id, 'rack', '7', 'Operator'")) {
            db.execute("insert into " + table + " from machines");
        }
        db.execute("insert into machines_forgotten select machine_id, 'test', 'id', now(), 'oncall' from machines");
        db.execute("insert into fleet_event_inbox (event_at, kinds) select now(), '{Silent}' from machines");
        db.execute("insert into fleet_event_readers (reader, position)"
                + " select 'reader-' || n, 0 from generate_series(1, 2000) n");
        db.execute("analyze");
    }
}
