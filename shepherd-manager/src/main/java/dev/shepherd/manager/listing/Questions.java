package dev.shepherd.manager.listing;

import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Scope;
import dev.shepherd.bmdb.listing.ProviderCheck;
import dev.shepherd.manager.internal.ProviderCalls;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import org.jspecify.annotations.Nullable;

/**
 * Asks a provider for several machines, some of them at the same time. The caller asks along with its helpers, so that it
 * goes on whatever the executor does with those. No helper outlives {@link #ask}: an interruption of the caller is passed on
 * to them, and their end awaited. For one use, by the thread that makes it.
 */
final class Questions {

    private record Answer(
            @Nullable MachineInfo machine, @Nullable ProviderException failure) {}

    private final ProviderCalls provider;
    private final List<ProviderCheck> checks;
    private final Thread caller = Thread.currentThread();
    private final Object lock = new Object();

    // Guarded by the lock.
    private final @Nullable Answer[] answers;
    private final Set<Thread> helping = new HashSet<>();
    private int next;
    private boolean stopped;
    private @Nullable Throwable end;

    Questions(ProviderCalls provider, List<ProviderCheck> checks) {
        this.provider = provider;
        this.checks = checks;
        this.answers = new Answer[checks.size()];
    }

    /**
     * Asks, and returns once all questions are over. Those that were not asked have no answer.
     *
     * @param helpers how many questions may be asked at the same time, beside the caller's
     * @throws ProviderException if the provider cannot be asked for any machine; the questions under way are over as well
     * @throws InterruptedException if the thread is interrupted
     */
    void ask(int helpers, Executor executor) throws InterruptedException {
        try {
            try {
                for (int i = 0; i < Math.min(helpers, checks.size() - 1); i++) {
                    executor.execute(this::help);
                }
            } catch (RejectedExecutionException e) {
                // It is being closed, or has no thread left: what helps, helps.
            }
            while (askNext()) {}
            awaitHelpers();
        } finally {
            stop();
        }
        synchronized (lock) {
            if (end instanceof RuntimeException failure) {
                throw failure;
            }
            if (end instanceof Error error) {
                throw error;
            }
        }
    }

    /** Returns what was made of the answers so far, in the order of the questions. */
    <T> List<T> answered(Reading<T> reading) {
        List<T> read = new ArrayList<>();
        synchronized (lock) {
            for (int i = 0; i < answers.length; i++) {
                Answer answer = answers[i];
                if (answer != null) {
                    read.add(reading.of(checks.get(i), answer.machine, answer.failure));
                }
            }
        }
        return read;
    }

    /** Makes something of an answer: either a machine, or a failure that concerns this machine only. */
    @FunctionalInterface
    interface Reading<T> {
        T of(ProviderCheck check, @Nullable MachineInfo machine, @Nullable ProviderException failure);
    }

    /** Asks the next question. Returns false if none is left. */
    private boolean askNext() throws InterruptedException {
        int number;
        synchronized (lock) {
            if (stopped || next == answers.length) {
                return false;
            }
            number = next++;
        }
        Answer answer;
        try {
            answer = new Answer(provider.getMachine(checks.get(number).machine().providerId()), null);
        } catch (ProviderException e) {
            if (e.scope() == Scope.PROVIDER) {
                endWith(e);
                return false;
            }
            answer = new Answer(null, e);
        } catch (RuntimeException | Error e) {
            endWith(e);
            return false;
        }
        synchronized (lock) {
            answers[number] = answer;
        }
        return true;
    }

    private void endWith(Throwable failure) {
        synchronized (lock) {
            stopped = true;
            end = end == null ? failure : end;
        }
    }

    private void help() {
        Thread thread = Thread.currentThread();
        synchronized (lock) {
            if (stopped || thread == caller) {
                return; // It came too late, or the executor runs what it cannot take on the thread that asks anyway.
            }
            helping.add(thread);
        }
        try {
            while (askNext()) {}
        } catch (InterruptedException e) {
            // The machine is due again soon, and so is the end: of the caller, or of the executor.
        } finally {
            synchronized (lock) {
                helping.remove(thread);
                Thread.interrupted(); // One that came too late to matter.
                lock.notifyAll();
            }
        }
    }

    private void awaitHelpers() throws InterruptedException {
        synchronized (lock) {
            while (!helping.isEmpty()) {
                lock.wait();
            }
        }
    }

    /** Has no more questions asked, ends those under way, and waits for their end whether it is interrupted or not. */
    private void stop() {
        boolean interrupted = false;
        synchronized (lock) {
            stopped = true;
            helping.forEach(Thread::interrupt);
            while (!helping.isEmpty()) {
                try {
                    lock.wait();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
