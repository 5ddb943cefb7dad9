package dev.shepherd.bmdb.fleet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Backoff;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.InstallationResult;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.TestDatabase;
import dev.shepherd.bmdb.Work;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.fleet.FleetSummary.Count;
import dev.shepherd.bmdb.fleet.FleetSummary.Figure;
import dev.shepherd.bmdb.fleet.FleetSummary.What;
import dev.shepherd.bmdb.fleet.MachinePage.Place;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.operator.OperatorActions;
import dev.shepherd.bmdb.operator.RecoveryPolicies;
import java.sql.Connection;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class FleetTest {

    @RegisterExtension
    static final TestDatabase db = new TestDatabase();

    private static final ProviderType RACKS = new ProviderType("racks");

    private Fleet fleet;

    @BeforeEach
    void open() throws Exception {
        fleet = Fleet.of(db.bmdb(), RecoveryPolicy.DEFAULT);
    }

    private static UUID machine(String id, @Nullable String location) throws Exception {
        UUID machineId = UUID.randomUUID();
        db.execute("insert into machines (machine_id) values (?)", machineId);
        db.execute(
                "insert into machine_provided (machine_id, provider, provider_id, provider_ip_address, provider_location,"
                        + " provider_status) values (?, 'racks', ?, '192.0.2.7', ?, 'Running')",
                machineId,
                id,
                location);
        return machineId;
    }

    /** One machine in each state, whose id is the state's name. */
    private static Map<MachineState, UUID> oneOfEach() throws Exception {
        Map<MachineState, UUID> machines = new EnumMap<>(MachineState.class);
        for (MachineState state : MachineState.values()) {
            machines.put(state, machine(state.word(), "rack 1"));
        }
        BmdbSession session = db.session();
        // What would also apply, so that the order of the states matters.
        db.execute(
                "insert into machine_quarantine values (?, now(), 'of a test', 'it burns')",
                machines.get(MachineState.QUARANTINED));
        db.execute(
                "update machine_provided set provider_status = 'Missing' where machine_id in (?, ?)",
                machines.get(MachineState.MISSING),
                machines.get(MachineState.QUARANTINED));
        db.execute(
                "update machine_provided set provider_status = 'Provisioning' where machine_id = ?",
                machines.get(MachineState.PROVISIONING));
        session.useTransaction(tx -> {
            UUID installed = machines.get(MachineState.INSTALLED);
            tx.putAgentStarted(installed, new byte[32]);
            long generation = tx.requestInstallation(installed, new byte[0]);
            tx.putInstallationReport(installed, generation, InstallationResult.SUCCESS, new byte[0]);
            tx.putAgentStarted(machines.get(MachineState.STARTED), new byte[32]);
        });
        db.execute(
                "insert into machine_recovery values (?, 'Reboot', now(), false, 1, 0, 0, null)",
                machines.get(MachineState.RECOVERING));
        db.execute(
                "insert into machine_recovery values (?, 'Reboot', now(), false, 1, 0, 0, now())",
                machines.get(MachineState.UP));
        db.execute(
                "insert into machine_disruption values (?, gen_random_uuid(), 'Reboot', 'HeldBack', now(),"
                        + " now() + interval '1 hour', null, false, null, 'windows', 'it is day')",
                machines.get(MachineState.HELD_BACK));
        db.advance(Duration.ofHours(-1));
        session.useTransaction(tx -> {
            tx.putAgentStarted(machines.get(MachineState.SILENT), new byte[32]);
            tx.putAgentStarted(machines.get(MachineState.UP), new byte[32]);
            tx.putAgentHeartbeat(machines.get(MachineState.SILENT));
        });
        db.advance(Duration.ofHours(1));
        session.useTransaction(tx -> tx.putAgentHeartbeat(machines.get(MachineState.UP)));
        session.claimMachine(WorkProcess.AGENT_START, machines.get(MachineState.FAILING))
                .orElseThrow()
                .fail(Backoff.constant(Duration.ofHours(1)), "the key is refused");
        assertThat(session.claimMachine(WorkProcess.AGENT_START, machines.get(MachineState.TAKEOVER)))
                .isPresent();
        return machines;
    }

    @Test
    void eachMachineIsInTheFirstStateThatApplies() throws Exception {
        Map<MachineState, UUID> machines = oneOfEach();

        for (MachineState state : MachineState.values()) {
            MachineLine line = fleet.machine(machines.get(state)).orElseThrow();
            assertThat(line.state()).isEqualTo(state);
            assertThat(fleet.machines(MachineFilter.ALL.in(state), null, 10).lines())
                    .as("machines that are %s", state)
                    .containsExactly(line);
        }
        assertThat(fleet.count(Duration.ZERO).orElseThrow().counts())
                .containsExactlyInAnyOrderElementsOf(List.of(MachineState.values()).stream()
                        .map(state -> new Count(RACKS, "rack 1", state, 1))
                        .toList());
    }

    @Test
    void silentMachinesAreFoundBeforeAndAfterACount() throws Exception {
        UUID silent = oneOfEach().get(MachineState.SILENT);
        assertThat(found(MachineFilter.ALL.in(MachineState.SILENT))).containsExactly(silent);
        fleet.count(Duration.ZERO);
        assertThat(found(MachineFilter.ALL.in(MachineState.SILENT))).containsExactly(silent);
        // One that is heard meanwhile is silent no more, whatever was counted.
        db.session().useTransaction(tx -> tx.putAgentHeartbeat(silent));
        assertThat(found(MachineFilter.ALL.in(MachineState.SILENT))).isEmpty();
    }

    @Test
    void aLineSaysWhySinceWhenAndUntilWhen() throws Exception {
        Map<MachineState, UUID> machines = oneOfEach();

        MachineLine quarantined =
                fleet.machine(machines.get(MachineState.QUARANTINED)).orElseThrow();
        assertThat(quarantined.cause()).contains("it burns");
        assertThat(quarantined.since()).isPresent();
        MachineLine failing = fleet.machine(machines.get(MachineState.FAILING)).orElseThrow();
        assertThat(failing.cause())
                .hasValueSatisfying(cause -> assertThat(cause).contains("the key is refused"));
        assertThat(failing.until())
                .hasValueSatisfying(until -> assertThat(until).isAfter(Instant.now()));
        MachineLine held = fleet.machine(machines.get(MachineState.HELD_BACK)).orElseThrow();
        assertThat(held.cause()).contains("gate windows holds its reboot back: it is day");
        assertThat(held.since()).isPresent();
        assertThat(held.until()).hasValueSatisfying(until -> assertThat(until).isAfter(Instant.now()));
        MachineLine silent = fleet.machine(machines.get(MachineState.SILENT)).orElseThrow();
        assertThat(silent.heardAt())
                .hasValueSatisfying(at -> assertThat(at).isBefore(Instant.now().minus(Duration.ofMinutes(30))));
    }

    @Test
    void whatTheSilenceOfAnAgentMayBeIsThePolicys() throws Exception {
        Map<MachineState, UUID> machines = oneOfEach();
        Fleet patient = Fleet.of(
                db.bmdb(),
                RecoveryPolicy.builder()
                        .silentAfterHeartbeat(Duration.ofHours(3))
                        .build());

        assertThat(patient.machine(machines.get(MachineState.SILENT))
                        .orElseThrow()
                        .state())
                .isEqualTo(MachineState.UP);
    }

    @Test
    void eachProviderHasAPolicyOfItsOwn() throws Exception {
        Map<MachineState, UUID> machines = oneOfEach();
        UUID silent = Objects.requireNonNull(machines.get(MachineState.SILENT));
        ProviderType provider = fleet.machine(silent).orElseThrow().machine().provider();
        RecoveryPolicy patient = RecoveryPolicy.builder()
                .silentAfterHeartbeat(Duration.ofHours(3))
                .build();
        RecoveryPolicies usual = RecoveryPolicies.of(RecoveryPolicy.DEFAULT);

        Fleet ofThis = Fleet.of(db.bmdb(), usual.with(provider, patient));
        Fleet ofAnother = Fleet.of(db.bmdb(), usual.with(new ProviderType("another"), patient));

        assertThat(ofThis.machine(silent).orElseThrow().state()).isEqualTo(MachineState.UP);
        assertThat(ofAnother.machine(silent).orElseThrow().state()).isEqualTo(MachineState.SILENT);
        assertThat(ofAnother.machines(MachineFilter.ALL, null, 100).lines())
                .isEqualTo(fleet.machines(MachineFilter.ALL, null, 100).lines());
    }

    @Test
    void pagesLeadForwardAndBackWithoutALossOrARepetition() throws Exception {
        for (int i = 0; i < 25; i++) {
            machine("m-%02d".formatted(i), i % 2 == 0 ? "rack 1" : null);
        }

        List<String> seen = new ArrayList<>();
        List<MachinePage> pages = new ArrayList<>();
        Place from = null;
        do {
            MachinePage page = fleet.machines(MachineFilter.ALL, from, 10);
            pages.add(page);
            page.lines().forEach(line -> seen.add(line.machine().providerId().value()));
            from = page.next().orElse(null);
        } while (from != null);

        assertThat(seen).hasSize(25).doesNotHaveDuplicates().isSorted();
        assertThat(pages).hasSize(3);
        assertThat(pages.get(0).previous()).isEmpty();
        MachinePage back =
                fleet.machines(MachineFilter.ALL, pages.get(2).previous().orElseThrow(), 10);
        assertThat(back.lines()).isEqualTo(pages.get(1).lines());
        assertThat(fleet.machines(MachineFilter.ALL, back.previous().orElseThrow(), 10)
                        .lines())
                .isEqualTo(pages.get(0).lines());
        // The machine beside a place may go meanwhile.
        db.execute("delete from machine_provided where provider_id = 'm-09'");
        assertThat(fleet.machines(MachineFilter.ALL, pages.get(0).next().orElseThrow(), 10)
                        .lines())
                .isEqualTo(pages.get(1).lines());
    }

    @Test
    void machinesAreFoundByWhereTheyAreAndByTheirNames() throws Exception {
        UUID first = machine("rack_7-1", "berlin");
        UUID second = machine("rack_7-2", null);
        UUID third = machine("rackX7-3", "berlin");

        assertThat(found(MachineFilter.ALL.at("berlin"))).containsExactlyInAnyOrder(first, third);
        assertThat(found(MachineFilter.ALL.at(""))).containsExactly(second);
        assertThat(found(MachineFilter.ALL.named("rack_7"))).containsExactlyInAnyOrder(first, second);
        assertThat(found(MachineFilter.ALL.named("rack_7-1").at("berlin"))).containsExactly(first);
        assertThat(found(MachineFilter.ALL.named("%"))).isEmpty();
        assertThat(found(MachineFilter.ALL.named("\\"))).isEmpty();
        assertThat(found(MachineFilter.ALL.named("'; drop table machines; --"))).isEmpty();
        assertThat(found(MachineFilter.ALL.named(" " + third + " "))).containsExactly(third);
        assertThat(found(MachineFilter.ALL.named("192.0.2.7"))).hasSize(3);
        assertThat(found(MachineFilter.ALL.of(new ProviderType("others")))).isEmpty();
        assertThatThrownBy(() -> MachineFilter.ALL.named("x".repeat(129))).hasMessageContaining("1 to 128");
    }

    private List<UUID> found(MachineFilter filter) throws InterruptedException {
        return fleet.machines(filter, null, 10).lines().stream()
                .map(line -> line.machine().machineId())
                .toList();
    }

    @Test
    void countsAreMadeByOneProcessAndReadByTheOthers() throws Exception {
        machine("m", null);
        assertThat(fleet.summary()).isEmpty();
        FleetSummary first = fleet.count(Duration.ofMinutes(1)).orElseThrow();
        assertThat(first.machines(MachineState.WAITING)).isEqualTo(1);

        machine("n", null);
        assertThat(fleet.count(Duration.ofMinutes(1)).orElseThrow().countedAt()).isEqualTo(first.countedAt());
        try (Connection busy = db.transaction()) {
            TestDatabase.execute(busy, "select * from fleet_counted for update");
            FleetSummary stale = fleet.count(Duration.ZERO).orElseThrow();
            assertThat(stale.counts()).isEqualTo(first.counts());
            assertThat(stale.figures()).isEqualTo(first.figures());
            assertThat(stale.age()).isGreaterThan(first.age());
            busy.rollback();
        }
        db.execute("update fleet_counted set took_ms = 0");
        assertThat(fleet.count(Duration.ZERO).orElseThrow().machines()).isEqualTo(2);
        assertThat(fleet.summary().orElseThrow().machines()).isEqualTo(2);
    }

    private static long figure(FleetSummary summary, What what, String process, String kind) {
        return summary.figures().stream()
                .filter(figure -> figure.what() == what
                        && figure.process().equals(process)
                        && figure.kind().equals(kind))
                .mapToLong(Figure::value)
                .sum();
    }

    /** Counts the fleet now, however long that took before. */
    private FleetSummary counted() throws Exception {
        db.execute("update fleet_counted set took_ms = 0");
        return fleet.count(Duration.ZERO).orElseThrow();
    }

    @Test
    void figuresTellForHowLongTheMachineIsHeldBackThatIsTheLongest() throws Exception {
        for (String row : List.of(
                "Reboot HeldBack 600", "Reinstall HeldBack 7200", "Reboot Refused 60", "Rollout HeldBack 90000")) {
            String[] words = row.split(" ");
            db.execute(
                    "insert into machine_disruption values (?, gen_random_uuid(), ?, ?, now() - ? * interval '1 s',"
                            + " now() + interval '1 hour', null, false, null, 'windows', 'it is day')",
                    machine(row.replace(' ', '-'), null),
                    words[0],
                    words[1],
                    Integer.parseInt(words[2]));
        }
        FleetSummary summary = counted();
        assertThat(figure(summary, What.HELD_BACK, "", "not_now"))
                .as("a machine that a rollout waits for is well")
                .isBetween(7200L, 7260L);
        assertThat(figure(summary, What.HELD_BACK, "", "never")).isBetween(60L, 120L);

        db.execute("delete from machine_disruption");
        assertThat(counted().figures())
                .filteredOn(figure -> figure.what() == What.HELD_BACK)
                .hasSize(2)
                .allMatch(figure -> figure.value() == 0);
    }

    @Test
    void figuresTellOfARolloutUntilADayAfterItsEnd() throws Exception {
        UUID baking = machine("a", null);
        UUID back = machine("b", null);
        FleetSummary before = counted();
        assertThat(before.figures())
                .filteredOn(figure -> figure.what() == What.ROLLOUTS || figure.what() == What.ROLLOUT_MACHINES)
                .as("every one is there, for what alerts compare")
                .hasSize(3 + 9)
                .allMatch(figure -> figure.value() == 0);
        db.execute("insert into agent_executables values (sha256('a'), '2.0', 1, now())");
        db.execute("insert into rollouts (provider, agent_sha256, rollout_state, rollout_canary, rollout_batch,"
                + " rollout_bake_seconds, rollout_max_failures, rollout_wave, rollout_pass, rollout_machines, rollout_done,"
                + " rollout_passed, rollout_started_at, rollout_started_by)"
                + " select provider, sha256('a'), 'Running', 1, 1, 60, 1, 1, 1, 100, 20, 3, now(), 'oncall'"
                + " from machine_provided limit 1");
        db.execute(
                "insert into machine_rollout (machine_id, rollout_id, rollout_step, rollout_step_at, rollout_until)"
                        + " select ?, rollout_id, 'Baking', now(), now() + interval '1 hour' from rollouts",
                baking);
        db.execute(
                "insert into machine_rollout (machine_id, rollout_id, rollout_step, rollout_step_at)"
                        + " select ?, rollout_id, 'Returned', now() from rollouts",
                back);

        FleetSummary running = counted();
        assertThat(figure(running, What.ROLLOUTS, "", "running")).isEqualTo(1);
        assertThat(figure(running, What.ROLLOUTS, "", "stopped")).isZero();
        assertThat(figure(running, What.ROLLOUT_MACHINES, "", "waiting")).isEqualTo(75);
        assertThat(figure(running, What.ROLLOUT_MACHINES, "", "baking")).isEqualTo(1);
        assertThat(figure(running, What.ROLLOUT_MACHINES, "", "done")).isEqualTo(20);
        assertThat(figure(running, What.ROLLOUT_MACHINES, "", "passed")).isEqualTo(3);
        assertThat(figure(running, What.ROLLOUT_MACHINES, "", "returned")).isEqualTo(1);

        String version = fleet.version();
        db.execute("update rollouts set rollout_state = 'Stopped', rollout_ended_at = now()");
        assertThat(fleet.version()).as("pages look again").isNotEqualTo(version);
        FleetSummary stopped = counted();
        assertThat(figure(stopped, What.ROLLOUTS, "", "running")).isZero();
        assertThat(figure(stopped, What.ROLLOUTS, "", "stopped")).isEqualTo(1);

        db.advance(Duration.ofHours(25));
        FleetSummary later = counted();
        assertThat(figure(later, What.ROLLOUTS, "", "stopped")).isZero();
        assertThat(figure(later, What.ROLLOUT_MACHINES, "", "done")).isZero();
    }

    @Test
    void figuresTellWhatTheLoopsHaveBeforeThemAndWhatPeopleDid() throws Exception {
        Map<MachineState, UUID> machines = oneOfEach();
        db.session()
                .claimMachine(WorkProcess.ACCESS, machines.get(MachineState.UP))
                .orElseThrow()
                .fail(Backoff.constant(Duration.ofHours(1)), new Work.Cause("unreachable", "it does not answer"));
        db.session().useTransaction(tx -> tx.requestInstallation(machines.get(MachineState.UP), new byte[0]));
        OperatorActions actions = OperatorActions.of(db.bmdb(), new Actor("oncall", Actor.Channel.PROGRAM));
        actions.pause(null, new ProviderType("others"), null, "a test", null);
        actions.release(machines.get(MachineState.QUARANTINED), "it burns no more");
        db.execute("insert into recovery_freeze (provider, location, frozen_at, silent_since, freeze_evidence)"
                + " values ('', '', now(), now(), 'all of them'), ('racks', 'rack 1', now(), now(), 'a rack'),"
                + " ('others', '', now(), now(), 'others')");
        db.execute("insert into recovery_freeze (provider, location, frozen_at, silent_since, freeze_evidence,"
                + " released_at)"
                + " values ('racks', 'rack 2', now(), now(), 'over', now())");

        FleetSummary counted = fleet.count(Duration.ZERO).orElseThrow();

        assertThat(figure(counted, What.DUE, "ShepherdAgentStart", ""))
                .as("one waits, one was missing, one is in takeover, one is backed off")
                .isEqualTo(db.number(
                        "select count(*) from work_due where process = 'ShepherdAgentStart'" + " and due_at <= now()"));
        assertThat(figure(counted, What.DUE, "ShepherdAgentStart", "")).isPositive();
        assertThat(figure(counted, What.DUE, "ShepherdRecovery", ""))
                .as("the silent one")
                .isEqualTo(1);
        assertThat(figure(counted, What.BACKED_OFF, "ShepherdAgentStart", "other"))
                .isEqualTo(1);
        assertThat(figure(counted, What.BACKED_OFF, "ShepherdAccess", "unreachable"))
                .isEqualTo(1);
        assertThat(figure(counted, What.INSTALLATIONS_PENDING, "", "")).isEqualTo(1);
        assertThat(figure(counted, What.IN_RECOVERY, "", "")).isEqualTo(1);
        assertThat(figure(counted, What.RECOVERY_LIMIT, "", "")).isEqualTo(2);
        assertThat(figure(counted, What.FREEZES, "", ""))
                .as("its own one and that of the whole fleet")
                .isEqualTo(2);
        assertThat(figure(counted, What.PAUSES, "", "")).isEqualTo(1);
        assertThat(figure(counted, What.ACTIONS, "", "pause")).isEqualTo(1);
        assertThat(figure(counted, What.ACTIONS, "", "release")).isEqualTo(1);
        assertThat(figure(counted, What.ACTIONS, "", "reboot")).isZero();

        db.advance(Duration.ofHours(2));
        FleetSummary later = fleet.count(Duration.ZERO).orElseThrow();
        assertThat(figure(later, What.BACKED_OFF, "ShepherdAgentStart", "other"))
                .as("it is over")
                .isZero();
        assertThat(figure(later, What.ACTIONS, "", "pause"))
                .as("longer ago than an hour")
                .isZero();
    }

    @Test
    void aFigureOfALaterVersionIsPassedOver() throws Exception {
        machine("m", null);
        fleet.count(Duration.ZERO);
        db.execute("insert into fleet_figures values ('PHASE_OF_THE_MOON', '', '', '', 3)");

        assertThat(fleet.summary().orElseThrow().figures())
                .isNotEmpty()
                .extracting(figure -> figure.what().name())
                .doesNotContain("PHASE_OF_THE_MOON");
    }

    @Test
    void countingIsRareWhereItTakesLong() throws Exception {
        machine("m", null);
        FleetSummary first = fleet.count(Duration.ofMillis(1)).orElseThrow();
        db.execute("update fleet_counted set took_ms = 60000");
        machine("n", null);
        db.advance(Duration.ofMinutes(19));
        assertThat(fleet.count(Duration.ofMillis(1)).orElseThrow().machines()).isEqualTo(first.machines());
        db.advance(Duration.ofMinutes(2));
        assertThat(fleet.count(Duration.ofMillis(1)).orElseThrow().machines()).isEqualTo(2);
    }

    @Test
    void aSampleTellsWhatEndedSinceTheOneBefore() throws Exception {
        UUID machineId = machine("m", null);
        BmdbSession session = db.session();
        fleet.count(Duration.ZERO);
        session.claimMachine(WorkProcess.AGENT_START, machineId)
                .orElseThrow()
                .fail(Backoff.constant(Duration.ofSeconds(1)), "x");
        session.claimMachine(WorkProcess.AGENT_START, machineId).orElseThrow().finish();
        // Not yet: samples are further apart than counts.
        fleet.count(Duration.ZERO);
        assertThat(fleet.samples(Instant.EPOCH)).hasSize(1);

        db.advance(Duration.ofMinutes(6));
        fleet.count(Duration.ZERO);
        List<FleetSample> samples = fleet.samples(Instant.EPOCH);
        assertThat(samples).hasSize(2);
        FleetSample last = samples.get(1);
        assertThat(last.takeovers()).isEqualTo(1);
        assertThat(last.failures()).isEqualTo(1);
        assertThat(last.recoveries()).isZero();
        assertThat(last.machines()).isEqualTo(1);

        db.advance(Duration.ofDays(2));
        fleet.count(Duration.ZERO);
        assertThat(fleet.samples(Instant.EPOCH)).hasSize(1);
    }

    @Test
    void aMachineWithoutAProviderIsInNoList() throws Exception {
        UUID machineId = UUID.randomUUID();
        db.execute("insert into machines (machine_id) values (?)", machineId);
        assertThat(fleet.machine(machineId)).isEqualTo(Optional.empty());
    }
}
