package dev.shepherd.testkit.fleet;

import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Backoff;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbConfig;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.agent.AgentCallback;
import dev.shepherd.callback.AgentEndpoint;
import dev.shepherd.callback.AgentEndpointLimits;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.manager.provisioning.ProvisionerSettings;
import dev.shepherd.manager.recovery.RecovererSettings;
import dev.shepherd.manager.takeover.AgentTakeover;
import dev.shepherd.manager.takeover.InitializerSettings;
import dev.shepherd.manager.takeover.SshCredentials;
import dev.shepherd.testkit.agent.TestAgent;
import dev.shepherd.testkit.database.TestDatabase;
import dev.shepherd.testkit.provider.FakeProvider;
import dev.shepherd.testkit.ssh.SshHost;
import dev.shepherd.testkit.ssh.SshHosts;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * A whole fleet for one test: a database on a real PostgreSQL, a {@link FakeProvider}, machines that are SSH servers in this
 * process, an endpoint that their agents report to, and any number of managers. {@link ShepherdTest} gives one to a test.
 *
 * <p>The agents are child processes that report every half a second; one that is silent for 6 s is recovered, and what
 * failed is tried again after a second. {@link #start(UnaryOperator)} takes other settings, and {@link #shepherd()} is for a
 * program that runs its manager itself. Without a manager nothing happens to the machines.
 *
 * <p>All is on loopback. Each wait has a {@linkplain Builder#limit limit}. Safe for use by several threads.
 */
public final class TestFleet implements AutoCloseable {

    /** The type of the provider. */
    public static final ProviderType PROVIDER = new ProviderType("test");

    private static final int MOST_MACHINES = 200;
    private static final int PARALLELISM = 4;
    private static final Duration HEARTBEATS = Duration.ofMillis(500);
    private static final Duration SILENT = Duration.ofSeconds(6);
    private static final Duration SHORT = Duration.ofSeconds(1);
    private static final Duration LOOK_INTERVAL = Duration.ofMillis(20);

    /** Something to wait for. */
    @FunctionalInterface
    public interface Condition {
        /** Tells whether it is so. An exception ends the waiting. */
        boolean holds() throws InterruptedException;
    }

    private final Duration limit;
    private final Closer closer = new Closer();
    private final List<TestMachine> machines = new CopyOnWriteArrayList<>();
    private final List<Shepherd> managers = new CopyOnWriteArrayList<>();
    private final Object lock = new Object();
    private final TestDatabase database;
    private final FakeProvider provider;
    private final SshHosts hosts;
    private final String publicKey;
    private final AgentTakeover takeover;
    private boolean closed;

    private TestFleet(Builder builder) {
        limit = builder.limit;
        try {
            Path folder = closer.folder();
            database = closer.own(
                    TestDatabase.create(settings -> builder.database.apply(settings.poolSize(2 * PARALLELISM + 8))));
            AgentCallback callback = AgentCallback.of(database.bmdb());
            AgentEndpoint endpoint = closer.own(AgentEndpoint.builder()
                    .callback(callback)
                    .address(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
                    .limits(limits())
                    .build());
            // Closed before the endpoint, since requests wait for it.
            closer.own(callback);
            callback.start();
            endpoint.start();
            hosts = closer.own(SshHosts.start());
            SshCredentials credentials = SshCredentials.generateIfAbsent(folder.resolve("id_ed25519"));
            publicKey = credentials.publicKey().orElseThrow();
            takeover = AgentTakeover.builder()
                    .executable(TestAgent.write(folder.resolve("agent")))
                    .credentials(credentials)
                    .endpoint(endpoint.url())
                    .build();
            provider = FakeProvider.create(PROVIDER, PARALLELISM);
            provider.onReboot(id -> machine(id).ifPresent(TestMachine::rebooted));
            for (int i = 0; i < builder.machines; i++) {
                addMachine();
            }
            if (builder.started) {
                start();
            }
        } catch (IOException | RuntimeException | Error e) {
            managers.forEach(Shepherd::close);
            closer.closeAfter(e);
            throw e instanceof IOException failure
                    ? new UncheckedIOException("cannot make a fleet for a test: " + e.getMessage(), failure)
                    : Closer.unchecked(e);
        }
    }

    /** All agents have one address, and beat more often than those of others. */
    private static AgentEndpointLimits limits() {
        return AgentEndpointLimits.builder()
                .maxConnectionsPerAddress(2 * MOST_MACHINES)
                .heartbeatsPerMinute(600)
                .strangerCallsPerMinute(100_000)
                .handshakesPerMinute(100_000)
                .build();
    }

    /** Starts with the default settings. */
    public static Builder builder() {
        return new Builder();
    }

    /** Returns the database. */
    public Bmdb bmdb() {
        return database.bmdb();
    }

    /** Returns the JDBC URL of the database, with user and password, for a program that opens it itself. */
    public String jdbcUrl() {
        return database.jdbcUrl();
    }

    /** Moves the time of tags, backoff and eligibility forward; the agents' heartbeats are older by that too. */
    public void advance(Duration by) {
        database.advance(by);
    }

    /** Returns the provider, to let calls fail, to block them, or to see which were made. */
    public FakeProvider provider() {
        return provider;
    }

    /** Returns how agents are started: with the key that the machines know, and the endpoint of this fleet. */
    public AgentTakeover takeover() {
        return takeover;
    }

    /** Returns the machines, in the order in which they were added. A copy. */
    public List<TestMachine> machines() {
        return List.copyOf(machines);
    }

    /**
     * Returns a machine by its place among {@link #machines()}, from 0 on.
     *
     * @throws IllegalArgumentException if there are not so many
     */
    public TestMachine machine(int index) {
        List<TestMachine> all = machines();
        if (index < 0 || index >= all.size()) {
            throw new IllegalArgumentException(
                    "there is no machine " + index + ": the fleet has " + all.size() + ", counted from 0");
        }
        return all.get(index);
    }

    private Optional<TestMachine> machine(ProviderID id) {
        return machines.stream().filter(machine -> machine.id().equals(id)).findFirst();
    }

    /**
     * Adds a machine, which the provider lists from now on.
     *
     * @throws IllegalStateException if there are 200 already, or the fleet is closed
     */
    public TestMachine addMachine() {
        synchronized (lock) {
            requireOpen();
            if (machines.size() == MOST_MACHINES) {
                throw new IllegalStateException("a fleet for a test has " + MOST_MACHINES + " machines at most");
            }
            SshHost host = SshHost.builder()
                    .hosts(hosts)
                    .authorizedKey(publicKey)
                    .agentInterval(HEARTBEATS)
                    .start();
            TestMachine machine = new TestMachine(this, new ProviderID("machine-" + (machines.size() + 1)), host);
            machines.add(machine);
            provider.addMachine(machine.info());
            return machine;
        }
    }

    /** Returns the managers that were started here, in that order. A copy. */
    public List<Shepherd> managers() {
        return List.copyOf(managers);
    }

    /** Starts a manager, as another process would if there is one already. */
    public Shepherd start() {
        return start(UnaryOperator.identity());
    }

    /**
     * Starts a manager with settings of the test's own. It is closed with the fleet, or before.
     *
     * @param settings what to change of {@link #shepherd()}
     * @throws IllegalStateException if the fleet is closed
     */
    public Shepherd start(UnaryOperator<Shepherd.Builder> settings) {
        synchronized (lock) {
            requireOpen();
            Shepherd manager = settings.apply(shepherd()).build();
            manager.start();
            managers.add(manager);
            return manager;
        }
    }

    /**
     * Returns a manager's builder with database, provider and takeover of this fleet, and short spans; each call returns
     * another. What is made of it, the caller closes before the test ends.
     */
    public Shepherd.Builder shepherd() {
        return Shepherd.builder()
                .bmdb(bmdb())
                .provider(provider)
                .takeover(takeover)
                .provisioner(ProvisionerSettings.builder()
                        .interval(Duration.ofMillis(200))
                        .creationInterval(Duration.ZERO)
                        .build())
                .initializer(InitializerSettings.builder()
                        .parallelism(PARALLELISM)
                        .pollInterval(SHORT)
                        .backoff(Backoff.constant(SHORT))
                        .build())
                .recoverer(RecovererSettings.builder()
                        .policy(policy())
                        .parallelism(PARALLELISM)
                        .pollInterval(Duration.ofMillis(200))
                        .build());
    }

    /** Spans that are short enough for a test, and long enough for a busy machine. */
    private static RecoveryPolicy policy() {
        return RecoveryPolicy.builder()
                .heartbeatInterval(HEARTBEATS)
                .silentAfterHeartbeat(SILENT)
                .silentAfterStart(Duration.ofMinutes(1))
                .unreachableAttempts(2)
                .cooldown(Duration.ofSeconds(2))
                .bootTime(SHORT)
                .maxReboots(2)
                .backoff(Backoff.constant(SHORT))
                .freezeReleaseAfter(SHORT)
                .build();
    }

    /** Waits until every machine is {@linkplain TestMachine#awaitTakenOver() taken over}. */
    public void awaitTakenOver() throws InterruptedException {
        for (TestMachine machine : machines) {
            machine.awaitTakenOver();
        }
    }

    /** Waits until every machine is {@linkplain TestMachine#awaitHeard() heard}. */
    public void awaitHeard() throws InterruptedException {
        Instant now = bmdb().now();
        for (TestMachine machine : machines) {
            machine.awaitHeardAfter(now);
        }
    }

    /**
     * Waits for something else.
     *
     * @param what what is waited for, as a failure has it: "… was not so within 1 min"
     * @throws AssertionError if it is not so within the limit
     */
    public void await(String what, Condition condition) throws InterruptedException {
        await(what, null, condition);
    }

    void await(String what, @Nullable TestMachine machine, Condition condition) throws InterruptedException {
        long deadline = System.nanoTime() + limit.toNanos();
        while (!condition.holds()) {
            if (System.nanoTime() - deadline >= 0) {
                throw new AssertionError(Told.overdue(what, limit, this, machine));
            }
            Thread.sleep(LOOK_INTERVAL.toMillis());
        }
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("this fleet is closed: its test is over");
        }
    }

    /**
     * Closes the managers and then all else, and waits until threads, servers, processes, files and the database are gone.
     * Closing twice is allowed.
     *
     * @throws AssertionError if the provider was asked to reboot or reinstall a machine that the test has neither {@linkplain
     *     TestMachine#hang() broken}, waited for, nor {@linkplain TestMachine#allowReboots() allowed}; if a session is left
     *     that the test has not closed, such as that of a manager of its own; or if a call of the provider still runs
     */
    @Override
    public void close() {
        synchronized (lock) {
            if (closed) {
                return;
            }
            closed = true;
        }
        AssertionError failure = null;
        try {
            managers.forEach(Shepherd::close);
            List<String> wrong = Told.leftovers(this);
            if (!wrong.isEmpty()) {
                failure = new AssertionError("the fleet of this test ended badly: " + String.join("; ", wrong));
            }
        } catch (RuntimeException e) {
            failure = new AssertionError("the managers of this test's fleet could not be closed: " + e, e);
        }
        closer.closeAfter(failure);
        if (failure != null) {
            throw failure;
        }
    }

    /** Shows how many machines and managers it has. */
    @Override
    public String toString() {
        return "TestFleet[" + machines.size() + " machines, " + managers.size() + " managers]";
    }

    /** Collects the settings of a {@link TestFleet}. Not safe for several threads. */
    public static final class Builder {
        private int machines = 1;
        private boolean started = true;
        private Duration limit = Duration.ofMinutes(1);
        private UnaryOperator<BmdbConfig.Builder> database = UnaryOperator.identity();

        private Builder() {}

        /**
         * Sets how many machines it has to begin with; 1 by default.
         *
         * @throws IllegalArgumentException if it is not from 0 to 200
         */
        public Builder machines(int count) {
            if (count < 0 || count > MOST_MACHINES) {
                throw new IllegalArgumentException(
                        "machines is " + count + ", but a fleet for a test has 0 to " + MOST_MACHINES);
            }
            this.machines = count;
            return this;
        }

        /** Sets whether a manager runs from the beginning; true by default. */
        public Builder started(boolean started) {
            this.started = started;
            return this;
        }

        /**
         * Sets how long each wait takes at most; 1 min by default.
         *
         * @throws IllegalArgumentException if it is not from 1 ms to 1 h
         */
        public Builder limit(Duration limit) {
            if (limit.compareTo(Duration.ofMillis(1)) < 0 || limit.compareTo(Duration.ofHours(1)) > 0) {
                throw new IllegalArgumentException("the limit is 1 ms to 1 h, not " + limit);
            }
            this.limit = limit;
            return this;
        }

        /**
         * Sets what to change of how the database is opened, such as a listener. URL and size of the pool are set already.
         *
         * @param settings also called when it is opened once more
         */
        public Builder database(UnaryOperator<BmdbConfig.Builder> settings) {
            this.database = Objects.requireNonNull(settings, "settings");
            return this;
        }

        /**
         * Makes the fleet.
         *
         * @throws UncheckedIOException if no temporary folder can be made
         * @throws IllegalStateException if there is no PostgreSQL
         */
        public TestFleet build() {
            return new TestFleet(this);
        }
    }
}
