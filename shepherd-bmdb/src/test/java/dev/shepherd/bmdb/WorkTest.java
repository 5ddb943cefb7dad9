package dev.shepherd.bmdb;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import dev.shepherd.api.ProviderID;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.WorkQueries;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.operator.OperatorActions;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import org.jooq.Condition;
import org.jooq.impl.DSL;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class WorkTest {

    @RegisterExtension
    static final TestDatabase db = new TestDatabase();

    private static final WorkProcess MINE = new WorkProcess("UnitTest1");
    private static final WorkProcess OTHER = new WorkProcess("UnitTest2");
    private static final Eligibility ANY = Eligibility.where(DSL.trueCondition());

    @AfterEach
    void removeTheTrigger() throws SQLException {
        db.execute("drop function if exists fail() cascade");
    }

    @Test
    void aClaimAndItsLineOfHistoryAreOne() throws Exception {
        UUID machine = db.machine();
        BmdbSession session = db.session();

        Work work = claim(session, MINE);

        assertThat(work.machineId()).isEqualTo(machine);
        assertThat(work.process()).isEqualTo(MINE);
        assertThat(work.session()).isSameAs(session);
        assertThat(work).hasToString("UnitTest1 on machine " + machine);
        assertThat(db.rows("select machine_id, session_id, process, claim_id from work"))
                .containsExactly(machine + "|" + session.id() + "|UnitTest1|" + work.claimId());
        List<WorkHistoryEntry> history = db.bmdb().history(machine, 10);
        assertThat(history).singleElement().satisfies(entry -> {
            assertThat(entry.machineId()).isEqualTo(machine);
            assertThat(entry.process()).isEqualTo(MINE);
            assertThat(entry.event()).isEqualTo(WorkEvent.STARTED);
            assertThat(entry.failedCause()).isEmpty();
            assertThat(entry.claimId()).contains(work.claimId());
            assertThat(entry.sessionId()).contains(session.id());
            assertThat(entry.timestamp())
                    .isBetween(Instant.now().minusSeconds(60), Instant.now().plusSeconds(60));
        });
    }

    @Test
    void aClaimWhoseHistoryCannotBeWrittenTakesNothing() throws Exception {
        db.machine();
        BmdbSession session = db.session();
        failOn("work_history");

        assertThatThrownBy(() -> session.claim(MINE, ANY, 1)).isInstanceOf(BmdbException.class);

        assertThat(db.rows("select * from work")).isEmpty();
    }

    @Test
    void aFinishWritesTagsAndHistoryAndReleasesTheMachine() throws Exception {
        UUID machine = db.machine();
        Work work = claim(db.session(), MINE);

        String result = work.finishReturning(tx -> {
            tx.putSshHostKey(machine, "key");
            return "done";
        });

        assertThat(result).isEqualTo("done");
        assertThat(db.work(machine)).isEmpty();
        assertThat(db.rows("select ssh_host_key from machine_ssh_host_key")).containsExactly("key");
        assertThat(db.history(machine)).containsExactly("UnitTest1|Started|null", "UnitTest1|Finished|null");
        work.close();
        assertThat(db.history(machine)).hasSize(2);
    }

    @Test
    @SuppressWarnings("NullAway") // It cannot see that this T may be null.
    void aFinishMayReturnNothing() throws Exception {
        db.machine();
        Work work = claim(db.session(), MINE);

        assertThat(work.<String>finishReturning(tx -> null)).isNull();
    }

    @Test
    void aBodyThatThrowsLeavesEverythingAsItWasAndTheWorkHeld() throws Exception {
        UUID machine = db.machine();
        Work work = claim(db.session(), MINE);
        IllegalArgumentException failure = new IllegalArgumentException("of the body");

        assertThatThrownBy(() -> work.finish(tx -> {
                    tx.putSshHostKey(machine, "key");
                    throw failure;
                }))
                .isSameAs(failure);
        assertThatThrownBy(() -> work.fail(Backoff.constant(Duration.ofMinutes(1)), Work.Cause.other("cause"), tx -> {
                    tx.putSshHostKey(machine, "key");
                    throw failure;
                }))
                .isSameAs(failure);

        assertThat(db.rows("select * from machine_ssh_host_key")).isEmpty();
        assertThat(db.rows("select * from work_backoff")).isEmpty();
        assertThat(db.history(machine)).containsExactly("UnitTest1|Started|null");
        assertThat(db.work(machine)).containsExactly("UnitTest1");
        work.finish();
        assertThat(db.work(machine)).isEmpty();
    }

    @Test
    void aCommitThatFailsLeavesTheWorkHeldAndItCanBeCanceled() throws Exception {
        UUID machine = db.machine();
        Work work = claim(db.session(), MINE);
        db.execute("create function fail() returns trigger language plpgsql as"
                + " $$ begin raise exception 'injected' using errcode = '23514'; end $$");
        db.execute("create constraint trigger fail after insert on machine_ssh_host_key initially deferred"
                + " for each row execute function fail()");

        assertThatThrownBy(() -> work.finish(tx -> {
                    tx.putSshHostKey(machine, "key");
                }))
                .isInstanceOfSatisfying(
                        BmdbException.class, e -> assertThat(e.sqlState()).isEqualTo(Optional.of("23514")));

        assertThat(db.work(machine)).containsExactly("UnitTest1");
        assertThat(db.rows("select * from machine_ssh_host_key")).isEmpty();
        work.close();
        assertThat(db.work(machine)).isEmpty();
        assertThat(db.history(machine)).containsExactly("UnitTest1|Started|null", "UnitTest1|Canceled|null");
    }

    @Test
    void anEndingWhoseHistoryCannotBeWrittenDoesNotHappen() throws Exception {
        UUID machine = db.machine();
        Work work = claim(db.session(), MINE);
        failOn("work_history");

        assertThatThrownBy(() -> work.finish(tx -> {
                    tx.putSshHostKey(machine, "key");
                }))
                .isInstanceOf(BmdbException.class);

        assertThat(db.rows("select * from machine_ssh_host_key")).isEmpty();
        assertThat(db.work(machine)).containsExactly("UnitTest1");
    }

    @Test
    void whatHasEndedCannotEndAgain() throws Exception {
        UUID machine = db.machine();
        Work work = claim(db.session(), MINE);
        work.finish();

        WorkLostException lost = catchThrowableOfType(WorkLostException.class, work::finish);
        assertThat(lost.machineId()).isEqualTo(machine);
        assertThat(lost.process()).isEqualTo(MINE);
        assertThat(lost).hasMessageContaining("has ended already");
        assertThatThrownBy(() -> work.fail(Backoff.constant(Duration.ofSeconds(1)), "cause"))
                .isInstanceOf(WorkLostException.class);
        assertThatThrownBy(() -> work.update(tx -> true)).isInstanceOf(WorkLostException.class);
        assertThat(db.history(machine)).containsExactly("UnitTest1|Started|null", "UnitTest1|Finished|null");
    }

    @Test
    void closingCancelsOnce() throws Exception {
        UUID machine = db.machine();
        Work work = claim(db.session(), MINE);

        work.close();
        work.close();

        assertThat(db.work(machine)).isEmpty();
        assertThat(db.history(machine)).containsExactly("UnitTest1|Started|null", "UnitTest1|Canceled|null");
    }

    @Test
    void closingOnAnInterruptedThreadReleasesAllTheSame() throws Exception {
        UUID machine = db.machine();
        Work work = claim(db.session(), MINE);

        Thread.currentThread().interrupt();
        work.close();

        assertThat(Thread.interrupted()).isTrue();
        assertThat(db.work(machine)).isEmpty();
    }

    @Test
    void closingWhileTheDatabaseIsAwayReleasesWithALaterHeartbeat() throws Exception {
        UUID machine = db.machine();
        TcpProxy proxy = db.closeLater(new TcpProxy(db.url()));
        BmdbSession session = db.open(config -> config.jdbcUrl(proxy.url(db.url()))
                        .sessionInterval(TestDatabase.LASTING)
                        .connectTimeout(Duration.ofMillis(300)))
                .startSession("test", "host");
        Work work = claim(session, MINE);

        proxy.cut();
        work.close();
        assertThat(db.work(machine)).hasSize(1);
        proxy.heal();

        await().until(() -> db.work(machine).isEmpty());
        assertThat(session.isAlive()).isTrue();
        assertThat(db.history(machine)).containsExactly("UnitTest1|Started|null", "UnitTest1|Canceled|null");
    }

    @Test
    void closingInTheMiddleOfATransactionDoesNotThrow() throws Exception {
        db.machine();
        BmdbSession session =
                db.open(config -> config.sessionInterval(TestDatabase.LASTING)).startSession("test", "host");
        Work work = claim(session, MINE);

        session.useTransaction(tx -> {
            work.close();
        });

        await().until(() -> db.rows("select * from work").isEmpty());
    }

    @Test
    void anUpdateWritesAndLeavesTheWorkHeld() throws Exception {
        UUID machine = db.machine();
        Work work = claim(db.session(), MINE);

        work.write(tx -> {
            tx.putSshHostKey(machine, "key");
        });

        assertThat(db.rows("select ssh_host_key from machine_ssh_host_key")).containsExactly("key");
        assertThat(db.work(machine)).hasSize(1);
        assertThat(db.history(machine)).hasSize(1);
    }

    @Test
    void workThatSomebodyDeletedIsLost() throws Exception {
        UUID machine = db.machine();
        Work work = claim(db.session(), MINE);
        db.execute("delete from work");

        assertThatThrownBy(() -> work.update(tx -> {
                    tx.putSshHostKey(machine, "key");
                    return true;
                }))
                .isInstanceOf(WorkLostException.class);
        assertThatThrownBy(() -> work.finish(tx -> {
                    tx.putSshHostKey(machine, "key");
                }))
                .isInstanceOf(WorkLostException.class)
                .hasMessageContaining("is no longer held");
        work.close();

        assertThat(db.rows("select * from machine_ssh_host_key")).isEmpty();
        assertThat(db.history(machine)).hasSize(1);
    }

    @Test
    void aClaimOfTheSameMachineByTheSameSessionIsNotMistakenForThisOne() throws Exception {
        UUID machine = db.machine();
        BmdbSession session = db.session();
        Work first = claim(session, MINE);
        db.execute("delete from work");
        Work second = claim(session, MINE);

        assertThatThrownBy(first::finish).isInstanceOf(WorkLostException.class);
        first.close();

        assertThat(db.work(machine)).containsExactly("UnitTest1");
        second.finish();
    }

    @ParameterizedTest
    @CsvSource({
        "ShepherdAccess, ShepherdAccess",
        "ShepherdAccess, ShepherdAgentStart",
        "ShepherdAccess, ShepherdRecovery",
        "ShepherdAgentStart, ShepherdAccess",
        "ShepherdAgentStart, ShepherdAgentStart",
        "ShepherdAgentStart, ShepherdRecovery",
        "ShepherdRecovery, ShepherdAccess",
        "ShepherdRecovery, ShepherdAgentStart",
        "ShepherdRecovery, ShepherdRecovery",
        "UnitTest1, UnitTest1",
    })
    void theseExcludeOneAnotherOnAMachine(String held, String wanted) throws Exception {
        UUID machine = db.machine();
        BmdbSession session = db.session();
        BmdbSession other = db.session();
        Work work = db.hold(session, new WorkProcess(held), machine).orElseThrow();

        if (!wanted.equals(WorkProcess.RECOVERY.name())) { // Which has a way to claim of its own.
            assertThat(other.claim(new WorkProcess(wanted), ANY, 1)).isEmpty();
        }
        assertThat(db.hold(other, new WorkProcess(wanted), machine)).isEmpty();
        assertThat(db.hold(session, new WorkProcess(wanted), machine)).isEmpty();
        // The database itself refuses, whoever asks.
        assertThatThrownBy(() -> db.execute(
                        "insert into work (machine_id, session_id, process) values (?, ?, ?)",
                        machine,
                        other.id(),
                        wanted))
                .isInstanceOfSatisfying(
                        SQLException.class, e -> assertThat(e.getSQLState()).isEqualTo("23505"));

        work.finish();
        assertThat(db.hold(other, new WorkProcess(wanted), machine)).isPresent();
    }

    @ParameterizedTest
    @ValueSource(strings = {"ShepherdAccess", "ShepherdAgentStart", "ShepherdRecovery", "UnitTest2"})
    void anEmbeddersProcessExcludesNobodyElse(String other) throws Exception {
        UUID machine = db.machine();
        BmdbSession session = db.session();
        claim(session, MINE);

        assertThat(db.hold(session, new WorkProcess(other), machine)).isPresent();

        assertThat(db.work(machine)).containsExactlyInAnyOrder("UnitTest1", other);
    }

    @Test
    void claimsTakeTheOldestFirstAndNoMoreThanTheLimit() throws Exception {
        db.execute("insert into machines select gen_random_uuid(), now() - n * interval '1 minute'"
                + " from generate_series(1, 20) as n");
        List<String> oldest = db.rows("select machine_id from machines order by machine_created_at limit 7");
        BmdbSession session = db.session();

        List<Work> claimed = session.claim(MINE, ANY, 7);

        assertThat(claimed.stream().map(work -> work.machineId().toString()).toList())
                .containsExactlyInAnyOrderElementsOf(oldest);
        assertThat(session.claim(MINE, ANY, 1000)).hasSize(13);
        assertThat(session.claim(MINE, ANY, 1000)).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, -1, 1001})
    void theLimitOfAClaimHasARange(int limit) throws Exception {
        BmdbSession session = db.session();

        assertThatThrownBy(() -> session.claim(MINE, ANY, limit)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void aClaimDoesNotWaitForARowThatIsBeingClaimed() throws Exception {
        db.machine();
        UUID second = db.machine();
        db.execute("update machines set machine_created_at = now() + interval '1 hour' where machine_id = ?", second);
        Connection blocking = db.transaction();
        TestDatabase.execute(blocking, "select * from machines order by machine_created_at limit 1 for no key update");

        assertThat(claim(db.session(), MINE).machineId()).isEqualTo(second);
    }

    @Test
    void somebodyWhoOnlyWritesATagDoesNotHideAMachineFromClaims() throws Exception {
        UUID machine = db.machine();
        Connection writing = db.transaction();
        TestDatabase.execute(writing, "insert into machine_agent_heartbeat values (?, now())", machine);

        assertThat(db.session().claim(MINE, ANY, 1)).hasSize(1);
    }

    @Test
    void anEmbeddersConditionDecidesWhatIsClaimed() throws Exception {
        db.machine();
        UUID marked = db.machine();
        db.execute("insert into machine_hardware_report values (?, '\\x01')", marked);
        Condition condition = DSL.condition(
                "exists (select 1 from machine_hardware_report r where r.machine_id = machines.machine_id)");

        List<Work> claimed = db.session().claim(MINE, Eligibility.where(condition), 10);

        assertThat(claimed).extracting(Work::machineId).containsExactly(marked);
    }

    @Test
    void oneMachineCanBeTakenByItsIdAlsoIfItIsBackedOff() throws Exception {
        UUID machine = db.machine();
        BmdbSession session = db.session();
        claim(session, MINE).fail(Backoff.constant(Duration.ofHours(1)), "cause");
        assertThat(session.claim(MINE, ANY, 1)).isEmpty();

        Optional<Work> work = session.claimMachine(MINE, machine);

        assertThat(work).isPresent();
        assertThat(session.claimMachine(MINE, machine)).isEmpty();
        assertThat(session.claimMachine(OTHER, machine)).isPresent();
    }

    @Test
    void aMachineThatDoesNotExistCannotBeTaken() throws Exception {
        UUID unknown = UUID.randomUUID();
        BmdbSession session = db.session();

        assertThatThrownBy(() -> session.claimMachine(MINE, unknown))
                .isInstanceOf(BmdbException.class)
                .hasMessageContaining("no machine " + unknown);
    }

    @Test
    void accessKeepsTheLoopsOffAMachine() throws Exception {
        UUID machine = db.providedMachine();
        BmdbSession session = db.session();
        Work access = session.claimMachine(WorkProcess.ACCESS, machine).orElseThrow();
        Eligibility eligible = Eligibility.agentStart(TestDatabase.PROVIDER);

        assertThat(session.claim(WorkProcess.AGENT_START, eligible, 1)).isEmpty();

        access.close();
        assertThat(session.claim(WorkProcess.AGENT_START, eligible, 1)).hasSize(1);
    }

    @Test
    void theHistoryTellsInWhichOrderAMachineChangedHands() throws Exception {
        UUID machine = db.machine();
        Work first = claim(db.session(), MINE);
        BmdbSession waiting = db.session();

        // This transaction begins before the first work ends, and takes the machine after it.
        waiting.inTransaction(tx -> {
            AtomicInteger ended = new AtomicInteger();
            Thread finishing = new Thread(() -> {
                try {
                    first.finish();
                    ended.incrementAndGet();
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            });
            finishing.start();
            finishing.join();
            assertThat(ended).hasValue(1);
            return WorkQueries.claimMachine(Handle.of(tx.dsl()), waiting.id(), MINE, machine, null);
        });

        assertThat(db.bmdb().history(machine, 10))
                .extracting(WorkHistoryEntry::event)
                .containsExactly(WorkEvent.STARTED, WorkEvent.FINISHED, WorkEvent.STARTED);
    }

    @Test
    void theHistoryNamesTheProviderAndOutlivesAMachineThatIsForgotten() throws Exception {
        UUID machine = db.providedMachine();
        ProviderID id = new ProviderID("id-" + machine);
        BmdbSession session = db.session();
        session.claimMachine(WorkProcess.ACCESS, machine, "alice: new disks")
                .orElseThrow()
                .finish();
        claim(session, MINE).fail(Backoff.constant(Duration.ofSeconds(1)), "no power");
        BmdbSession expiring = db.session();
        expiring.claimMachine(MINE, machine);
        expiring.close();
        List<WorkHistoryEntry> before = db.bmdb().history(machine, 100);

        assertThat(OperatorActions.of(db.bmdb(), Actor.program("bob")).forget(machine, "a test"))
                .isTrue();

        assertThat(db.bmdb().machine(machine)).isEmpty();
        assertThat(before)
                .hasSize(6)
                .allSatisfy(entry -> assertThat(entry.provider()).contains(TestDatabase.PROVIDER))
                .allSatisfy(entry -> assertThat(entry.providerId()).contains(id));
        assertThat(before.get(5).note()).contains("alice: new disks");
        assertThat(db.bmdb().history(machine, 100)).isEqualTo(before);
        assertThat(db.bmdb().history(TestDatabase.PROVIDER, id, 100)).isEqualTo(before);
        assertThat(db.rows("select provider, provider_id, forgotten_by from machines_forgotten"))
                .containsExactly("test|" + id + "|bob");
    }

    @Test
    void theHistoryOfAProvidersMachineIsThatOfAllThatWereRecordedUnderItsId() throws Exception {
        UUID gone = db.providedMachine();
        ProviderID id = new ProviderID("id-" + gone);
        BmdbSession session = db.session();
        claim(session, MINE).close();
        OperatorActions.of(db.bmdb(), Actor.program("bob")).forget(gone, "a test");
        UUID again = db.machine();
        db.execute(
                "insert into machine_provided (machine_id, provider, provider_id) values (?, 'test', ?)",
                again,
                id.value());
        claim(session, MINE).close();

        assertThat(db.bmdb().history(TestDatabase.PROVIDER, id, 100))
                .extracting(WorkHistoryEntry::machineId)
                .containsExactly(again, again, gone, gone);
    }

    /** As a process of the version before writes it, which may run on while a fleet is being upgraded. */
    @Test
    void historyThatDoesNotNameTheProviderDoesSoOnceItsMachineIsForgotten() throws Exception {
        UUID machine = db.providedMachine();
        db.execute("insert into work_history (machine_id, process, event) values (?, 'UnitTest1', 'Started')", machine);

        OperatorActions.of(db.bmdb(), Actor.program("bob")).forget(machine, "a test");

        assertThat(db.rows("select provider, provider_id from work_history")).containsExactly("test|id-" + machine);
    }

    @Test
    void theHistoryIsNewestFirstAndLimited() throws Exception {
        UUID machine = db.machine();
        BmdbSession session = db.session();
        for (int i = 0; i < 3; i++) {
            claim(session, MINE).close();
        }
        claim(session, MINE).fail(Backoff.constant(Duration.ofSeconds(1)), "the last");

        assertThat(db.bmdb().history(machine, 2))
                .extracting(entry -> entry.event() + " " + entry.failedCause().orElse("-"))
                .containsExactly("FAILED the last", "STARTED -");
        assertThat(db.bmdb().history(machine, 100)).hasSize(8);
        assertThat(db.bmdb().history(UUID.randomUUID(), 100)).isEmpty();
        assertThatThrownBy(() -> db.bmdb().history(machine, 0)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void aCauseIsMadeFitForTheDatabase() throws Exception {
        db.machine();
        BmdbSession session = db.session();
        Backoff backoff = Backoff.constant(Duration.ofSeconds(1));

        claim(session, MINE).fail(backoff, "with a \u0000\n\u202e and 'quotes'; drop table work; --");
        assertThat(db.rows("select cause from work_backoff"))
                .containsExactly("with a \\u0000\\n\\u202e and 'quotes'; drop table work; --");
        db.advance(Duration.ofMinutes(1));
        claim(session, MINE).fail(backoff, "x".repeat(3998) + "😀" + "y".repeat(10));
        assertThat(db.rows("select cause from work_backoff")).containsExactly("x".repeat(3998) + "…");
        db.advance(Duration.ofMinutes(1));
        claim(session, MINE).fail(backoff, "\u0000".repeat(4000));
        assertThat(db.rows("select length(cause)::text from work_backoff")).containsExactly("4000");
        db.advance(Duration.ofMinutes(1));
        claim(session, MINE).fail(backoff, " ");
        assertThat(db.rows("select cause from work_backoff")).containsExactly("no cause was given");
    }

    private static void failOn(String table) throws SQLException {
        db.execute("create function fail() returns trigger language plpgsql as"
                + " $$ begin raise exception 'injected' using errcode = '23514'; end $$");
        db.execute("create trigger fail before insert on " + table + " for each row execute function fail()");
    }

    private static Work claim(BmdbSession session, WorkProcess process) throws InterruptedException {
        List<Work> claimed = session.claim(process, ANY, 1);
        assertThat(claimed).hasSize(1);
        return claimed.get(0);
    }
}
