package dev.shepherd.testkit.contract;

import static java.util.stream.Collectors.joining;

import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderException.Scope;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.extension.AfterTestExecutionCallback;
import org.junit.jupiter.api.extension.BeforeTestExecutionCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * One test of a rule: what it has opened, its calls, and how it fails. What it has opened is closed immediately after the
 * test's method, before the methods of the author's that clean up.
 */
class ContractRun implements BeforeTestExecutionCallback, AfterTestExecutionCallback {

    /** How long a call that waits may go on after its thread was interrupted. */
    static final Duration INTERRUPTION_LIMIT = Duration.ofSeconds(2);

    private static final int POLL_MILLIS = 20;
    private static final int LONGEST_TEXT = 500;

    /** What a test of a rule asks its fixture. */
    interface Fixture {

        Duration callLimit();

        Map<Rule, String> optedOut();

        List<String> fixtureThreads();

        default List<String> secrets() {
            return List.of();
        }
    }

    private final Fixture fixture;
    private final Deque<Provider> opened = new ArrayDeque<>();
    private final List<Throwable> failures = new CopyOnWriteArrayList<>();
    private @Nullable ExtensionContext context;
    private @Nullable Rule rule;
    private @Nullable Object subject;
    private boolean skipped;

    ContractRun(Fixture fixture) {
        this.fixture = fixture;
    }

    // Around each test.

    @Override
    public void beforeTestExecution(ExtensionContext context) {
        this.context = context;
        rule = Rule.ofTest(context.getRequiredTestMethod().getName()).orElse(null);
        if (rule == null) {
            return; // A test of the author's own.
        }
        for (Rule out : fixture.optedOut().keySet()) {
            if (out.force() == Rule.Force.MUST) {
                throw new AssertionError("fixture: optedOut() names " + out
                        + ", which is a MUST: only rules that are a SHOULD can be opted out of");
            }
        }
        String why = fixture.optedOut().get(rule);
        if (why != null) {
            skip("opted out of: " + why);
        }
    }

    @Override
    public void afterTestExecution(ExtensionContext context) throws Exception {
        if (rule != null && !skipped) {
            ContractReport.of(context).tried(rule);
        }
        List<String> leftovers = new ArrayList<>();
        try {
            if (rule != null) {
                leftovers.addAll(release());
            }
        } finally {
            while (!opened.isEmpty()) {
                opened.pop().close();
            }
            closed();
        }
        if (context.getExecutionException().isPresent()) {
            return;
        }
        for (Throwable failure : failures) {
            secretIn(failure, fixture.secrets()).ifPresent(where -> {
                throw broken(Rule.P31, "no secret in what a call fails with", where, null);
            });
        }
        if (!leftovers.isEmpty()) {
            throw new AssertionError(
                    "leftover of %s: release(machine) returned true, but the provider still has %s as used"
                            .formatted(rule, leftovers));
        }
    }

    /** Releases what the test has created, and returns what the provider has not let go. */
    List<String> release() throws Exception {
        return List.of();
    }

    /** Ends what the providers of the test may have used, once they are closed. */
    void closed() {}

    // How a rule fails and is skipped.

    /** Makes the failure of the rule. */
    AssertionError broken(String expected, String actual) {
        return broken(expected, actual, null);
    }

    AssertionError broken(String expected, String actual, @Nullable Throwable cause) {
        return broken(rule(), expected, actual, cause);
    }

    private AssertionError broken(Rule broken, String expected, String actual, @Nullable Throwable cause) {
        return new AssertionError(
                """
                %s %s: %s
                  provider: %s
                  expected: %s
                  actual:   %s
                  check:    %s
                  (docs/provider-contract.md has the reason of %s)""".formatted(
                                broken,
                                broken.force(),
                                broken.text(),
                                text(subject),
                                expected,
                                actual,
                                broken.advice(),
                                broken),
                cause);
    }

    /** Makes the failure of the rule by a call that should have ended otherwise. */
    AssertionError broken(String expected, Outcome<?> actual) {
        return broken(expected, actual.describe(), actual.failure());
    }

