package dev.shepherd.testkit.contract;

import dev.shepherd.api.Availability;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.Machine;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.MachineVisitor;
import dev.shepherd.api.NoCapacityException;
import dev.shepherd.api.NotSupportedException;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderException.Scope;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Recoverer;
import dev.shepherd.api.Session;
import dev.shepherd.api.SessionExpiredException;
import dev.shepherd.testkit.provider.FakeSession;
import java.net.InetAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.slf4j.LoggerFactory;

/** For each rule on providers at least one that breaks it. */
final class BrokenProviders {

    static final String SECRET = "hunter2-is-no-password";

    /** A way to break a rule. */
    record Broken(Rule rule, String how, Function<FakeWorld, Recoverer> maker) {
        @Override
        public String toString() {
            return rule + ": " + how;
        }
    }

    private static final Map<Rule, List<Broken>> ALL = new EnumMap<>(Rule.class);

    private BrokenProviders() {}

    static List<Broken> of(Rule rule) {
        return ALL.getOrDefault(rule, List.of());
    }

    private static void add(Rule rule, String how, Function<FakeWorld, Recoverer> maker) {
        ALL.computeIfAbsent(rule, key -> new ArrayList<>()).add(new Broken(rule, how, maker));
    }

    private static ProviderException failure(Reason reason) {
        return new ProviderException(reason, "for the sake of the test");
    }

    /** Makes a machine that nothing is known of, and returns it unrecorded. */
    private static MachineInfo makeUnmarked(Wrapped wrapped) throws InterruptedException {
        MachineInfo made = wrapped.good.createMachine(new FakeSession(), CreateMachineRequest.any(UUID.randomUUID()));
        MachineInfo unmarked = made.toBuilder().intentId(null).build();
        wrapped.good.addMachine(unmarked);
        return unmarked;
    }

    private static MachineInfo makeAndRecord(Wrapped wrapped, Session session, CreateMachineRequest request)
            throws InterruptedException {
        MachineInfo made = makeUnmarked(wrapped);
        session.inTransaction(transaction -> transaction.recordMachine(wrapped.type(), request, made));
        return made;
    }

    private static void sleepUninterruptibly(Duration span) {
        long end = System.nanoTime() + span.toNanos();
        for (long left = span.toNanos(); left > 0; left = end - System.nanoTime()) {
            try {
                TimeUnit.NANOSECONDS.sleep(left);
            } catch (InterruptedException e) {
                // What a provider must not do.
            }
        }
    }

    /** Changes each machine of a listing. */
    private static Function<FakeWorld, Recoverer> listing(UnaryOperator<List<MachineInfo>> change) {
        return world -> new Wrapped(world) {
            @Override
            public List<MachineInfo> listMachines() throws InterruptedException {
                return change.apply(good.listMachines());
            }
        };
    }

    private static List<MachineInfo> each(List<MachineInfo> machines, UnaryOperator<MachineInfo> change) {
        return new ArrayList<>(machines.stream().map(change).toList());
    }

    /** Turns one reason into another, whatever is called. */
    private static Function<FakeWorld, Recoverer> disguise(Reason from, Reason to) {
        return world -> new Wrapped(world) {
            private RuntimeException disguised(ProviderException e) {
                return e.reason() == from ? failure(to) : e;
            }

            @Override
            public List<? extends Machine> listMachines() throws InterruptedException {
                try {
                    return good.listMachines();
                } catch (ProviderException e) {
                    throw disguised(e);
                }
            }

            @Override
            public Machine getMachine(ProviderID id) throws InterruptedException {
                try {
                    return good.getMachine(id);
                } catch (ProviderException e) {
                    throw disguised(e);
                }
            }

            @Override
            public Machine createMachine(Session session, CreateMachineRequest request) throws InterruptedException {
                try {
                    return good.createMachine(session, request);
                } catch (ProviderException e) {
                    throw disguised(e);
                }
            }

            @Override
            public void rebootMachine(ProviderID id) throws InterruptedException {
                try {
                    good.rebootMachine(id);
                } catch (ProviderException e) {
                    throw disguised(e);
                }
            }

            @Override
            public void reinstallMachine(ProviderID id) throws InterruptedException {
                try {
                    good.reinstallMachine(id);
                } catch (ProviderException e) {
                    throw disguised(e);
                }
            }
        };
    }

    private interface Show {
        void show(Wrapped wrapped, MachineVisitor visitor) throws InterruptedException;
    }

    private static Function<FakeWorld, Recoverer> showing(Show show) {
        return world -> new Wrapped(world) {
            @Override
            public void forEachMachine(MachineVisitor visitor) throws InterruptedException {
                show.show(this, visitor);
            }
        };
    }

    private static MachineInfo elsewhere(MachineInfo machine) {
        return machine.toBuilder().address(InetAddress.getLoopbackAddress()).build();
    }

