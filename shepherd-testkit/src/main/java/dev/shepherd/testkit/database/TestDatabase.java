package dev.shepherd.testkit.database;

import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbConfig;
import dev.shepherd.bmdb.SchemaException;
import dev.shepherd.postgres.TestPostgres;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.UnaryOperator;

/**
 * A bare metal database of a test's own, on a real PostgreSQL: a copy of a migrated template, which takes milliseconds.
 *
 * <p>The server is the one that {@link TestPostgres} finds: an external one if it is named, else a container where a Docker
 * engine answers, else an embedded one. {@link BmdbExtension} makes one for each test or class. Safe for use by several
 * threads.
 */
public final class TestDatabase implements AutoCloseable {

    private static final String TEMPLATE = "shepherd-bmdb";

    private final UnaryOperator<BmdbConfig.Builder> settings;
    private final AtomicReference<Duration> offset = new AtomicReference<>(Duration.ZERO);
    private final Object lock = new Object();
    private final Deque<Bmdb> opened = new ArrayDeque<>();
    private final String url;
    private final Bmdb bmdb;
    private boolean closed;

    private TestDatabase(UnaryOperator<BmdbConfig.Builder> settings) {
        this.settings = settings;
        url = TestPostgres.shared()
                .freshDatabase(TEMPLATE, template -> Bmdb.open(template).close());
        try {
            bmdb = openChecked();
        } catch (RuntimeException | Error e) {
            TestPostgres.shared().drop(url);
            throw e;
        }
    }

    /** Makes a database and opens it with the default settings. */
    public static TestDatabase create() {
        return create(UnaryOperator.identity());
    }

    /** Makes a database and opens it with settings of the test's own; the URL is set already. */
    public static TestDatabase create(UnaryOperator<BmdbConfig.Builder> settings) {
        return new TestDatabase(settings);
    }

    /** Returns the database. */
    public Bmdb bmdb() {
        return bmdb;
    }

    /** Returns the JDBC URL of the database, with user and password. */
    public String jdbcUrl() {
        return url;
    }

    /**
     * Opens the same database once more, as another process would. It is closed with the first.
     *
     * @throws IllegalStateException if this is closed
     */
    public Bmdb openAnother() {
        return open(BmdbConfig.Migration.CHECK);
    }

    private Bmdb openChecked() {
        try {
            return open(BmdbConfig.Migration.CHECK);
        } catch (SchemaException e) {
            // A server that outlives the tests may hold a template of an older schema.
            return open(BmdbConfig.Migration.MIGRATE);
        }
    }

    private Bmdb open(BmdbConfig.Migration migration) {
        synchronized (lock) {
            if (closed) {
                throw new IllegalStateException("this database is closed");
            }
            BmdbConfig.Builder config = BmdbConfig.builder()
                    .jdbcUrl(url)
                    .poolSize(4)
                    .migration(migration)
                    .timeOffset(offset::get);
            Bmdb another = Bmdb.open(settings.apply(config).build());
            opened.push(another);
            return another;
        }
    }

    /** Moves the time of tags, backoff and eligibility forward. Sessions do not notice. */
    public void advance(Duration by) {
        offset.updateAndGet(current -> current.plus(by));
    }

    /** Closes all that was opened, and drops the database. Closing twice is allowed. */
    @Override
    public void close() {
        synchronized (lock) {
            if (closed) {
                return;
            }
            closed = true;
            try {
                while (!opened.isEmpty()) {
                    opened.pop().close();
                }
            } finally {
                TestPostgres.shared().drop(url);
            }
        }
    }
}
