package dev.shepherd.bmdb.operator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.shepherd.api.ProviderID;
import dev.shepherd.bmdb.Backoff;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbConfig;
import dev.shepherd.bmdb.BmdbConfig.Migration;
import dev.shepherd.bmdb.BmdbException;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.Freeze;
import dev.shepherd.bmdb.HookedDataSource;
import dev.shepherd.bmdb.HookedDataSource.Hook;
import dev.shepherd.bmdb.Race;
import dev.shepherd.bmdb.TestDatabase;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.operator.Actor.Channel;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class OperatorActionsTest {

    @RegisterExtension
    static final TestDatabase db = new TestDatabase();

    private static final Actor ALICE = new Actor("alice", Channel.COMMAND_LINE);
    private static final String KEY = "ssh-ed25519 AAAA";

    private UUID machine;
    private OperatorActions actions;

    @BeforeEach
    void aMachine() throws SQLException {
        machine = db.providedMachine();
        actions = OperatorActions.of(db.bmdb(), ALICE);
    }

    private List<OperatorAction> recorded() throws InterruptedException {
        return Operator.of(db.bmdb()).actions((UUID) null, null, 100);
    }

    private OperatorAction only(Verb verb) throws InterruptedException {
        List<OperatorAction> recorded = recorded();
        assertThat(recorded).hasSize(1);
        OperatorAction action = recorded.get(0);
        assertThat(action.verb()).isEqualTo(verb.databaseName());
        assertThat(action.by()).isEqualTo("alice");
        assertThat(action.channel()).isEqualTo(Channel.COMMAND_LINE);
        assertThat(action.reason()).isEqualTo("because");
        return action;
    }

    private OperatorAction onTheMachine(Verb verb) throws InterruptedException {
        OperatorAction action = only(verb);
        assertThat(action.machineId()).contains(machine);
        assertThat(action.provider()).contains(TestDatabase.PROVIDER);
        assertThat(action.providerId()).contains(new ProviderID("id-" + machine));
        return action;
    }

    private void clear() throws SQLException {
        db.execute("delete from operator_actions");
    }

    private void backOff(UUID which, WorkProcess process, String cause) throws InterruptedException {
        db.session().claimMachine(process, which).orElseThrow().fail(Backoff.constant(Duration.ofHours(1)), cause);
    }

    @Test
    void aPauseAndItsEndAreRecorded() throws Exception {
        Pause pause = actions.pause(machine, null, WorkProcess.AGENT_START, "because", Duration.ofHours(1));
        OperatorAction paused = onTheMachine(Verb.PAUSE);
        assertThat(paused.subject().orElseThrow()).contains(pause.id().toString(), "ShepherdAgentStart");
        clear();

        assertThat(actions.resume(pause.id(), "because")).isTrue();
        assertThat(onTheMachine(Verb.RESUME).subject()).isEqualTo(paused.subject());
        clear();

        assertThat(actions.resume(pause.id(), "because")).isFalse();
        assertThat(recorded()).isEmpty();
    }

    @Test
    void aPauseOfAProviderIsRecordedAsItsProviders() throws Exception {
        actions.pause(null, TestDatabase.PROVIDER, null, "because", null);

        OperatorAction action = only(Verb.PAUSE);
        assertThat(action.machineId()).isEmpty();
        assertThat(action.providerId()).isEmpty();
        assertThat(action.provider()).contains(TestDatabase.PROVIDER);
    }

    @Test
    void aQuarantineAndAReleaseAreRecordedOnlyIfTheyChangeSomething() throws Exception {
        assertThat(actions.release(machine, "because")).isFalse();
        assertThat(recorded()).isEmpty();

        assertThat(actions.quarantine(machine, "because")).isTrue();
        onTheMachine(Verb.QUARANTINE);
        assertThat(actions.quarantine(machine, "for another reason")).isFalse();
        onTheMachine(Verb.QUARANTINE);
        clear();

        assertThat(actions.release(machine, "because")).isTrue();
        onTheMachine(Verb.RELEASE);
    }

    @Test
    void theReleaseOfAFreezeIsRecordedOnce() throws Exception {
        db.execute("insert into recovery_freeze (provider, location, frozen_at, silent_since, freeze_evidence)"
                + " values ('test', 'rack-1', now(), now(), '9 of 10')");
        Freeze freeze = Operator.of(db.bmdb()).freezes().get(0);

        List<Boolean> released =
                Race.run(4, i -> OperatorActions.of(db.bmdb(), ALICE).release(freeze, "because"));

        assertThat(released).containsOnlyOnce(true);
        assertThat(only(Verb.UNFREEZE).subject().orElseThrow()).contains("rack-1", "test");
    }

    @Test
    void trustForgetsThePinnedKeyAndRecordsIt() throws Exception {
        assertThat(actions.trust(machine, "because")).isFalse();
        assertThat(recorded()).isEmpty();
        db.session().useTransaction(tx -> tx.putSshHostKey(machine, KEY));

        assertThat(actions.trust(machine, "because")).isTrue();

        assertThat(onTheMachine(Verb.TRUST).details().orElseThrow()).contains(KEY);
        assertThat(db.bmdb().machine(machine).orElseThrow().sshHostKey()).isEmpty();
    }

    @Test
    void anAgentIsForgottenAndItsMachineDueForAnother() throws Exception {
        assertThat(actions.restartAgent(machine, "because")).isFalse();
        assertThat(recorded()).isEmpty();
        db.session().useTransaction(tx -> {
            tx.putAgentStarted(machine, new byte[32]);
            tx.putAgentHeartbeat(machine);
        });

        assertThat(actions.restartAgent(machine, "because")).isTrue();

        onTheMachine(Verb.RESTART_AGENT);
        assertThat(db.bmdb().machine(machine).orElseThrow().agentHeartbeatAt()).isEmpty();
        assertThat(Operator.of(db.bmdb()).statistics().waitingForAgentStart()).isEqualTo(1);
    }

    @Test
    void anInstallationIsRequestedAndTakenBack() throws Exception {
        assertThat(actions.takeBackInstallation(machine, "because")).isFalse();
        assertThat(recorded()).isEmpty();

        assertThat(actions.requestInstallation(machine, new byte[] {1, 2, 3}, "because"))
                .isEqualTo(1);
        assertThat(onTheMachine(Verb.INSTALL).details()).contains("generation 1, 3 bytes");
        clear();

        assertThat(actions.takeBackInstallation(machine, "because")).isTrue();
        onTheMachine(Verb.TAKE_BACK_INSTALLATION);
        assertThat(db.bmdb().machine(machine).orElseThrow().installationRequest())
                .isEmpty();
    }

    @Test
    void whatWasDoneToAMachineOutlivesIt() throws Exception {
        actions.quarantine(machine, "flaps");
        actions.forget(machine, "because");
        assertThat(actions.forget(machine, "because")).isFalse();

        Operator operator = Operator.of(db.bmdb());
        assertThat(operator.actions(machine, null, 10))
                .extracting(OperatorAction::verb)
                .containsExactly("Forget", "Quarantine");
        assertThat(operator.actions(TestDatabase.PROVIDER, new ProviderID("id-" + machine), null, 10))
                .isEqualTo(operator.actions(machine, null, 10));
    }

    @Test
    void whatCannotBeDoneIsRefusedByItsReasonAndNotRecorded() throws Exception {
        UUID unknown = UUID.randomUUID();
        assertThat(refused(() -> actions.quarantine(unknown, "because")))
                .isEqualTo(OperatorException.Reason.UNKNOWN_MACHINE);
        assertThat(refused(() -> actions.pause(unknown, null, null, "because", null)))
                .isEqualTo(OperatorException.Reason.UNKNOWN_MACHINE);
        assertThat(refused(() -> actions.requestInstallation(unknown, new byte[1], "because")))
                .isEqualTo(OperatorException.Reason.UNKNOWN_MACHINE);
        db.session().claimMachine(WorkProcess.ACCESS, machine).orElseThrow();
        assertThat(refused(() -> actions.forget(machine, "because"))).isEqualTo(OperatorException.Reason.WORKED_ON);
        assertThatThrownBy(() -> actions.quarantine(machine, " ")).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new Actor("a\nb", Channel.API)).isInstanceOf(IllegalArgumentException.class);
        assertThat(recorded()).isEmpty();
    }

    private interface Asking {
        void run() throws InterruptedException;
    }

    private static OperatorException.Reason refused(Asking asking) {
        return catchThrowableOfType(OperatorException.class, asking::run).reason();
    }

    @Test
    void aSessionThatIsGivenUpIsDeadAtOnce() throws Exception {
        BmdbSession session = db.session();
        session.claimMachine(WorkProcess.ACCESS, machine).orElseThrow();
        assertThat(Operator.of(db.bmdb()).sessions()).singleElement().satisfies(live -> {
            assertThat(live.id()).isEqualTo(session.id());
            assertThat(live.component()).isEqualTo("test");
            assertThat(live.timeLeft()).isPositive();
            assertThat(live.work()).extracting(LiveSession.Held::machineId).containsExactly(machine);
        });

        assertThat(actions.endSession(session.id(), "because")).isTrue();

        assertThat(actions.endSession(session.id(), "because")).isFalse();
        assertThat(only(Verb.END_SESSION).subject().orElseThrow())
                .contains(session.id().toString(), "test", "host");
        db.bmdb().reapExpiredSessions();
        assertThat(db.work(machine)).isEmpty();
    }

    @Test
    void retryLiftsWhatMatchesAndNothingElse() throws Exception {
        UUID other = db.providedMachine();
        WorkProcess own = new WorkProcess("UnitTest");
        backOff(machine, WorkProcess.AGENT_START, "it refuses the KEY_of_the_fleet (100%)");
        backOff(machine, own, "it refuses the KEY_of_the_fleet (100%)");
        backOff(other, WorkProcess.AGENT_START, "a full disk");
        List<BackedOff> lifted = new ArrayList<>();

        BackoffFilter which = BackoffFilter.ALL.ofProcess(WorkProcess.AGENT_START);
        assertThat(actions.retry(which.withCause("keyxof"), "because", lifted::add))
                .isZero();
        assertThat(actions.retry(which.withCause("key_OF_the_fleet (100%)"), "because", lifted::add))
                .isEqualTo(1);

        assertThat(lifted).singleElement().satisfies(one -> {
            assertThat(one.machineId()).isEqualTo(machine);
            assertThat(one.process()).isEqualTo(WorkProcess.AGENT_START);
            assertThat(one.providerId()).contains(new ProviderID("id-" + machine));
        });
        assertThat(onTheMachine(Verb.RETRY).details().orElseThrow()).contains("ShepherdAgentStart", "refuses the KEY");
        assertThat(Operator.of(db.bmdb()).backoffs(BackoffFilter.ALL, null, 10))
                .extracting(BackedOff::machineId)
                .containsExactlyInAnyOrder(machine, other);
        assertThat(actions.retry(BackoffFilter.ALL.ofMachine(other), "because", lifted::add))
                .isEqualTo(1);
    }

    @Test
    void retryOfAllLeavesAMachineItsTimeToBootUnlessThatIsAskedFor() throws Exception {
        UUID booting = db.providedMachine();
        UUID failed = db.providedMachine();
        backOff(booting, WorkProcess.AGENT_START, "it was rebooted");
        backOff(failed, WorkProcess.AGENT_START, "it refuses the key");
        db.execute("update work_backoff set kind = 'booting' where machine_id = '" + booting + "'");
        db.execute("update work_backoff set kind = 'authentication_failed' where machine_id = '" + failed + "'");
        List<BackedOff> lifted = new ArrayList<>();

        assertThat(actions.retry(BackoffFilter.ALL.ofKind("unreachable"), "because", lifted::add))
                .isZero();
        assertThat(actions.retry(BackoffFilter.ALL, "because", lifted::add)).isEqualTo(1);
        assertThat(lifted).singleElement().satisfies(one -> {
            assertThat(one.machineId()).isEqualTo(failed);
            assertThat(one.kind()).isEqualTo("authentication_failed");
        });
        assertThat(actions.retry(BackoffFilter.ALL.ofKind("booting"), "because", lifted::add))
                .isEqualTo(1);
    }

    /** Several batches, two backoffs of a machine across the edge of one, and every one once. */
    @Test
    void retryOfAllLiftsEachOnceThoughTwoDoIt() throws Exception {
        db.providedMachines(3 * OperatorActions.BATCH);
        db.execute("insert into work_backoff (machine_id, process, until, cause, last_interval_seconds)"
                + " select machine_id, p, now() + interval '1 hour', 'no', 300"
                + " from machines, (values ('ShepherdAgentStart'), ('UnitTest')) as v (p)");
        long all = db.number("select count(*) from work_backoff");

        List<Long> counts =
                Race.run(2, i -> OperatorActions.of(db.bmdb(), ALICE).retry(BackoffFilter.ALL, "because", one -> {}));

        assertThat(counts.get(0) + counts.get(1)).isEqualTo(all);
        assertThat(db.number("select count(*) from work_backoff")).isZero();
        assertThat(db.number("select count(distinct (machine_id, details)) from operator_actions"))
                .isEqualTo(all);
        assertThat(db.number("select count(*) from operator_actions")).isEqualTo(all);
    }

    @Test
    void ofManyWhoDoTheSameOneIsRecorded() throws Exception {
        db.session().useTransaction(tx -> tx.putSshHostKey(machine, KEY));

        List<Boolean> trusted = Race.run(6, i -> actions.trust(machine, "because"));
        List<Boolean> quarantined = Race.run(6, i -> actions.quarantine(machine, "because"));
        List<Boolean> released = Race.run(6, i -> actions.release(machine, "because"));

        assertThat(trusted).containsOnlyOnce(true);
        assertThat(quarantined).containsOnlyOnce(true);
        assertThat(released).containsOnlyOnce(true);
        assertThat(recorded()).extracting(OperatorAction::verb).containsExactly("Release", "Quarantine", "Trust");
    }

    /** Quarantines and releases at the same time: the records alternate, and agree with what the machine is at last. */
    @Test
    void theRecordsTellTheOrderInWhichItWasDone() throws Exception {
        Race.run(4, i -> {
            for (int round = 0; round < 25; round++) {
                if (i % 2 == 0) {
                    actions.quarantine(machine, "because");
                } else {
                    actions.release(machine, "because");
                }
            }
            return true;
        });

        List<String> verbs = Operator.of(db.bmdb()).actions(machine, null, 1000).stream()
                .map(OperatorAction::verb)
                .toList();
        assertThat(verbs).isNotEmpty();
        for (int i = 1; i < verbs.size(); i++) {
            assertThat(verbs.get(i)).isNotEqualTo(verbs.get(i - 1));
        }
        assertThat(verbs.get(verbs.size() - 1)).isEqualTo("Quarantine");
        boolean quarantined = Operator.of(db.bmdb()).quarantine(machine).isPresent();
        assertThat(verbs.get(0)).isEqualTo(quarantined ? "Quarantine" : "Release");
    }

    /** What may become of a commit. The first two tell the client nothing of what the server made of it. */
    private static final List<Hook> FAULTS = List.of(
            (connection, original) -> {
                connection.abort(Runnable::run);
                throw new SQLException("the connection broke before the commit", "08006");
            },
            (connection, original) -> {
                original.call();
                throw new SQLException("the connection broke after the commit", "08006");
            },
            (connection, original) -> {
                db.execute("select pg_terminate_backend(pid) from pg_stat_activity where state = 'idle in transaction'"
                        + " and datname = current_database()");
                return original.call();
            });

    @Test
    void whateverBecomesOfTheCommitTheRecordIsThereExactlyIfTheChangeIs() throws Exception {
        for (Hook fault : FAULTS) {
            UUID broken = db.providedMachine();
            HookedDataSource source = new HookedDataSource(db.url());
            Bmdb bmdb = db.closeLater(Bmdb.open(BmdbConfig.builder()
                    .dataSource(source.dataSource())
                    .migration(Migration.CHECK)
                    .build()));
            source.onNextOfAny("commit", fault);
            try {
                OperatorActions.of(bmdb, ALICE).quarantine(broken, "because");
            } catch (BmdbException e) {
                assertThat(e).hasMessageContaining("quarantine of machine " + broken);
            }
            assertThat(Operator.of(db.bmdb()).actions(broken, null, 10))
                    .hasSize(Operator.of(db.bmdb()).quarantine(broken).isPresent() ? 1 : 0);
        }
        assertThat(recorded()).as("there was a commit that went through").isNotEmpty();
    }

    @Test
    void pagesOfActionsHaveEachOnceAndTheNewestFirst() throws Exception {
        for (int i = 0; i < 7; i++) {
            actions.pause(null, null, null, "number " + i, null);
        }
        List<String> read = new ArrayList<>();
        Long before = null;
        List<OperatorAction> page;
        do {
            page = Operator.of(db.bmdb()).actions((UUID) null, before, 3);
            page.forEach(action -> read.add(action.reason()));
            before = page.isEmpty() ? null : page.get(page.size() - 1).id();
        } while (before != null);

        assertThat(read)
                .containsExactly("number 6", "number 5", "number 4", "number 3", "number 2", "number 1", "number 0");
    }
}