    private static ProviderID lower(ProviderID id) {
        return new ProviderID(id.value().toLowerCase(Locale.ROOT));
    }

    /** What providers of a world that remember too much have seen. */
    private static final Map<FakeWorld, Map<ProviderID, MachineInfo>> SEEN = new HashMap<>();

    private static Function<FakeWorld, Recoverer> remembering() {
        return world -> new Wrapped(world) {
            @Override
            public List<MachineInfo> listMachines() throws InterruptedException {
                List<MachineInfo> machines = good.listMachines();
                Map<ProviderID, MachineInfo> seen = SEEN.computeIfAbsent(world, key -> new HashMap<>());
                machines.forEach(machine -> seen.put(machine.id(), machine));
                return machines;
            }

            @Override
            public Machine getMachine(ProviderID id) throws InterruptedException {
                Machine seen = SEEN.getOrDefault(world, Map.of()).get(id);
                return seen == null ? good.getMachine(id) : seen;
            }
        };
    }

    /** Says of each used machine that it has this status. */
    private static Function<FakeWorld, Recoverer> always(ProviderStatus status) {
        return world -> new Wrapped(world) {
            @Override
            public List<MachineInfo> listMachines() throws InterruptedException {
                return each(
                        good.listMachines(),
                        machine -> machine.toBuilder().status(status).build());
            }

            @Override
            public Machine getMachine(ProviderID id) throws InterruptedException {
                return good.getMachine(id).toBuilder().status(status).build();
            }
        };
    }

    private interface Create {
        Machine create(Wrapped wrapped, Session session, CreateMachineRequest request) throws InterruptedException;
    }

    private static Function<FakeWorld, Recoverer> creating(Create create) {
        return world -> new Wrapped(world) {
            @Override
            public Machine createMachine(Session session, CreateMachineRequest request) throws InterruptedException {
                return create.create(this, session, request);
            }
        };
    }

    private interface Get {
        Machine get(Wrapped wrapped, ProviderID id) throws InterruptedException;
    }

    /** Says of every failure to describe a machine that it concerns this. */
    private static Function<FakeWorld, Recoverer> rescoping(Scope scope) {
        return getting((wrapped, id) -> {
            try {
                return wrapped.good.getMachine(id);
            } catch (ProviderException e) {
                throw ProviderException.builder(e.reason(), String.valueOf(e.getMessage()))
                        .scope(scope)
                        .build();
            }
        });
    }

    private static Function<FakeWorld, Recoverer> getting(Get get) {
        return world -> new Wrapped(world) {
            @Override
            public Machine getMachine(ProviderID id) throws InterruptedException {
                return get.get(this, id);
            }
        };
    }

    private interface Act {
        void act(Wrapped wrapped, ProviderID id) throws InterruptedException;
    }

    private static Function<FakeWorld, Recoverer> rebooting(Act act) {
        return world -> new Wrapped(world) {
            @Override
            public void rebootMachine(ProviderID id) throws InterruptedException {
                act.act(this, id);
            }
        };
    }

    private static Function<FakeWorld, Recoverer> reinstalling(Act act) {
        return world -> new Wrapped(world) {
            @Override
            public void reinstallMachine(ProviderID id) throws InterruptedException {
                act.act(this, id);
            }
        };
    }

    /** A machine that says whatever it is told to. */
    private record Bare(
            ProviderID id, Availability availability, Optional<InetAddress> address, Optional<String> location)
            implements Machine {}

    /** A free machine with labels that were not checked. */
    private record Labelled(ProviderID id, Map<String, String> labels) implements Machine {
        @Override
        public Optional<InetAddress> address() {
            return Optional.empty();
        }

        @Override
        public Availability availability() {
            return Availability.KNOWN_UNUSED;
        }
    }

