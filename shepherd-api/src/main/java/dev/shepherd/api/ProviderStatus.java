package dev.shepherd.api;

/** What a provider says of the state of one of its machines. */
public enum ProviderStatus {

    /** The provider no longer knows the machine. */
    MISSING("Missing"),

    /**
     * The machine is being deployed or reinstalled. It is left alone, and checked once a minute, until that is over.
     */
    PROVISIONING("Provisioning"),

    /** Deployment failed, and will not succeed without an operator's help. */
    PROVISIONING_FAILED_PERMANENT("ProvisioningFailedPermanent"),

    /** The machine is powered on. */
    RUNNING("Running"),

    /** The machine is powered off, or on its way to or from it. */
    STOPPED("Stopped"),

    /** The provider reported something that fits none of the others. */
    UNKNOWN("Unknown");

    private final String databaseName;

    ProviderStatus(String databaseName) {
        this.databaseName = databaseName;
    }

    /** Returns the spelling used in the column {@code machine_provided.provider_status}. */
    public String databaseName() {
        return databaseName;
    }

    /**
     * Finds a status by its spelling in the database. A spelling that this version does not know, written
     * by a newer one perhaps, is {@link #UNKNOWN}.
     */
    public static ProviderStatus ofDatabaseName(String name) {
        for (ProviderStatus status : values()) {
            if (status.databaseName.equals(name)) {
                return status;
            }
        }
        return UNKNOWN;
    }
}
