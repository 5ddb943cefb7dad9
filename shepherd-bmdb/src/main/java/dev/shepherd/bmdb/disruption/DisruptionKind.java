package dev.shepherd.bmdb.disruption;

import java.util.Arrays;
import java.util.Locale;

/** What takes a machine down, and is asked for before. */
public enum DisruptionKind {
    /** Its provider reboots it: it fell silent, or a person wants it. */
    REBOOT("Reboot"),
    /** Its provider reinstalls it, which ends what is on its disks. */
    REINSTALL("Reinstall"),
    /** A rollout stops its agent, and starts another one. The machine itself stays up. */
    ROLLOUT("Rollout");

    private final String databaseName;

    DisruptionKind(String databaseName) {
        this.databaseName = databaseName;
    }

    /** Returns the name that the database has for it. */
    public String databaseName() {
        return databaseName;
    }

    /** Returns the kind with this name in the database. */
    public static DisruptionKind ofDatabaseName(String name) {
        return Arrays.stream(values())
                .filter(kind -> kind.databaseName.equals(name))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("no kind of disruption: " + name));
    }

    /** Returns it for people, in lower case. */
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
