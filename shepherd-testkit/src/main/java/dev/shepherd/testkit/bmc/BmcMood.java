package dev.shepherd.testkit.bmc;

import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * Something that a {@link FakeBmc} does as some real firmware does it. Several at a time are possible.
 *
 * <p>Moods of the service ({@link #withoutAllowedValues} to {@link #failingTasks}) change what it shows and accepts.
 * The others concern single calls: by {@link #on} those of one method only, and by {@link #times} only the first ones.
 * Where several concern a call, the one that was given first comes first. Immutable.
 */
public final class BmcMood {

    enum Kind {
        // Of the service.
        WITHOUT_ALLOWED_VALUES,
        ACTION_INFO,
        ALLOWS,
        WITHOUT_PXE,
        BOOT_IN_SETTINGS,
        REQUIRES_ETAG,
        REFUSES_RESET_WHILE_OFF,
        IGNORES_RESETS,
        IGNORES_GRACEFUL_RESETS,
        TASKS,
        FAILING_TASKS,
        // In place of an answer, without an effect.
        NO_SESSION,
        UNAUTHORIZED,
        FORBIDDEN,
        BUSY,
        METHOD_NOT_ALLOWED,
        REDIRECT,
        DROP_BEFORE,
        SILENT,
        FREEZE_AFTER_BURST,
        FREEZE_ON_SECOND_CALL,
        // After the effect.
        DROP_AFTER,
        SLOW,
        TRICKLE,
        HUGE,
        MALFORMED,
        WEB_PAGE,
        HALF;

        boolean isOfService() {
            return compareTo(NO_SESSION) < 0;
        }

        boolean isInPlace() {
            return !isOfService() && compareTo(DROP_AFTER) < 0;
        }
    }

    final Kind kind;
    final int count;
    final Duration time;
    final String text;
    final List<String> values;
    final Optional<String> method;
    final int times;

    private BmcMood(
            Kind kind, int count, Duration time, String text, List<String> values, Optional<String> method, int times) {
        this.kind = kind;
        this.count = count;
        this.time = time;
        this.text = text;
        this.values = values;
        this.method = method;
        this.times = times;
    }

    private static BmcMood of(Kind kind) {
        return of(kind, 0, Duration.ZERO, "", List.of());
    }

    private static BmcMood of(Kind kind, int count, Duration time, String text, List<String> values) {
        return new BmcMood(kind, count, time, text, values, Optional.empty(), Integer.MAX_VALUE);
    }

    /** Names no allowed types of reset, as iLO 4 does for some actions; it accepts those of its vendor. */
    public static BmcMood withoutAllowedValues() {
        return of(Kind.WITHOUT_ALLOWED_VALUES);
    }

    /** Names the allowed types of reset behind {@code @Redfish.ActionInfo} only, as OpenBMC's bmcweb does. */
    public static BmcMood allowedValuesBehindActionInfo() {
        return of(Kind.ACTION_INFO);
    }

    /**
     * Names and accepts these types of reset in place of those of its vendor. IBM's OpenBMC has no {@code
     * ForceRestart}, for one.
     */
    public static BmcMood allows(String... resetTypes) {
        return of(Kind.ALLOWS, 0, Duration.ZERO, "", List.of(resetTypes));
    }

    /** Has no boot from the network: {@code Pxe} is not among the allowed targets, and is refused. */
    public static BmcMood withoutPxe() {
        return of(Kind.WITHOUT_PXE);
    }

    /**
     * Takes a boot override at the object that {@code @Redfish.Settings} names only: the system itself refuses it.
     * AMI's MegaRAC does so ({@code OperationSupportedInFutureStateURI}), and iDRAC 10, where {@code Boot} of the
     * system is read-only.
     */
    public static BmcMood bootInSettings() {
        return of(Kind.BOOT_IN_SETTINGS);
    }

    /**
     * Refuses a change without {@code If-Match}: with 428, as the standard says and AMI's MegaRAC does
     * ({@code PreconditionHeaderMissing}); with the shape of an iLO by 412, so that clients meet both. A wrong ETag is
     * answered with 412 in any mood.
     */
    public static BmcMood requiresEtag() {
        return of(Kind.REQUIRES_ETAG);
    }

    /**
     * Refuses all resets of a system that is off, other than {@code On}. iLO (400,
     * {@code InvalidOperationForSystemState}) and iDRAC (409) always do; with this mood, DMTF's does, too, with 409.
     */
    public static BmcMood refusesResetWhileOff() {
        return of(Kind.REFUSES_RESET_WHILE_OFF);
    }

    /** Accepts resets, and does nothing, as a BMC does whose link to the main board hangs. */
    public static BmcMood ignoresResets() {
        return of(Kind.IGNORES_RESETS);
    }

    /** Accepts graceful resets, and nothing happens: an operating system that hangs does not hear the power button. */
    public static BmcMood ignoresGracefulResets() {
        return of(Kind.IGNORES_GRACEFUL_RESETS);
    }

    /**
     * Answers a reset with 202 and a task monitor, which answers 202 until the reset took effect, as HPE's management
     * of partitions does.
     */
    public static BmcMood tasks() {
        return of(Kind.TASKS);
    }

    /** Answers a reset with 202 and a task monitor; the task fails, and nothing happens. */
    public static BmcMood failingTasks() {
        return of(Kind.FAILING_TASKS);
    }

    /**
     * Has no session left: 503 to all that needs a password, even with Basic authentication, since iDRAC opens a
     * session for each such call: {@code RAC0218}, "The maximum number of user sessions is reached".
     */
    public static BmcMood noSession() {
        return of(Kind.NO_SESSION);
    }

    /** Refuses each user and password: 401. */
    public static BmcMood unauthorized() {
        return of(Kind.UNAUTHORIZED);
    }

    /**
     * Knows its user, who may not do what is asked: 403. {@link #on On} POST it is what an account may do that was made
     * for monitoring: read all, and reset nothing.
     */
    public static BmcMood forbidden() {
        return of(Kind.FORBIDDEN);
    }

    /**
     * Answers 503 with a {@code Retry-After}, in seconds or as a date, as the standard has it for a service that
     * starts.
     */
    public static BmcMood busy(String retryAfter) {
        return of(Kind.BUSY, 0, Duration.ZERO, Objects.requireNonNull(retryAfter, "retryAfter"), List.of());
    }

    /** Answers all but GET and HEAD with 405, as iDRAC 8 answers a login at the standard's path. */
    public static BmcMood methodNotAllowed() {
        return of(Kind.METHOD_NOT_ALLOWED);
    }

    /**
     * Redirects each call, with 308, to the same path with a slash at its end, where it has none: iLO 4 does so at
     * {@code /redfish/v1}, older BMCs of Supermicro for POSTs, too.
     */
    public static BmcMood redirects() {
        return of(Kind.REDIRECT);
    }

    /**
     * Redirects each call, with 308, to the same path of another server, which must not get the password. The BMC of
     * Lenovo's x3650 M5 redirects to another port of its own.
     */
    public static BmcMood redirectsTo(URI origin) {
        String text = origin.getScheme() + "://" + origin.getAuthority();
        return of(Kind.REDIRECT, 0, Duration.ZERO, text, List.of());
    }

    /** Resets the connection in place of doing what is asked. */
    public static BmcMood dropsBeforeEffect() {
        return of(Kind.DROP_BEFORE);
    }

    /** Does what is asked, and resets the connection in place of answering. */
    public static BmcMood dropsAfterEffect() {
        return of(Kind.DROP_AFTER);
    }

    /** Accepts connections and requests, does nothing, and never answers. */
    public static BmcMood silent() {
        return of(Kind.SILENT);
    }

    /**
     * Freezes at the call after {@code calls} within a time: that one and all later ones are never answered, until
     * {@link FakeBmc#calm()}. BMCs of several vendors stop to answer when monitoring asks them too fast.
     */
    public static BmcMood freezesAfter(int calls, Duration within) {
        return of(Kind.FREEZE_AFTER_BURST, calls, within, "", List.of());
    }

    /**
     * Freezes at a call that comes while another runs: neither that one nor a later one is ever answered, until
     * {@link FakeBmc#calm()}. With {@link #slow}, calls run for as long as a test needs.
     */
    public static BmcMood freezesOnSecondCall() {
        return of(Kind.FREEZE_ON_SECOND_CALL);
    }

    /** Does what is asked, and answers late. */
    public static BmcMood slow(Duration delay) {
        return of(Kind.SLOW, 0, Objects.requireNonNull(delay, "delay"), "", List.of());
    }

    /** Sends the body of an answer byte by byte, with a pause before each: no read waits for long, the whole does. */
    public static BmcMood trickles(Duration pause) {
        return of(Kind.TRICKLE, 0, Objects.requireNonNull(pause, "pause"), "", List.of());
    }

    /** Answers with what it should, after so many bytes of a property that was not asked for. */
    public static BmcMood huge(int bytes) {
        return of(Kind.HUGE, bytes, Duration.ZERO, "", List.of());
    }

    /**
     * Answers with the first half of the JSON that it should, as a whole body: no JSON. An iDRAC without a licence, for
     * one, leaves out a brace.
     */
    public static BmcMood malformed() {
        return of(Kind.MALFORMED);
    }

    /** Answers with 200 and a page for a browser, as web servers of BMCs do while what is behind them starts. */
    public static BmcMood webPage() {
        return of(Kind.WEB_PAGE);
    }

    /** Sends half of the body that its {@code Content-Length} announces, and ends the connection. */
    public static BmcMood half() {
        return of(Kind.HALF);
    }

    /**
     * Returns the same for calls of one method, such as {@code POST}, only.
     *
     * @throws IllegalStateException if this is a mood of the service
     */
    public BmcMood on(String method) {
        requireOfCall();
        return new BmcMood(kind, count, time, text, values, Optional.of(method), times);
    }

    /**
     * Returns the same for the first calls that it concerns only.
     *
     * @throws IllegalArgumentException if there are none
     * @throws IllegalStateException if this is a mood of the service, or one that freezes
     */
    public BmcMood times(int calls) {
        requireOfCall();
        if (calls < 1) {
            throw new IllegalArgumentException("a mood for " + calls + " calls");
        }
        if (kind == Kind.FREEZE_AFTER_BURST || kind == Kind.FREEZE_ON_SECOND_CALL) {
            throw new IllegalStateException("a BMC freezes once");
        }
        return new BmcMood(kind, count, time, text, values, method, calls);
    }

    private void requireOfCall() {
        if (kind.isOfService()) {
            throw new IllegalStateException(kind + " is a mood of the service, not of single calls");
        }
    }

    @Override
    public String toString() {
        return kind.toString();
    }
}
