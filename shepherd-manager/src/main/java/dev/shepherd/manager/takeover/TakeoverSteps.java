package dev.shepherd.manager.takeover;

import dev.shepherd.manager.takeover.TakeoverException.Kind;
import dev.shepherd.manager.takeover.ssh.SshConnection;
import dev.shepherd.manager.takeover.ssh.SshFailure;
import dev.shepherd.manager.takeover.ssh.SshPublicKey;
import java.io.IOException;
import java.time.Duration;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;

/**
 * The steps of one takeover, one after the other. One thread takes them; any other may ask how far they are. Only the
 * first has its own limit: {@link Attempt} limits them all.
 */
final class TakeoverSteps {

    /** What a host may send beyond what the agent may write and what confirms the upload. */
    private static final long MAX_OVERHEAD = 4 * 1024 * 1024;

    private final AgentTakeover settings;
    private final TakeoverTarget target;
    private final SshConnection connection;
    private final AgentProtocol agent;
    private final long startedAt = System.nanoTime();
    private final Map<TakeoverStep, Duration> durations = new EnumMap<>(TakeoverStep.class);
    private volatile TakeoverStep step = TakeoverStep.CONNECT;
    private long stepStartedAt = startedAt;

    TakeoverSteps(AgentTakeover settings, TakeoverTarget target, SshConnection connection, AgentProtocol agent) {
        this.settings = settings;
        this.target = target;
        this.connection = connection;
        this.agent = agent;
    }

    /** Returns the step that is being taken, or that was the last. */
    TakeoverStep step() {
        return step;
    }

    /** Returns when the takeover started, by {@link System#nanoTime()}. */
    long startedAt() {
        return startedAt;
    }

    /**
     * Takes all steps.
     *
     * @param failing told why a step fails that tidies up before it does
     */
    TakeoverResult run(Consumer<Exception> failing) throws IOException, StepFailure, SshFailure {
        Executable executable = executable();
        target.trace().enter(TakeoverStep.CONNECT);
        // In packets of 1 KiB, the smallest, each confirmed, an upload makes the host send an eighth of its length.
        connection.limit(MAX_OVERHEAD + settings.maxStdout + settings.maxStderr + executable.length() / 4);
        connection.connect(settings.connectTimeout);
        enter(TakeoverStep.KEY_EXCHANGE);
        connection.exchangeKeys();
        enter(TakeoverStep.AUTHENTICATE);
        connection.logIn(settings.user, settings.credentials.login());
        enter(TakeoverStep.UPLOAD);
        connection.upload(executable, settings.remotePath, failing);
        enter(TakeoverStep.EXECUTE);
        byte[] stdout = agent.run(connection);
        enter(TakeoverStep.ANSWER);
        Answer answer = agent.check(stdout);
        leave();
        target.trace().succeeded();
        SshPublicKey hostKey = Objects.requireNonNull(connection.hostKey(), "no host key was shown");
        TakeoverResult taken = new TakeoverResult(
                        target.machineId(),
                        answer.response().getSuccess().getKey().toByteArray(),
                        hostKey.text(),
                        AgentProtocol.warnings(answer),
                        durations)
                .withBuild(executable.build());
        connection.sayGoodbye();
        return taken;
    }

    private void enter(TakeoverStep next) {
        leave();
        target.trace().enter(next);
        step = next;
    }

    private void leave() {
        long now = System.nanoTime();
        durations.put(step, Duration.ofNanos(now - stepStartedAt));
        stepStartedAt = now;
    }

    /** Looks at the executable before the machine is bothered. */
    private Executable executable() throws StepFailure {
        AgentExecutable wanted = target.executable().orElse(settings.executable);
        try {
            long length = wanted.length();
            if (length <= 0) {
                throw new IOException("it is empty");
            }
            return new Executable(wanted, length);
        } catch (IOException | RuntimeException e) {
            step = TakeoverStep.UPLOAD;
            throw new StepFailure(
                    Kind.EXECUTABLE_UNREADABLE, "the agent executable " + wanted + " cannot be read: " + e, e);
        }
    }
}
