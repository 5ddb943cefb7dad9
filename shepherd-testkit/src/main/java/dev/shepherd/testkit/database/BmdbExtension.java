package dev.shepherd.testkit.database;

import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbConfig;
import java.time.Duration;
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
 * <p>In a static field it makes one database for the class and the classes nested in it, in an instance field one for each
 * test. {@link TestDatabase} says on which server. Parameters of type {@link Bmdb} are resolved to {@link #bmdb()}. Safe for
 * use by several threads.
 */
public final class BmdbExtension
        implements BeforeAllCallback, BeforeEachCallback, AfterEachCallback, AfterAllCallback, ParameterResolver {

    private final UnaryOperator<BmdbConfig.Builder> settings;
    private final Object lock = new Object();
    private @Nullable TestDatabase database;
    /** How many classes are under way that it is registered for: nested ones share the database of the outermost. */
    private int classes;

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
        synchronized (lock) {
            if (classes == 0) {
                database = TestDatabase.create(settings);
            }
            classes++;
        }
    }

    @Override
    public void beforeEach(ExtensionContext context) {
        synchronized (lock) {
            if (classes == 0) {
                database = TestDatabase.create(settings);
            }
        }
    }

    @Override
    public void afterEach(ExtensionContext context) {
        close();
    }

    @Override
    public void afterAll(ExtensionContext context) {
        synchronized (lock) {
            classes--;
        }
        close();
    }

    private void close() {
        synchronized (lock) {
            if (database != null && classes == 0) {
                database.close();
                database = null;
            }
        }
    }

    private TestDatabase database() {
        synchronized (lock) {
            if (database == null) {
                throw new IllegalStateException("there is a database only while a test runs");
            }
            return database;
        }
    }

    /**
     * Returns the database.
     *
     * @throws IllegalStateException outside of a test
     */
    public Bmdb bmdb() {
        return database().bmdb();
    }

    /**
     * Returns the JDBC URL of the database, with user and password.
     *
     * @throws IllegalStateException outside of a test
     */
    public String jdbcUrl() {
        return database().jdbcUrl();
    }

    /**
     * Opens the same database once more, as another process would. It is closed with the first.
     *
     * @throws IllegalStateException outside of a test
     */
    public Bmdb openAnother() {
        return database().openAnother();
    }

    /**
     * Moves the time of tags, backoff and eligibility forward. Sessions do not notice.
     *
     * @throws IllegalStateException outside of a test
     */
    public void advance(Duration by) {
        database().advance(by);
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
