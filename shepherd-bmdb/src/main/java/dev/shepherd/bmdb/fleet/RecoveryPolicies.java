package dev.shepherd.bmdb.fleet;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_PROVIDED;
import static org.jooq.impl.DSL.choose;
import static org.jooq.impl.DSL.inline;

import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.internal.DatabaseTime;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jooq.Field;

/** The policies that the recoverers of a fleet run with: one for all providers, except some. Immutable. */
public final class RecoveryPolicies {

    private final RecoveryPolicy usual;
    private final Map<ProviderType, RecoveryPolicy> others;

    private RecoveryPolicies(RecoveryPolicy usual, Map<ProviderType, RecoveryPolicy> others) {
        this.usual = Objects.requireNonNull(usual, "usual");
        this.others = others;
    }

    /** Returns one policy for all providers. */
    public static RecoveryPolicies of(RecoveryPolicy usual) {
        return new RecoveryPolicies(usual, Map.of());
    }

    /** Returns the same, with another one for a provider. */
    public RecoveryPolicies with(ProviderType provider, RecoveryPolicy policy) {
        Map<ProviderType, RecoveryPolicy> more = new TreeMap<>(others);
        more.put(provider, Objects.requireNonNull(policy, "policy"));
        return new RecoveryPolicies(usual, more);
    }

    /** Returns the policy of a provider. */
    public RecoveryPolicy of(ProviderType provider) {
        return others.getOrDefault(provider, usual);
    }

    /** Returns the policy of the providers that have none of their own. */
    public RecoveryPolicy usual() {
        return usual;
    }

    /** Returns the policies of the providers that have one of their own. */
    public Map<ProviderType, RecoveryPolicy> others() {
        return Map.copyOf(others);
    }

    /** Returns the time before now by a span of the policy of each row's provider. */
    Field<OffsetDateTime> nowMinus(DatabaseTime time, Function<RecoveryPolicy, Duration> span) {
        Field<OffsetDateTime> from = time.nowMinus(span.apply(usual));
        Map<Field<String>, Field<OffsetDateTime>> differing = others.entrySet().stream()
                .filter(other -> !span.apply(other.getValue()).equals(span.apply(usual)))
                .collect(Collectors.toMap(
                        other -> inline(other.getKey().name()), other -> time.nowMinus(span.apply(other.getValue()))));
        // Without a case where none is needed: the planner sees through a constant better.
        return differing.isEmpty()
                ? from
                : choose(MACHINE_PROVIDED.PROVIDER).mapFields(differing).otherwise(from);
    }
}
