package dev.shepherd.postgres;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/** Starts a PostgreSQL in a container where that is possible. */
final class Containers {

    /** The URL of a server in a container, or null, and in either case the reason. */
    record Offer(@Nullable String url, String reason) {}

    /** Long enough to pull the image. */
    private static final Duration START_TIMEOUT = Duration.ofMinutes(3);

    private Containers() {}

    static Offer start() {
        if (!hasTestcontainers()) {
            return new Offer(null, "Testcontainers is not on the class path");
        }
        Optional<String> engine = DockerEngine.find(
                System.getenv(), Path.of(System.getProperty("user.home", "")), Path.of("/var/run/docker.sock"));
        if (engine.isEmpty()) {
            return new Offer(null, "no Docker engine answers");
        }
        String answers = "a Docker engine answers at " + engine.get();
        CompletableFuture<String> url = new CompletableFuture<>();
        Thread starting = new Thread(() -> complete(url), "shepherd-postgres-container");
        starting.setDaemon(true);
        starting.start();
        try {
            return new Offer(url.get(START_TIMEOUT.toSeconds(), TimeUnit.SECONDS), answers);
        } catch (TimeoutException e) {
            starting.interrupt();
            return new Offer(null, answers + ", but no container started in " + START_TIMEOUT.toSeconds() + " s");
        } catch (ExecutionException e) {
            return new Offer(null, answers + ", but no container started: " + e.getCause());
        } catch (InterruptedException e) {
            starting.interrupt();
            Thread.currentThread().interrupt();
            return new Offer(null, answers + ", but starting a container was interrupted");
        }
    }

    private static boolean hasTestcontainers() {
        try {
            Class.forName("org.testcontainers.containers.GenericContainer", false, Containers.class.getClassLoader());
            return true;
        } catch (ClassNotFoundException | LinkageError e) {
            return false;
        }
    }

    private static void complete(CompletableFuture<String> url) {
        try {
            url.complete(ContainerPostgres.start());
        } catch (RuntimeException | Error e) {
            url.completeExceptionally(e);
        }
    }
}
