package dev.shepherd.testkit.contract;

import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Session;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.ProvidedMachine;
import dev.shepherd.testkit.database.BmdbExtension;
import dev.shepherd.testkit.provider.FakeSession;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;

/** Where the machines are recorded that a test has a provider create. */
interface Records extends AutoCloseable {

    /** Starts a session, which lives until the test ends. */
    Session startSession() throws InterruptedException;

    /** Makes a session one that can commit nothing any more. */
    void lose(Session session);

    /** Returns the machines that have a tag of this provider. */
    List<ProvidedMachine> provided(ProviderType type) throws InterruptedException;

    /** Returns how many machines there are, of whatever provider, with a tag or without. */
    int machines();

    /** Returns how many machines have a tag, of whatever provider. */
    int tags();

    @Override
    void close();

    /** A real bare metal database, shared by all tests of the process and emptied for each. */
    static Records database(ExtensionContext context) {
        SharedDatabase shared = context.getRoot()
                .getStore(Namespace.create(Records.class))
                .getOrComputeIfAbsent(SharedDatabase.class, key -> new SharedDatabase(context), SharedDatabase.class);
        return new DatabaseRecords(shared.extension);
    }

    /** A map. */
    static Records memory() {
        return new MemoryRecords();
    }

    /** Closed by JUnit when all tests are over. */
    final class SharedDatabase implements AutoCloseable {
        // Whether a session lives does not depend on how busy the machine is that runs the tests.
        private final BmdbExtension extension =
                BmdbExtension.create(config -> config.sessionInterval(Duration.ofMinutes(2)));
        private final ExtensionContext context;

        SharedDatabase(ExtensionContext context) {
            this.context = context;
            extension.beforeAll(context);
        }

        @Override
        public void close() {
            extension.afterAll(context);
        }
    }

    /** Machines in a PostgreSQL. */
    final class DatabaseRecords implements Records {
        /** Deletes what there is of machines. TRUNCATE gives all tables new files, which takes ten times as long. */
        private static final String EMPTY = """
                DO $$
                DECLARE child regclass;
                BEGIN
                    FOR child IN SELECT DISTINCT conrelid::regclass FROM pg_constraint
                                 WHERE confrelid = 'machines'::regclass AND contype = 'f' LOOP
                        EXECUTE 'DELETE FROM ' || child;
                    END LOOP;
                    DELETE FROM machines;
                END $$""";

        private final BmdbExtension database;
        private final List<BmdbSession> sessions = new ArrayList<>();

        private DatabaseRecords(BmdbExtension database) {
            this.database = database;
            try (Connection connection = DriverManager.getConnection(database.jdbcUrl());
                    Statement statement = connection.createStatement()) {
                statement.execute(EMPTY);
            } catch (SQLException e) {
                throw new IllegalStateException("cannot empty the database of the contract's tests", e);
            }
        }

        @Override
        public Session startSession() throws InterruptedException {
            BmdbSession session = database.bmdb().startSession("contract", "contract tests");
            sessions.add(session);
            return session.forProviders();
        }

        @Override
        public void lose(Session session) {
            sessions.stream()
                    .filter(started -> started.id().equals(session.id()))
                    .forEach(BmdbSession::close);
        }

        @Override
        public List<ProvidedMachine> provided(ProviderType type) throws InterruptedException {
            return database.bmdb().providedMachines(type);
        }

        @Override
        public int machines() {
            return count("machines");
        }

        @Override
        public int tags() {
            return count("machine_provided");
        }

        private int count(String table) {
            try (Connection connection = DriverManager.getConnection(database.jdbcUrl());
                    Statement statement = connection.createStatement();
                    ResultSet result = statement.executeQuery("SELECT count(*) FROM " + table)) {
                result.next();
                return result.getInt(1);
            } catch (SQLException e) {
                throw new IllegalStateException("cannot count the rows of " + table, e);
            }
        }

        @Override
        public void close() {
            sessions.forEach(BmdbSession::close);
        }
    }

    /** Machines in the memory. */
    final class MemoryRecords implements Records {
        private final FakeSession first = new FakeSession();

        private MemoryRecords() {}

        @Override
        public Session startSession() {
            return first.another();
        }

        @Override
        public void lose(Session session) {
            ((FakeSession) session).lose();
        }

        @Override
        public List<ProvidedMachine> provided(ProviderType type) {
            return first.recorded().stream()
                    .filter(recorded -> recorded.provider().equals(type))
                    .map(recorded -> new ProvidedMachine(
                            recorded.machineId(),
                            recorded.provider(),
                            recorded.machine().id(),
                            recorded.machine().reservationId(),
                            recorded.machine().address(),
                            recorded.machine().sshPort(),
                            recorded.machine().location(),
                            recorded.machine().status(),
                            ProvidedMachine.isFailed(recorded.machine()),
                            recorded.machine().labels()))
                    .toList();
        }

        @Override
        public int machines() {
            return first.recorded().size();
        }

        @Override
        public int tags() {
            return machines();
        }

        @Override
        public void close() {}
    }
}
