package dev.shepherd.callback;

import com.sun.management.UnixOperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.util.Optional;
import org.slf4j.Logger;

/**
 * How many files and sockets the process may open, and has open.
 *
 * @param most how many it may open
 * @param open how many are open
 */
record Descriptors(long most, long open) {

    /** What the rest of the process needs: connections to the database and to machines, files. */
    private static final long RESERVE = 512;

    /** Asks the operating system; empty if it does not say. */
    static Optional<Descriptors> ofThisProcess() {
        return ManagementFactory.getOperatingSystemMXBean() instanceof UnixOperatingSystemMXBean system
                        && system.getMaxFileDescriptorCount() > 0
                ? Optional.of(new Descriptors(system.getMaxFileDescriptorCount(), system.getOpenFileDescriptorCount()))
                : Optional.empty();
    }

    /** Returns how many connections may be open so that the rest of the process has enough left; warns if not all. */
    int connections(int wanted, Logger log) {
        if (most - open - RESERVE >= wanted) {
            return wanted;
        }
        int allowed = (int) Math.max(1, Math.min(wanted, (most - open) / 2));
        log.warn(
                "This process may open {} files and has {} open: at most {} connections of agents are accepted,"
                        + " not {}. Let it open {} (ulimit -n, LimitNOFILE=)",
                most,
                open,
                allowed,
                wanted,
                wanted + open + RESERVE);
        return allowed;
    }
}
