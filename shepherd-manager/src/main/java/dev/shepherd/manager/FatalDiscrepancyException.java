package dev.shepherd.manager;

import dev.shepherd.api.ProviderType;
import dev.shepherd.api.ShepherdException;
import java.util.List;
import java.util.stream.Collectors;

/**
 * The provider and the database disagree about used machines. Nothing was done, and nothing is until somebody has
 * found out why: acting on the difference could create machines twice, or give away somebody else's.
 */
public final class FatalDiscrepancyException extends ShepherdException {

    private static final long serialVersionUID = 1L;

    private final transient List<Discrepancy> discrepancies;

    FatalDiscrepancyException(ProviderType provider, List<Discrepancy> discrepancies) {
        super("provider %s and the database disagree about %d machine(s), so nothing is provisioned: %s"
                .formatted(
                        provider,
                        discrepancies.size(),
                        discrepancies.stream().map(Discrepancy::toString).collect(Collectors.joining(", "))));
        this.discrepancies = List.copyOf(discrepancies);
    }

    /** Returns every machine concerned. */
    public List<Discrepancy> discrepancies() {
        return discrepancies;
    }
}