    static {
        AtomicInteger count = new AtomicInteger();

        add(Rule.P01, "its type changes", world -> new Wrapped(world) {
            @Override
            public ProviderType type() {
                return new ProviderType("fake-" + count.incrementAndGet());
            }
        });
        add(Rule.P02, "it takes no call at all", world -> new Wrapped(world) {
            @Override
            public int maxConcurrentCalls() {
                return 0;
            }
        });
        add(Rule.P02, "it takes ever more calls", world -> new Wrapped(world) {
            @Override
            public int maxConcurrentCalls() {
                return count.incrementAndGet();
            }
        });
        add(Rule.P03, "it lists the first machine twice", listing(machines -> {
            machines.add(machines.get(0));
            return machines;
        }));
        add(
                Rule.P04,
                "it names machines as they come",
                listing(machines -> each(
                        machines,
                        machine -> machine.toBuilder()
                                .reservationId("number-" + count.incrementAndGet())
                                .build())));
        add(Rule.P05, "it lists a machine of undefined availability", world -> new Wrapped(world) {
            @Override
            public List<Machine> listMachines() throws InterruptedException {
                List<Machine> machines = new ArrayList<>(good.listMachines());
                machines.add(
                        new Bare(new ProviderID("odd"), Availability.UNDEFINED, Optional.empty(), Optional.empty()));
                return machines;
            }
        });
        add(
                Rule.P05,
                "it lists a machine whose location has a character that no database takes",
                world -> new Wrapped(world) {
                    @Override
                    public List<Machine> listMachines() throws InterruptedException {
                        List<Machine> machines = new ArrayList<>(good.listMachines());
                        machines.add(new Bare(
                                new ProviderID("odd"),
                                Availability.KNOWN_UNUSED,
                                Optional.empty(),
                                Optional.of("rack\0 7")));
                        return machines;
                    }
                });
        add(Rule.P05, "it lists a used machine without an address that runs", world -> new Wrapped(world) {
            @Override
            public List<Machine> listMachines() throws InterruptedException {
                List<Machine> machines = new ArrayList<>(good.listMachines());
                machines.add(
                        new Bare(new ProviderID("odd"), Availability.KNOWN_USED, Optional.empty(), Optional.empty()));
                return machines;
            }
        });
        add(Rule.P05, "it lists a machine with a label that is none", world -> new Wrapped(world) {
            @Override
            public List<Machine> listMachines() throws InterruptedException {
                List<Machine> machines = new ArrayList<>(good.listMachines());
                machines.add(new Labelled(new ProviderID("odd"), Map.of("rack number", "7")));
                return machines;
            }
        });
        add(
                Rule.P06,
                "its free machines have no names",
                listing(machines -> each(
                        machines,
                        machine -> machine.toBuilder().reservationId(null).build())));
        add(
                Rule.P06,
                "its free machines have one name",
                listing(machines -> each(
                        machines,
                        machine -> machine.toBuilder().reservationId("free").build())));
        add(Rule.P07, "it answers with an NPE", getting((wrapped, id) -> {
            throw new NullPointerException("machine");
        }));
        add(Rule.P07, "it answers with null", getting((wrapped, id) -> null));
        add(Rule.P08, "it takes ids for numbers", getting((wrapped, id) -> {
            if (id.value().startsWith("-")) {
                throw new NumberFormatException(id.value());
            }
            return wrapped.good.getMachine(id);
        }));
        add(
                Rule.P09,
                "it describes another machine",
                getting((wrapped, id) -> MachineInfo.builder(new ProviderID("another"), Availability.KNOWN_UNUSED)
                        .build()));
        add(
                Rule.P10,
                "its listing leaves the location out",
                listing(machines -> each(
                        machines, machine -> machine.toBuilder().location(null).build())));
        add(
                Rule.P10,
                "its listing leaves the labels out",
                listing(machines -> each(
                        machines,
                        machine -> machine.toBuilder().labels(Map.of()).build())));
        add(Rule.P11, "it hands out the list that it keeps", world -> new Wrapped(world) {
            private final List<Machine> kept = new ArrayList<>();
            private boolean filled;

            @Override
            public List<Machine> listMachines() throws InterruptedException {
                if (!filled) {
                    kept.addAll(good.listMachines());
                    filled = true;
                }
                return kept;
            }
        });
        add(
                Rule.P12,
                "it records elsewhere",
                creating((wrapped, session, request) -> wrapped.good.createMachine(new FakeSession(), request)));
        add(Rule.P12, "it records under another type", creating((wrapped, session, request) -> {
            MachineInfo made = wrapped.good.createMachine(new FakeSession(), request);
            session.inTransaction(transaction -> transaction.recordMachine(new ProviderType("another"), request, made));
            return made;
        }));
        add(
                Rule.P13,
                "it returns something else than it records",
                creating((wrapped, session, request) -> wrapped.good.createMachine(session, request).toBuilder()
                        .location("elsewhere")
                        .build()));
        add(
                Rule.P13,
                "what it returns is unused",
                creating((wrapped, session, request) -> wrapped.good.createMachine(session, request).toBuilder()
                        .availability(Availability.KNOWN_UNUSED)
                        .build()));
        Map<FakeWorld, List<MachineInfo>> first = new HashMap<>();
        add(Rule.P14, "it goes on to offer the reservation", world -> new Wrapped(world) {
            @Override
            public List<MachineInfo> listMachines() throws InterruptedException {
                List<MachineInfo> machines = good.listMachines();
                List<MachineInfo> offered = first.computeIfAbsent(world, w -> List.copyOf(machines));
                for (MachineInfo machine : offered) {
                    if (!machines.contains(machine)) {
                        machines.add(machine);
                    }
                }
                return machines;
            }
        });
        add(Rule.P15, "it never lists what is used", listing(machines -> {
            machines.removeIf(machine -> machine.availability() == Availability.KNOWN_USED);
            return machines;
        }));
        add(
                Rule.P15,
                "its machines are being made for ever",
                listing(machines -> each(
                        machines,
                        machine -> machine.toBuilder()
                                .status(ProviderStatus.PROVISIONING)
                                .build())));
        add(Rule.P15, "it lists what is still being made as if it ran", world -> new Wrapped(world) {
            @Override
            public Machine getMachine(ProviderID id) throws InterruptedException {
                return good.getMachine(id).toBuilder()
                        .status(ProviderStatus.PROVISIONING)
                        .build();
            }
        });
        add(Rule.P16, "it forgets the intent", creating(BrokenProviders::makeAndRecord));
        add(
                Rule.P16,
                "it looks for the machine before it looks for the intent",
                creating((wrapped, session, request) -> {
                    boolean free = wrapped.good.listMachines().stream()
                            .filter(machine -> machine.availability() == Availability.KNOWN_UNUSED)
                            .anyMatch(machine -> machine.reservationId()
                                    .equals(request.machine().flatMap(Machine::reservationId)));
                    if (!free) {
                        throw new NoCapacityException("it is gone");
                    }
                    return wrapped.good.createMachine(session, request);
                }));
        add(Rule.P17, "it forgets the intent", creating(BrokenProviders::makeAndRecord));
        add(Rule.P17, "it hides that the session is lost", creating((wrapped, session, request) -> {
            try {
                return wrapped.good.createMachine(session, request);
            } catch (SessionExpiredException e) {
                throw failure(Reason.TRANSIENT);
            }
        }));
        add(
                Rule.P18,
                "its listing does not show the intent",
                listing(machines -> each(
                        machines, machine -> machine.toBuilder().intentId(null).build())));
        add(Rule.P19, "it makes the machine in the transaction", creating((wrapped, session, request) -> {
            List<MachineInfo> made = new ArrayList<>();
            session.inTransaction(transaction -> {
                made.add(makeUnmarked(wrapped));
                return transaction.recordMachine(wrapped.type(), request, made.get(made.size() - 1));
            });
            return made.get(made.size() - 1);
        }));
        add(Rule.P20, "it keeps the session", world -> new Wrapped(world) {
            private Session kept;

            @Override
            public Machine createMachine(Session session, CreateMachineRequest request) throws InterruptedException {
                if (kept == null) {
                    kept = session;
                }
                return good.createMachine(kept, request);
            }
        });
        Map<FakeWorld, Machine> last = new HashMap<>();
        add(Rule.P21, "it gives the machine to whoever asks", creating((wrapped, session, request) -> {
            Machine made = last.get(wrapped.world);
            if (made == null) {
                made = wrapped.good.createMachine(session, request);
                last.put(wrapped.world, made);
            }
            return made;
        }));
        add(Rule.P21, "it takes another machine instead", creating((wrapped, session, request) -> {
            try {
                return wrapped.good.createMachine(session, request);
            } catch (NoCapacityException e) {
                return wrapped.good.createMachine(session, CreateMachineRequest.any(request.intentId()));
            }
        }));
        add(Rule.P21, "it marks the machine with the intent that it refuses", creating((wrapped, session, request) -> {
            try {
                return wrapped.good.createMachine(session, request);
            } catch (NoCapacityException e) {
                MachineInfo taken = wrapped.good.machines().get(0);
                wrapped.good.addMachine(
                        taken.toBuilder().intentId(request.intentId()).build());
                throw e;
            }
        }));
        add(Rule.P22, "it thinks that more will come", disguise(Reason.NO_CAPACITY, Reason.TRANSIENT));
        add(Rule.P23, "it wants to be told which machine", creating((wrapped, session, request) -> {
            if (request.machine().isEmpty()) {
                throw new NotSupportedException("which machine?");
            }
            return wrapped.good.createMachine(session, request);
        }));
        add(Rule.P23, "it trips over a request without a machine", creating((wrapped, session, request) -> {
            request.machine().orElseThrow();
            return wrapped.good.createMachine(session, request);
        }));
        add(Rule.P24, "it takes another machine instead", creating((wrapped, session, request) -> {
            try {
                return wrapped.good.createMachine(session, request);
            } catch (NoCapacityException e) {
                return wrapped.good.createMachine(session, CreateMachineRequest.any(request.intentId()));
            }
        }));
        add(Rule.P25, "it swallows an interruption of the listing", listing(machines -> {
            Thread.interrupted();
            return machines;
        }));
        add(Rule.P25, "it swallows an interruption of a look", getting((wrapped, id) -> {
            Thread.interrupted();
            return wrapped.good.getMachine(id);
        }));
        add(Rule.P26, "it swallows an interruption", creating((wrapped, session, request) -> {
            Thread.interrupted();
            return wrapped.good.createMachine(session, request);
        }));
        add(Rule.P26, "it is interrupted and forgets the intent", creating(BrokenProviders::makeAndRecord));
        AtomicInteger inside = new AtomicInteger();
        add(Rule.P27, "it takes one listing at a time but says three", world -> new Wrapped(world) {
            @Override
            public List<? extends Machine> listMachines() throws InterruptedException {
                try {
                    if (inside.incrementAndGet() > 1) {
                        throw new IllegalStateException("I am busy");
                    }
                    Thread.sleep(50);
                    return good.listMachines();
                } finally {
                    inside.decrementAndGet();
                }
            }
        });
        add(Rule.P27, "it mixes up creations", world -> new Wrapped(world) {
            private volatile CreateMachineRequest current;

            @Override
            public Machine createMachine(Session session, CreateMachineRequest request) throws InterruptedException {
                current = request;
                Thread.sleep(50);
                return good.createMachine(session, current);
            }
        });
        add(Rule.P28, "it leaves a thread", world -> new Wrapped(world) {
            @Override
            public List<? extends Machine> listMachines() throws InterruptedException {
                Thread thread = new Thread(() -> sleepUninterruptibly(Duration.ofSeconds(5)), "left-by-a-provider");
                thread.setDaemon(true);
                thread.start();
                return good.listMachines();
            }
        });
        add(Rule.P29, "it cannot be closed twice", world -> new Wrapped(world) {
            @Override
            public void close() {
                if (good.isClosed()) {
                    throw new NullPointerException("executor");
                }
                good.close();
            }
        });
        add(Rule.P30, "it goes on after it was closed", world -> new Wrapped(world) {
            @Override
            public void close() {}
        });
        add(Rule.P31, "its toString() shows the secret", world -> new Wrapped(world) {
            @Override
            public String toString() {
                return "Provider[token=" + SECRET + "]";
            }
        });
        add(Rule.P31, "an exception's cause shows the secret", getting((wrapped, id) -> {
            throw new ProviderException(
                    Reason.NOT_FOUND, "no such machine", new IllegalStateException("GET /?token=" + SECRET));
        }));
        add(Rule.P31, "it logs the secret", getting((wrapped, id) -> {
            LoggerFactory.getLogger("dev.shepherd.testkit.contract.broken").warn("GET /?token={}", SECRET);
            return wrapped.good.getMachine(id);
        }));
        add(
                Rule.P31,
                "a machine shows the secret",
                listing(machines -> each(
                        machines,
                        machine -> machine.toBuilder().location(SECRET).build())));
        add(Rule.P32, "it says that a lost answer had no effect", disguise(Reason.TRANSIENT, Reason.PERMANENT));
        add(Rule.P32, "it forgets the intent of a lost answer", creating((wrapped, session, request) -> {
            boolean known = wrapped.good.machines().stream()
                    .anyMatch(machine -> machine.intentId().equals(Optional.of(request.intentId())));
            if (known) {
                return makeAndRecord(wrapped, session, request);
            }
            return wrapped.good.createMachine(session, request);
        }));
        add(Rule.P33, "it relies on the listing", creating((wrapped, session, request) -> {
            Optional<MachineInfo> made = wrapped.good.listMachines().stream()
                    .filter(machine -> machine.intentId().equals(Optional.of(request.intentId())))
                    .findFirst();
            MachineInfo machine = made.isPresent()
                    ? made.get()
                    : wrapped
                            .good
                            .createMachine(new FakeSession(), CreateMachineRequest.any(UUID.randomUUID()))
                            .toBuilder()
                            .intentId(request.intentId())
                            .build();
            wrapped.good.addMachine(machine);
            session.inTransaction(transaction -> transaction.recordMachine(wrapped.type(), request, machine));
            return machine;
        }));
        add(Rule.P33, "it gives the intent up", creating((wrapped, session, request) -> {
            boolean listed = wrapped.good.listMachines().stream()
                    .anyMatch(machine -> machine.intentId().equals(Optional.of(request.intentId())));
            boolean made = wrapped.good.machines().stream()
                    .anyMatch(machine -> machine.intentId().equals(Optional.of(request.intentId())));
            if (made && !listed) {
                throw new NoCapacityException("it is gone");
            }
            return wrapped.good.createMachine(session, request);
        }));
        add(Rule.P34, "it lists what the outside names", listing(machines -> {
            machines.add(machines.get(0));
            return machines;
        }));
        add(Rule.P35, "it takes a conflict for the end", disguise(Reason.CONFLICT, Reason.NOT_FOUND));
        add(Rule.P36, "it takes a rate limit for a passing failure", disguise(Reason.RATE_LIMITED, Reason.TRANSIENT));
        add(Rule.P37, "it takes wrong credentials for a refusal", disguise(Reason.UNAUTHENTICATED, Reason.PERMANENT));
        add(Rule.P38, "it lists nothing if it reaches nobody", world -> new Wrapped(world) {
            @Override
            public List<? extends Machine> listMachines() throws InterruptedException {
                try {
                    return good.listMachines();
                } catch (ProviderException e) {
                    return List.of();
                }
            }
        });
        add(Rule.P38, "it takes silence for absence", getting((wrapped, id) -> {
            try {
                return wrapped.good.getMachine(id);
            } catch (ProviderException e) {
                throw failure(Reason.NOT_FOUND);
            }
        }));
        add(Rule.P39, "it waits on when it is interrupted", world -> new Wrapped(world) {
            @Override
            public List<? extends Machine> listMachines() throws InterruptedException {
                sleepUninterruptibly(Duration.ofSeconds(4));
                return good.listMachines();
            }
        });
        add(Rule.P39, "it takes an interruption for a failure", world -> new Wrapped(world) {
            @Override
            public List<? extends Machine> listMachines() throws InterruptedException {
                try {
                    return good.listMachines();
                } catch (InterruptedException e) {
                    throw failure(Reason.TRANSIENT);
                }
            }
        });
        add(Rule.P40, "it has no limit", Wrapped::new);
        add(Rule.P45, "it takes one missing machine for its own failure", rescoping(Scope.PROVIDER));
        add(Rule.P46, "it takes what all meet for one machine's failure", rescoping(Scope.MACHINE));

        add(Rule.P47, "its two listings differ", showing((wrapped, visitor) -> {
            for (MachineInfo machine : wrapped.good.listMachines()) {
                if (machine.availability() != Availability.KNOWN_USED) {
                    visitor.visit(machine);
                }
            }
        }));
        add(Rule.P47, "it shows less of a machine than it lists", showing((wrapped, visitor) -> {
            for (MachineInfo machine : wrapped.good.listMachines()) {
                visitor.visit(machine.toBuilder().sshPort(22).build());
            }
        }));
        add(Rule.P48, "it wraps what a visitor throws", showing((wrapped, visitor) -> {
            try {
                wrapped.good.forEachMachine(visitor);
            } catch (IllegalStateException e) {
                throw new ProviderException(Reason.TRANSIENT, "the listing failed", e);
            }
        }));
        add(Rule.P48, "it goes on after a visitor has thrown", showing((wrapped, visitor) -> {
            IllegalStateException thrown = null;
            for (MachineInfo machine : wrapped.good.listMachines()) {
                try {
                    visitor.visit(machine);
                } catch (IllegalStateException e) {
                    thrown = e;
                }
            }
            if (thrown != null) {
                throw thrown;
            }
        }));
        add(Rule.P49, "it counts pages by position", showing((wrapped, visitor) -> {
            List<MachineInfo> before = wrapped.good.listMachines();
            List<MachineInfo> second = wrapped.good.listMachines();
            for (MachineInfo machine : before.subList(0, Math.min(2, before.size()))) {
                visitor.visit(machine);
            }
            for (MachineInfo machine : second.subList(Math.min(2, second.size()), second.size())) {
                visitor.visit(machine);
            }
        }));
        add(Rule.P50, "it takes a refusal for the end", showing((wrapped, visitor) -> {
            try {
                wrapped.good.forEachMachine(visitor);
            } catch (ProviderException e) {
                if (e.reason() != Reason.PERMANENT) {
                    throw e;
                }
            }
        }));
        add(Rule.P50, "it shows the first machines of an answer that is cut", showing((wrapped, visitor) -> {
            try {
                wrapped.good.forEachMachine(visitor);
            } catch (ProviderException e) {
                visitor.visit(wrapped.good.machines().get(0));
            }
        }));
        add(Rule.P51, "it takes a refusal for absence", getting((wrapped, id) -> {
            try {
                return wrapped.good.getMachine(id);
            } catch (ProviderException e) {
                throw e.reason() == Reason.PERMANENT ? failure(Reason.NOT_FOUND) : e;
            }
        }));
        add(Rule.P52, "it gives an intent up whose answer was cut", disguise(Reason.TRANSIENT, Reason.NO_CAPACITY));
        add(Rule.P52, "it makes another one after a lost answer", creating((wrapped, session, request) -> {
            try {
                return wrapped.good.createMachine(session, request);
            } catch (ProviderException e) {
                if (e.reason() == Reason.TRANSIENT) {
                    wrapped.good.createMachine(new FakeSession(), CreateMachineRequest.any(UUID.randomUUID()));
                }
                throw e;
            }
        }));
        add(
                Rule.P53,
                "it takes a look that failed for one that found nothing",
                creating((wrapped, session, request) -> {
                    try {
                        wrapped.good.listMachines();
                    } catch (ProviderException e) {
                        throw new NoCapacityException("there is no such machine");
                    }
                    return wrapped.good.createMachine(session, request);
                }));
        add(Rule.P54, "it takes an interrupted creation for a failure", creating((wrapped, session, request) -> {
            try {
                return wrapped.good.createMachine(session, request);
            } catch (InterruptedException e) {
                throw failure(Reason.TRANSIENT);
            }
        }));
        add(Rule.P54, "it takes an interrupted look for a failure", getting((wrapped, id) -> {
            try {
                return wrapped.good.getMachine(id);
            } catch (InterruptedException e) {
                throw failure(Reason.TRANSIENT);
            }
        }));
        add(Rule.P55, "it keeps to itself when to come again", disguise(Reason.RATE_LIMITED, Reason.RATE_LIMITED));
        add(Rule.P56, "it takes the controller's address for the machine's", world -> new Wrapped(world) {
            @Override
            public List<MachineInfo> listMachines() throws InterruptedException {
                return each(good.listMachines(), BrokenProviders::elsewhere);
            }

            @Override
            public Machine getMachine(ProviderID id) throws InterruptedException {
                return elsewhere(good.getMachine(id));
            }

            @Override
            public Machine createMachine(Session session, CreateMachineRequest request) throws InterruptedException {
                Machine made = elsewhere(good.createMachine(new FakeSession(), request));
                session.inTransaction(transaction -> transaction.recordMachine(type(), request, made));
                return made;
            }
        });
        add(Rule.P56, "it forgets the port", world -> new Wrapped(world) {
            @Override
            public Machine createMachine(Session session, CreateMachineRequest request) throws InterruptedException {
                Machine made = good.createMachine(new FakeSession(), request).toBuilder()
                        .sshPort(22)
                        .build();
                session.inTransaction(transaction -> transaction.recordMachine(type(), request, made));
                return made;
            }
        });
        add(
                Rule.P57,
                "it offers what is broken",
                listing(machines -> each(
                        machines, machine -> machine.toBuilder().failed(false).build())));
        add(Rule.P57, "it takes what is broken", creating((wrapped, session, request) -> {
            request.machine()
                    .flatMap(machine -> wrapped.world.find(machine.id()))
                    .ifPresent(machine -> wrapped.good.addMachine(
                            machine.toBuilder().failed(false).build()));
            return wrapped.good.createMachine(session, request);
        }));
        add(Rule.P58, "it lists what it has seen once", world -> new Wrapped(world) {
            @Override
            public List<MachineInfo> listMachines() throws InterruptedException {
                Map<ProviderID, MachineInfo> all = SEEN.computeIfAbsent(world, key -> new HashMap<>());
                good.listMachines().forEach(machine -> all.put(machine.id(), machine));
                return new ArrayList<>(all.values());
            }
        });
        add(Rule.P58, "it shows what it does not list", remembering());
        add(Rule.P59, "it stumbles over a machine without an address", listing(machines -> {
            machines.forEach(machine -> machine.address().orElseThrow());
            return machines;
        }));
        add(Rule.P60, "all its machines run", always(ProviderStatus.RUNNING));
        add(Rule.P61, "all its machines run", always(ProviderStatus.RUNNING));
        add(
                Rule.P62,
                "it finds machines by another name",
                getting((wrapped, id) -> wrapped.good.getMachine(lower(id))));
        add(Rule.P62, "it takes machines by another name", creating((wrapped, session, request) -> {
            Optional<MachineInfo> meant = request.machine().flatMap(machine -> wrapped.world.find(lower(machine.id())));
            return wrapped.good.createMachine(
                    session, meant.isPresent() ? CreateMachineRequest.of(request.intentId(), meant.get()) : request);
        }));
        add(Rule.P63, "it shows what it has seen once", remembering());
        add(Rule.P64, "it marks a machine that another intent got meanwhile", creating((wrapped, session, request) -> {
            try {
                return wrapped.good.createMachine(session, request);
            } catch (NoCapacityException e) {
                MachineInfo taken =
                        wrapped.world.find(request.machine().orElseThrow().id()).orElseThrow();
                wrapped.good.addMachine(
                        taken.toBuilder().intentId(request.intentId()).build());
                throw e;
            }
        }));

        add(Rule.R01, "it waits for the machine to come back", rebooting((wrapped, id) -> Thread.sleep(3000)));
        add(Rule.R02, "it says yes to every id", rebooting((wrapped, id) -> {}));
        add(Rule.R03, "it refuses without saying that it never will", reinstalling((wrapped, id) -> {
            throw failure(Reason.PERMANENT);
        }));
        add(Rule.R04, "it says yes to every id", reinstalling((wrapped, id) -> {}));
        add(Rule.R05, "it makes a new machine in the place of the old", reinstalling((wrapped, id) -> {
            MachineInfo old = wrapped.good.getMachine(id);
            wrapped.good.removeMachine(id);
            wrapped.good.addMachine(old.toBuilder().id(new ProviderID("new")).build());
        }));
        Map<FakeWorld, ProviderID> reinstalled = new HashMap<>();
        add(Rule.R05, "it leaves a machine out while it is reinstalled", world -> new Wrapped(world) {
            @Override
            public void reinstallMachine(ProviderID id) throws InterruptedException {
                good.reinstallMachine(id);
                reinstalled.put(world, id);
            }

            @Override
            public List<MachineInfo> listMachines() throws InterruptedException {
                List<MachineInfo> machines = good.listMachines();
                machines.removeIf(machine -> machine.id().equals(reinstalled.get(world)));
                reinstalled.remove(world); // It is over at the next one.
                return machines;
            }
        });
        add(Rule.R06, "it reboots twice", rebooting((wrapped, id) -> {
            wrapped.good.rebootMachine(id);
            wrapped.good.rebootMachine(id);
        }));
        add(
                Rule.R06,
                "it reboots another one",
                rebooting((wrapped, id) -> wrapped.good.rebootMachine(
                        wrapped.good.machines().get(0).id())));
        add(Rule.R06, "it reinstalls nothing", reinstalling((wrapped, id) -> wrapped.good.getMachine(id)));
        add(Rule.R07, "it tries a reboot again", rebooting((wrapped, id) -> {
            try {
                wrapped.good.rebootMachine(id);
            } catch (ProviderException e) {
                wrapped.good.rebootMachine(id);
                throw e;
            }
        }));
        add(Rule.R07, "it says that a lost answer is a refusal", disguise(Reason.TRANSIENT, Reason.PERMANENT));
        add(Rule.R07, "it tries a reinstallation again", reinstalling((wrapped, id) -> {
            try {
                wrapped.good.reinstallMachine(id);
            } catch (ProviderException e) {
                wrapped.good.reinstallMachine(id);
                throw e;
            }
        }));
        add(Rule.R08, "it swallows an interruption", rebooting((wrapped, id) -> {
            Thread.interrupted();
            wrapped.good.rebootMachine(id);
        }));
        add(Rule.R08, "it swallows an interruption of a reinstallation", reinstalling((wrapped, id) -> {
            Thread.interrupted();
            wrapped.good.reinstallMachine(id);
        }));
        add(Rule.R09, "it reboots all the same", rebooting((wrapped, id) -> {
            try {
                wrapped.good.rebootMachine(id);
            } catch (ProviderException e) {
                wrapped.good.clearFaults();
                wrapped.good.rebootMachine(id);
                throw e;
            }
        }));
        add(Rule.R09, "it says that it may have rebooted", disguise(Reason.RATE_LIMITED, Reason.TRANSIENT));
        add(Rule.R10, "it tries a reboot again", rebooting((wrapped, id) -> {
            try {
                wrapped.good.rebootMachine(id);
            } catch (ProviderException e) {
                if (e.reason() == Reason.TRANSIENT) {
                    wrapped.good.rebootMachine(id);
                }
                throw e;
            }
        }));
        add(Rule.R10, "it reboots in two steps and hides the first", rebooting((wrapped, id) -> {
            try {
                wrapped.good.rebootMachine(id);
            } catch (ProviderException e) {
                if (e.reason() == Reason.TRANSIENT) {
                    throw failure(Reason.CONFLICT);
                }
                throw e;
            }
        }));
        add(Rule.R11, "it takes a look that failed for absence", rebooting((wrapped, id) -> {
            try {
                wrapped.good.getMachine(id);
            } catch (ProviderException e) {
                throw failure(Reason.NOT_FOUND);
            }
            wrapped.good.rebootMachine(id);
        }));
        add(Rule.R12, "it tries a reinstallation again", reinstalling((wrapped, id) -> {
            try {
                wrapped.good.reinstallMachine(id);
            } catch (ProviderException e) {
                if (e.reason() == Reason.TRANSIENT) {
                    wrapped.good.reinstallMachine(id);
                }
                throw e;
            }
        }));
        add(Rule.R13, "it takes an interrupted reboot for a failure", rebooting((wrapped, id) -> {
            try {
                wrapped.good.rebootMachine(id);
            } catch (InterruptedException e) {
                throw failure(Reason.TRANSIENT);
            }
        }));
        add(Rule.R13, "it goes on with an interrupted reinstallation", reinstalling((wrapped, id) -> {
            try {
                wrapped.good.reinstallMachine(id);
            } catch (InterruptedException e) {
                wrapped.good.reinstallMachine(id);
            }
        }));
        add(
                Rule.R14,
                "it reboots machines by another name",
                rebooting((wrapped, id) -> wrapped.good.rebootMachine(lower(id))));
        add(Rule.R14, "it reboots what is another fleet's", rebooting((wrapped, id) -> {
            if (!id.value().startsWith("machine-")) {
                wrapped.good.rebootMachine(id);
            }
        }));
    }
}
