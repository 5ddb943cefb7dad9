package dev.shepherd.manager.provisioning;

import dev.shepherd.api.ProviderType;
import dev.shepherd.api.ShepherdException;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * The provider and the database disagree about used machines. Nothing was done, and nothing is done until an operator
 * has found out why: provisioning could create machines twice, or take machines of another owner.
 */
public final class FatalDiscrepancyException extends ShepherdException {

    private static final long serialVersionUID = 1L;

    private final transient List<Discrepancy> discrepancies;
    private final long count;

    FatalDiscrepancyException(ProviderType provider, List<Discrepancy> discrepancies, long count) {
        super(String.format(
                Locale.ROOT,
                "provider %s and the database disagree about %d machine(s), so nothing is provisioned: %s%s",
                provider,
                count,
                discrepancies.stream().map(Discrepancy::toString).collect(Collectors.joining(", ")),
                count > discrepancies.size() ? " and " + (count - discrepancies.size()) + " more" : ""));
        this.discrepancies = List.copyOf(discrepancies);
        this.count = count;
    }

    /** Returns the machines concerned, at most 100 of each {@linkplain Discrepancy.Kind kind}. */
    public List<Discrepancy> discrepancies() {
        return discrepancies;
    }

    /** Returns how many machines are concerned. */
    public long count() {
        return count;
    }
}
