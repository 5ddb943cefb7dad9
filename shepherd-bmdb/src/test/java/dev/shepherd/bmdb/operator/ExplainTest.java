package dev.shepherd.bmdb.operator;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.Eligibility;
import dev.shepherd.bmdb.Explanation;
import dev.shepherd.bmdb.Explanation.OfProcess;
import dev.shepherd.bmdb.Explanation.Rule;
import dev.shepherd.bmdb.PlannedRecovery;
import dev.shepherd.bmdb.RecoveryAction;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.TestDatabase;
import dev.shepherd.bmdb.Work;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.labels.LabelLimit;
import dev.shepherd.bmdb.recovery.Recoveries;
import dev.shepherd.bmdb.recovery.RecoveryClaims;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ExplainTest {

    @RegisterExtension
    static final TestDatabase db = new TestDatabase();

    private static final RecoveryPolicy POLICY =
            RecoveryPolicy.builder().freezeReleaseAfter(Duration.ZERO).build();

    /** A hundred machines in states of all kinds, of which each seed makes other ones. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6})
    void whatIsExplainedAsEligibleIsClaimedAndNothingElse(long seed) throws Exception {
        Random random = new Random(seed);
        RecoveryPolicy policy = RecoveryPolicy.builder()
                .maxShare(seed % 2 == 0 ? 1 : 0.1)
                .maxPerLocation(seed % 3 == 0 ? 2 : 10)
                .freezeShare(seed == 5 ? 0.05 : 1)
                .freezeReleaseAfter(seed == 4 ? Duration.ofMinutes(5) : Duration.ZERO)
                .labelLimits(
                        seed == 6 || seed == 3
                                ? List.of(LabelLimit.parse("1 of group"), LabelLimit.parse("3 of tier!=db"))
                                : List.of())
                .build();
        List<UUID> machines = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            machines.add(randomMachine(random));
        }
        for (String selector : List.of("tier=web,group in (1,2)", "tier", "!tier")) {
            if (random.nextInt(2) == 0) {
                db.execute(
                        "insert into pauses (pause_id, process, paused_by, pause_reason, paused_at, paused_until,"
                                + " pause_selector) values (gen_random_uuid(), ?, 'somebody', 'of a test', now(),"
                                + " now() + ? * interval '1 minute', ?)",
                        random.nextBoolean() ? null : "ShepherdRecovery",
                        random.nextInt(20) - 10,
                        selector);
            }
        }
        BmdbSession holder = db.session();
        for (int i = 0; i < 10; i++) {
            holder.claimMachine(WorkProcess.ACCESS, machines.get(random.nextInt(100)));
        }
        // A recoverer has been there before: it notes which machines are back, and what is frozen.
        claimed(Recoveries.of(db.bmdb(), TestDatabase.PROVIDER, policy)
                .claim(holder, 1000)
                .work());
        List<Explanation> explained = new ArrayList<>();
        for (UUID machine : machines) {
            explained.add(Operator.of(db.bmdb()).explain(machine, policy).orElseThrow());
        }
        PlannedRecovery plan = Operator.of(db.bmdb()).planRecovery(TestDatabase.PROVIDER, policy, true);

        Set<UUID> started =
                claimed(holder.claim(WorkProcess.AGENT_START, Eligibility.agentStart(TestDatabase.PROVIDER), 1000));
        RecoveryClaims recovery =
                Recoveries.of(db.bmdb(), TestDatabase.PROVIDER, policy).claim(holder, 1000);
        Set<UUID> recovered = claimed(recovery.work());

        assertThat(eligible(explained, WorkProcess.AGENT_START)).isEqualTo(started);
        assertThat(eligible(explained, WorkProcess.RECOVERY)).isEqualTo(recovered);
        assertThat(plan.steps().stream().map(PlannedRecovery.Step::machineId).collect(Collectors.toSet()))
                .isEqualTo(recovered);
        assertThat(plan.outlook()).isEqualTo(recovery.outlook());
        for (Explanation explanation : explained) {
            for (OfProcess process : explanation.processes()) {
                assertThat(process.eligible()).isEqualTo(process.rule() == Rule.ELIGIBLE);
                assertThat(process.because()).isNotBlank();
                assertThat(process.change()).isNotBlank();
            }
        }
    }

    @Test
    void everyRuleDecidesSomewhere() throws Exception {
        Set<Rule> seen = EnumSet.noneOf(Rule.class);
        for (long seed = 1; seed <= 6; seed++) {
            Random random = new Random(seed);
            RecoveryPolicy policy = RecoveryPolicy.builder()
                    .maxPerProvider(seed == 2 ? 1 : 20)
                    .freezeShare(seed == 3 ? 0.05 : 1)
                    .freezeReleaseAfter(seed == 1 ? Duration.ofMinutes(5) : Duration.ZERO)
                    .build();
            List<UUID> machines = new ArrayList<>();
            for (int i = 0; i < 60; i++) {
                machines.add(randomMachine(random));
            }
            BmdbSession holder = db.session();
            holder.claimMachine(WorkProcess.ACCESS, machines.get(0));
            claimed(Recoveries.of(db.bmdb(), TestDatabase.PROVIDER, policy)
                    .claim(holder, 1000)
                    .work());
            for (UUID machine : machines) {
                Operator.of(db.bmdb())
                        .explain(machine, policy)
                        .orElseThrow()
                        .processes()
                        .forEach(process -> seen.add(process.rule()));
            }
        }
        assertThat(seen).containsExactlyInAnyOrder(Rule.values());
    }

    @Test
    void anAttemptThatWasCutShortIsNotPlannedAsAnotherReboot() throws Exception {
        UUID machine = db.providedMachine();
        db.execute("insert into machine_agent_started values (?, now() - interval '2 hours', '')", machine);
        db.execute(
                "insert into machine_recovery values (?, 'Reboot', now() - interval '1 hour', true, 1, 0, 0, null)",
                machine);
        Recoveries.of(db.bmdb(), TestDatabase.PROVIDER, POLICY)
                .claim(db.session(), 1)
                .work()
                .forEach(Work::close);

        assertThat(Operator.of(db.bmdb())
                        .planRecovery(TestDatabase.PROVIDER, POLICY, true)
                        .steps())
                .singleElement()
                .extracting(PlannedRecovery.Step::action)
                .isEqualTo(RecoveryAction.AGENT_RESTART);
    }

    @Test
    void thereIsNothingToExplainOfAMachineThatDoesNotExist() throws Exception {
        assertThat(Operator.of(db.bmdb()).explain(UUID.randomUUID(), RecoveryPolicy.DEFAULT))
                .isEmpty();
    }

    @Test
    void theNextLookIsWhenTimeAloneChangesSomething() throws Exception {
        UUID machine = db.providedMachine();
        BmdbSession session = db.session();
        session.useTransaction(tx -> {
            tx.putAgentStarted(machine, new byte[32]);
            tx.putAgentHeartbeat(machine);
        });

        OfProcess recovery = ofRecovery(machine);
        assertThat(recovery.rule()).isEqualTo(Rule.HEARD);
        assertThat(Duration.between(db.bmdb().now(), recovery.nextLookAt().orElseThrow()))
                .isBetween(Duration.ofMinutes(9), Duration.ofMinutes(10));

        db.advance(Duration.ofMinutes(11));
        assertThat(ofRecovery(machine).rule()).isEqualTo(Rule.LOOKING);
        Recoveries.of(db.bmdb(), TestDatabase.PROVIDER, POLICY)
                .claim(session, 1)
                .work()
                .forEach(Work::close);
        assertThat(ofRecovery(machine).rule()).isEqualTo(Rule.ELIGIBLE);
        OperatorActions.of(db.bmdb(), Actor.program("rack team"))
                .pause(machine, null, null, "rewiring", Duration.ofHours(2));
        OfProcess paused = ofRecovery(machine);
        assertThat(paused.rule()).isEqualTo(Rule.PAUSED);
        assertThat(paused.because()).contains("rack team").contains("rewiring");
        assertThat(paused.nextLookAt()).isPresent();
    }

    private static OfProcess ofRecovery(UUID machine) throws InterruptedException {
        return Operator.of(db.bmdb()).explain(machine, POLICY).orElseThrow().processes().stream()
                .filter(process -> process.process().equals(WorkProcess.RECOVERY))
                .findFirst()
                .orElseThrow();
    }

    private static Set<UUID> eligible(List<Explanation> explained, WorkProcess process) {
        return explained.stream()
                .filter(explanation -> explanation.processes().stream()
                        .anyMatch(of -> of.process().equals(process) && of.eligible()))
                .map(Explanation::machineId)
                .collect(Collectors.toSet());
    }

    private static Set<UUID> claimed(List<Work> work) {
        Set<UUID> ids = new HashSet<>();
        work.forEach(one -> {
            ids.add(one.machineId());
            one.close();
        });
        return ids;
    }

    private static UUID randomMachine(Random random) throws SQLException {
        if (random.nextInt(20) == 0) {
            return db.machine();
        }
        UUID machine = db.providedMachine();
        db.execute(
                "update machine_provided set provider_location = ?, provider_status = ? where machine_id = ?",
                random.nextInt(4) == 0 ? null : "rack-" + random.nextInt(3),
                List.of("Missing", "Provisioning", "Running").get(Math.min(2, random.nextInt(20))),
                machine);
        for (String label : List.of("group", "tier")) {
            if (random.nextInt(3) != 0) {
                db.execute(
                        "insert into machine_labels values (?, ?, ?, 'Operator')",
                        machine,
                        label,
                        label.equals("group") ? "" + random.nextInt(5) : random.nextBoolean() ? "db" : "web");
            }
        }
        boolean started = random.nextInt(4) != 0;
        if (started) {
            db.execute(
                    "insert into machine_agent_started values (?, now() - ? * interval '1 minute', '')",
                    machine,
                    random.nextInt(90));
            if (random.nextInt(4) != 0) {
                db.execute(
                        "insert into machine_agent_heartbeat values (?, now() - ? * interval '1 minute')",
                        machine,
                        random.nextInt(25));
            }
        } else if (random.nextInt(2) == 0) {
            db.execute("insert into machine_unreachable values (?, now(), ?)", machine, 1 + random.nextInt(5));
        }
        if (random.nextInt(3) == 0) {
            db.execute(
                    "insert into machine_recovery values (?, 'Reboot', now() - ? * interval '1 minute', false, ?, 0, 0,"
                            + " case when ? then now() end)",
                    machine,
                    random.nextInt(90),
                    1 + random.nextInt(3),
                    random.nextBoolean());
        }
        if (random.nextInt(5) == 0) {
            db.execute(
                    "insert into machine_disruption values (?, gen_random_uuid(), ?, ?, now(),"
                            + " now() + ? * interval '1 minute', null, false, null, 'windows', 'it is day')",
                    machine,
                    random.nextInt(4) == 0 ? "Rollout" : "Reboot",
                    random.nextInt(4) == 0 ? "Refused" : "HeldBack",
                    random.nextInt(20) - 5);
        }
        if (random.nextInt(2) == 0) {
            db.execute(
                    "insert into work_history (machine_id, process, event, timestamp)"
                            + " values (?, 'ShepherdAgentStart', 'Failed', now() - interval '1 minute')",
                    machine);
        }
        if (random.nextInt(12) == 0) {
            db.execute("insert into machine_quarantine values (?, now(), 'somebody', 'of a test')", machine);
        }
        if (random.nextInt(6) == 0) {
            String process = random.nextBoolean() ? "ShepherdRecovery" : "ShepherdAgentStart";
            db.execute(
                    "insert into work_backoff values (?, ?, now() + ? * interval '1 minute', 'of a test', 60)",
                    machine,
                    process,
                    random.nextInt(20) - 10);
        }
        if (random.nextInt(12) == 0) {
            db.execute(
                    "insert into pauses values (gen_random_uuid(), ?, ?, ?, 'somebody', 'of a test', now(),"
                            + " now() + ? * interval '1 minute')",
                    machine,
                    random.nextBoolean() ? null : random.nextBoolean() ? "test" : "another",
                    random.nextBoolean() ? null : "ShepherdRecovery",
                    random.nextInt(20) - 10);
        }
        if (random.nextInt(8) == 0) {
            int generation = random.nextInt(2);
            db.execute("insert into machine_os_installation_request values (?, 1, '')", machine);
            db.execute(
                    "insert into machine_os_installation_report values (?, ?, ?, '')",
                    machine,
                    generation,
                    random.nextBoolean() ? "Success" : "Error");
        }
        if (random.nextInt(4) == 0) {
            int step = random.nextInt(9);
            List<String> steps = List.of(
                    "Chosen", "Starting", "Baking", "Returning", "Waiting", "Done", "Returned", "Failed", "Passed");
            db.execute("insert into agent_executables values (sha256('a'), null, 1, now()) on conflict do nothing");
            db.execute("insert into rollouts (provider, agent_sha256, rollout_state, rollout_canary, rollout_batch,"
                    + " rollout_bake_seconds, rollout_max_failures, rollout_wave, rollout_pass, rollout_machines,"
                    + " rollout_done, rollout_passed, rollout_started_at, rollout_started_by)"
                    + " values ('test', sha256('a'), 'Running', 1, 1, 60, 0, 0, 1, 1, 0, 0, now(), 'somebody')"
                    + " on conflict do nothing");
            db.execute(
                    "insert into machine_rollout (machine_id, rollout_id, rollout_step, rollout_step_at, rollout_until)"
                            + " select ?, rollout_id, ?, now(),"
                            + " case when ? then now() + ? * interval '1 minute' end from rollouts",
                    machine,
                    steps.get(step),
                    step < 4,
                    random.nextInt(60) - 20);
        }
        return machine;
    }
}
