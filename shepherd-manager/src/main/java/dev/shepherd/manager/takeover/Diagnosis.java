package dev.shepherd.manager.takeover;

import dev.shepherd.api.internal.Escaped;
import dev.shepherd.manager.takeover.TakeoverException.Kind;
import dev.shepherd.manager.takeover.ssh.SshConnection;
import dev.shepherd.manager.takeover.ssh.SshFailure;
import dev.shepherd.manager.takeover.ssh.SshTrouble;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Says why a takeover failed: what the connection and the agent saw go wrong, and what that means at the step that the
 * takeover had reached.
 */
final class Diagnosis {

    /** How much is shown of what a host says, in characters. */
    private static final int MAX_SAID = 1024;

    private final AgentTakeover settings;
    private final TakeoverTarget target;
    private final SshConnection connection;
    private final TakeoverSteps steps;
    private final AgentProtocol agent;

    Diagnosis(
            AgentTakeover settings,
            TakeoverTarget target,
            SshConnection connection,
            TakeoverSteps steps,
            AgentProtocol agent) {
        this.settings = settings;
        this.target = target;
        this.connection = connection;
        this.steps = steps;
        this.agent = agent;
    }

    /** Returns the failure that a step ended with, as callers see it. */
    TakeoverException explain(Throwable cause) {
        if (cause instanceof StepFailure known) {
            return failed(known.kind(), known.reason(), known.getCause() == null ? known : known.getCause());
        }
        if (cause instanceof SshFailure known) {
            return failed(kind(known.kind()), known.reason(), known.getCause() == null ? known : known.getCause());
        }
        if (agent.hasOverflow()) {
            return failed(
                    Kind.AGENT_FAILED, "the agent wrote more than " + settings.maxStderr + " bytes to stderr", cause);
        }
        SshTrouble trouble = connection.trouble(cause);
        return failed(kind(trouble.sort()), reason(trouble), cause);
    }

    private static Kind kind(SshFailure.Kind kind) {
        return switch (kind) {
            case UNREACHABLE -> Kind.UNREACHABLE;
            case LOGIN_REFUSED -> Kind.AUTHENTICATION_FAILED;
            case UPLOAD_REFUSED -> Kind.UPLOAD_FAILED;
            case SOURCE_UNREADABLE -> Kind.EXECUTABLE_UNREADABLE;
        };
    }

    /** A host that says why it hangs up is there, so none of that is a machine that is out of reach. */
    private Kind kind(SshTrouble.Sort sort) {
        boolean loggingIn = steps.step() == TakeoverStep.AUTHENTICATE;
        boolean loggedIn = steps.step().compareTo(TakeoverStep.AUTHENTICATE) > 0;
        return switch (sort) {
            case PROTOCOL -> Kind.PROTOCOL;
            case OTHER_HOST_KEY -> Kind.HOST_KEY_MISMATCH;
            case BUSY -> loggedIn ? Kind.CONNECTION_LOST : Kind.TURNED_AWAY;
            case UNWANTED ->
                loggedIn ? Kind.CONNECTION_LOST : loggingIn ? Kind.AUTHENTICATION_FAILED : Kind.TURNED_AWAY;
            case LOGIN_REFUSED -> Kind.AUTHENTICATION_FAILED;
            case PROTOCOL_ERROR -> loggingIn ? Kind.AUTHENTICATION_FAILED : Kind.PROTOCOL;
            case TURNED_AWAY -> Kind.TURNED_AWAY;
            case CLOSED_BY_HOST -> loggingIn ? Kind.AUTHENTICATION_FAILED : Kind.CONNECTION_LOST;
            case LOST -> Kind.CONNECTION_LOST;
            case NONE ->
                switch (steps.step()) {
                    case CONNECT, KEY_EXCHANGE, AUTHENTICATE -> Kind.PROTOCOL;
                    case UPLOAD -> Kind.UPLOAD_FAILED;
                    case EXECUTE -> Kind.AGENT_FAILED;
                    case ANSWER -> Kind.BAD_ANSWER;
                };
        };
    }

    private String reason(SshTrouble trouble) {
        if (trouble.sort() == SshTrouble.Sort.CLOSED_BY_HOST && steps.step() == TakeoverStep.AUTHENTICATE) {
            return "the host closed the connection instead of letting user " + settings.user + " in with "
                    + settings.credentials;
        }
        if (trouble.sort() != SshTrouble.Sort.NONE) {
            return trouble.text();
        }
        return switch (steps.step()) {
            case CONNECT, KEY_EXCHANGE, AUTHENTICATE, ANSWER -> trouble.text();
            case UPLOAD ->
                "the agent executable cannot be put at " + quoted(settings.remotePath) + ": " + trouble.text();
            case EXECUTE -> "the agent cannot be run: " + trouble.text();
        };
    }

    /** Returns a failure of which the kind and the reason are known. */
    TakeoverException failed(Kind kind, String reason, @Nullable Throwable cause) {
        Duration elapsed = Duration.ofNanos(System.nanoTime() - steps.startedAt());
        return new TakeoverException(
                kind, steps.step(), target, elapsed, reason + saidAtLogin(), agent.stderr(), cause);
    }

    private String saidAtLogin() {
        String banner = steps.step() == TakeoverStep.AUTHENTICATE ? connection.banner() : "";
        return banner.isEmpty() ? "" : "; it says: " + quoted(banner);
    }

    /** Puts what a machine says into quotes: escaped, and cut. */
    static String quoted(String said) {
        return "\"" + Escaped.text(said, MAX_SAID) + "\"";
    }
}
