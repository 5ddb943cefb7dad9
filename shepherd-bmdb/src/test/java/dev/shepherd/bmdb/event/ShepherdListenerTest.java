package dev.shepherd.bmdb.event;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbException;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.Race;
import dev.shepherd.bmdb.TestDatabase;
import dev.shepherd.bmdb.internal.Database;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.event.ListenerQueue;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.operator.OperatorActions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class ShepherdListenerTest {

    @RegisterExtension
    static final TestDatabase db = new TestDatabase();

    private final List<ShepherdEvent> heard = Collections.synchronizedList(new ArrayList<>());

    private static ListenerQueue queue(Bmdb bmdb, int index) {
        return bmdb.unwrap(Database.class).sink().queues().get(index);
    }

    private static void tell(BmdbSession session, UUID machine, int count) throws InterruptedException {
        session.useTransaction(tx -> {
            Handle handle = Handle.of(tx.dsl());
            handle.lock(machine);
            for (int i = 0; i < count; i++) {
                handle.tell(EventKind.SILENT, machine, Map.of("number", String.valueOf(i)));
            }
        });
    }

    @Test
    void aListenerIsToldWhatIsCommittedAlsoWithoutAFeed() throws Exception {
        Bmdb bmdb = db.open(config -> config.events(false).listener(heard::add));
        UUID machine = db.providedMachine();

        OperatorActions.of(bmdb, Actor.program("oncall")).quarantine(machine, "because");

        await().until(() -> heard.size() == 2);
        assertThat(heard)
                .extracting(ShepherdEvent::kind)
                .containsExactly(EventKind.QUARANTINED, EventKind.OPERATOR_ACTION);
        assertThat(heard.get(0).providerId().orElseThrow().value()).isEqualTo("id-" + machine);
        assertThat(db.number("select count(*) from fleet_event_inbox")).isZero();
    }

    /** The announcement is in its queue while the commit is under way. */
    @Test
    void itWaitsForACommitThatTakesLongAndIsNotToldOfOneThatFails() throws Exception {
        UUID machine = db.providedMachine();
        UUID refused = db.providedMachine();
        db.execute("create function slow_commit() returns trigger language plpgsql as $$ begin"
                + " perform pg_sleep(0.5);"
                + " if new.quarantine_cause = 'refused' then raise exception 'on purpose'; end if;"
                + " return null; end $$");
        try {
            db.execute("create constraint trigger slow_commit after insert on machine_quarantine"
                    + " deferrable initially deferred for each row execute function slow_commit()");
            List<Long> quarantined = Collections.synchronizedList(new ArrayList<>());
            Bmdb bmdb = db.open(config ->
                    config.listener(event -> quarantined.add(db.number("select count(*) from machine_quarantine"))));
            BmdbSession session = db.closeLater(bmdb.startSession("test", "host"));

            assertThatThrownBy(() -> session.useTransaction(tx -> tx.quarantine(refused, "program", "refused")))
                    .isInstanceOf(BmdbException.class);
            session.useTransaction(tx -> tx.quarantine(machine, "program", "because"));

            await().until(() -> !quarantined.isEmpty());
            assertThat(quarantined).containsExactly(1L);
        } finally {
            db.execute("drop function slow_commit cascade");
        }
    }

    @Test
    void itIsNotToldBeforeTheCommitNorOfWhatIsRolledBack() throws Exception {
        UUID machine = db.providedMachine();
        List<Long> quarantined = Collections.synchronizedList(new ArrayList<>());
        Bmdb bmdb = db.open(config -> config.listener(event -> {
            // On another connection: that of the transaction may be in use by now.
            quarantined.add(db.number("select count(*) from machine_quarantine"));
            heard.add(event);
        }));
        BmdbSession session = db.closeLater(bmdb.startSession("test", "host"));
        try {
            session.useTransaction(tx -> {
                tx.quarantine(machine, "program", "because");
                throw new IllegalStateException("on purpose");
            });
        } catch (IllegalStateException e) {
            assertThat(e).hasMessage("on purpose");
        }
        session.useTransaction(tx -> tx.quarantine(machine, "program", "because"));

        await().until(() -> !heard.isEmpty());
        assertThat(heard).singleElement().extracting(ShepherdEvent::kind).isEqualTo(EventKind.QUARANTINED);
        assertThat(quarantined).containsExactly(1L);
    }

    @Test
    void oneThatThrowsCostsOnlyItself() throws Exception {
        List<Throwable> thrown = List.of(new IllegalStateException("on purpose"), new StackOverflowError());
        Bmdb bmdb = db.open(config -> config.listener(event -> {
                    Throwable next =
                            thrown.get(Integer.parseInt(event.detail("number").orElseThrow()) % 2);
                    if (next instanceof Error error) {
                        throw error;
                    }
                    throw (Exception) next;
                })
                .listener(heard::add));
        BmdbSession session = db.closeLater(bmdb.startSession("test", "host"));

        tell(session, db.providedMachine(), 10);

        await().until(() -> queue(bmdb, 0).failed() == 10 && heard.size() == 10);
        assertThat(queue(bmdb, 0).delivered()).isZero();
        assertThat(queue(bmdb, 1).delivered()).isEqualTo(10);
    }

    @Test
    void oneThatInterruptsItsThreadGoesOn() throws Exception {
        Bmdb bmdb = db.open(config -> config.listener(event -> {
            heard.add(event);
            Thread.currentThread().interrupt();
        }));
        BmdbSession session = db.closeLater(bmdb.startSession("test", "host"));

        for (int i = 0; i < 3; i++) {
            tell(session, db.providedMachine(), 1);
        }

        await().until(() -> heard.size() == 3);
    }

    /** It holds up neither transactions nor another listener; what does not fit is counted; and closing ends it. */
    @Test
    void oneThatSleepsForEverCostsOnlyItself() throws Exception {
        CountDownLatch never = new CountDownLatch(1);
        CountDownLatch interrupted = new CountDownLatch(1);
        Bmdb bmdb = db.open(config -> config.listener(event -> {
                    try {
                        never.await();
                    } catch (InterruptedException e) {
                        interrupted.countDown();
                        throw e;
                    }
                })
                .listener(event -> heard.add(event)));
        BmdbSession session = bmdb.startSession("test", "host");
        UUID machine = db.providedMachine();
        for (int i = 0; i < 12; i++) {
            int before = heard.size();
            tell(session, machine, 1_000);
            await().until(() -> heard.size() == before + 1_000);
        }

        ListenerQueue sleeping = queue(bmdb, 0);
        assertThat(sleeping.waiting() + sleeping.dropped()).isBetween(11_000L, 12_000L);
        assertThat(sleeping.dropped()).isBetween(1_000L, 2_000L);
        session.close();
        bmdb.close();
        assertThat(interrupted.getCount()).isZero();
        assertThat(TestDatabase.threads()).noneMatch(name -> name.startsWith("shepherd-listener"));
    }

    @Test
    void whatWaitsIsDeliveredBeforeClosingEnds() throws Exception {
        Bmdb bmdb = db.open(config -> config.listener(event -> {
            Thread.sleep(5);
            // It may use the database until then.
            assertThat(db.bmdb().machine(event.machineId().orElseThrow())).isPresent();
            heard.add(event);
        }));
        BmdbSession session = bmdb.startSession("test", "host");
        tell(session, db.providedMachine(), 50);

        bmdb.close();

        assertThat(heard).hasSize(50);
    }

    /** Threads that take turns on a machine: a listener hears them in the order in which they had it. */
    @Test
    void theEventsOfAMachineComeInOrder() throws Exception {
        Bmdb bmdb = db.open(config -> config.poolSize(10).listener(heard::add));
        BmdbSession session = db.closeLater(bmdb.startSession("test", "host"));
        UUID machine = db.providedMachine();
        db.execute("update machines set os_installation_generation = 0 where machine_id = ?", machine);
        int each = 40;
        Race.run(6, i -> {
            for (int n = 0; n < each; n++) {
                // The generation counts up under the machine's lock.
                session.useTransaction(tx -> tx.requestInstallation(machine, new byte[] {1}));
            }
            return true;
        });

        await().atMost(Duration.ofSeconds(30)).until(() -> heard.size() == 6 * each);
        assertThat(heard)
                .extracting(event -> Integer.valueOf(event.detail("generation").orElseThrow()))
                .containsExactlyElementsOf(
                        IntStream.rangeClosed(1, 6 * each).boxed().toList());
    }
}
