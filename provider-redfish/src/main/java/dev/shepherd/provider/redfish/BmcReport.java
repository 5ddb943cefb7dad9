package dev.shepherd.provider.redfish;

import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.internal.Escaped;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What {@link RedfishProvider#check} found out about the BMC of a machine. Immutable. No text of it holds a password, and
 * those that come from the BMC are escaped and cut off, so that they can be printed as they are.
 *
 * @param id the machine
 * @param bmc where its BMC is, as the list says
 * @param reachable whether anything answered there
 * @param certificate the certificate that it showed, whether that is trusted or not
 * @param login whether the user and the password are accepted
 * @param vendor who made the system
 * @param model the system's model
 * @param serialNumber the system's serial number
 * @param firmware the version of the BMC's firmware
 * @param power the state of the system's power in the BMC's words, such as {@code On}
 * @param systems the paths of all systems of the BMC, if it has paths and named them
 * @param reboot what a reboot would send now, such as {@code ForceRestart}; empty if the machine cannot be rebooted
 * @param took how long the check took
 * @param problem why the machine cannot be rebooted; empty if it can
 */
public record BmcReport(
        ProviderID id,
        URI bmc,
        boolean reachable,
        Optional<Certificate> certificate,
        Login login,
        Optional<String> vendor,
        Optional<String> model,
        Optional<String> serialNumber,
        Optional<String> firmware,
        Optional<String> power,
        List<String> systems,
        Optional<String> reboot,
        Duration took,
        Optional<Problem> problem) {

    /** Whether a user and a password are accepted. */
    public enum Login {
        /** They were not sent, or there was no answer that says. */
        UNKNOWN,
        /** They are accepted. */
        ACCEPTED,
        /** They are refused, or the user has no right to look. */
        REFUSED
    }

    /**
     * A certificate.
     *
     * @param fingerprint its SHA-256, as 64 lower-case digits
     * @param expires when it expires, or did
     * @param trust whether a password is sent to its owner
     * @param refusal why not
     */
    public record Certificate(String fingerprint, Instant expires, Trust trust, Optional<String> refusal) {

        /** Returns the fingerprint as browsers and most BMCs show it: in capitals, with a colon after each two digits. */
        public String fingerprintWithColons() {
            return fingerprint.toUpperCase(Locale.ROOT).replaceAll("..(?=.)", "$0:");
        }
    }

    /** Why a certificate is trusted. */
    public enum Trust {
        /** It is the one in the list. */
        PINNED,
        /** An authority has signed it. */
        VERIFIED,
        /** By {@code trust=none}: it was not looked at. */
        UNCHECKED,
        /** It is not. */
        REFUSED
    }

    /** What keeps a machine from being rebooted. */
    public enum Cause {
        /** No connection to the BMC comes about. */
        UNREACHABLE,
        /** It connects, and does not answer in time. */
        SILENT,
        /** It and this side agree on no TLS. */
        NO_TLS,
        /** Its certificate is not trusted; it was sent no password. */
        NOT_TRUSTED,
        /** There are no user and password of the name that the entry says, or none that can be sent. */
        NO_CREDENTIALS,
        /** The program that speaks IPMI is missing on this host. */
        NO_PROGRAM,
        /** It refuses the user and the password, or what the user asks. */
        LOGIN_REFUSED,
        /** It asks to be left alone for a while. */
        BUSY,
        /** What answers is no such BMC. */
        NO_BMC,
        /** It has several systems or none, or not the one that the entry says. */
        WHICH_SYSTEM,
        /** The system has no reset that restarts it. */
        NO_RESET,
        /** It failed otherwise. */
        FAILED
    }

    /**
     * What is wrong.
     *
     * @param cause what, for programs
     * @param text what, in words
     * @param advice what to do about it, in a sentence
     */
    public record Problem(Cause cause, String text, String advice) {}

    /** Copies the paths. */
    public BmcReport {
        systems = List.copyOf(systems);
    }

    /** Tells whether the machine can be rebooted, for all that can be seen without doing it. */
    public boolean canReboot() {
        return problem.isEmpty();
    }

    /** What is known so far. */
    static final class Draft {
        private static final int LONGEST = 100;
        private static final int LONGEST_PROBLEM = 2_000;

        private final BmcEntry entry;
        private final long started = System.nanoTime();
        boolean reachable;

        @Nullable
        Certificate certificate;

        Login login = Login.UNKNOWN;

        @Nullable
        String vendor;

        @Nullable
        String model;

        @Nullable
        String serialNumber;

        @Nullable
        String firmware;

        @Nullable
        String power;

        List<String> systems = List.of();

        Draft(BmcEntry entry) {
            this.entry = entry;
        }

        BmcReport reboots(String reboot) {
            return report(reboot, null);
        }

        /** Reports a failure, whose message need not say whose BMC it is. */
        BmcReport fails(Cause cause, ProviderException failure, String advice) {
            String text = String.valueOf(failure.getMessage());
            String name = entry.bmcName() + ": ";
            return fails(cause, text.startsWith(name) ? text.substring(name.length()) : text, advice);
        }

        BmcReport fails(Cause cause, @Nullable String text, String advice) {
            return report(null, new Problem(cause, Escaped.text(String.valueOf(text), LONGEST_PROBLEM), advice));
        }

        private BmcReport report(@Nullable String reboot, @Nullable Problem problem) {
            return new BmcReport(
                    entry.id(),
                    entry.bmc(),
                    reachable,
                    Optional.ofNullable(certificate),
                    login,
                    shown(vendor),
                    shown(model),
                    shown(serialNumber),
                    shown(firmware),
                    shown(power),
                    systems,
                    Optional.ofNullable(reboot),
                    Duration.ofNanos(System.nanoTime() - started),
                    Optional.ofNullable(problem));
        }

        /** What vendors leave empty, some fill with blanks. */
        private static Optional<String> shown(@Nullable String text) {
            return Optional.ofNullable(text)
                    .map(String::strip)
                    .filter(stripped -> !stripped.isEmpty())
                    .map(stripped -> Escaped.text(stripped, LONGEST));
        }
    }
}
