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
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;

/**
 * Gives tests a bare metal database of their own, on a real PostgreSQL.
 *
 * <pre>{@code
 * @RegisterExtension
 * static final BmdbExtension database = BmdbExtension.create();
 *
 * @Test
 * void recordsItsMachines() {
 *     try (BmdbSession session = database.bmdb().startSession("test", "here")) {
 *         …
 *     }
 * }
 * }</pre>
 *
 * <p>In a static field it makes one database for the class, in an instance field one for each test; either is a
 * copy of a migrated template and takes milliseconds. The server is the one that {@link TestPostgres} finds: an
 * external one if it is named, else a container where a Docker engine answers, else an embedded one. Parameters of
 * type {@link Bmdb} are resolved to {@link #bmdb()}. Safe for use by several threads.
 */
public final class BmdbExtension
        implements BeforeAllCallback, BeforeEachCallback, AfterEachCallback, AfterAllCallback, ParameterResolver {

    private static final String TEMPLATE = "shepherd-bmdb";

    private final UnaryOperator<BmdbConfig.Builder> settings;
    private final AtomicReference<Duration> offset = new AtomicReference<>(Duration.ZERO);
    private final Object lock = new Object();
    private final Deque<Bmdb> opened = new ArrayDeque<>();
    private @Nullable String url;
    private @Nullable Bmdb bmdb;
    private boolean perClass;

    private BmdbExtension(UnaryOperator<BmdbConfig.Builder> settings) {
        this.settings = settings;
    }

    /** Makes an extension that opens the database with the default settings. */
    public static BmdbExtension create() {
        return create(UnaryOperator.identity());
    }

    /** Makes an extension that opens the database with settings of the test's own; the URL is set already. */
    public static BmdbExtension create(UnaryOperator<BmdbConfig.Builder> settings) {
        return new BmdbExtension(settings);
    }

    @Override
    public void beforeAll(ExtensionContext context) {
        perClass = true;
        open();
    }

    @Override
    public void beforeEach(ExtensionContext context) {
        if (!perClass) {
            open();
        }
    }

    @Override
    public void afterEach(ExtensionContext context) {
        if (!perClass) {
            close();
        }
    }

    @Override
    public void afterAll(ExtensionContext context) {
        close();
    }

    private void open() {
        synchronized (lock) {
            url = TestPostgres.shared()
                    .freshDatabase(TEMPLATE, template -> Bmdb.open(template).close());
            try {
                bmdb = open(BmdbConfig.Migration.CHECK);
            } catch (SchemaException e) {
                // A server that outlives the tests may hold a template of an older schema.
                bmdb = open(BmdbConfig.Migration.MIGRATE);
            }
        }
    }

    private void close() {
        synchronized (lock) {
            while (!opened.isEmpty()) {
                opened.pop().close();
            }
            if (url != null) {
                TestPostgres.shared().drop(url);
            }
            url = null;
            bmdb = null;
            offset.set(Duration.ZERO);
        }
    }

    /**
     * Returns the database.
     *
     * @throws IllegalStateException outside of a test
     */
    public Bmdb bmdb() {
        synchronized (lock) {
            if (bmdb == null) {
                throw new IllegalStateException("there is a database only while a test runs");
            }
            return bmdb;
        }
    }

    /**
     * Returns the JDBC URL of the database, with user and password.
     *
     * @throws IllegalStateException outside of a test
     */
    public String jdbcUrl() {
        synchronized (lock) {
            if (url == null) {
                throw new IllegalStateException("there is a database only while a test runs");
            }
            return url;
        }
    }

    /** Opens the same database once more, as another process would. It is closed with the first. */
    public Bmdb openAnother() {
        return open(BmdbConfig.Migration.CHECK);
    }

    private Bmdb open(BmdbConfig.Migration migration) {
        synchronized (lock) {
            BmdbConfig.Builder config = BmdbConfig.builder()
                    .jdbcUrl(jdbcUrl())
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

    @Override
    public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
        return parameter.getParameter().getType() == Bmdb.class;
    }

    @Override
    public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
        return bmdb();
    }
}
