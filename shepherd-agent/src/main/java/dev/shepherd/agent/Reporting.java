package dev.shepherd.agent;

import com.google.protobuf.ByteString;
import dev.shepherd.agent.inventory.Inventory;
import dev.shepherd.agent.messages.callback.AgentRequest;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The process that reports: says once a minute that the machine is alive, says what it is made of when that has changed,
 * and has installations carried out. It goes on until it is told that another agent has taken its place.
 */
final class Reporting {

    /** Who is at work, and as which process. */
    static final String RUNNING = "running";

    private static final String LOCK = "lock";

    private static final Duration FIRST_RETRY = Duration.ofSeconds(1);
    private static final Duration LONGEST_RETRY = Duration.ofMinutes(1);

    /** Between two looks at what the machine is made of. */
    private static final Duration INVENTORY = Duration.ofMinutes(30);

    /** When to try reports again that were too many or too large. */
    private static final Duration REPORTS_AGAIN = Duration.ofMinutes(15);

    /** How long a start may take to be recorded after the answer to the takeover. */
    private static final Duration GRACE = Duration.ofSeconds(30);

    /** Between two looks at whether an installation has ended. */
    private static final Duration LOOK = Duration.ofSeconds(1);

    private static final long LOCK_SECONDS = 10;

    private final Home home;
    private final Identity identity;
    private final Request request;
    private final Installations installations;
    private final Random random = new Random();
    private final Duration interval = Duration.ofMillis(Long.getLong("shepherd.agent.interval.millis", 60_000));

    /** How long to go on without being heard; zero for ever. */
    private final Duration patience = Duration.ofMillis(Long.getLong("shepherd.agent.patience.millis", 0));

    private long heardAt = System.nanoTime();

    /** What the machine is made of. Guarded by this, as is whether it was reported. */
    private @Nullable ByteString report;

    private boolean reported;

    /** Until then only heartbeats are sent. */
    private long reportsAt = System.nanoTime();

    private long refusedSince;
    private boolean refused;
    private int failures;
    private String lastFailure = "";

    private Reporting(Home home, Identity identity) throws IOException {
        this.home = home;
        this.identity = identity;
        request = new Request(identity);
        installations = Installations.of(home);
    }

