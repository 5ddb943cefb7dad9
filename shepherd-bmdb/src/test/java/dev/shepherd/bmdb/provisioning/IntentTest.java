package dev.shepherd.bmdb.provisioning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.shepherd.api.AlreadyRecordedException;
import dev.shepherd.api.Availability;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.Machine;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.ProvidedMachine;
import dev.shepherd.bmdb.Race;
import dev.shepherd.bmdb.TestDatabase;
import java.net.InetAddress;
import java.sql.Connection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class IntentTest {

    @RegisterExtension
    static final TestDatabase db = new TestDatabase();

    private static final ProviderType PROVIDER = TestDatabase.PROVIDER;

    @Test
    void anIntentIsRecordedBeforeItsMachine() throws Exception {
        BmdbSession session = db.session();

        List<MachineIntent> reserved = Intents.of(db.bmdb(), PROVIDER).reserve(session, 10, List.of("a", "b"));

        assertThat(reserved).extracting(MachineIntent::candidate).containsExactly("a", "b");
        assertThat(reserved).allSatisfy(intent -> {
            assertThat(intent.provider()).isEqualTo(PROVIDER);
            assertThat(intent.sessionId()).contains(session.id());
            assertThat(intent.attempts()).isZero();
            assertThat(intent.retryAt()).isEmpty();
            assertThat(intent.lastError()).isEmpty();
            assertThat(intent.madeAt()).isBeforeOrEqualTo(db.bmdb().now());
        });
        assertThat(Intents.of(db.bmdb(), PROVIDER).list()).containsExactlyInAnyOrderElementsOf(reserved);
        assertThat(Intents.of(db.bmdb(), new ProviderType("other")).list()).isEmpty();
        assertThat(db.rows("select * from machines")).isEmpty();
    }

    @Test
    void noMoreAreReservedThanThereIsRoomFor() throws Exception {
        BmdbSession session = db.session();
        db.providedMachine();

        assertThat(Intents.of(db.bmdb(), PROVIDER).reserve(session, 3, names(0, 10)))
                .extracting(MachineIntent::candidate)
                .containsExactly("c0", "c1");
        assertThat(Intents.of(db.bmdb(), PROVIDER).reserve(session, 3, names(0, 10)))
                .isEmpty();
        assertThat(Intents.of(db.bmdb(), PROVIDER).reserve(session, 2, names(0, 10)))
                .isEmpty();
        assertThat(Intents.of(db.bmdb(), new ProviderType("other")).reserve(session, 3, names(0, 10)))
                .hasSize(3);
    }

    @Test
    void thereMayBeNoLimit() throws Exception {
        assertThat(Intents.of(db.bmdb(), PROVIDER).reserve(db.session(), 0, names(0, 1200)))
                .hasSize(1200);
    }

    @Test
    void candidatesThatAreTakenDoNotUseUpTheRoom() throws Exception {
        BmdbSession session = db.session();
        Intents.of(db.bmdb(), PROVIDER).reserve(session, 0, names(0, 5));

        assertThat(Intents.of(db.bmdb(), PROVIDER).reserve(session, 8, names(0, 10)))
                .extracting(MachineIntent::candidate)
                .containsExactly("c5", "c6", "c7");
    }

    @Test
    void aCandidateThatIsGivenTwiceIsReservedOnce() throws Exception {
        assertThat(Intents.of(db.bmdb(), PROVIDER).reserve(db.session(), 0, List.of("a", "b", "a")))
                .extracting(MachineIntent::candidate)
                .containsExactly("a", "b");
    }

    @Test
    void machinesThatAreRecordedAreNotReserved() throws Exception {
        UUID byId = db.providedMachine();
        UUID byReservation = db.providedMachine();
        db.execute("update machine_provided set provider_reservation_id = 'r-1' where machine_id = ?", byReservation);

        assertThat(Intents.of(db.bmdb(), PROVIDER).reserve(db.session(), 0, List.of("id-" + byId, "r-1", "r-2")))
                .extracting(MachineIntent::candidate)
                .containsExactly("r-2");
        // Another provider's machine of the same name is another machine.
        assertThat(Intents.of(db.bmdb(), new ProviderType("other"))
                        .reserve(db.session(), 0, List.of("id-" + byId, "r-1")))
                .hasSize(2);
    }

    @Test
    void whatIsAskedForIsChecked() throws Exception {
        BmdbSession session = db.session();

        assertThat(Intents.of(db.bmdb(), PROVIDER).reserve(session, 1, List.of()))
                .isEmpty();
        assertThatThrownBy(() -> Intents.of(db.bmdb(), PROVIDER).reserve(session, -1, List.of("a")))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> Intents.of(db.bmdb(), PROVIDER).reserve(session, 1, List.of("a", " ")))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> Intents.of(db.bmdb(), PROVIDER).reserve(session, 1, List.of("x".repeat(129))))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> Intents.of(db.bmdb(), PROVIDER).take(session, 0))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> Intents.of(db.bmdb(), PROVIDER).take(session, 1001))
                .isInstanceOf(IllegalArgumentException.class);
        assertThat(Intents.of(db.bmdb(), PROVIDER).reserve(session, 1, List.of("x".repeat(128))))
                .hasSize(1);
    }

    @Test
    void sessionsThatReserveAtOnceNeverExceedTheMaximumTogether() throws Exception {
        List<BmdbSession> sessions = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            sessions.add(db.session());
        }

        List<List<MachineIntent>> reserved = Race.run(6, i -> {
            List<MachineIntent> mine = new ArrayList<>();
            for (int round = 0; round < 5; round++) {
                mine.addAll(Intents.of(db.bmdb(), PROVIDER).reserve(sessions.get(i), 37, names(round * 10, 20)));
            }
            return mine;
        });

        List<String> candidates = reserved.stream()
                .flatMap(List::stream)
                .map(MachineIntent::candidate)
                .toList();
        assertThat(candidates).hasSize(37).doesNotHaveDuplicates();
        assertThat(db.number("select count(*) from machine_intent")).isEqualTo(37);
    }

    @Test
    void intentsThatBecomeMachinesMeanwhileAreCountedOnceAndTheirCandidatesNotReservedAgain() throws Exception {
        BmdbSession recording = db.session();
        BmdbSession reserving = db.session();
        int maximum = 60;
        AtomicInteger done = new AtomicInteger();

        Race.run(3, i -> {
            if (i == 0) {
                while (done.get() < maximum) {
                    for (MachineIntent intent : Intents.of(db.bmdb(), PROVIDER).take(recording, 5)) {
                        record(recording, intent.intentId(), machine(intent.candidate()));
                        done.incrementAndGet();
                    }
                    // What others reserved is taken over as soon as they are done with it.
                    db.execute("update machine_intent set session_id = null");
                }
            } else {
                while (done.get() < maximum) {
                    Intents.of(db.bmdb(), PROVIDER).reserve(reserving, maximum, names(0, 200));
                }
            }
            return true;
        });

        assertThat(db.number("select count(*) from machine_provided")).isEqualTo(maximum);
        assertThat(Intents.of(db.bmdb(), PROVIDER).list()).isEmpty();
    }

    /** The very moment: the reservation waits for the intent to become a machine. */
    @Test
    void aCandidateThatBecomesAMachineWhileItIsBeingReservedIsNotReservedAgain() throws Exception {
        MachineIntent intent = Intents.of(db.bmdb(), PROVIDER)
                .reserve(db.session(), 0, List.of("a"))
                .get(0);
        Connection recording = db.transaction();
        TestDatabase.execute(recording, "insert into machines (machine_id) values (?)", intent.intentId());
        TestDatabase.execute(
                recording,
                "insert into machine_provided (machine_id, provider, provider_id) values (?, ?, 'a')",
                intent.intentId(),
                PROVIDER.name());
        TestDatabase.execute(recording, "delete from machine_intent");
        BmdbSession reserving = db.session();
        CompletableFuture<List<MachineIntent>> reserved = CompletableFuture.supplyAsync(() -> {
            try {
                return Intents.of(db.bmdb(), PROVIDER).reserve(reserving, 0, List.of("a", "b"));
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });
        await().until(() -> db.number("select count(*) from pg_locks where not granted") > 0);

        recording.commit();

        assertThat(reserved.get(10, TimeUnit.SECONDS))
                .extracting(MachineIntent::candidate)
                .containsExactly("b");
        assertThat(db.rows("select candidate from machine_intent")).containsExactly("b");
    }

    @Test
    void anIntentIsTakenOverWhenItsHolderIsGone() throws Exception {
        BmdbSession dead = db.session();
        BmdbSession next = db.session();
        List<MachineIntent> reserved = Intents.of(db.bmdb(), PROVIDER).reserve(dead, 0, names(0, 5));
        assertThat(Intents.of(db.bmdb(), PROVIDER).take(next, 10)).isEmpty();

        db.expire(dead);
        db.bmdb().reapExpiredSessions();

        assertThat(Intents.of(db.bmdb(), PROVIDER).list())
                .hasSize(5)
                .allSatisfy(intent -> assertThat(intent.sessionId()).isEmpty());
        assertThat(Intents.of(db.bmdb(), new ProviderType("other")).take(next, 10))
                .isEmpty();
        List<MachineIntent> taken = Intents.of(db.bmdb(), PROVIDER).take(next, 3);
        assertThat(taken)
                .hasSize(3)
                .allSatisfy(intent -> assertThat(intent.sessionId()).contains(next.id()));
        assertThat(reserved).extracting(MachineIntent::intentId).containsAll(ids(taken));
        assertThat(Intents.of(db.bmdb(), PROVIDER).take(next, 10)).hasSize(5);
    }

    @Test
    void intentsAreTakenOldestFirst() throws Exception {
        BmdbSession session = db.session();
        for (String candidate : List.of("first", "second", "third")) {
            Intents.of(db.bmdb(), PROVIDER).reserve(session, 0, List.of(candidate));
            db.advance(Duration.ofSeconds(1));
        }

        assertThat(Intents.of(db.bmdb(), PROVIDER).take(session, 2))
                .extracting(MachineIntent::candidate)
                .containsExactly("first", "second");
    }

    @Test
    void sessionsThatTakeOverAtOnceTakeDifferentOnes() throws Exception {
        BmdbSession dead = db.session();
        Intents.of(db.bmdb(), PROVIDER).reserve(dead, 0, names(0, 40));
        dead.close();
        List<BmdbSession> sessions = List.of(db.session(), db.session(), db.session(), db.session());

        List<List<MachineIntent>> taken =
                Race.run(4, i -> Intents.of(db.bmdb(), PROVIDER).take(sessions.get(i), 10));

        List<UUID> all = taken.stream().flatMap(some -> ids(some).stream()).toList();
        assertThat(all).doesNotHaveDuplicates();
        assertThat(taken).allSatisfy(some -> assertThat(some).hasSizeLessThanOrEqualTo(10));
    }

    @Test
    void aPostponedIntentWaits() throws Exception {
        BmdbSession session = db.session();
        UUID intent = Intents.of(db.bmdb(), PROVIDER)
                .reserve(session, 0, List.of("a"))
                .get(0)
                .intentId();

        assertThat(Intents.of(db.bmdb(), PROVIDER).attempt(session, intent)).isTrue();
        Intents.of(db.bmdb(), PROVIDER).postpone(session, intent, Duration.ofMinutes(5), "no luck");

        assertThat(Intents.of(db.bmdb(), PROVIDER).take(session, 10)).isEmpty();
        assertThat(Intents.of(db.bmdb(), PROVIDER).list()).singleElement().satisfies(postponed -> {
            assertThat(postponed.attempts()).isEqualTo(1);
            assertThat(postponed.lastError()).contains("no luck");
            assertThat(postponed.retryAt().orElseThrow()).isAfter(db.bmdb().now());
        });
        db.advance(Duration.ofMinutes(5));
        assertThat(Intents.of(db.bmdb(), PROVIDER).take(session, 10)).hasSize(1);
    }

    @Test
    void whoDoesNotHoldAnIntentCannotAttemptIt() throws Exception {
        BmdbSession holder = db.session();
        BmdbSession other = db.session();
        UUID intent = Intents.of(db.bmdb(), PROVIDER)
                .reserve(holder, 0, List.of("a"))
                .get(0)
                .intentId();

        assertThat(Intents.of(db.bmdb(), PROVIDER).attempt(other, intent)).isFalse();
        assertThat(Intents.of(db.bmdb(), PROVIDER).attempt(other, UUID.randomUUID()))
                .isFalse();
        Intents.of(db.bmdb(), PROVIDER).postpone(other, intent, Duration.ofMinutes(5), "not mine");

        assertThat(db.rows("select attempts, retry_at, last_error from machine_intent"))
                .containsExactly("0|null|null");
    }

    @Test
    void aDroppedIntentMakesRoomAgain() throws Exception {
        BmdbSession session = db.session();
        UUID intent = Intents.of(db.bmdb(), PROVIDER)
                .reserve(session, 1, List.of("a"))
                .get(0)
                .intentId();

        Intents.of(db.bmdb(), PROVIDER).drop(session, intent);

        assertThat(Intents.of(db.bmdb(), PROVIDER).list()).isEmpty();
        assertThat(Intents.of(db.bmdb(), PROVIDER).reserve(session, 1, List.of("a")))
                .hasSize(1);
    }

    @Test
    void anIntentBecomesAMachineWithItsId() throws Exception {
        BmdbSession session = db.session();
        UUID intent = Intents.of(db.bmdb(), PROVIDER)
                .reserve(session, 0, List.of("a"))
                .get(0)
                .intentId();
        MachineInfo machine = MachineInfo.builder(new ProviderID("a"), Availability.KNOWN_USED)
                .address(InetAddress.getByName("10.0.0.1"))
                .location("hall 7")
                .reservationId("r-1")
                .sshPort(22)
                .status(ProviderStatus.RUNNING)
                .build();

        assertThat(record(session, intent, machine)).isEqualTo(intent);

        assertThat(Intents.of(db.bmdb(), PROVIDER).list()).isEmpty();
        ProvidedMachine provided =
                db.bmdb().machine(intent).orElseThrow().provided().orElseThrow();
        assertThat(provided.machineId()).isEqualTo(intent);
        assertThat(provided.providerId()).isEqualTo(machine.id());
        assertThat(provided.address()).isEqualTo(machine.address());
        assertThat(provided.location()).contains("hall 7");
        assertThat(provided.reservationId()).contains("r-1");
        assertThat(provided.sshPort()).hasValue(22);
        assertThat(provided.status()).contains(ProviderStatus.RUNNING);
        assertThat(session.<Optional<UUID>>inTransaction(tx -> tx.findMachine(PROVIDER, machine.id())))
                .contains(intent);
        assertThat(session.<Optional<UUID>>inTransaction(tx -> tx.findMachine(new ProviderType("other"), machine.id())))
                .isEmpty();
    }

    @Test
    void recordingAgainChangesNothing() throws Exception {
        BmdbSession session = db.session();
        UUID intent = Intents.of(db.bmdb(), PROVIDER)
                .reserve(session, 0, List.of("a"))
                .get(0)
                .intentId();
        record(session, intent, machine("a"));
        String before = db.rows("select * from machine_provided").get(0);

        assertThat(record(session, intent, machine("a"))).isEqualTo(intent);

        assertThat(db.rows("select * from machine_provided")).containsExactly(before);
        assertThat(db.number("select count(*) from machines")).isEqualTo(1);
    }

    @Test
    void anIntentCannotBecomeASecondMachine() throws Exception {
        BmdbSession session = db.session();
        UUID intent = Intents.of(db.bmdb(), PROVIDER)
                .reserve(session, 0, List.of("a"))
                .get(0)
                .intentId();
        record(session, intent, machine("a"));

        assertThatThrownBy(() -> record(session, intent, machine("b")))
                .isInstanceOf(AlreadyRecordedException.class)
                .hasMessageContaining(intent.toString())
                .hasMessageContaining("already become another machine than b");

        assertThat(db.rows("select provider_id from machine_provided")).containsExactly("a");
    }

    @Test
    void aMachineCannotBeRecordedTwiceAndNothingIsLeftOfTheAttempt() throws Exception {
        BmdbSession session = db.session();
        List<MachineIntent> intents = Intents.of(db.bmdb(), PROVIDER).reserve(session, 0, List.of("a", "b"));
        UUID first = intents.get(0).intentId();
        UUID second = intents.get(1).intentId();
        record(session, first, machine("a"));

        assertThatThrownBy(() -> record(session, second, machine("a")))
                .isInstanceOf(AlreadyRecordedException.class)
                .hasMessageContaining(first.toString())
                .hasMessageContaining(second.toString());

        assertThat(db.rows("select machine_id from machines")).containsExactly(first.toString());
        assertThat(db.rows("select intent_id from machine_intent")).containsExactly(second.toString());

        // Also if the caller goes on with its transaction.
        session.useTransaction(tx -> {
            assertThatThrownBy(() -> tx.recordMachine(PROVIDER, CreateMachineRequest.any(second), machine("a")))
                    .isInstanceOf(AlreadyRecordedException.class);
        });
        assertThat(db.rows("select machine_id from machines")).containsExactly(first.toString());
    }

    @Test
    void aMachineThatTwoRecordAtOnceIsRecordedOnce() throws Exception {
        BmdbSession session = db.session();
        List<MachineIntent> intents = Intents.of(db.bmdb(), PROVIDER).reserve(session, 0, names(0, 6));

        List<Boolean> won = Race.run(6, i -> {
            try {
                record(session, intents.get(i).intentId(), machine("same"));
                return true;
            } catch (AlreadyRecordedException e) {
                return false;
            }
        });

        assertThat(won).containsOnlyOnce(true);
        assertThat(db.number("select count(*) from machines")).isEqualTo(1);
        assertThat(db.number("select count(*) from machine_intent")).isEqualTo(5);
    }

    @Test
    void whatIsRecordedIsChecked() throws Exception {
        BmdbSession session = db.session();

        assertThatThrownBy(() -> record(
                        session,
                        UUID.randomUUID(),
                        MachineInfo.builder(ProviderID.INVALID, Availability.KNOWN_UNUSED)
                                .build()))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> record(session, UUID.randomUUID(), new Machine() {
                    @Override
                    public ProviderID id() {
                        return new ProviderID("a");
                    }

                    @Override
                    public Optional<InetAddress> address() {
                        return Optional.empty();
                    }

                    @Override
                    public Availability availability() {
                        return Availability.KNOWN_UNUSED;
                    }

                    @Override
                    public Optional<String> location() {
                        return Optional.of("x".repeat(129));
                    }
                }))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("location");

        assertThat(db.rows("select * from machines")).isEmpty();
    }

    /** A machine is the provider's code: it is asked once, and what it said is checked and recorded. */
    @Test
    void aMachineThatSaysOneIdAndThenAnotherIsRecordedAsItWasChecked() throws Exception {
        BmdbSession session = db.session();
        UUID intent = Intents.of(db.bmdb(), PROVIDER)
                .reserve(session, 0, List.of("c"))
                .get(0)
                .intentId();
        AtomicInteger asked = new AtomicInteger();
        Machine changing = new Machine() {
            @Override
            public ProviderID id() {
                return asked.incrementAndGet() == 1 ? new ProviderID("first") : ProviderID.INVALID;
            }

            @Override
            public Optional<InetAddress> address() {
                return Optional.empty();
            }

            @Override
            public Availability availability() {
                return Availability.KNOWN_UNUSED;
            }
        };

        record(session, intent, changing);

        assertThat(asked).hasValue(1);
        assertThat(db.rows("select provider_id from machine_provided")).containsExactly("first");
    }

    private static MachineInfo machine(String id) {
        return MachineInfo.builder(new ProviderID(id), Availability.KNOWN_UNUSED)
                .build();
    }

    private static UUID record(BmdbSession session, UUID intent, Machine machine) throws InterruptedException {
        return session.inTransaction(tx -> tx.recordMachine(PROVIDER, CreateMachineRequest.any(intent), machine));
    }

    private static List<String> names(int from, int count) {
        return IntStream.range(from, from + count).mapToObj(i -> "c" + i).toList();
    }

    private static Set<UUID> ids(List<MachineIntent> intents) {
        Set<UUID> ids = new HashSet<>();
        intents.forEach(intent -> ids.add(intent.intentId()));
        return ids;
    }
}
