package dev.shepherd.manager.takeover;

import dev.shepherd.api.internal.Ed25519Point;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.manager.takeover.ssh.SshPublicKey;
import java.security.GeneralSecurityException;
import java.util.stream.Collectors;

/** What has to be true of the result of any takeover, an embedder's own included, before it is recorded. */
final class AnswerChecks {

    /** How many of an agent's warnings are logged, and how many characters of all of them. */
    private static final int MOST_WARNINGS = 11;

    private static final int MOST_WARNED = 2048;

    private AnswerChecks() {}

    /**
     * An embedder's own takeover may return any bytes, and with a key that proves nothing, anyone could report as the
     * machine.
     */
    static void checkAgentKey(TakeoverTarget target, TakeoverResult result) {
        try {
            Ed25519Point.check(result.agentKey());
        } catch (GeneralSecurityException e) {
            throw new TakeoverException(
                    TakeoverException.Kind.BAD_ANSWER,
                    TakeoverStep.ANSWER,
                    target,
                    result.elapsed(),
                    "the agent's key is no ed25519 key: " + e.getMessage());
        }
    }

    /** A pin that cannot be used would keep its machine from ever being taken over again; a weak one would prove nothing. */
    static SshPublicKey hostKey(TakeoverTarget target, TakeoverResult result) {
        try {
            return SshPublicKey.parse(result.hostKey());
        } catch (IllegalArgumentException e) {
            throw new TakeoverException(
                    TakeoverException.Kind.BAD_ANSWER,
                    TakeoverStep.ANSWER,
                    target,
                    result.elapsed(),
                    "the host key to pin cannot be used: " + e.getMessage());
        }
    }

    /** Puts the first warnings into a line. An embedder's own takeover may return any number. */
    static String warnings(TakeoverResult result) {
        String shown = result.warnings().stream().limit(MOST_WARNINGS).collect(Collectors.joining("; "));
        int more = result.warnings().size() - MOST_WARNINGS;
        return Escaped.text(shown, MOST_WARNED) + (more > 0 ? "; and " + more + " more" : "");
    }
}
