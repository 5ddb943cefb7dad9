package dev.shepherd.postgres;

import dev.shepherd.postgres.PostgresException.Reason;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;

/**
 * The template databases of a server: each is made once, however many threads and processes ask for it at the same
 * time. It is filled under a temporary name, and closed to connections and renamed only when it is complete: that it
 * exists is the proof.
 */
final class Templates {

    private static final String PREFIX = "shepherd_template_";
    private static final Duration FILL_TIMEOUT = Duration.ofMinutes(10);
    private static final int LOCK_CHECK_SECONDS = 20;

    private final Databases databases;
    private final Map<String, ReentrantLock> locks = new ConcurrentHashMap<>();
    private final Set<String> complete = ConcurrentHashMap.newKeySet();

    Templates(Databases databases) {
        this.databases = databases;
    }

    /** Makes a database as a copy of a template, which is made first if need be. */
    String copy(String name, String key, Consumer<String> fill) {
        String template = nameOf(key);
        require(template, fill);
        try {
            return databases.create(name, template);
        } catch (PostgresException e) {
            if (!Databases.isNoSuchDatabase(e)) {
                throw e;
            }
            // A server that outlives this process may have been cleaned up.
            complete.remove(template);
            require(template, fill);
            return databases.create(name, template);
        }
    }

    private void require(String template, Consumer<String> fill) {
        if (complete.contains(template)) {
            return;
        }
        ReentrantLock lock = locks.computeIfAbsent(template, name -> new ReentrantLock());
        if (lock.isHeldByCurrentThread()) {
            throw new IllegalStateException("A template cannot be filled from itself");
        }
        try {
            if (!lock.tryLock(FILL_TIMEOUT.toSeconds(), TimeUnit.SECONDS)) {
                throw new PostgresException(
                        Reason.REFUSED,
                        "Another thread has been filling the template " + template + " for " + FILL_TIMEOUT.toSeconds()
                                + " s");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new PostgresException(Reason.REFUSED, "Interrupted while waiting for the template " + template, e);
        }
        try {
            if (!complete.contains(template)) {
                make(template, fill);
                complete.add(template);
            }
        } finally {
            lock.unlock();
        }
    }

    private void make(String template, Consumer<String> fill) {
        try (Connection lock = databases.lock(template, FILL_TIMEOUT)) {
            if (databases.exists(template)) {
                return;
            }
            String unfinished = template + "_new";
            databases.drop(unfinished);
            String url = databases.create(unfinished, Databases.PRISTINE);
            try {
                fill.accept(url);
                requireHeld(lock, template);
                databases.seal(unfinished, template);
            } catch (RuntimeException e) {
                giveUp(lock, unfinished, e);
                throw e;
            }
        } catch (SQLException e) {
            throw new PostgresException(
                    Reason.REFUSED, "The lock on the template " + template + " was lost: " + e.getMessage(), e);
        }
    }

    /** A lock goes with its connection; another process may then be at work on what was being filled. */
    private static void requireHeld(Connection lock, String template) throws SQLException {
        if (!lock.isValid(LOCK_CHECK_SECONDS)) {
            throw new PostgresException(
                    Reason.REFUSED, "The lock on the template " + template + " was lost while it was being filled");
        }
    }

    private void giveUp(Connection lock, String unfinished, RuntimeException failure) throws SQLException {
        if (lock.isValid(LOCK_CHECK_SECONDS)) {
            try {
                databases.drop(unfinished);
            } catch (PostgresException e) {
                failure.addSuppressed(e);
            }
        }
    }

    static String nameOf(String key) {
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(key.getBytes(StandardCharsets.UTF_8));
            return PREFIX + HexFormat.of().formatHex(digest, 0, 12);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }
}
