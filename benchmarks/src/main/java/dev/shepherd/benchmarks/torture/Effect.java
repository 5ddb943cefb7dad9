package dev.shepherd.benchmarks.torture;

import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Optional;

/**
 * Something that a manager did, or learned from the database, as a line of its log.
 *
 * @param micros when, in microseconds since the epoch, by the clock of the host, which is the database's too
 * @param manager the number of the process that did it; no two have the same
 * @param kind what
 * @param machine the provider's id of the machine it was done to
 * @param first what {@link Kind} says
 * @param second what {@link Kind} says
 */
record Effect(long micros, int manager, Kind kind, String machine, String first, String second) {

    enum Kind {
        /** The provider takes a free machine into use; first: the intent. */
        CREATE,
        /** The database answered that a machine is recorded; first: its id there. */
        RECORDED,
        /** A takeover calls the machine by SSH; first: the machine's id in the database. */
        CONNECT,
        /** A takeover brings the agent; first: the machine's id in the database. */
        UPLOAD,
        /** A takeover runs the agent; first: the machine's id in the database, second: the agent's key. */
        RUN,
        /** A takeover is about to run this build of the agent; first: the agent's key, second: the SHA-256. */
        BUILD,
        /** A gate approves a reboot of the machine; first: what it is called. */
        APPROVE,
        /**
         * A drain hook begins to move work away; first: what it is called, second: when that is over at the latest, in
         * microseconds, or nothing if the hook never says.
         */
        DRAIN,
        /** A drain hook says that all work is away; first: what it is called. */
        DRAINED,
        /** A drain hook is told that the machine is back; first: what it is called. */
        DRAIN_DONE,
        /** A drain hook is told that the machine does not go down; first: what it is called. */
        DRAIN_CANCELLED,
        /** The provider reboots the machine. */
        REBOOT,
        /** A process of an embedder's begins with a machine; first: its id in the database, second: the claim. */
        INSPECT,
        /** The database answered that this is finished; first: the claim, second: the number that was written. */
        INSPECTED;

        /** Tells whether something is done to a machine, or at its provider. */
        boolean isStep() {
            return switch (this) {
                case CREATE, CONNECT, UPLOAD, RUN, APPROVE, REBOOT, INSPECT -> true;
                case RECORDED, BUILD, INSPECTED, DRAIN, DRAINED, DRAIN_DONE, DRAIN_CANCELLED -> false;
            };
        }
    }

    private static final int FIELDS = 6;

    static long now() {
        return ChronoUnit.MICROS.between(Instant.EPOCH, Instant.now());
    }

    String line() {
        return micros + "\t" + manager + "\t" + kind + "\t" + machine + "\t" + first + "\t" + second;
    }

    /** Reads a line; empty if it is not whole, as one that a process was killed in the middle of. */
    static Optional<Effect> parse(String line) {
        String[] fields = line.split("\t", -1);
        if (fields.length != FIELDS) {
            return Optional.empty();
        }
        return Optional.of(new Effect(
                Long.parseLong(fields[0]),
                Integer.parseInt(fields[1]),
                Kind.valueOf(fields[2]),
                fields[3],
                fields[4],
                fields[5]));
    }
}
