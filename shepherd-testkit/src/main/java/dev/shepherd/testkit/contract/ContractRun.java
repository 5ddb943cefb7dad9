package dev.shepherd.testkit.contract;

import static java.util.stream.Collectors.joining;

import dev.shepherd.api.Availability;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.Machine;
import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderException.Scope;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.bmdb.ProvidedMachine;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.extension.AfterTestExecutionCallback;
import org.junit.jupiter.api.extension.BeforeTestExecutionCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * One test of a rule: what it has opened and created, and how it fails. What it has created is released, and what it has
 * opened closed, immediately after the test's method, before the methods of the author's that clean up.
 */
final class ContractRun implements BeforeTestExecutionCallback, AfterTestExecutionCallback {

    /** How long a call that waits may go on after its thread was interrupted. */
    static final Duration INTERRUPTION_LIMIT = Duration.ofSeconds(2);

    private static final Pattern TEST = Pattern.compile("(required|optional)_([PRF]\\d\\d)_\\w+");
    private static final int POLL_MILLIS = 20;
    private static final int LONGEST_TEXT = 500;

    /** What a test of a rule needs to know of whoever wrote the fixture. */
    interface Fixture {

        Duration callLimit();

        Map<Rule, String> optedOut();

        boolean usesDatabase();

        List<String> fixtureThreads();
    }

    private final Fixture fixture;
    private final @Nullable ProviderContract contract;
    private final Deque<Provider> opened = new ArrayDeque<>();
    private final Deque<Machine> created = new ArrayDeque<>();
    private final Set<ProviderID> createdIds = new HashSet<>();
    private final List<Throwable> failures = new CopyOnWriteArrayList<>();
    private @Nullable ExtensionContext context;
    private @Nullable Rule rule;
    private @Nullable Records records;
    private @Nullable Object subject;

    ContractRun(ProviderContract contract, Fixture fixture) {
        this.contract = contract;
        this.fixture = fixture;
    }

    ContractRun(Fixture fixture) {
        this.contract = null;
        this.fixture = fixture;
    }

    // Around each test.