    /** Skips the test. */
    void skip(String why) {
        skipped = true;
        ContractReport.of(context()).skipped(rule(), why);
        Assumptions.abort(rule() + " " + rule().force() + " was skipped: " + why);
    }

    /** Skips the test unless something holds. */
    void require(boolean holds, String why) {
        if (!holds) {
            skip(why);
        }
    }

    void subject(@Nullable Object subject) {
        this.subject = subject;
    }

    private Rule rule() {
        if (rule == null) {
            throw new IllegalStateException("only a test of a rule can do this");
        }
        return rule;
    }

    static String text(@Nullable Object value) {
        String text;
        try {
            text = String.valueOf(value);
        } catch (RuntimeException e) {
            text = "something whose toString() throws " + e;
        }
        return text.length() > LONGEST_TEXT ? text.substring(0, LONGEST_TEXT) + "…" : text;
    }

    ExtensionContext context() {
        return Objects.requireNonNull(context);
    }

    /** Returns everything that calls failed with so far. */
    List<Throwable> failures() {
        return failures;
    }

    // Calls.

    Provider track(@Nullable Provider provider) {
        if (provider == null) {
            throw new AssertionError("fixture: there is no provider, but null");
        }
        opened.push(provider);
        subject = provider;
        return provider;
    }

    /** Calls something on a thread of its own, as the manager does, and waits for the end, as long as a call may take. */
    <T extends @Nullable Object> Outcome<T> call(String what, Callable<T> call) throws InterruptedException {
        return call(what, call, false);
    }

    /** Calls something on a thread that is interrupted already. */
    <T extends @Nullable Object> Outcome<T> callInterrupted(String what, Callable<T> call) throws InterruptedException {
        return call(what, call, true);
    }

    private <T extends @Nullable Object> Outcome<T> call(String what, Callable<T> call, boolean interrupt)
            throws InterruptedException {
        Started<T> started = begin(what, call, interrupt);
        Outcome<T> outcome = started.await(fixture.callLimit());
        if (outcome == null) {
            started.interrupt();
            started.await(INTERRUPTION_LIMIT);
            throw broken(
                    "a call ends within " + fixture.callLimit() + " (callLimit())",
                    what + " had not ended by then: " + started.where());
        }
        return outcome;
    }

    /** Begins a call, without waiting for it. */
    <T extends @Nullable Object> Started<T> begin(String what, Callable<T> call) {
        return begin(what, call, false);
    }

    private <T extends @Nullable Object> Started<T> begin(String what, Callable<T> call, boolean interrupt) {
        FutureTask<Outcome<T>> task = new FutureTask<>(() -> {
            if (interrupt) {
                Thread.currentThread().interrupt();
            }
            T value = null;
            Throwable failure = null;
            try {
                value = call.call();
            } catch (Throwable e) {
                failure = e;
                failures.add(e);
            }
            return new Outcome<>(what, value, failure, Thread.interrupted());
        });
        Thread thread = new Thread(task, "contract-" + rule() + "-caller");
        thread.setDaemon(true);
        thread.start();
        return new Started<>(task, thread);
    }

    /** A call that was begun. */
    record Started<T extends @Nullable Object>(FutureTask<Outcome<T>> task, Thread thread) {

        /** Returns how it ended, or null if it did not in time. */
        @Nullable
        Outcome<T> await(Duration limit) throws InterruptedException {
            try {
                return task.get(limit.toNanos(), TimeUnit.NANOSECONDS);
            } catch (TimeoutException e) {
                return null;
            } catch (java.util.concurrent.ExecutionException e) {
                throw new IllegalStateException(e);
            }
        }

        void interrupt() {
            thread.interrupt();
        }

        String where() {
            StackTraceElement[] stack = thread.getStackTrace();
            return stack.length == 0 ? "it has ended since" : "it is in " + stack[0];
        }
    }

    /** Calls what must return a value for the rule to be kept. */
    <T> T get(String what, Callable<T> call) throws InterruptedException {
        return get(call(what, call), what + " returns");
    }

    /** Returns the value of a call that must have one. */
    <T> T get(Outcome<T> outcome, String expected) {
        T value = outcome.value();
        if (outcome.failure() != null || value == null) {
            throw broken(expected, outcome);
        }
        return value;
    }

