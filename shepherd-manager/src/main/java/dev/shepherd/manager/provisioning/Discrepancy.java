package dev.shepherd.manager.provisioning;

import dev.shepherd.api.ProviderID;
import dev.shepherd.api.internal.Escaped;

/**
 * A machine on which the provider and the database disagree, so that no loop may touch it: it may belong to another
 * owner, or have been lost. Immutable.
 *
 * @param kind which of the two knows the machine as used
 * @param providerId the provider's id of the machine
 * @param detail what each side says, for people
 */
public record Discrepancy(Kind kind, ProviderID providerId, String detail) {

    /** Which side knows the machine as used. */
    public enum Kind {
        /** The provider has the machine as used, but the database does not have it. */
        PROVIDER_ONLY,
        /** The database has the machine, but the provider does not have it, or has it as unused. */
        DATABASE_ONLY
    }

    /** Names the machine and says what each side says, in one line in which what others say is escaped. */
    @Override
    public String toString() {
        return providerId + " (" + Escaped.text(detail) + ")";
    }
}
