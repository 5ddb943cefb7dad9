package dev.shepherd.postgres;

import java.time.Duration;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.containers.wait.strategy.Wait;
import org.testcontainers.utility.DockerImageName;

/**
 * A PostgreSQL in a container. Loaded only where Testcontainers is on the class path. Testcontainers' own class for
 * PostgreSQL is in a jar that no module can use beside its core, as both hold one package.
 */
final class ContainerPostgres {

    static final String IMAGE = "postgres:17-alpine";

    private static final int PORT = 5432;
    private static final Duration START_TIMEOUT = Duration.ofSeconds(90);

    private ContainerPostgres() {}

    /**
     * Starts one and returns its URL. The container goes with this JVM: Testcontainers' reaper sees to that, and a hook
     * where that is turned off.
     */
    static String start() {
        String password = Passwords.random();
        GenericContainer<?> container = new GenericContainer<>(DockerImageName.parse(IMAGE))
                .withExposedPorts(PORT)
                .withEnv("POSTGRES_PASSWORD", password)
                .withEnv(
                        "POSTGRES_INITDB_ARGS",
                        "--encoding=UTF8 --locale=C --locale-provider=builtin --builtin-locale=C.UTF-8"
                                + " --set scram_iterations=1")
                .withCommand(
                        "postgres",
                        "-c",
                        "fsync=off",
                        "-c",
                        "synchronous_commit=off",
                        "-c",
                        "full_page_writes=off",
                        "-c",
                        "max_connections=300")
                // The first time is the server that lays out the data.
                .waitingFor(Wait.forLogMessage(".*database system is ready to accept connections.*\\s", 2)
                        .withStartupTimeout(START_TIMEOUT));
        container.start();
        Runtime.getRuntime().addShutdownHook(new Thread(container::stop, "shepherd-postgres-container-closer"));
        return "jdbc:postgresql://" + container.getHost() + ":" + container.getMappedPort(PORT)
                + "/postgres?user=postgres&password=" + password;
    }
}
