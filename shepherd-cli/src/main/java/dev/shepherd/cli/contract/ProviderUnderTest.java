package dev.shepherd.cli.contract;

import dev.shepherd.api.Machine;
import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderConfig;
import dev.shepherd.cli.internal.FoundProvider;
import dev.shepherd.testkit.contract.FaultProxy;
import dev.shepherd.testkit.contract.Faults;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.ExtensionContext.StoreScope;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;

/**
 * What the fixtures of one run of the command share. JUnit makes a fixture for each rule and hands this to its
 * constructor: it is in the store of the launcher's session. Safe for use by several threads.
 */
final class ProviderUnderTest {

    static final String KEY = "provider under test";

    private final FoundProvider found;
    private final ProviderConfig config;
    private final Permit permit;
    private final List<String> secrets;
    private final @Nullable FaultProxy proxy;
    private final Duration callLimit;
    private final Duration creationLimit;
    private final AtomicBoolean ended = new AtomicBoolean();

    /**
     * Makes it.
     *
     * @param config of the providers that the rules are tried on, which is that of the user except for the place of the
     *     proxy
     * @param callLimit how long a call may take
     * @param creationLimit how long a machine may take until it is made
     */
    ProviderUnderTest(
            FoundProvider found,
            ProviderConfig config,
            Permit permit,
            List<String> secrets,
            @Nullable FaultProxy proxy,
            Duration callLimit,
            Duration creationLimit) {
        this.found = found;
        this.config = config;
        this.permit = permit;
        this.secrets = List.copyOf(secrets);
        this.proxy = proxy;
        this.callLimit = callLimit;
        this.creationLimit = creationLimit;
    }

    Provider create() throws InterruptedException {
        return GuardedProvider.of(found.create(config), permit);
    }

    Optional<Faults> faults() {
        return Optional.ofNullable(proxy);
    }

    List<String> secrets() {
        return secrets;
    }

    int machineBudget() {
        return permit.count();
    }

    boolean mayTake(Machine machine) {
        return permit.mayCreate(machine);
    }

    boolean mayReboot(Machine machine) {
        return permit.mayReboot(machine.id());
    }

    boolean reinstalls() {
        return permit.reinstalls();
    }

    boolean records() {
        return permit.count() > 0;
    }

    Duration callLimit() {
        return callLimit;
    }

    Duration creationLimit() {
        return creationLimit;
    }

    /** Has no further rule begin. */
    void end() {
        ended.set(true);
    }

    /** Hands it to fixtures, and skips what comes after its end. */
    static final class Handed implements ParameterResolver, ExecutionCondition {

        private static ProviderUnderTest of(ExtensionContext context) {
            ProviderUnderTest handed = context.getStore(
                            StoreScope.LAUNCHER_SESSION, Namespace.create(ProviderUnderTest.class))
                    .get(KEY, ProviderUnderTest.class);
            if (handed == null) {
                throw new IllegalStateException("the session has no provider to try");
            }
            return handed;
        }

        @Override
        public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
            return parameter.getParameter().getType() == ProviderUnderTest.class;
        }

        @Override
        public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
            return of(context);
        }

        @Override
        public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
            return of(context).ended.get()
                    ? ConditionEvaluationResult.disabled("the run was ended before")
                    : ConditionEvaluationResult.enabled("");
        }
    }
}
