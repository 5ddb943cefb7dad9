package dev.shepherd.testkit.ssh;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.InvalidPathException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.sshd.server.Environment;
import org.apache.sshd.server.ExitCallback;
import org.apache.sshd.server.Signal;
import org.apache.sshd.server.channel.ChannelSession;
import org.apache.sshd.server.command.Command;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One exec request: a real process, whose streams are the channel's. */
final class HostCommand implements Command {

    private static final Logger log = LoggerFactory.getLogger(HostCommand.class);

    /** How long a process gets to end when it is asked to, before it is made to. */
    private static final long GRACE_MILLIS = 500;

    private static final long KILL_SECONDS = 10;

    private static final Pattern SYSTEM_ERROR = Pattern.compile("\\berror[=:] ?(\\d{1,5})\\b");
    private static final int NO_SUCH_FILE = 2;
    private static final int NO_EXECUTABLE_FORMAT = 8;
    private static final int PERMISSION_DENIED = 13;
    private static final int TEXT_FILE_BUSY = 26;

    private static final int MAX_ATTEMPTS = 250;
    private static final long RETRY_MILLIS = 20;

    private final SshHosts hosts;
    private final SshHost host;
    private final String line;
    private final HostRecord.Run run;
    private final Object lock = new Object();
    private final CountDownLatch errorsDone = new CountDownLatch(1);
    private @Nullable InputStream in;
    private @Nullable OutputStream out;
    private @Nullable OutputStream err;
    private @Nullable ExitCallback exit;
    private @Nullable Process process;
    private ProcessSlots.@Nullable Slot slot;
    private boolean destroyed;
    private boolean ended;

    HostCommand(SshHosts hosts, SshHost host, String line) {
        this.hosts = hosts;
        this.host = host;
        this.line = line;
        this.run = host.record().requested(line);
    }

    @Override
    public void setInputStream(InputStream in) {
        this.in = in;
    }

    @Override
    public void setOutputStream(OutputStream out) {
        this.out = out;
    }

    @Override
    public void setErrorStream(OutputStream err) {
        this.err = err;
    }

    @Override
    public void setExitCallback(ExitCallback exit) {
        this.exit = exit;
    }

    @Override
    public void start(ChannelSession channel, Environment client) throws IOException {
        Mood mood = host.mood();
        ProcessBuilder builder;
        try {
            builder = new ProcessBuilder(host.commandLine().resolve(line));
        } catch (InvalidPathException e) {
            ended(127, "sh: " + e.getMessage() + "\n");
            return;
        }
        builder.directory(host.root().toFile());
        fillEnvironment(builder.environment(), channel, client, mood);
        host.started(this);
        client.addSignalListener(
                (sender, signal) -> {
                    if (signal == Signal.KILL) {
                        hosts.workers().execute(this::kill);
                    } else {
                        destroy();
                    }
                },
                Signal.TERM,
                Signal.INT,
                Signal.HUP,
                Signal.KILL);
        try {
            if (mood.endless()) {
                hosts.workers().execute(() -> launch(builder, 1));
            } else {
                synchronized (lock) {
                    if (!destroyed) {
                        slot = hosts.slots().whenFree(() -> launch(builder, 1));
                    }
                }
            }
        } catch (RejectedExecutionException e) {
            host.processes().ended(this);
            throw new IOException("the host is closed", e);
        }
    }

    private void fillEnvironment(
            Map<String, String> environment, ChannelSession channel, Environment client, Mood mood) {
        String path = environment.get("PATH");
        environment.clear();
        String javaHome = System.getProperty("java.home");
        environment.put("JAVA_HOME", javaHome);
        environment.put("PATH", javaHome + File.separator + "bin" + (path == null ? "" : File.pathSeparator + path));
        environment.put("HOME", host.root().toString());
        environment.put("SHELL", "/bin/sh");
        String user = channel.getServerSession().getUsername();
        environment.put("USER", user);
        environment.put("LOGNAME", user);
        client.getEnv().forEach((name, value) -> {
            if (name.equals("LANG") || name.startsWith("LC_")) {
                environment.put(name, value);
            }
        });
        InetSocketAddress from =
                (InetSocketAddress) channel.getServerSession().getIoSession().getRemoteAddress();
        environment.put(
                "SSH_CONNECTION",
                from.getAddress().getHostAddress() + " " + from.getPort() + " "
                        + host.address().getHostAddress() + " " + host.port());
        environment.put(HostProcesses.VARIABLE, host.processes().mark());
        environment.put("SHEPHERD_TEST_AGENT_MOOD", mood.name());
        environment.put(
                "SHEPHERD_TEST_AGENT_INTERVAL_MILLIS",
                String.valueOf(host.agentInterval().toMillis()));
    }

    private void launch(ProcessBuilder builder, int attempt) {
        Process started;
        try {
            synchronized (lock) {
                if (destroyed) {
                    return;
                }
                started = builder.start();
                process = started;
            }
        } catch (IOException e) {
            notStarted(builder, attempt, e);
            return;
        }
        try {
            hosts.workers().execute(() -> feed(started));
            hosts.workers().execute(() -> {
                pump(started.getErrorStream(), err);
                errorsDone.countDown();
            });
        } catch (RejectedExecutionException e) {
            destroy();
            return;
        }
        pump(started.getInputStream(), out);
        try {
            errorsDone.await();
            ended(started.waitFor(), null);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            destroy();
        }
    }

