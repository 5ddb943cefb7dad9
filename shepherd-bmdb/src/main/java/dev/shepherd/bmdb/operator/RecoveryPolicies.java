package dev.shepherd.bmdb.operator;

import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.RecoveryPolicy;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

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
}
