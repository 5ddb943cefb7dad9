package dev.shepherd.bmdb.feed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.shepherd.api.Availability;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Backoff;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.Race;
import dev.shepherd.bmdb.TestDatabase;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.agent.AgentCall;
import dev.shepherd.bmdb.agent.AgentCallback;
import dev.shepherd.bmdb.event.EventKind;
import dev.shepherd.bmdb.event.ShepherdEvent;
import dev.shepherd.bmdb.event.StoredEvent;
import dev.shepherd.bmdb.internal.Database;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.history.HistoryPruning;
import dev.shepherd.bmdb.listing.Listings;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.operator.OperatorActions;
import java.net.InetAddress;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;
import org.jooq.exception.DataAccessException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class EventFeedTest {

    @RegisterExtension
    static final TestDatabase db = new TestDatabase();

    private static final Duration LONGEST_RACE = Duration.ofSeconds(30);
    private static final byte[] KEY = new byte[32];

    private static EventFeed feed() {
        return EventFeed.of(db.bmdb());
    }

    private static List<ShepherdEvent> all() throws InterruptedException {
        return feed().after(EventFeed.START, 1000).stream()
                .map(StoredEvent::event)
                .toList();
    }

    private static void tell(BmdbSession session, UUID machine, int number) throws InterruptedException {
        session.useTransaction(tx -> {
            Handle handle = Handle.of(tx.dsl());
            handle.lock(machine);
            handle.tell(EventKind.SILENT, machine, Map.of("number", String.valueOf(number)));
        });
    }

    @Test
    void anEventNamesTheMachineTheTimeAndWhatIsKnown() throws Exception {
        UUID machine = db.providedMachine();
        OperatorActions operator = OperatorActions.of(db.bmdb(), Actor.program("oncall"));
        operator.quarantine(machine, "it \"smells\"\nof smoke".replace('\n', ' '));
        operator.release(machine, "it was the neighbour");

        List<ShepherdEvent> events = all();

        assertThat(events)
                .extracting(ShepherdEvent::kind)
                .containsExactly(
                        EventKind.QUARANTINED,
                        EventKind.OPERATOR_ACTION,
                        EventKind.RELEASED,
                        EventKind.OPERATOR_ACTION);
        assertThat(events).allSatisfy(event -> {
            assertThat(event.machineId()).contains(machine);
            assertThat(event.provider()).contains(TestDatabase.PROVIDER);
            assertThat(event.providerId().orElseThrow().value()).isEqualTo("id-" + machine);
            assertThat(event.at())
                    .isBetween(
                            Instant.now().minus(1, ChronoUnit.MINUTES),
                            Instant.now().plusSeconds(60));
        });
        assertThat(events.get(0).details())
                .containsEntry("by", "oncall")
                .containsEntry("cause", "it \"smells\" of smoke");
        assertThat(events.get(1).detail("verb")).contains("Quarantine");
    }

    @Test
    void detailsMayHaveAnyText() throws Exception {
        UUID machine = db.providedMachine();
        String odd = "\\ \" ' \n\t\u0001 {}[],: \u00fc \uD83D\uDE80 %s";
        db.session().useTransaction(tx -> {
            Handle handle = Handle.of(tx.dsl());
            handle.lock(machine);
            handle.tell(EventKind.SILENT, machine, Map.of("odd", odd, "nul", "a\0b", "", ""));
        });

        assertThat(all())
                .singleElement()
                .satisfies(event -> assertThat(event.details())
                        .containsOnly(Map.entry("odd", odd), Map.entry("nul", "a\uFFFDb"), Map.entry("", "")));
    }

    @Test
    void aForgottenMachineIsNamedInItsLastEvent() throws Exception {
        UUID machine = db.providedMachine();

        OperatorActions.of(db.bmdb(), Actor.program("oncall")).forget(machine, "sold");

        assertThat(all()).singleElement().satisfies(event -> {
            assertThat(event.detail("verb")).contains("Forget");
            assertThat(event.providerId().orElseThrow().value()).isEqualTo("id-" + machine);
        });
    }

    @Test
    void takeoversAndTheirFailuresAreTold() throws Exception {
        UUID machine = db.providedMachine();
        BmdbSession session = db.session();
        db.hold(session, WorkProcess.AGENT_START, machine)
                .orElseThrow()
                .fail(Backoff.constant(Duration.ofMinutes(1)), "no route to host");
        db.execute("delete from work_backoff");
        db.hold(session, WorkProcess.AGENT_START, machine).orElseThrow().finish(tx -> tx.putAgentStarted(machine, KEY));
        session.useTransaction(tx -> tx.putAgentHeartbeat(machine));
        session.useTransaction(tx -> tx.putAgentHeartbeat(machine));

        assertThat(all())
                .extracting(ShepherdEvent::kind)
                .containsExactly(EventKind.TAKEOVER_FAILED, EventKind.TAKEN_OVER, EventKind.FIRST_HEARD);
        assertThat(all().get(0).detail("cause")).contains("no route to host");
    }

    @Test
    void theFirstCallOfEachAgentIsTold() throws Exception {
        UUID machine = db.providedMachine();
        BmdbSession session = db.session();
        try (AgentCallback callback = AgentCallback.of(db.bmdb())) {
            callback.start();
            for (int takeover = 1; takeover <= 2; takeover++) {
                byte[] key = new byte[32];
                key[0] = (byte) takeover;
                session.useTransaction(tx -> {
                    tx.clearAgentHeartbeat(machine);
                    tx.putAgentStarted(machine, key);
                });
                callback.call(AgentCall.of(machine, key));
                callback.call(AgentCall.of(machine, key));
                callback.call(AgentCall.of(machine, key).withHardwareReport(new byte[1]));
            }
        }

        assertThat(all())
                .extracting(ShepherdEvent::kind)
                .containsExactly(
                        EventKind.TAKEN_OVER, EventKind.FIRST_HEARD, EventKind.TAKEN_OVER, EventKind.FIRST_HEARD);
    }

    @Test
    void whatIsRolledBackIsNotTold() throws Exception {
        UUID machine = db.providedMachine();
        BmdbSession session = db.session();
        assertThatThrownBy(() -> session.useTransaction(tx -> {
                    tx.quarantine(machine, "program", "because");
                    throw new IllegalStateException("on purpose");
                }))
                .isInstanceOf(IllegalStateException.class);
        session.useTransaction(tx -> {
            try {
                tx.dsl().transaction(inner -> {
                    tx.quarantine(machine, "program", "because");
                    throw new DataAccessException("on purpose");
                });
            } catch (DataAccessException e) {
                tx.requestInstallation(machine, new byte[] {1});
            }
        });

        assertThat(all()).extracting(ShepherdEvent::kind).containsExactly(EventKind.INSTALLATION_REQUESTED);
    }

    /** Whether the listing leaves it out or says so of it: each time that it becomes so, and once. */
    @Test
    void aMachineThatTheProviderNoLongerHasIsToldOnce() throws Exception {
        UUID machine = db.providedMachine();
        BmdbSession session = db.session();
        Listings listings = Listings.of(db.bmdb(), TestDatabase.PROVIDER);
        MachineInfo.Builder listed = MachineInfo.builder(new ProviderID("id-" + machine), Availability.KNOWN_USED)
                .address(InetAddress.getLoopbackAddress());
        MachineInfo missing = listed.status(ProviderStatus.MISSING).build();
        MachineInfo running = listed.status(ProviderStatus.RUNNING).build();

        for (MachineInfo said : List.of(running, missing, missing, running, missing)) {
            session.useTransaction(tx -> assertThat(listings.update(tx, said)).isTrue());
        }
        session.useTransaction(tx -> listings.markMissing(tx, machine));
        assertThat(all()).extracting(ShepherdEvent::kind).containsExactly(EventKind.MISSING, EventKind.MISSING);

        session.useTransaction(tx -> listings.update(tx, running));
        session.useTransaction(tx -> listings.markMissing(tx, machine));
        session.useTransaction(tx -> listings.update(tx, missing));
        assertThat(all())
                .hasSize(3)
                .allSatisfy(event -> assertThat(event.machineId()).contains(machine));
    }

    /** What one transaction tells is one row of the inbox, whatever it is of. */
    @Test
    void whatOneTransactionTellsKeepsItsOrderAndItsMachines() throws Exception {
        UUID one = db.providedMachine();
        UUID other = db.providedMachine();
        db.session().useTransaction(tx -> {
            Handle handle = Handle.of(tx.dsl());
            handle.lock(List.of(one, other));
            handle.tell(EventKind.SILENT, one, Map.of());
            handle.tellOfFleet(EventKind.FREEZE_BEGAN, "rack", Map.of("evidence", "all of them"));
            handle.tell(EventKind.SILENT, other, Map.of("n", "2"));
            handle.tell(EventKind.BACK, one, Map.of());
        });
        assertThat(db.number("select count(*) from fleet_event_inbox")).isEqualTo(1);

        assertThat(feed().after(EventFeed.START, 10))
                .extracting(stored -> stored.position() + " " + stored.event().kind() + " "
                        + stored.event().machineId().map(UUID::toString).orElse("-") + " "
                        + stored.event().provider().map(ProviderType::name).orElse("-") + " "
                        + stored.event().details())
                .containsExactly(
                        "1 SILENT " + one + " test {}",
                        "2 FREEZE_BEGAN - rack {evidence=all of them}",
                        "3 SILENT " + other + " test {n=2}",
                        "4 BACK " + one + " test {}");
    }

    /** Not one after it, which a crash in between would leave out; nor one before it, which would tell of what is not done. */
    @Test
    void anEventIsWrittenByTheTransactionThatItTellsOf() throws Exception {
        UUID machine = db.providedMachine();
        BmdbSession session = db.session();
        session.useTransaction(tx -> tx.quarantine(machine, "program", "because"));
        assertThat(db.rows("select i.xmin = q.xmin from fleet_event_inbox i, machine_quarantine q"))
                .containsExactly("t");

        db.execute("delete from fleet_event_inbox");
        db.execute("delete from machine_quarantine");
        db.hold(session, WorkProcess.AGENT_START, machine).orElseThrow().finish(tx -> tx.putAgentStarted(machine, KEY));
        assertThat(db.rows("select i.xmin = s.xmin, i.kinds from fleet_event_inbox i, machine_agent_started s"))
                .containsExactly("t|{TakenOver}");
    }

    @Test
    void aLostSessionIsTold() throws Exception {
        BmdbSession session = db.session();
        db.expire(session);
        db.bmdb().reapExpiredSessions();

        assertThat(all()).singleElement().satisfies(event -> {
            assertThat(event.kind()).isEqualTo(EventKind.SESSION_LOST);
            assertThat(event.machineId()).isEmpty();
            assertThat(event.details()).containsEntry("component", "test").containsEntry("runtime", "host");
        });
    }

    @Test
    void aProcessThatDoesNotWriteEventsWritesNone() throws Exception {
        UUID machine = db.providedMachine();
        Bmdb silent = db.open(config -> config.events(false));

        OperatorActions.of(silent, Actor.program("oncall")).quarantine(machine, "because");

        assertThat(all()).isEmpty();
    }

    /**
     * Transactions commit in another order than they begin, and than they draw their events' ids: a reader that went on
     * behind the highest id that it has seen would miss what is committed later.
     */
    @Test
    void aTransactionThatCommitsLateIsNotMissed() throws Exception {
        UUID slow = db.providedMachine();
        UUID quick = db.providedMachine();
        BmdbSession session = db.session();
        var transaction = db.transaction();
        TestDatabase.execute(
                transaction,
                "insert into fleet_event_inbox (event_at, kinds, machine_ids) values (now(), '{Silent}', array[?::uuid])",
                slow);
        tell(session, quick, 1);

        List<StoredEvent> first = feed().after(EventFeed.START, 10);
        transaction.commit();
        List<StoredEvent> second = feed().after(first.get(0).position(), 10);

        assertThat(first)
                .singleElement()
                .satisfies(stored -> assertThat(stored.event().machineId()).contains(quick));
        assertThat(second)
                .singleElement()
                .satisfies(stored -> assertThat(stored.event().machineId()).contains(slow));
    }

    /** Many write, several read at once with their own positions, and each sees all, those of a machine in order. */
    @Test
    void everyReaderSeesEverythingAndEachMachineInOrder() throws Exception {
        int machines = 6;
        int events = 40;
        List<UUID> ids = new ArrayList<>();
        for (int i = 0; i < machines; i++) {
            ids.add(db.providedMachine());
        }
        BmdbSession session = db.session();
        List<List<StoredEvent>> seen = Race.run(machines + 3, i -> {
            if (i < machines) {
                UUID machine = ids.get(i);
                // Two threads for a machine would need no order between them; two machines in one transaction do.
                UUID other = ids.get((i + 1) % machines);
                for (int n = 0; n < events; n++) {
                    int number = n;
                    session.useTransaction(tx -> {
                        Handle handle = Handle.of(tx.dsl());
                        handle.lock(List.of(machine, other).stream().sorted().toList());
                        handle.tell(EventKind.SILENT, machine, Map.of("number", String.valueOf(number)));
                        handle.tell(EventKind.BACK, other, Map.of("number", String.valueOf(number)));
                    });
                }
                return List.of();
            }
            List<StoredEvent> read = new ArrayList<>();
            long position = EventFeed.START;
            // One that finds nothing may come while another one gives the last events their positions.
            long end = System.nanoTime() + LONGEST_RACE.toNanos();
            while (read.size() < 2 * machines * events && System.nanoTime() < end) {
                List<StoredEvent> next = feed().after(position, 7);
                read.addAll(next);
                position = next.isEmpty() ? position : next.get(next.size() - 1).position();
            }
            read.addAll(feed().after(position, 7));
            return read;
        });

        for (List<StoredEvent> read : seen.subList(machines, machines + 3)) {
            assertThat(read).hasSize(2 * machines * events);
            assertThat(read.stream().map(StoredEvent::position)).isSorted().doesNotHaveDuplicates();
            for (EventKind kind : List.of(EventKind.SILENT, EventKind.BACK)) {
                Map<UUID, List<Integer>> numbers = new HashMap<>();
                read.stream()
                        .map(StoredEvent::event)
                        .filter(event -> event.kind() == kind)
                        .forEach(event -> numbers.computeIfAbsent(
                                        event.machineId().orElseThrow(), any -> new ArrayList<>())
                                .add(Integer.valueOf(event.detail("number").orElseThrow())));
                assertThat(numbers.values())
                        .hasSize(machines)
                        .allSatisfy(of -> assertThat(of)
                                .containsExactlyElementsOf(
                                        IntStream.range(0, events).boxed().toList()));
            }
        }
    }

    @Test
    void kindsOfANewerVersionArePassedOver() throws Exception {
        UUID machine = db.providedMachine();
        for (int i = 0; i < 25; i++) {
            db.execute("insert into fleet_event_inbox (event_at, kinds) values (now(), '{Levitated}')");
        }
        tell(db.session(), machine, 1);

        assertThat(feed().after(EventFeed.START, 10)).singleElement().satisfies(stored -> {
            assertThat(stored.position()).isEqualTo(26);
            assertThat(stored.event().machineId()).contains(machine);
        });
    }

    @Test
    void whatIsOldIsDeletedAndAReaderThatMissedItIsTold() throws Exception {
        UUID machine = db.providedMachine();
        BmdbSession session = db.session();
        for (int i = 0; i < 5; i++) {
            tell(session, machine, i);
        }
        long third = feed().after(EventFeed.START, 3).get(2).position();
        // No reader has seen these two: they count as missed all the same.
        db.execute("update fleet_events set event_at = now() - interval '8 days'"
                + " where (details->>'number')::int < 4");
        db.execute("update fleet_event_inbox set event_at = now() - interval '8 days'"
                + " where (details[1]->>'number')::int < 4");

        HistoryPruning pruning = new HistoryPruning(
                db.bmdb().unwrap(Database.class).transactions(), Optional.empty(), Duration.ofDays(7));
        assertThat(pruning.prune()).isEqualTo(4);

        assertThat(all())
                .singleElement()
                .satisfies(event -> assertThat(event.detail("number")).contains("4"));
        assertThatThrownBy(() -> feed().after(third, 10))
                .isInstanceOfSatisfying(EventsPrunedException.class, e -> {
                    assertThat(e.position()).isEqualTo(third);
                    assertThat(e.prunedUpTo()).isEqualTo(third + 1);
                })
                .hasMessageContaining("eventRetention");
        assertThat(feed().after(third + 1, 10)).hasSize(1);
        assertThat(pruning.prune()).isZero();
    }

    /** Clocks are set back: an old event behind a young one stays, so that readers find no gap in the middle. */
    @Test
    void nothingIsDeletedBehindAYoungEvent() throws Exception {
        UUID machine = db.providedMachine();
        for (int i = 0; i < 3; i++) {
            tell(db.session(), machine, i);
        }
        assertThat(all()).hasSize(3);
        db.execute("update fleet_events set event_at = now() - interval '8 days' where position <> 2");

        HistoryPruning pruning = new HistoryPruning(
                db.bmdb().unwrap(Database.class).transactions(), Optional.empty(), Duration.ofDays(7));
        assertThat(pruning.prune()).isEqualTo(1);

        assertThat(feed().after(1, 10)).extracting(StoredEvent::position).containsExactly(2L, 3L);
    }

    @Test
    void aReaderGoesOnWhereItWasUnderAnotherSession() throws Exception {
        UUID machine = db.providedMachine();
        BmdbSession one = db.session();
        tell(one, machine, 0);
        EventReader reader = feed().reader(one, "tickets", EventReader.From.START);
        assertThat(reader.next(10)).hasSize(1);
        assertThat(reader.next(10)).as("until it is done").hasSize(1);
        reader.done(reader.next(10).get(0));
        tell(one, machine, 1);

        BmdbSession two = db.session();
        EventReader same = feed().reader(two, "tickets", EventReader.From.START);
        assertThat(same.isHeld()).isFalse();
        assertThat(same.next(10)).isEmpty();
        assertThatThrownBy(() -> same.skipTo(99))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("tickets");
        assertThat(feed().forgetReader("tickets")).isFalse();

        db.expire(one);
        db.bmdb().reapExpiredSessions();

        assertThat(same.next(10))
                .first()
                .satisfies(stored -> assertThat(stored.event().detail("number")).contains("1"));
        same.giveUp();
        assertThat(feed().forgetReader("tickets")).isTrue();
        assertThat(feed().forgetReader("tickets")).isFalse();
    }

    @Test
    void aNewReaderMayBeginWithWhatComes() throws Exception {
        UUID machine = db.providedMachine();
        BmdbSession session = db.session();
        tell(session, machine, 0);
        EventReader reader = feed().reader(session, "from-now", EventReader.From.NOW);
        assertThat(reader.next(10)).isEmpty();

        tell(session, machine, 1);

        assertThat(reader.next(10))
                .singleElement()
                .satisfies(stored -> assertThat(stored.event().detail("number")).contains("1"));
    }

    /** What is written because of an event, and that it is done with, are one transaction. */
    @Test
    void ofManyReadersOfOneNameOneDoesEachEventOnce() throws Exception {
        UUID machine = db.providedMachine();
        BmdbSession session = db.session();
        int events = 50;
        for (int i = 0; i < events; i++) {
            tell(session, machine, i);
        }
        AtomicBoolean over = new AtomicBoolean();
        List<Integer> done = Race.run(4, i -> {
            BmdbSession own = db.bmdb().startSession("reader-" + i, "host");
            EventReader reader = feed().reader(own, "once", EventReader.From.START);
            int count = 0;
            try {
                while (!over.get()) {
                    List<StoredEvent> next = reader.next(5);
                    for (StoredEvent stored : next) {
                        own.useTransaction(tx -> {
                            tx.dsl()
                                    .execute("insert into work_history (machine_id, process, event, claim_id)"
                                            + " values ('" + machine + "', 'Done', 'Finished', gen_random_uuid())");
                            reader.done(tx, stored.position());
                        });
                        count++;
                    }
                    over.compareAndSet(
                            false, !next.isEmpty() && next.get(next.size() - 1).position() == events);
                    reader.giveUp();
                }
            } finally {
                own.close();
            }
            return count;
        });

        assertThat(done.stream().mapToInt(Integer::intValue).sum()).isEqualTo(events);
        assertThat(db.number("select count(*) from work_history where process = 'Done'"))
                .isEqualTo(events);
    }

    @Test
    void wrongArgumentsAreNamed() throws Exception {
        assertThatThrownBy(() -> feed().after(-1, 10)).hasMessageContaining("-1");
        assertThatThrownBy(() -> feed().after(0, 0)).hasMessageContaining("1 to 10000");
        assertThatThrownBy(() -> feed().reader(db.session(), "Tickets!", EventReader.From.NOW))
                .hasMessageContaining("'Tickets!'");
    }
}
