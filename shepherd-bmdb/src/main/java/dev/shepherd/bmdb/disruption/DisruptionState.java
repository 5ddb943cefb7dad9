package dev.shepherd.bmdb.disruption;

import java.util.Arrays;

/** How far a disruption has come. */
public enum DisruptionState {
    /** A gate said "not now", or did not answer: it is asked again. */
    HELD_BACK("HeldBack"),
    /** A gate said "never": it is not asked again until the machine was well in between, or a person says so. */
    REFUSED("Refused"),
    /** The gates agreed, and there is time to move work away. They are asked once more when that is over. */
    DRAINING("Draining"),
    /** The gates agreed: the session that asked them may do it once, soon. */
    APPROVED("Approved"),
    /** It was done, and the machine has yet to be well again. */
    UNDER_WAY("UnderWay");

    private final String databaseName;

    DisruptionState(String databaseName) {
        this.databaseName = databaseName;
    }

    /** Returns the name that the database has for it. */
    public String databaseName() {
        return databaseName;
    }

    /** Returns the state with this name in the database. */
    public static DisruptionState ofDatabaseName(String name) {
        return Arrays.stream(values())
                .filter(state -> state.databaseName.equals(name))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("no state of a disruption: " + name));
    }
}
