package dev.shepherd.manager.takeover;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.shepherd.agent.messages.takeover.TakeoverInit;
import dev.shepherd.agent.messages.takeover.TakeoverResponse;
import dev.shepherd.agent.messages.takeover.TakeoverSuccess;
import dev.shepherd.api.internal.Ed25519Point;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.manager.takeover.TakeoverException.Kind;
import dev.shepherd.manager.takeover.ssh.RemoteCommand;
import dev.shepherd.manager.takeover.ssh.SshConnection;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.security.GeneralSecurityException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The conversation with the agent of one machine: it is started, told an init message on its standard input, and answers on its
 * standard output. One thread talks; any other may ask what the agent wrote to its standard error.
 */
final class AgentProtocol {

    /** How much is shown of a warning, in characters. */
    private static final int MAX_WARNING = 512;

    /** How much is shown of an output that should have been an answer, in characters. */
    private static final int MAX_OUTPUT = 200;

    private final AgentTakeover settings;
    private final TakeoverInit init;
    private volatile @Nullable RemoteCommand command;

    AgentProtocol(AgentTakeover settings, TakeoverTarget target) {
        this.settings = settings;
        this.init = TakeoverInit.newBuilder()
                .setMachineId(target.machineId().toString())
                .setBmaasEndpoint(settings.endpoint)
                .setCaCertificate(ByteString.copyFrom(settings.caCertificate))
                .build();
    }

    /** Tells whether the agent wrote more to its standard error than it may. */
    boolean hasOverflow() {
        RemoteCommand started = command;
        return started != null && started.hasOverflow();
    }

    /** Returns the end of what the agent wrote to its standard error, escaped; null if it wrote nothing or never ran. */
    @Nullable
    String stderr() {
        RemoteCommand started = command;
        return started == null ? null : started.stderr();
    }

    /** Runs the agent to its end, and returns what it wrote to its standard output. */
    byte[] run(SshConnection connection) throws IOException, StepFailure {
        RemoteCommand started = connection.start(settings.remotePath, settings.maxStderr);
        command = started;
        IOException deaf = null;
        try (OutputStream stdin = started.getOutputStream()) {
            init.writeTo(stdin);
            stdin.flush();
        } catch (IOException e) {
            // An agent that fails early may not have listened; why it failed matters more.
            deaf = e;
        }
        try {
            byte[] stdout = readAnswer(started);
            String problem = started.end();
            if (problem == null) {
                return stdout;
            }
            String said = error(stdout);
            throw new StepFailure(
                    Kind.AGENT_FAILED, "the agent " + problem + (said == null ? output(stdout) : " and says: " + said));
        } catch (IOException | StepFailure e) {
            if (deaf != null && deaf != e) {
                e.addSuppressed(deaf);
            }
            throw e;
        }
    }

    private byte[] readAnswer(RemoteCommand started) throws IOException, StepFailure {
        InputStream stdout = started.getInputStream();
        ByteArrayOutputStream answer = new ByteArrayOutputStream();
        byte[] chunk = new byte[8 * 1024];
        for (int count; (count = stdout.read(chunk)) >= 0; ) {
            if (answer.size() + count > settings.maxStdout) {
                throw new StepFailure(
                        Kind.BAD_ANSWER, "the agent wrote more than " + settings.maxStdout + " bytes to stdout");
            }
            answer.write(chunk, 0, count);
        }
        return answer.toByteArray();
    }

    private static @Nullable String error(byte[] stdout) {
        try {
            TakeoverResponse response = Answer.read(stdout).response();
            return response.hasError() ? Diagnosis.quoted(response.getError().getMessage()) : null;
        } catch (InvalidProtocolBufferException e) {
            return null;
        }
    }

    /** What is on standard output that is no answer: of a shell that lets no user in, say. */
    private static String output(byte[] stdout) {
        return stdout.length == 0 ? "" : "; its output begins with \"" + Escaped.bytes(stdout, MAX_OUTPUT) + "\"";
    }

    /** Checks that this is a success, that it answers what the agent was told, and that its key proves something. */
    Answer check(byte[] answer) throws StepFailure {
        Answer read;
        try {
            read = Answer.read(answer);
        } catch (InvalidProtocolBufferException e) {
            throw new StepFailure(
                    Kind.BAD_ANSWER,
                    "the agent's answer of " + answer.length + " bytes is no TakeoverResponse: " + e.getMessage()
                            + output(answer),
                    e);
        }
        TakeoverResponse response = read.response();
        switch (response.getResultCase()) {
            case SUCCESS -> {}
            case ERROR ->
                throw new StepFailure(
                        Kind.AGENT_FAILED,
                        "the agent says: "
                                + Diagnosis.quoted(response.getError().getMessage()));
            case RESULT_NOT_SET ->
                throw new StepFailure(
                        Kind.BAD_ANSWER,
                        "the agent's answer of " + answer.length + " bytes is neither success nor error"
                                + output(answer));
        }
        TakeoverSuccess success = response.getSuccess();
        TakeoverInit repeated = success.getInitMessage();
        if (!repeated.equals(init)) {
            throw new StepFailure(
                    Kind.BAD_ANSWER,
                    "the agent's answer is to another init message: it was told machine %s and endpoint %s, and repeats machine %s and endpoint %s%s"
                            .formatted(
                                    init.getMachineId(),
                                    Diagnosis.quoted(init.getBmaasEndpoint()),
                                    Diagnosis.quoted(repeated.getMachineId()),
                                    Diagnosis.quoted(repeated.getBmaasEndpoint()),
                                    repeated.getCaCertificate().equals(init.getCaCertificate())
                                            ? ""
                                            : " with another CA certificate"));
        }
        try {
            Ed25519Point.check(success.getKey().toByteArray());
        } catch (GeneralSecurityException e) {
            throw new StepFailure(Kind.BAD_ANSWER, "the agent's key is no ed25519 key: " + e.getMessage(), e);
        }
        return read;
    }

    /** Returns what the agent warned of, cut and escaped. */
    static List<String> warnings(Answer answer) {
        List<String> warnings = new ArrayList<>();
        for (String warning : answer.response().getSuccess().getWarningList()) {
            warnings.add(Escaped.text(warning, MAX_WARNING));
        }
        if (answer.moreWarnings() > 0) {
            warnings.add("and " + answer.moreWarnings() + " more");
        }
        return warnings;
    }
}
