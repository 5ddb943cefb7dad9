package dev.shepherd.postgres;

import dev.shepherd.postgres.PostgresException.Reason;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A PostgreSQL server for tests, one for the whole JVM, and fresh databases on it that cost milliseconds.
 *
 * <p>The server is the one whose URL is in the system property {@code shepherd.test.jdbc-url} or the environment variable
 * {@code SHEPHERD_TEST_JDBC_URL}; otherwise one in a container, where Testcontainers is on the class path and a Docker
 * engine answers; otherwise a {@linkplain PostgresServer#startTemporary() temporary one}. One line in the log at level
 * INFO says which it is and why; {@code docs/embedded-postgres.md} has the details.
 *
 * <p>Databases made here are named {@code shepherd_test_…}. Those that were not dropped go with the server or, on an
 * external one, when the JVM exits. Templates, {@code shepherd_template_…}, stay there for the next run; they take no
 * connections.
 *
 * <p>Safe for use by many threads, and by many JVMs on one server.
 */
public final class TestPostgres {

    static final String URL_PROPERTY = "shepherd.test.jdbc-url";
    static final String URL_VARIABLE = "SHEPHERD_TEST_JDBC_URL";

    private static final Logger LOG = LoggerFactory.getLogger(TestPostgres.class);
    private static final String PREFIX = "shepherd_test_";

    /** The server of this JVM, or why there is none: a whole suite need not find out again and again. */
    private static final class Shared {
        private static final Object LOCK = new Object();
        private static @Nullable TestPostgres instance;
        private static @Nullable RuntimeException failure;
    }

    private final Databases databases;
    private final Templates templates;
    private final String description;
    private final Set<String> made = ConcurrentHashMap.newKeySet();

    private TestPostgres(String url, String kind, String reason) {
        databases = new Databases(url);
        templates = new Templates(databases);
        description =
                kind + " PostgreSQL " + databases.version() + " at " + Databases.withoutQuery(url) + ": " + reason;
    }

    /**
     * Returns this JVM's server; the first call finds or starts it.
     *
     * @throws PostgresException if the server that was named does not answer, or none starts; later calls then fail at
     *     once
     */
    public static TestPostgres shared() {
        synchronized (Shared.LOCK) {
            if (Shared.failure != null) {
                throw new PostgresException(
                        Reason.NOT_STARTED,
                        "There is no PostgreSQL for tests, as an earlier call found: " + Shared.failure.getMessage(),
                        Shared.failure);
            }
            TestPostgres instance = Shared.instance;
            if (instance == null) {
                try {
                    instance = choose(
                            System.getProperty(URL_PROPERTY),
                            System.getenv(URL_VARIABLE),
                            Containers::start,
                            PostgresServer::startTemporary);
                } catch (RuntimeException e) {
                    Shared.failure = e;
                    throw e;
                }
                LOG.info("Tests run on the {}", instance);
                Shared.instance = instance;
            }
            return instance;
        }
    }

    static TestPostgres choose(
            @Nullable String property,
            @Nullable String variable,
            Supplier<Containers.Offer> containers,
            Supplier<PostgresServer> embedded) {
        if (property != null && !property.isBlank()) {
            return external(property.strip(), "the system property " + URL_PROPERTY);
        }
        if (variable != null && !variable.isBlank()) {
            return external(variable.strip(), "the environment variable " + URL_VARIABLE);
        }
        Containers.Offer offer = containers.get();
        if (offer.url() != null) {
            return new TestPostgres(offer.url(), "containerized", offer.reason());
        }
        return new TestPostgres(embedded.get().jdbcUrl(), "embedded", offer.reason());
    }

    private static TestPostgres external(String url, String by) {
        try {
            TestPostgres postgres = new TestPostgres(url, "external", by + " names it");
            Runtime.getRuntime().addShutdownHook(new Thread(postgres::dropLeftovers, "shepherd-postgres-leftovers"));
            return postgres;
        } catch (IllegalArgumentException | PostgresException e) {
            throw new PostgresException(
                    Reason.NOT_STARTED,
                    "The PostgreSQL that " + by + " names, for tests, cannot be used: " + e.getMessage(),
                    e);
        }
    }

    private void dropLeftovers() {
        for (String name : made) {
            try {
                databases.drop(name);
            } catch (PostgresException e) {
                LOG.debug("The database {} is left behind", name, e);
                return;
            }
        }
    }

    /** Makes an empty database and returns its URL, with user and password. */
    public String freshDatabase() {
        String name = nextName();
        made.add(name);
        return databases.create(name, Databases.PRISTINE);
    }

    /**
     * Makes a database as a copy of a template and returns its URL, with user and password. The template is made by the
     * first to ask for it, while others wait for up to 10 minutes; every copy takes milliseconds.
     *
     * @param templateKey what the template holds, such as a hash of the migrations applied to it: on a server that
     *     outlives this JVM, a template of the same key is never filled again
     * @param fill is called with the URL of the template, empty as yet, to fill it. Its sessions are ended afterwards.
     *     If it throws, the template is abandoned, and the next caller that asks for it fills it again
     */
    public String freshDatabase(String templateKey, Consumer<String> fill) {
        Objects.requireNonNull(templateKey, "templateKey");
        Objects.requireNonNull(fill, "fill");
        String name = nextName();
        made.add(name);
        return templates.copy(name, templateKey, fill);
    }

    private static String nextName() {
        return PREFIX + UUID.randomUUID().toString().replace("-", "").substring(0, 20);
    }

    /**
     * Drops a database that {@code freshDatabase} made, if it still exists, and ends the sessions on it.
     *
     * @param url its URL, whose parameters do not matter
     * @throws IllegalArgumentException if it is another database's
     */
    public void drop(String url) {
        String name = Databases.nameIn(url);
        if (!name.startsWith(PREFIX)
                || !Databases.withoutQuery(url).equals(Databases.withoutQuery(databases.urlOf(name)))) {
            throw new IllegalArgumentException(
                    "Not a database made here, which is the only kind to be dropped: " + Databases.withoutQuery(url));
        }
        databases.drop(name);
        made.remove(name);
    }

    /** Tells which server this is, and why; no password. */
    @Override
    public String toString() {
        return description;
    }
}