    /** Returns the status to exit with: 0 if there is nothing left to do. */
    static int run(Home home) throws InterruptedException {
        try (FileChannel file =
                FileChannel.open(home.path(LOCK), StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            if (lock(file) == null) {
                Journal.warning("another agent works in " + home.folder() + " and does not end");
                return 1;
            }
            Identity identity = Identity.read(home).orElse(null);
            if (identity == null) {
                Journal.warning("there was no takeover: " + home.path(Identity.FILE) + " does not exist");
                return 0;
            }
            Reporting reporting = new Reporting(home, identity);
            home.write(RUNNING, identity.name() + " " + ProcessHandle.current().pid() + "\n");
            Journal.info("reports to " + identity.endpoint() + " for machine " + identity.machine());
            reporting.loop();
            return 0;
        } catch (IOException | IllegalArgumentException e) {
            Journal.warning("cannot go on: " + e.getMessage());
            return 1;
        }
    }

    /** Waits until the agent before has ended. Returns null if it does not. */
    private static @Nullable FileLock lock(FileChannel file) throws IOException, InterruptedException {
        for (long i = 0; i < LOCK_SECONDS * 10; i++) {
            try {
                FileLock lock = file.tryLock();
                if (lock != null) {
                    return lock;
                }
            } catch (OverlappingFileLockException e) {
                // In this process: only tests have two.
            }
            TimeUnit.MILLISECONDS.sleep(100);
        }
        return null;
    }

    private void loop() throws IOException, InterruptedException {
        Thread inventories = new Thread(this::takeInventories, "inventory");
        inventories.setDaemon(true);
        inventories.start();
        while (true) {
            AgentRequest content = content();
            Duration wait;
            try {
                Request.Reply reply = request.send(content);
                if (mustEnd(reply)) {
                    return;
                }
                wait = reply.status() == 200 ? heard(content, reply) : refused(content, reply);
            } catch (IOException e) {
                wait = failed(String.valueOf(e.getMessage()), Duration.ZERO);
            }
            if (!patience.isZero() && System.nanoTime() - heardAt > patience.toNanos()) {
                Journal.info("ends: not heard for " + patience.toMillis() + " ms");
                return;
            }
            if (!Files.isDirectory(home.folder())) {
                Journal.info("ends: " + home.folder() + " was removed");
                return;
            }
            pause(wait);
        }
    }

    /** Looks at the machine now and then, in a thread of its own: a broken disk may hold it up for minutes. */
    private void takeInventories() {
        try {
            while (true) {
                ByteString now = Inventory.ofThisMachine().take().toByteString();
                synchronized (this) {
                    reported &= now.equals(report);
                    report = now;
                    notifyAll();
                }
                TimeUnit.NANOSECONDS.sleep(INVENTORY.toNanos());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (RuntimeException | Error e) {
            Journal.warning("the hardware cannot be looked at: " + e);
        }
    }

    /** Waits so long, but only until there is something to report. */
    private void pause(Duration span) throws IOException, InterruptedException {
        long until = System.nanoTime() + span.toNanos();
        boolean hadReport = hasReport();
        while (true) {
            boolean ran = installations.isRunning();
            installations.look();
            long left = until - System.nanoTime();
            if (left <= 0 || ran && !installations.isRunning() || hasReport() && !hadReport) {
                return;
            }
            synchronized (this) {
                TimeUnit.NANOSECONDS.timedWait(this, installations.isRunning() ? Math.min(left, LOOK.toNanos()) : left);
            }
        }
    }

    private synchronized boolean hasReport() {
        return report != null && !reported;
    }

    private boolean mayReport() {
        return System.nanoTime() - reportsAt >= 0;
    }

    private synchronized AgentRequest content() throws IOException {
        AgentRequest.Builder content = AgentRequest.newBuilder();
        // Where reports come too often, or one is too large, heartbeats are taken nevertheless.
        if (mayReport()) {
            if (!reported && report != null) {
                content.setHardwareReport(report);
            }
            installations.report().ifPresent(content::setInstallationReport);
        }
        return content.build();
    }

    private Duration heard(AgentRequest sent, Request.Reply reply) throws IOException {
        if (failures > 0) {
            Journal.info("is heard again, after " + failures + " attempts");
        }
        heardAt = System.nanoTime();
        failures = 0;
        lastFailure = "";
        refused = false;
        synchronized (this) {
            reported |= sent.hasHardwareReport() && sent.getHardwareReport().equals(report);
        }
        if (sent.hasInstallationReport()) {
            installations.reported(sent.getInstallationReport().getGeneration());
        }
        boolean begun = reply.response().hasInstallationRequest()
                && installations.begin(reply.response().getInstallationRequest());
        // Agents that were all started at once, such as after a power cut, do not stay in step.
        long jitter = (long) (interval.toMillis() * 0.1 * (random.nextDouble() - 0.5));
        return begun || mayReport() && installations.report().isPresent() ? FIRST_RETRY : interval.plusMillis(jitter);
    }

    private boolean mustEnd(Request.Reply reply) {
        String reason = reply.reason();
        if (reason.equals("WRONG_KEY") || reason.equals("UNKNOWN_MACHINE")) {
            Journal.info("ends: " + describe(reply));
            return true;
        }
        if (!reason.equals("AGENT_NOT_STARTED")) {
            refused = false;
            return false;
        }
        if (!refused) {
            refused = true;
            refusedSince = System.nanoTime();
        }
        if (System.nanoTime() - refusedSince < GRACE.toNanos()) {
            return false;
        }
        Journal.info("ends: for " + GRACE.toSeconds() + " s, " + describe(reply));
        return true;
    }

    private Duration refused(AgentRequest sent, Request.Reply reply) throws IOException {
        boolean reports = sent.hasHardwareReport() || sent.hasInstallationReport();
        switch (reply.reason()) {
            // The heartbeat was recorded; the report is for an installation that was taken back.
            case "OTHER_GENERATION" -> installations.dropReport();
            case "TOO_MANY", "TOO_LARGE" -> {
                if (reports) {
                    Journal.warning("reports no more than heartbeats for a while: " + describe(reply));
                    reportsAt = System.nanoTime() + REPORTS_AGAIN.toNanos();
                    return reply.retryAfter().compareTo(FIRST_RETRY) < 0 ? FIRST_RETRY : reply.retryAfter();
                }
            }
            default -> {}
        }
        return failed(describe(reply), reply.retryAfter());
    }

    /** Returns after how long to try again. */
    private Duration failed(String why, Duration atLeast) {
        failures++;
        if (!why.equals(lastFailure)) {
            lastFailure = why;
            Journal.warning("is not heard: " + why);
        }
        if (failures == 1 && (why.startsWith("OTHER_TIME") || why.startsWith("REPLAYED"))) {
            return atLeast; // The answer has said how to do it right.
        }
        long doubled = Math.min(FIRST_RETRY.toMillis() << Math.min(failures - 1, 6), LONGEST_RETRY.toMillis());
        long millis = Math.min(refused ? FIRST_RETRY.toMillis() : doubled, interval.toMillis());
        // Half of it at random: a manager that comes back is not called by all at once.
        Duration wait = Duration.ofMillis(millis / 2 + (long) (random.nextDouble() * millis / 2));
        return wait.compareTo(atLeast) < 0 ? atLeast : wait;
    }

    private static String describe(Request.Reply reply) {
        return (reply.reason().isEmpty() ? "status " + reply.status() : reply.reason())
                + (reply.message().isEmpty() ? "" : ": " + reply.message());
    }
}
