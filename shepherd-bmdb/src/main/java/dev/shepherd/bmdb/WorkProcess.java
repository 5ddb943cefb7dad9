package dev.shepherd.bmdb;

import dev.shepherd.api.internal.Escaped;
import java.util.Objects;
import java.util.regex.Pattern;

/**
 * The name of a process: a kind of work that at most one session does on a machine at a time.
 *
 * <p>Embedders add their own processes by naming them; nothing needs to be declared.
 *
 * @param name a capital letter followed by at most 62 letters and digits
 */
public record WorkProcess(String name) {

    private static final Pattern PATTERN = Pattern.compile("[A-Z][A-Za-z0-9]{0,62}");

    /**
     * Access to a machine for something other than the loops. Claiming it keeps the loops off the machine: it excludes
     * {@link #AGENT_START} and {@link #RECOVERY}, and they exclude it.
     */
    public static final WorkProcess ACCESS = new WorkProcess("ShepherdAccess");

    /** The initializer's takeover of a machine. Excludes {@link #ACCESS} and {@link #RECOVERY}. */
    public static final WorkProcess AGENT_START = new WorkProcess("ShepherdAgentStart");

    /** The recoverer's reboot or reinstallation of a machine. Excludes {@link #ACCESS} and {@link #AGENT_START}. */
    public static final WorkProcess RECOVERY = new WorkProcess("ShepherdRecovery");

    /**
     * Checks the name.
     *
     * @throws IllegalArgumentException if it does not have the form above
     */
    public WorkProcess {
        Objects.requireNonNull(name, "name");
        if (!PATTERN.matcher(name).matches()) {
            throw new IllegalArgumentException(
                    "a process is named by a capital letter and at most 62 letters and digits, not "
                            + Escaped.quoted(name, 128));
        }
    }

    /** Tells whether this is one of the three processes that exclude one another on a machine. */
    public boolean isShepherds() {
        return equals(ACCESS) || equals(AGENT_START) || equals(RECOVERY);
    }

    /** Returns the bare name, as it appears in logs and in the database. */
    @Override
    public String toString() {
        return name;
    }
}
