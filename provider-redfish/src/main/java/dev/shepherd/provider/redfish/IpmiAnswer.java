package dev.shepherd.provider.redfish;

import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.internal.Spans;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * What {@code ipmitool} said of one command. Its exit status tells whether the BMC has accepted it; why not is in its words
 * alone, which are those of its versions 1.8.11 to 1.8.19.
 *
 * @param status the exit status
 * @param ended whether it ended in time; if not, the status means nothing
 * @param text all that it said, as far as it was kept
 * @param limit how long it had
 */
record IpmiAnswer(int status, boolean ended, String text, Duration limit) {

    private static final Pattern POWER =
            Pattern.compile("(?:chassis |system )?power(?: is| *:) *(on|off)", Pattern.CASE_INSENSITIVE);

    /** What the BMC itself has answered, where it refuses a command. */
    private static final Pattern COMPLETION =
            Pattern.compile("(?:Get|Set) (?:Chassis|System) [^:]{1,80} failed: (.{1,200})", Pattern.CASE_INSENSITIVE);

    private record Wording(Pattern pattern, Reason reason, String advice) {
        Wording(String pattern, Reason reason) {
            this(pattern, reason, "");
        }

        Wording(String pattern, Reason reason, String advice) {
            this(Pattern.compile(pattern, Pattern.CASE_INSENSITIVE), reason, advice);
        }
    }

    /** By completion code: the BMC does not have this command, at all or with these data. */
    private static final Pattern UNSUPPORTED = Pattern.compile(
            "^(?:invalid|unsupported|parameter out of range|command illegal)|command disabled",
            Pattern.CASE_INSENSITIVE);

    /** By completion code: what it says of the command, which the BMC has not executed. Others leave that open. */
    private static final List<Wording> COMPLETIONS = List.of(
            new Wording("node busy", Reason.RATE_LIMITED),
            new Wording("insufficient privilege", Reason.UNAUTHENTICATED),
            new Wording("not supported in present state|in update mode|initialization in progress", Reason.CONFLICT),
            new Wording(UNSUPPORTED, Reason.PERMANENT, ""),
            new Wording("^request data", Reason.PERMANENT));

    /** What the program says where it gets no answer or no session. The first one counts. */
    private static final List<Wording> WORDINGS = List.of(
            new Wording(
                    "unable to [gs]et chassis|error [gs]etting chassis",
                    Reason.TRANSIENT,
                    ", since the BMC did not answer"),
            new Wording(
                    "unable to (?:open password|read password from) file",
                    Reason.PERMANENT,
                    "; the program must be able to read /dev/stdin"),
            new Wording("insufficient resources for session", Reason.RATE_LIMITED),
            new Wording("set session privilege level to .{1,40} failed", Reason.UNAUTHENTICATED),
            new Wording(
                    "RAKP 2 HMAC is invalid|RAKP 4 message has invalid integrity|unauthorized (?:name|role|GUID)"
                            + "|invalid (?:user ?name|name length|role)|password (?:invalid|incorrect|is longer)"
                            + "|username is too long|insufficient resources for role",
                    Reason.UNAUTHENTICATED),
            new Wording(
                    "(?:invalid|no matching) (?:authentication|integrity|confidentiality|cipher)|unsupported cipher suite"
                            + "|algorithm .{1,60} is not what we requested",
                    Reason.PERMANENT,
                    "; the property \"" + RedfishProviderFactory.IPMI_CIPHER_SUITE + "\" chooses another cipher suite"),
            new Wording("does not support IPMI v2", Reason.PERMANENT),
            new Wording("interface lanplus not supported", Reason.PERMANENT),
            new Wording("address lookup for .{1,255} failed", Reason.TRANSIENT),
            new Wording("unable to establish IPMI v2", Reason.TRANSIENT));

    /** Tells whether the BMC has accepted the command. */
    boolean isAccepted() {
        return ended && status == 0;
    }

    /** Returns whether the machine is on, if the answer says so. */
    Optional<Boolean> power() {
        return isAccepted()
                ? lines().map(POWER::matcher)
                        .filter(Matcher::matches)
                        .findFirst()
                        .map(power -> power.group(1).toLowerCase(Locale.ROOT).equals("on"))
                : Optional.empty();
    }

    /** Returns what stands behind a name and a colon, where a line of the answer has that. */
    Optional<String> field(String name) {
        return isAccepted()
                ? lines().map(line -> line.split(" *: *", 2))
                        .filter(parts -> parts.length == 2 && parts[0].equalsIgnoreCase(name))
                        .map(parts -> parts[1])
                        .findFirst()
                : Optional.empty();
    }

    /**
     * Why a command was not accepted.
     *
     * @param reason what it means
     * @param words what was said of it; not fit to be shown yet
     * @param unsupported whether the BMC does not have this command
     */
    record Refusal(Reason reason, String words, boolean unsupported) {}

    /** Finds out why the command was not accepted; {@link Reason#TRANSIENT} where that is open. */
    Refusal refusal() {
        if (!ended) {
            return new Refusal(Reason.TRANSIENT, "no answer within " + Spans.text(limit), false);
        }
        // The last one: some commands begin with steps that may fail.
        Optional<Matcher> completion =
                lines().map(COMPLETION::matcher).filter(Matcher::find).reduce((a, b) -> b);
        if (completion.isPresent()) {
            String code = completion.get().group(1);
            Reason reason = COMPLETIONS.stream()
                    .filter(known -> known.pattern().matcher(code).find())
                    .map(Wording::reason)
                    .findFirst()
                    .orElse(Reason.TRANSIENT);
            return new Refusal(
                    reason, completion.get().group(), UNSUPPORTED.matcher(code).find());
        }
        for (Wording known : WORDINGS) {
            Optional<String> line =
                    lines().filter(text -> known.pattern().matcher(text).find()).findFirst();
            if (line.isPresent()) {
                return new Refusal(known.reason(), line.get() + known.advice(), false);
            }
        }
        String last = lines().reduce((a, b) -> b).orElse("it said nothing");
        return new Refusal(Reason.TRANSIENT, "ipmitool ended with status " + status + ": " + last, false);
    }

    private Stream<String> lines() {
        return text.lines().map(String::strip).filter(line -> !line.isEmpty());
    }
}
