package dev.shepherd.bmdb;

/** What can be done to recover a machine. */
public enum RecoveryAction {

    /** Its agent is started again by SSH, and nothing else: all there is for a provider that cannot reboot. */
    AGENT_RESTART("AgentRestart"),

    /** The provider reboots it. */
    REBOOT("Reboot"),

    /** The provider reinstalls it; what is on its disks may be lost. */
    REINSTALL("Reinstall"),

    /** It is quarantined until an operator releases it. */
    QUARANTINE("Quarantine");

    private final String databaseName;

    RecoveryAction(String databaseName) {
        this.databaseName = databaseName;
    }

    /** Returns the spelling used in the column {@code machine_recovery.recovery_action}. */
    public String databaseName() {
        return databaseName;
    }

    /** Finds the one with a {@link #databaseName()}. */
    public static RecoveryAction ofDatabaseName(String name) {
        for (RecoveryAction action : values()) {
            if (action.databaseName.equals(name)) {
                return action;
            }
        }
        throw new BmdbException("there is no recovery action " + name, null, null);
    }
}
