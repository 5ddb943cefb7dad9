package dev.shepherd.provider.support;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.shepherd.api.Availability;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.Machine;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.MachineNotFoundException;
import dev.shepherd.api.NoCapacityException;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Session;
import dev.shepherd.api.Transaction;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class ClaimingProviderTest {

    private static final UUID INTENT = new UUID(0, 1);
    private static final UUID OTHER = new UUID(0, 2);

    /** A server as the outside has it; its states are free, claimed, deployed and broken. */
    private record Server(
            String id, String fleet, String state, @Nullable UUID claim) {
        static Server free(String id) {
            return new Server(id, "ours", "free", null);
        }

        Server with(String next, @Nullable UUID mark) {
            return new Server(id, fleet, next, mark);
        }
    }

    /** Stops a call as the end of the process does. */
    private static final class Died extends Error {
        private static final long serialVersionUID = 1L;
    }

    /** Servers in memory, and what goes wrong with single calls. */
    private static final class Outside {
        private final Map<String, Server> servers = new LinkedHashMap<>();
        private final List<String> calls = Collections.synchronizedList(new ArrayList<>());

        /** Before the call has its effect; the argument is the call. */
        private volatile Interruptible before = call -> {};

        /** After the call has had its effect. */
        private volatile Interruptible after = call -> {};

        interface Interruptible {
            void at(String call) throws InterruptedException;
        }

        Outside(Server... servers) {
            for (Server server : servers) {
                this.servers.put(server.id(), server);
            }
        }

        <T> T call(String name, Callable<T> effect) throws InterruptedException {
            calls.add(name);
            before.at(name);
            T result;
            synchronized (servers) {
                try {
                    result = effect.call();
                } catch (RuntimeException e) {
                    throw e;
                } catch (Exception e) {
                    throw new AssertionError(e);
                }
            }
            after.at(name);
            return result;
        }

        void becomes(String id, String state, @Nullable UUID claim) {
            synchronized (servers) {
                servers.put(id, servers.get(id).with(state, claim));
            }
        }

        long times(String call) {
            return calls.stream().filter(call::equals).count();
        }
    }

    /** Deploys what it has claimed, in a step of its own. */
    private static class Servers extends ClaimingProvider<Server> {
        private final Outside outside;

        Servers(Outside outside) {
            super(new ProviderType("servers"), "[a-z]");
            this.outside = outside;
        }

        @Override
        protected void list(RecordVisitor<Server> visitor) throws InterruptedException {
            for (Server server : outside.call("list", () -> List.copyOf(outside.servers.values()))) {
                visitor.visit(server);
                visitor.visit(server);
            }
        }

        @Override
        protected Server get(ProviderID id) throws InterruptedException {
            return outside.call("get " + id, () -> {
                Server found = outside.servers.get(id.value());
                if (found == null) {
                    throw new ProviderException(Reason.NOT_FOUND, "404");
                }
                return found;
            });
        }

        @Override
        protected Optional<MachineInfo> describe(Server server) {
            if (!server.fleet().equals("ours")) {
                return Optional.empty();
            }
            return Optional.of(MachineInfo.builder(
                            new ProviderID(server.id()),
                            server.claim() == null ? Availability.KNOWN_UNUSED : Availability.KNOWN_USED)
                    .status(ProviderStatus.STOPPED)
                    .failed(server.state().equals("broken"))
                    .intentId(server.claim())
                    .build());
        }

        @Override
        protected Server claim(Server server, UUID intent) throws InterruptedException {
            return outside.call("claim " + server.id(), () -> {
                Server now = outside.servers.get(server.id());
                if (now == null) {
                    throw new ProviderException(Reason.NOT_FOUND, "404");
                }
                if (now.claim() != null) {
                    throw new ProviderException(Reason.CONFLICT, "claimed already");
                }
                outside.servers.put(now.id(), now.with("claimed", intent));
                return outside.servers.get(now.id());
            });
        }

        @Override
        protected boolean isComplete(Server server) {
            return !server.state().equals("claimed");
        }

        @Override
        protected Server complete(Server server) throws InterruptedException {
            return outside.call("deploy " + server.id(), () -> {
                outside.servers.put(server.id(), server.with("deployed", server.claim()));
                return outside.servers.get(server.id());
            });
        }
    }

    /** Notes what is recorded. */
    private static final class Recorded implements Session, Transaction {
        private final List<String> machines = Collections.synchronizedList(new ArrayList<>());

        @Override
        public UUID id() {
            return new UUID(0, 0);
        }

        @Override
        public <T extends @Nullable Object> T inTransaction(TransactionBody<T> body) throws InterruptedException {
            return body.run(this);
        }

        @Override
        public UUID recordMachine(ProviderType provider, CreateMachineRequest request, Machine machine) {
            machines.add(provider + " " + request.intentId() + " " + machine.id());
            return request.intentId();
        }

        @Override
        public Optional<UUID> findMachine(ProviderType provider, ProviderID id) {
            return Optional.empty();
        }
    }

    private final Recorded recorded = new Recorded();
    private final List<Servers> opened = new ArrayList<>();

    private Servers open(Outside outside) {
        Servers servers = new Servers(outside);
        opened.add(servers);
        return servers;
    }

    @AfterEach
    void close() {
        opened.forEach(Servers::close);
    }

    private static CreateMachineRequest request(String id, UUID intent) {
        return CreateMachineRequest.of(
                intent,
                MachineInfo.builder(new ProviderID(id), Availability.KNOWN_UNUSED)
                        .build());
    }

    private ProviderException failure(Servers servers, CreateMachineRequest request) {
        return catchThrowableOfType(ProviderException.class, () -> servers.createMachine(recorded, request));
    }

    private static List<String> ids(Servers servers) throws InterruptedException {
        return servers.listMachines().stream()
                .map(machine -> machine.id().value())
                .toList();
    }

    private static ProviderException no(Reason reason) {
        return new ProviderException(reason, "no");
    }

    // Listings and single machines.

    @Test
    void aListingHasEachMachineOfTheFleetOnceAndNoneThatIsHalfMade() throws Exception {
        Servers servers = open(new Outside(
                Server.free("a"),
                new Server("b", "another's", "free", null),
                Server.free("c").with("claimed", OTHER),
                Server.free("d").with("deployed", OTHER),
                Server.free("e").with("broken", null)));
        List<String> shown = new ArrayList<>();

        servers.forEachMachine(machine -> shown.add(machine.id().value()));

        assertThat(shown).containsExactly("a", "d", "e");
        assertThat(ids(servers)).containsExactly("a", "d", "e");
        assertThat(servers.getMachine(new ProviderID("c")).status()).contains(ProviderStatus.PROVISIONING);
    }

    @Test
    void whatAVisitorThrowsIsPassedOnAsItIs() {
        Servers servers = open(new Outside(Server.free("a")));
        IllegalArgumentException thrown = new IllegalArgumentException("of the visitor");

        assertThat(catchThrowable(() -> servers.forEachMachine(machine -> {
                    throw thrown;
                })))
                .isSameAs(thrown);
        assertThat(catchThrowable(() -> servers.forEachMachine(machine -> {
                    throw new InterruptedException();
                })))
                .isInstanceOf(InterruptedException.class);
    }

    @Test
    void nonsenseOfTheOutsideIsTransientAndItsTextIsNotShown() {
        Outside outside = new Outside(new Server(" hunter2\n ", "ours", "free", null), Server.free("a"));
        Servers servers = open(outside);

        ProviderException listing = catchThrowableOfType(ProviderException.class, servers::listMachines);
        outside.before = call -> UUID.fromString("hunter2");
        ProviderException creation = failure(servers, request("a", INTENT));

        for (ProviderException failure : List.of(listing, creation)) {
            assertThat(failure.reason()).isEqualTo(Reason.TRANSIENT);
            assertThat(failure).hasMessageContaining("IllegalArgumentException").hasNoCause();
            assertThat(failure.getMessage()).doesNotContain("hunter2");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"invalid", "A", "aa", "a/b", "z", "b", "c"})
    void whatIsNoIdOfAMachineOfThisFleetIsNotFound(String id) {
        Outside outside = new Outside(Server.free("a"), new Server("b", "another's", "free", null));
        outside.servers.put("c", Server.free("a"));
        Servers servers = open(outside);

        assertThatExceptionOfType(MachineNotFoundException.class)
                .isThrownBy(() -> servers.getMachine(new ProviderID(id)))
                .withMessage("provider servers has no machine " + id);
        assertThat(failure(servers, request(id, INTENT)).reason()).isEqualTo(Reason.NO_CAPACITY);
        assertThat(outside.calls).isSubsetOf("get z", "get b", "get c");
    }

    @Test
    void aMarkIsAnIntentOrNone() {
        assertThat(ClaimingProvider.intent(INTENT.toString())).isEqualTo(INTENT);
        assertThat(ClaimingProvider.intent("ABCDEF01-0000-0000-0000-000000000000"))
                .isEqualTo(UUID.fromString("abcdef01-0000-0000-0000-000000000000"));
        for (String none : new String[] {null, "", "bob", "1-1-1-1-1", INTENT + " ", "\n" + INTENT}) {
            assertThat(ClaimingProvider.intent(none)).isNull();
        }
    }

    @Test
    void aFailureToAskIsNoMissingMachine() {
        Outside outside = new Outside(Server.free("a"));
        outside.before = call -> {
            throw no(Reason.TRANSIENT);
        };
        Servers servers = open(outside);

        assertThatExceptionOfType(ProviderException.class)
                .isThrownBy(() -> servers.getMachine(new ProviderID("a")))
                .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.TRANSIENT));
        assertThat(failure(servers, request("a", INTENT)).reason()).isEqualTo(Reason.TRANSIENT);
    }

    @Test
    void callsAfterTheEndAreRefused() {
        Servers servers = open(new Outside(Server.free("a")));
        servers.close();
        servers.close();

        assertThatIllegalStateException().isThrownBy(servers::listMachines).withMessage("provider servers is closed");
        assertThatIllegalStateException().isThrownBy(() -> servers.getMachine(new ProviderID("a")));
        assertThatIllegalStateException().isThrownBy(() -> servers.createMachine(recorded, request("a", INTENT)));
        assertThat(servers).hasToString("Servers[servers]");
    }

    // Creations.

    @Test
    void theMachineThatIsAskedForIsClaimedCompletedAndRecordedWithoutAListing() throws Exception {
        Outside outside = new Outside(Server.free("a"), Server.free("b"));

        MachineInfo machine = open(outside).createMachine(recorded, request("b", INTENT));

        assertThat(machine.availability()).isEqualTo(Availability.KNOWN_USED);
        assertThat(machine.intentId()).contains(INTENT);
        assertThat(recorded.machines).containsExactly("servers " + INTENT + " b");
        assertThat(outside.calls).containsExactly("get b", "claim b", "deploy b");
    }

    @Test
    void whereverAProcessDiesTheNextOneMakesTheSameMachineOnce() throws Exception {
        for (CreateMachineRequest request : List.of(request("b", INTENT), CreateMachineRequest.any(INTENT))) {
            boolean died = true;
            for (int n = 1; died; n++) {
                died = false;
                for (boolean afterTheEffect : new boolean[] {false, true}) {
                    died |= diesAt(n, afterTheEffect, request);
                }
                assertThat(n).isLessThan(20);
            }
        }
    }

    private boolean diesAt(int n, boolean afterTheEffect, CreateMachineRequest request) throws Exception {
        Outside outside = new Outside(Server.free("a").with("deployed", OTHER), Server.free("b"), Server.free("c"));
        recorded.machines.clear();
        Outside.Interruptible death = call -> {
            if (outside.calls.size() == n) {
                throw new Died();
            }
        };
        if (afterTheEffect) {
            outside.after = death;
        } else {
            outside.before = death;
        }
        boolean died = catchThrowable(() -> open(outside).createMachine(recorded, request)) instanceof Died;
        outside.before = call -> {};
        outside.after = call -> {};

        open(outside).createMachine(recorded, request);
        List<String> before = List.copyOf(outside.calls);
        open(outside).createMachine(recorded, request);

        String when = (afterTheEffect ? "after" : "before") + " call " + n + " of " + outside.calls;
        assertThat(outside.servers.values())
                .as(when)
                .containsExactly(
                        Server.free("a").with("deployed", OTHER),
                        Server.free("b").with("deployed", INTENT),
                        Server.free("c"));
        assertThat(recorded.machines).as(when).containsOnly("servers " + INTENT + " b");
        assertThat(outside.calls.subList(before.size(), outside.calls.size()))
                .as("what is complete is only looked at")
                .hasSize(1)
                .doesNotContain("claim b", "deploy b");
        return died;
    }

    @Test
    void aServerThatRefusesTheSameClaimTwiceDoesNoHarm() throws Exception {
        Outside outside = new Outside(Server.free("a"));
        // It was claimed for this intent after it was looked at: an answer that was slow.
        outside.before = call -> {
            if (call.equals("claim a")) {
                outside.becomes("a", "claimed", INTENT);
            }
        };

        open(outside).createMachine(recorded, request("a", INTENT));

        assertThat(outside.servers.get("a")).isEqualTo(Server.free("a").with("deployed", INTENT));
        assertThat(recorded.machines).hasSize(1);
    }

    @Test
    void aMachineThatAnotherIntentHasOrThatIsBrokenIsNotToBeHad() {
        Outside outside = new Outside(
                Server.free("a").with("deployed", OTHER),
                Server.free("b").with("broken", null),
                Server.free("c").with("claimed", OTHER));
        Servers servers = open(outside);

        for (String id : List.of("a", "b", "c")) {
            assertThatExceptionOfType(NoCapacityException.class)
                    .isThrownBy(() -> servers.createMachine(recorded, request(id, INTENT)))
                    .withMessage("provider servers: machine " + id + " is not free");
        }
        assertThat(recorded.machines).isEmpty();
        assertThat(outside.calls).containsExactly("get a", "get b", "get c");
    }

    @Test
    void aMachineThatAnotherIntentTakesMeanwhileIsNotToBeHad() {
        Outside outside = new Outside(Server.free("a"));
        outside.before = call -> {
            if (call.equals("claim a")) {
                outside.becomes("a", "claimed", OTHER);
            }
        };

        assertThat(failure(open(outside), request("a", INTENT)).reason()).isEqualTo(Reason.NO_CAPACITY);
        assertThat(outside.servers.get("a").claim()).isEqualTo(OTHER);
    }

    @Test
    void aMachineThatIsBusyIsAConflictAndToBeHadLater() throws Exception {
        Outside outside = new Outside(Server.free("a"));
        outside.before = call -> {
            if (call.equals("claim a")) {
                throw no(Reason.CONFLICT);
            }
        };
        Servers servers = open(outside);

        assertThat(failure(servers, request("a", INTENT)).reason()).isEqualTo(Reason.CONFLICT);
        assertThat(failure(servers, CreateMachineRequest.any(INTENT)).reason()).isEqualTo(Reason.CONFLICT);

        outside.before = call -> {};
        servers.createMachine(recorded, request("a", INTENT));
        assertThat(recorded.machines).hasSize(1);
    }

    @Test
    void aClaimWhoseMachineCannotBeFoundAndIsThereIsAConflict() {
        Outside outside = new Outside(Server.free("a"));
        outside.before = call -> {
            if (call.equals("claim a")) {
                throw no(Reason.NOT_FOUND);
            }
        };

        assertThat(failure(open(outside), request("a", INTENT)).reason()).isEqualTo(Reason.CONFLICT);
    }

    @ParameterizedTest
    @EnumSource(
            value = Reason.class,
            names = {"CONFLICT", "NOT_FOUND"},
            mode = EnumSource.Mode.EXCLUDE)
    void anyOtherFailureOfAClaimIsPassedOnAsItIs(Reason reason) {
        Outside outside = new Outside(Server.free("a"), Server.free("b"));
        ProviderException thrown = no(reason);
        outside.before = call -> {
            if (call.startsWith("claim")) {
                throw thrown;
            }
        };
        Servers servers = open(outside);

        assertThat(failure(servers, request("a", INTENT))).isSameAs(thrown);
        assertThat(failure(servers, CreateMachineRequest.any(INTENT))).isSameAs(thrown);
        assertThat(outside.times("claim b")).isZero();
    }

    // Without a machine in the request.

    @Test
    void anyMachineIsTheFirstThatIsToBeHad() throws Exception {
        Outside outside = new Outside(
                Server.free("a").with("broken", null), Server.free("b"), Server.free("c"), Server.free("d"));
        outside.before = call -> {
            if (call.equals("claim b")) {
                outside.becomes("b", "claimed", OTHER);
            }
            if (call.equals("claim c")) {
                throw no(Reason.CONFLICT);
            }
        };

        MachineInfo machine = open(outside).createMachine(recorded, CreateMachineRequest.any(INTENT));

        assertThat(machine.id()).isEqualTo(new ProviderID("d"));
    }

    @Test
    void whatAnIntentHasClaimedIsFoundByItsMark() throws Exception {
        Outside outside = new Outside(Server.free("a"), Server.free("b").with("claimed", INTENT));

        MachineInfo machine = open(outside).createMachine(recorded, CreateMachineRequest.any(INTENT));

        assertThat(machine.id()).isEqualTo(new ProviderID("b"));
        assertThat(outside.calls).containsExactly("list", "deploy b");
    }

    @Test
    void noneThatIsFreeIsNoCapacity() {
        Servers servers =
                open(new Outside(Server.free("a").with("deployed", OTHER), new Server("b", "another's", "free", null)));

        assertThatExceptionOfType(NoCapacityException.class)
                .isThrownBy(() -> servers.createMachine(recorded, CreateMachineRequest.any(INTENT)))
                .withMessage("provider servers: no machine is free");
    }

    @Test
    void oneWhoIsTooSlowTenTimesTriesLater() {
        Outside outside = new Outside("abcdefghijklmn"
                .chars()
                .mapToObj(c -> Server.free(String.valueOf((char) c)))
                .toArray(Server[]::new));
        outside.before = call -> {
            if (call.startsWith("claim")) {
                outside.becomes(call.substring(6), "deployed", OTHER);
            }
        };

        assertThat(failure(open(outside), CreateMachineRequest.any(INTENT)).reason())
                .isEqualTo(Reason.CONFLICT);
        assertThat(outside.calls.stream().filter(call -> call.startsWith("claim")))
                .hasSize(10);
    }

    @ParameterizedTest
    @EnumSource(
            value = Reason.class,
            names = {"NOT_FOUND", "NO_CAPACITY", "NOT_SUPPORTED"})
    void aListThatCannotBeReadDoesNotEndTheIntent(Reason reason) {
        Outside outside = new Outside(Server.free("a").with("claimed", INTENT));
        outside.before = call -> {
            throw no(reason);
        };

        assertThat(failure(open(outside), CreateMachineRequest.any(INTENT)).reason())
                .isEqualTo(Reason.TRANSIENT);
    }

    // Steps after the claim.

    @ParameterizedTest
    @EnumSource(Reason.class)
    void aStepThatFailsAfterTheClaimKeepsTheIntentAndIsTakenLater(Reason reason) throws Exception {
        Outside outside = new Outside(Server.free("a"));
        outside.before = call -> {
            if (call.equals("deploy a")) {
                throw no(reason);
            }
        };
        Servers servers = open(outside);

        ProviderException failure = failure(servers, request("a", INTENT));

        boolean wouldEndTheIntent =
                reason == Reason.NOT_FOUND || reason == Reason.NO_CAPACITY || reason == Reason.NOT_SUPPORTED;
        assertThat(failure.reason()).isEqualTo(wouldEndTheIntent ? Reason.TRANSIENT : reason);
        assertThat(recorded.machines).isEmpty();
        // Listed with its intent, it would be adopted as it is.
        assertThat(ids(servers)).isEmpty();

        outside.before = call -> {};
        open(outside).createMachine(recorded, request("a", INTENT));
        assertThat(outside.times("claim a")).isOne();
        assertThat(recorded.machines).hasSize(1);
        assertThat(ids(servers)).containsExactly("a");
    }

    @Test
    void whatTheOutsideDoesNotShowAsClaimedIsNotRecorded() {
        Outside outside = new Outside(Server.free("a"));
        Servers servers = new Servers(outside) {
            @Override
            protected Server claim(Server server, UUID intent) throws InterruptedException {
                super.claim(server, intent);
                return server;
            }
        };
        opened.add(servers);

        ProviderException failure = failure(servers, request("a", INTENT));

        assertThat(failure.reason()).isEqualTo(Reason.TRANSIENT);
        assertThat(failure).hasMessageContaining("does not show it so");
        assertThat(recorded.machines).isEmpty();
    }

    @Test
    void ofManyWhoWantOneMachineOneGetsIt() throws Exception {
        int many = 8;
        ExecutorService executor = Executors.newFixedThreadPool(many);
        try {
            for (int round = 0; round < 50; round++) {
                Outside outside = new Outside(Server.free("a"));
                recorded.machines.clear();
                CyclicBarrier together = new CyclicBarrier(many);
                List<Future<Boolean>> started = new ArrayList<>();
                for (int i = 0; i < many; i++) {
                    Servers servers = open(outside);
                    UUID intent = new UUID(1, i);
                    started.add(executor.submit(() -> {
                        together.await();
                        try {
                            servers.createMachine(recorded, request("a", intent));
                            return true;
                        } catch (NoCapacityException e) {
                            return false;
                        }
                    }));
                }
                int won = 0;
                for (Future<Boolean> each : started) {
                    won += each.get() ? 1 : 0;
                }
                assertThat(won).isOne();
                assertThat(recorded.machines).hasSize(1);
            }
        } finally {
            executor.shutdownNow();
        }
    }
}
