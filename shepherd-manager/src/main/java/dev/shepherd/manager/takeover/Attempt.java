package dev.shepherd.manager.takeover;

import dev.shepherd.api.internal.Spans;
import dev.shepherd.manager.internal.LogContext;
import dev.shepherd.manager.takeover.TakeoverException.Kind;
import dev.shepherd.manager.takeover.ssh.SshConnection;
import dev.shepherd.manager.takeover.ssh.SshPeer;
import dev.shepherd.manager.takeover.ssh.Threads;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The watch over one takeover of one machine. The {@link TakeoverSteps} run in a separate thread while the caller's
 * thread watches. So no matter what a step is blocked in (a socket, one of the library's locks that take no interrupt,
 * the disk that the executable is read from), the caller is back in time: at the deadline, or when it is interrupted,
 * it closes the connection, which ends any wait for the host, and interrupts the steps, which ends any other wait.
 *
 * <p>The steps' thread closes the connection too, at its end, and waits for the library's thread to end; so a caller
 * that is back leaves no thread and no socket behind. Closing twice does no harm. Three threads write here (the
 * caller's, the steps', the library's), all under one lock, and none waits for anything else while it holds it.
 */
final class Attempt {

    private static final Logger log = LoggerFactory.getLogger(Attempt.class);

    /**
     * How long the steps may take to notice on their own that the connection is gone. They nearly always do at once;
     * but the library does not wake a writer that waits for the host's window.
     */
    private static final long NOTICE_NANOS = TimeUnit.SECONDS.toNanos(1);

    /** How long the steps may ask why they failed and tidy up. */
    private static final long TIDY_NANOS = TimeUnit.SECONDS.toNanos(10);

    /** How long threads may take to end whose connection is closed. They need some milliseconds. */
    private static final Duration PATIENCE = Duration.ofSeconds(5);

    private final AgentTakeover settings;
    private final TakeoverTarget target;
    private final SshConnection connection;
    private final TakeoverSteps steps;
    private final Diagnosis diagnosis;

    private final Object lock = new Object();
    private @Nullable TakeoverResult result;
    private @Nullable Throwable failure;
    private boolean ended;
    private boolean disconnected;
    private long disconnectedAt;
    private @Nullable Exception known;
    private long knownAt;
    private boolean cut;

    Attempt(AgentTakeover settings, TakeoverTarget target) {
        this.settings = settings;
        this.target = target;
        SshPeer peer = new SshPeer(
                target.toString(),
                new InetSocketAddress(target.address(), target.port()),
                target.pin(),
                settings.hostKeyPolicy == HostKeyPolicy.ACCEPT_ANY);
        this.connection = settings.ssh.connection(peer, settings.totalTimeout, this::disconnected);
        AgentProtocol agent = new AgentProtocol(settings, target);
        this.steps = new TakeoverSteps(settings, target, connection, agent);
        this.diagnosis = new Diagnosis(settings, target, connection, steps, agent);
    }

    TakeoverResult run() throws InterruptedException {
        if (Thread.interrupted()) {
            throw new InterruptedException("interrupted before taking over " + target);
        }
        Thread worker = newThread();
        worker.start();
        boolean inTime = true;
        boolean interrupted = false;
        try {
            inTime = awaitEnd(worker, steps.startedAt() + settings.totalTimeout.toNanos());
        } catch (InterruptedException e) {
            interrupted = true;
        }
        if (!inTime || interrupted) {
            cut(worker);
        }
        if (!Threads.awaitEnd(worker, PATIENCE)) {
            log.warn("the thread {} that was taking over {} does not end", worker.getName(), target);
        }
        synchronized (lock) {
            if (result != null) {
                // The takeover is done, so the agent's key must not get lost: the interrupt is for what comes next.
                if (interrupted) {
                    Thread.currentThread().interrupt();
                }
                return result;
            }
            if (interrupted) {
                throw new InterruptedException(
                        "interrupted at %s while taking over %s".formatted(steps.step(), target));
            }
            if (failure instanceof Error error) {
                throw error;
            }
            if (!inTime && known != null) {
                throw diagnosis.explain(known);
            }
            throw inTime
                    ? diagnosis.explain(Objects.requireNonNull(failure))
                    : diagnosis.failed(
                            Kind.TIMEOUT, "it was not done within " + Spans.text(settings.totalTimeout), failure);
        }
    }

    private Thread newThread() {
        Runnable work = LogContext.here(target.trace().here(this::work));
        if (settings.threadFactory != null) {
            return settings.threadFactory.newThread(work);
        }
        Thread thread = new Thread(work, "shepherd-takeover-" + target.machineId());
        thread.setDaemon(true);
        return thread;
    }

    /** Waits for the steps to end; false if the deadline comes first, or that for what they do after a failure. */
    private boolean awaitEnd(Thread worker, long deadline) throws InterruptedException {
        synchronized (lock) {
            boolean pushed = false;
            while (!ended) {
                long now = System.nanoTime();
                long remaining = (known == null ? deadline : Math.min(deadline, knownAt + TIDY_NANOS)) - now;
                if (remaining <= 0) {
                    return false;
                }
                if (disconnected && !pushed) {
                    long notice = disconnectedAt + NOTICE_NANOS - now;
                    if (notice <= 0) {
                        worker.interrupt();
                        pushed = true;
                        continue;
                    }
                    remaining = Math.min(remaining, notice);
                }
                TimeUnit.NANOSECONDS.timedWait(lock, Math.max(remaining, 1_000_000));
            }
            return true;
        }
    }

    private void cut(Thread worker) {
        synchronized (lock) {
            // What fails from now on fails because of this.
            cut = true;
        }
        connection.close();
        worker.interrupt();
    }

    /** What the steps' thread does, from its beginning to its end. */
    private void work() {
        TakeoverResult done = null;
        Throwable failed = null;
        try {
            done = steps.run(this::known);
        } catch (Throwable e) {
            failed = e;
        }
        target.trace().leave();
        connection.close();
        connection.awaitReader(PATIENCE);
        synchronized (lock) {
            result = done;
            failure = failed;
            ended = true;
            lock.notifyAll();
        }
    }

    /**
     * Takes down why the steps fail before they tidy up, which can take a hostile host as long as it likes: they are
     * cut off after a while, and the reason is not lost.
     */
    private void known(Exception reason) {
        synchronized (lock) {
            if (known == null && !cut) {
                known = reason;
                knownAt = System.nanoTime();
                lock.notifyAll();
            }
        }
    }

    private void disconnected() {
        synchronized (lock) {
            disconnected = true;
            disconnectedAt = System.nanoTime();
            lock.notifyAll();
        }
    }
}
