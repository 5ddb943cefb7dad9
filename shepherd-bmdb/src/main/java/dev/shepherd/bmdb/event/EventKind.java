package dev.shepherd.bmdb.event;

import java.util.Optional;
import java.util.stream.Stream;

/**
 * What an event tells of. {@code docs/events.md} lists the details of each. More kinds may be added: a program should
 * pass over those that it does not know.
 */
public enum EventKind {
    /** A machine was recorded that the provider has. */
    MACHINE_RECORDED("MachineRecorded"),

    /** An agent was started on a machine. */
    TAKEN_OVER("TakenOver"),

    /** A takeover failed, or was given up. It is tried again. */
    TAKEOVER_FAILED("TakeoverFailed"),

    /** The agent that was started last was heard for the first time. */
    FIRST_HEARD("FirstHeard"),

    /** A recoverer first saw that an agent was not heard for too long, or that SSH did not reach a machine. */
    SILENT("Silent"),

    /** As {@link #SILENT}, of a machine that had been brought back not long enough ago for that to be forgotten. */
    RELAPSED("Relapsed"),

    /** A gate said of a machine that is about to be taken down: not now, or never. */
    HELD_BACK("HeldBack"),

    /** A reboot or another attempt at recovery is about to be made, by a recoverer or a person. */
    ATTEMPT_DECIDED("AttemptDecided"),

    /** The provider was asked for what was decided. It may have failed to answer. */
    ATTEMPT_SENT("AttemptSent"),

    /** The provider refused what was decided, or could not be asked: nothing was done to the machine. */
    ATTEMPT_REFUSED("AttemptRefused"),

    /** A machine that was in recovery was heard again. */
    BACK("Back"),

    /** A machine was quarantined: no loop touches it. */
    QUARANTINED("Quarantined"),

    /** A machine was released from quarantine. */
    RELEASED("Released"),

    /** The provider no longer knows a machine that is recorded, or says that it is missing. */
    MISSING("Missing"),

    /** Recovery froze, since too many machines fell silent together. */
    FREEZE_BEGAN("FreezeBegan"),

    /** A freeze ended. */
    FREEZE_ENDED("FreezeEnded"),

    /** The provider and the database disagree about used machines: nothing is created until that is resolved. */
    DISCREPANCY("Discrepancy"),

    /** The provider and the database agree again. */
    DISCREPANCY_RESOLVED("DiscrepancyResolved"),

    /** An installation of an operating system was asked for. */
    INSTALLATION_REQUESTED("InstallationRequested"),

    /** An agent reported what became of an installation. */
    INSTALLATION_REPORTED("InstallationReported"),

    /** A machine is made of something else than at its last report. */
    HARDWARE_CHANGED("HardwareChanged"),

    /** A person did something to the fleet. */
    OPERATOR_ACTION("OperatorAction"),

    /** A session expired without having been closed: its process died, froze or lost the database. */
    SESSION_LOST("SessionLost");

    private final String databaseName;

    EventKind(String databaseName) {
        this.databaseName = databaseName;
    }

    /** Returns the name that the database and webhooks use, such as {@code TakenOver}. */
    public String databaseName() {
        return databaseName;
    }

    /** Returns the kind of this name; empty if a newer version of the library has written it. */
    public static Optional<EventKind> ofDatabaseName(String name) {
        return Stream.of(values())
                .filter(kind -> kind.databaseName.equals(name))
                .findFirst();
    }
}
