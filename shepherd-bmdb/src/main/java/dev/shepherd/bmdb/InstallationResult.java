package dev.shepherd.bmdb;

/** How the installation of an operating system ended, as reported by the agent. */
public enum InstallationResult {
    /** It is installed. */
    SUCCESS("Success"),
    /** It failed; a new request starts over. */
    ERROR("Error");

    private final String databaseName;

    InstallationResult(String databaseName) {
        this.databaseName = databaseName;
    }

    /** Returns the spelling used in the column {@code os_installation_result}. */
    public String databaseName() {
        return databaseName;
    }

    /** Finds the one with a {@link #databaseName()}. */
    public static InstallationResult ofDatabaseName(String name) {
        return name.equals(SUCCESS.databaseName) ? SUCCESS : ERROR;
    }
}