    @Override
    public void beforeTestExecution(ExtensionContext context) {
        this.context = context;
        rule = ruleOf(context.getRequiredTestMethod().getName()).orElse(null);
        if (rule == null) {
            return; // A test of the author's own.
        }
        ContractReport.of(context).tried(rule);
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

    /** Finds the rule that a test is for by the name of its method. */
    static Optional<Rule> ruleOf(String method) {
        Matcher matcher = TEST.matcher(method);
        return matcher.matches() ? Optional.of(Rule.valueOf(matcher.group(2))) : Optional.empty();
    }

    @Override
    public void afterTestExecution(ExtensionContext context) throws Exception {
        List<String> leftovers = new ArrayList<>();
        try {
            if (contract != null && rule != null) {
                contract.heal();
                leftovers.addAll(releaseAll(contract));
            }
        } finally {
            while (!opened.isEmpty()) {
                opened.pop().close();
            }
            if (records != null) {
                records.close();
            }
        }
        if (!leftovers.isEmpty() && context.getExecutionException().isEmpty()) {
            throw new AssertionError(
                    "leftover of %s: release(machine) returned true, but the provider still has %s as used"
                            .formatted(rule, leftovers));
        }
    }

    private List<String> releaseAll(ProviderContract contract) throws Exception {
        Set<ProviderID> released = new LinkedHashSet<>();
        while (!created.isEmpty()) {
            Machine machine = created.pop();
            if (contract.release(machine)) {
                released.add(machine.id());
            }
        }
        if (released.isEmpty()) {
            return List.of();
        }
        Provider provider = contract.createProvider();
        opened.push(provider);
        contract.finishCreations();
        return provider.listMachines().stream()
                .filter(machine -> machine.availability() == Availability.KNOWN_USED)
                .filter(machine -> released.contains(machine.id()))
                .map(machine -> machine.id().value())
                .toList();
    }

    // How a rule fails and is skipped.

    /** Makes the failure of the rule. */
    AssertionError broken(String expected, String actual) {
        return broken(expected, actual, null);
    }

    AssertionError broken(String expected, String actual, @Nullable Throwable cause) {
        Rule broken = rule();
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
        ContractReport.of(Objects.requireNonNull(context)).skipped(rule(), why);
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

    private ProviderContract contract() {
        if (contract == null) {
            throw new IllegalStateException("this is no test of a provider");
        }
        return contract;
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

    /** Returns everything that calls failed with so far. */
    List<Throwable> failures() {
        return failures;
    }

    // Providers and calls.

    /** Has the fixture add free machines, and opens a provider. */
    Provider start(int machines) {
        require(
                machines <= contract().machineBudget(),
                "it needs " + machines + " machines, and machineBudget() is "
                        + contract().machineBudget());
        try {
            if (machines > 0) {
                contract().addFreeMachines(machines);
            }
        } catch (Exception e) {
            throw new AssertionError("fixture: addFreeMachines(" + machines + ") failed: " + e, e);
        }
        return open();
    }

    /** Opens a provider on what is there, as after a restart. */
    Provider open() {
        try {
            return track(contract().createProvider());
        } catch (Exception e) {
            throw new AssertionError("fixture: createProvider() failed: " + e, e);
        }
    }

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

        private String where() {
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

    // Listings.

    List<Machine> list(Provider provider) throws InterruptedException {
        List<? extends Machine> listed = get("listMachines()", provider::listMachines);
        List<Machine> machines = new ArrayList<>(listed);
        if (machines.contains(null)) {
            throw broken("a list of machines", "listMachines() returned a list with a null in it: " + text(machines));
        }
        return machines;
    }

    /** Lists the machines that can be created, at least so many. */
    List<Machine> free(Provider provider, int atLeast) throws InterruptedException {
        Set<ProviderID> recorded = new HashSet<>();
        if (records != null) {
            records.provided(provider.type()).forEach(machine -> recorded.add(machine.providerId()));
        }
        List<Machine> free = list(provider).stream()
                .filter(machine -> isFree(machine, recorded))
                .toList();
        if (free.size() < atLeast) {
            throw broken(
                    "the listing has the free machines that addFreeMachines() added, at least " + atLeast,
                    "it has " + free.size() + " free ones: " + text(free));
        }
        return free;
    }

    private static boolean isFree(Machine machine, Set<ProviderID> recorded) {
        return !machine.failed()
                && (machine.availability() == Availability.KNOWN_UNUSED
                        || (machine.availability() == Availability.POSSIBLY_USED && !recorded.contains(machine.id())));
    }

    static Set<ProviderID> used(List<Machine> machines) {
        Set<ProviderID> used = new LinkedHashSet<>();
        for (Machine machine : machines) {
            if (machine.availability() == Availability.KNOWN_USED) {
                used.add(machine.id());
            }
        }
        return used;
    }

    static long countUnused(List<Machine> machines) {
        return machines.stream()
                .filter(machine -> machine.availability() == Availability.KNOWN_UNUSED)
                .count();
    }

    /** Lets creations end, and lists the machines. */
    List<Machine> settled(Provider provider) throws InterruptedException {
        finishCreations();
        return list(provider);
    }

    void finishCreations() throws InterruptedException {
        try {
            contract().finishCreations();
        } catch (InterruptedException e) {
            throw e;
        } catch (Exception e) {
            throw new AssertionError("fixture: finishCreations() failed: " + e, e);
        }
    }

    /** Waits until a listing has a machine that is not being made or reinstalled any more. */
    Machine awaitListed(Provider provider, ProviderID id) throws InterruptedException {
        finishCreations();
        long deadline = System.nanoTime() + contract().creationLimit().toNanos();
        while (true) {
            List<Machine> machines = list(provider);
            Optional<Machine> listed =
                    machines.stream().filter(machine -> machine.id().equals(id)).findFirst();
            if (listed.isPresent() && !isInCreation(listed.get())) {
                return listed.get();
            }
            if (System.nanoTime() - deadline > 0) {
                throw broken(
                        "machine " + id + " is listed, and not as PROVISIONING, within "
                                + contract().creationLimit() + " (creationLimit())",
                        "the listing is " + text(machines));
            }
            Thread.sleep(POLL_MILLIS);
        }
    }

    // Sessions and creations.

    Records records() {
        if (records == null) {
            records = fixture.usesDatabase() ? Records.database(Objects.requireNonNull(context)) : Records.memory();
        }
        return records;
    }

    ObservedSession session() throws InterruptedException {
        return new ObservedSession(records().startSession(), false);
    }

    ObservedSession lostSession() throws InterruptedException {
        ObservedSession session = session();
        records().lose(session.unwrap());
        return session;
    }

    /** Calls createMachine, and remembers what comes out of it. */
    Outcome<? extends Machine> create(Provider provider, ObservedSession session, CreateMachineRequest request)
            throws InterruptedException {
        Outcome<? extends Machine> outcome = call(describe(request), () -> provider.createMachine(session, request));
        remember(outcome);
        return outcome;
    }

    void remember(Outcome<? extends Machine> outcome) {
        Machine machine = outcome.value();
        if (machine != null && createdIds.add(machine.id())) {
            created.push(machine);
        }
    }

    /** Creates a machine, in a session of its own. */
    Machine create(Provider provider, CreateMachineRequest request) throws InterruptedException {
        return get(create(provider, session(), request), "createMachine returns the machine");
    }

    static String describe(CreateMachineRequest request) {
        String machine = request.machine()
                .map(m -> m.id().isValid()
                        ? "machine " + m.id()
                        : "reservation " + m.reservationId().orElse("without an id"))
                .orElse("any machine");
        return "createMachine(" + machine + " for intent " + request.intentId() + ")";
    }

    static CreateMachineRequest request(Machine machine) {
        return CreateMachineRequest.of(UUID.randomUUID(), machine);
    }

    /** Requires that so many machines are recorded, each with a tag of this provider's type, and returns them. */
    Map<UUID, ProvidedMachine> requireRecorded(Provider provider, int count) throws InterruptedException {
        Map<UUID, ProvidedMachine> recorded = new LinkedHashMap<>();
        records().provided(provider.type()).forEach(machine -> recorded.put(machine.machineId(), machine));
        int machines = records().machines();
        int tags = records().tags();
        if (recorded.size() != count || machines != count || tags != count) {
            throw broken(
                    count + " machine(s) and as many MachineProvided tags of provider " + provider.type()
                            + " in the database",
                    machines + " machine(s), " + tags + " tag(s), " + recorded.size() + " of them of provider "
                            + provider.type());
        }
        return recorded;
    }

    /**
     * Requires that, once creations are over, the provider has at most one used machine more than before, that one, and
     * at most one free one less.
     */
    void requireOnlyOneMore(Provider provider, List<Machine> before, ProviderID id) throws InterruptedException {
        List<Machine> after = settled(provider);
        Set<ProviderID> more = used(after);
        more.removeAll(used(before));
        for (Machine machine : after) {
            if (more.contains(machine.id()) && createdIds.add(machine.id())) {
                created.push(machine); // What a call that failed has left, to be released.
            }
        }
        more.remove(id);
        long less = countUnused(before) - countUnused(after);
        if (!more.isEmpty() || less > 1) {
            throw broken(
                    "one machine was made: " + id,
                    "used machines that were not before: " + more + " besides; free machines less than before: "
                            + less);
        }
    }

    /** Requires that nothing was made. */
    void requireNoneMade(Provider provider, List<Machine> before) throws InterruptedException {
        List<Machine> after = settled(provider);
        Set<ProviderID> more = used(after);
        more.removeAll(used(before));
        long less = countUnused(before) - countUnused(after);
        if (!more.isEmpty() || less > 0) {
            throw broken(
                    "nothing is made", "used machines that were not before: " + more + "; free machines less: " + less);
        }
    }

    /** Tells whether a machine is still being made, as far as it says. */
    static boolean isInCreation(Machine machine) {
        return machine.status().equals(Optional.of(ProviderStatus.PROVISIONING));
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
        return fixture.fixtureThreads().stream().anyMatch(thread.getName()::startsWith);
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