    /** Requires that a call failed for one of the reasons. */
    void requireReason(Outcome<?> outcome, Reason... reasons) {
        Set<Reason> allowed = new TreeSet<>(List.of(reasons));
        if (!outcome.failedWith(allowed)) {
            throw broken("a ProviderException with reason " + oneOf(allowed), outcome);
        }
    }

    /** Requires that a call failed and said what its failure concerns. */
    void requireScope(Outcome<?> outcome, Scope scope) {
        if (!(outcome.failure() instanceof ProviderException failure) || failure.scope() != scope) {
            throw broken("a ProviderException with scope " + scope, outcome);
        }
    }

    static String oneOf(Set<?> values) {
        return values.stream().map(String::valueOf).collect(joining(" or "));
    }

    /** Requires that a call that was made by an interrupted thread noticed, or left the mark for its caller. */
    void requireInterruptionKept(Outcome<?> outcome) {
        if (outcome.failure() instanceof InterruptedException || outcome.interrupted()) {
            return;
        }
        throw broken(
                "an InterruptedException, or a result with the thread's interrupted status still set",
                outcome.describe() + ", with the thread's interrupted status cleared",
                outcome.failure());
    }

    // Threads and secrets.

    /** Waits until no thread is left but those that were there before and the fixture's, and returns what is left. */
    Set<Thread> awaitNoMoreThreads(Set<Thread> before, Duration limit) throws InterruptedException {
        long deadline = System.nanoTime() + limit.toNanos();
        while (true) {
            Set<Thread> left = new HashSet<>();
            for (Thread thread : Thread.getAllStackTraces().keySet()) {
                if (!before.contains(thread) && thread.isAlive() && !isOfTheJvm(thread) && !isOfTheFixture(thread)) {
                    left.add(thread);
                }
            }
            if (left.isEmpty() || System.nanoTime() - deadline > 0) {
                return left;
            }
            System.gc(); // A java.net.http.HttpClient of JDK 17 ends its thread only when it is collected.
            Thread.sleep(POLL_MILLIS);
        }
    }

    private static boolean isOfTheJvm(Thread thread) {
        ThreadGroup group = thread.getThreadGroup();
        return group == null
                || group.getParent() == null
                || thread.getName().startsWith("ForkJoinPool.commonPool-")
                || thread.getName().startsWith("contract-");
    }

    private boolean isOfTheFixture(Thread thread) {
        return thread.getName().startsWith(FaultProxy.THREADS)
                || fixture.fixtureThreads().stream().anyMatch(thread.getName()::startsWith);
    }

    /** Makes the failure of the rule by threads that are left. */
    AssertionError threadsLeft(String expected, Set<Thread> left) {
        return broken(
                expected,
                "there are left: " + left.stream().map(Thread::getName).sorted().toList()
                        + " (if one is the fixture's own, let fixtureThreads() name it)");
    }

    /** Finds secrets in what a failure and all that led to it say. */
    static Optional<String> secretIn(Throwable failure, List<String> secrets) {
        Set<Throwable> seen = new HashSet<>();
        Deque<Throwable> toLookAt = new ArrayDeque<>(List.of(failure));
        while (!toLookAt.isEmpty()) {
            Throwable next = toLookAt.pop();
            if (!seen.add(next)) {
                continue;
            }
            Optional<String> found = secretIn(next.toString(), secrets);
            if (found.isPresent()) {
                return Optional.of(next.getClass().getName() + " shows " + found.get());
            }
            if (next.getCause() != null) {
                toLookAt.push(next.getCause());
            }
            for (Throwable suppressed : next.getSuppressed()) {
                toLookAt.push(suppressed);
            }
        }
        return Optional.empty();
    }

    /** Finds a secret in a text, and says which one without repeating it. */
    static Optional<String> secretIn(String text, List<String> secrets) {
        for (int i = 0; i < secrets.size(); i++) {
            if (text.contains(secrets.get(i))) {
                return Optional.of("secret " + (i + 1) + " of " + secrets.size());
            }
        }
        return Optional.empty();
    }
}
