package dev.shepherd.postgres;

import java.net.URI;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;
import java.util.function.Consumer;

/** A PostgreSQL server for tests, shared by the whole JVM. */
public final class TestPostgres {

    private static final class Shared {
        static final TestPostgres INSTANCE = new TestPostgres(PostgresServer.startTemporary());
    }

    private final PostgresServer server;
    private final Map<String, String> templates = new HashMap<>();

    private TestPostgres(PostgresServer server) {
        this.server = server;
    }

    /** Returns this JVM's server, started or found at the first call. */
    public static TestPostgres shared() {
        return Shared.INSTANCE;
    }

    /** Makes an empty database and returns its URL, with user and password. */
    public String freshDatabase() {
        return server.createDatabase(uniqueName());
    }

    /**
     * Makes a database as a copy of a template and returns its URL. The template is made once per key and server:
     * {@code fill} is called with its URL.
     */
    public synchronized String freshDatabase(String templateKey, Consumer<String> fill) {
        String template = templates.get(templateKey);
        if (template == null) {
            template = uniqueName();
            fill.accept(server.createDatabase(template));
            templates.put(templateKey, template);
        }
        return server.createDatabase(uniqueName(), template);
    }

    /** Drops a database that {@code freshDatabase} made, if it still exists, and ends the sessions on it. */
    public void drop(String url) {
        server.dropDatabase(
                URI.create(url.substring("jdbc:".length())).getPath().substring(1));
    }

    private static String uniqueName() {
        return "shepherd_test_" + UUID.randomUUID().toString().replace("-", "").substring(0, 16);
    }
}