    private void notStarted(ProcessBuilder builder, int attempt, IOException e) {
        String program = builder.command().get(0);
        int error = systemError(e);
        if (error == TEXT_FILE_BUSY && attempt < MAX_ATTEMPTS) {
            // The file was open for writing in this process while another command's process was being forked,
            // which holds a copy of it until it has become that command. It passes.
            ScheduledFuture<?> unused = hosts.timer()
                    .schedule(
                            () -> hosts.workers().execute(() -> launch(builder, attempt + 1)),
                            RETRY_MILLIS,
                            TimeUnit.MILLISECONDS);
        } else if (error == NO_EXECUTABLE_FORMAT && !program.equals("/bin/sh")) {
            // Neither a binary nor a script with a first line that names its interpreter: shells run it themselves.
            List<String> command = new ArrayList<>(builder.command());
            command.add(0, "/bin/sh");
            hosts.workers().execute(() -> launch(builder.command(command), 1));
        } else if (error == NO_SUCH_FILE) {
            ended(127, "sh: " + host.display(program) + ": not found\n");
        } else if (error == PERMISSION_DENIED) {
            ended(126, "sh: " + host.display(program) + ": Permission denied\n");
        } else {
            log.warn("{} cannot run {}", host, line, e);
            ended(126, "sh: " + host.display(program) + ": " + e.getMessage() + "\n");
        }
    }

    /** Returns the errno behind a process that could not be started, which is nowhere but in the message, or 0. */
    private static int systemError(IOException e) {
        // "error=2, …" in JDK 17, "error: 2 (…)" in JDK 25.
        Matcher matcher = SYSTEM_ERROR.matcher(String.valueOf(e.getMessage()));
        return matcher.find() ? Integer.parseInt(matcher.group(1)) : 0;
    }

    private void feed(Process process) {
        InputStream from = in;
        try (OutputStream to = process.getOutputStream()) {
            if (from != null) {
                copy(from, to);
            }
        } catch (IOException e) {
            log.trace("{} no longer reads its input", line, e);
        }
        try {
            // What the process will not read any more is thrown away, so that the client can finish sending it.
            if (from != null) {
                from.transferTo(OutputStream.nullOutputStream());
            }
        } catch (IOException e) {
            log.trace("the client of {} is gone", line, e);
        }
    }

    private void pump(InputStream from, @Nullable OutputStream to) {
        try (from) {
            if (to != null) {
                copy(from, to);
            }
        } catch (IOException e) {
            log.trace("the client of {} is gone", line, e);
        }
    }

    private static void copy(InputStream from, OutputStream to) throws IOException {
        byte[] buffer = new byte[16 * 1024];
        for (int count = from.read(buffer); count >= 0; count = from.read(buffer)) {
            to.write(buffer, 0, count);
            to.flush();
        }
    }

    private void ended(int code, @Nullable String message) {
        run.exited(code);
        synchronized (lock) {
            ended = true;
        }
        giveUp();
        if (message != null && err != null) {
            try {
                err.write(message.getBytes(StandardCharsets.UTF_8));
                err.flush();
            } catch (IOException e) {
                log.trace("the client of {} is gone", line, e);
            }
        }
        Optional.ofNullable(exit).ifPresent(callback -> callback.onExit(code));
    }

    private void giveUp() {
        ProcessSlots.Slot held;
        synchronized (lock) {
            held = slot;
        }
        if (held != null) {
            held.giveBack();
        }
        host.processes().ended(this);
    }

    @Override
    public void destroy(ChannelSession channel) {
        destroy();
    }

    /** Ends the process and all that came out of it, now or, where it does not listen, in a moment. */
    void destroy() {
        Process running;
        synchronized (lock) {
            if (destroyed || ended) {
                return;
            }
            destroyed = true;
            running = process;
        }
        if (running == null) {
            giveUp();
            return;
        }
        List<ProcessHandle> all = new ArrayList<>(running.descendants().toList());
        all.add(running.toHandle());
        all.forEach(ProcessHandle::destroy);
        try {
            ScheduledFuture<?> unused = hosts.timer()
                    .schedule(() -> all.forEach(ProcessHandle::destroyForcibly), GRACE_MILLIS, TimeUnit.MILLISECONDS);
        } catch (RejectedExecutionException e) {
            all.forEach(ProcessHandle::destroyForcibly);
        }
        CompletableFuture<?> unused = running.onExit().thenAccept(gone -> {
            run.exited(gone.exitValue());
            giveUp();
        });
    }

    /** Ends the process and all that came out of it at once, and waits until it is gone. */
    void kill() {
        destroy();
        Process running;
        synchronized (lock) {
            running = process;
        }
        if (running == null) {
            return;
        }
        running.descendants().forEach(ProcessHandle::destroyForcibly);
        running.destroyForcibly();
        try {
            if (!running.waitFor(KILL_SECONDS, TimeUnit.SECONDS)) {
                log.warn("process {} of {} is still there {} s after it was killed", running.pid(), host, KILL_SECONDS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
