package dev.shepherd.provider.redfish;

import dev.shepherd.api.ProviderConfig;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderException.Scope;
import dev.shepherd.provider.redfish.Credentials.Login;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;

/**
 * The program {@code ipmitool}, which speaks IPMI 2.0 ({@code lanplus}) to a BMC. It is run once for each command, and gets
 * the password through a pipe that it reads as its password file: the password is in no argument, no variable and no file.
 *
 * <p>Each process has an owner: the thread that started it waits for it, and kills it with all that it started if it takes
 * too long, if the thread is interrupted, or if this is closed. Of what it says 64 KiB are kept. Safe for use by several
 * threads.
 */
final class IpmiTool {

    /** How long a password may be, in bytes; the program cuts off the rest. */
    private static final int LONGEST_PASSWORD = 20;

    private static final int LONGEST_USER = 16;
    private static final int LONGEST_OUTPUT = 64 * 1024;
    private static final int USUAL_PORT = 623;
    private static final Duration ROUND = Duration.ofMillis(10);
    private static final Duration LONGEST_WAIT_FOR_ANSWER = Duration.ofSeconds(10);
    private static final Duration DYING = Duration.ofSeconds(1);

    private final String program;
    private final String cipherSuite;
    private final String privilege;
    private final Set<Process> running = ConcurrentHashMap.newKeySet();
    private volatile boolean closed;

    /** Reads the settings; the program is not looked for before the first call. */
    IpmiTool(ProviderConfig config) {
        program = config.path(RedfishProviderFactory.IPMITOOL).orElseThrow().toString();
        cipherSuite = config.string(RedfishProviderFactory.IPMI_CIPHER_SUITE)
                .orElseThrow()
                .strip();
        privilege = config.string(RedfishProviderFactory.IPMI_PRIVILEGE)
                .orElseThrow()
                .strip()
                .toUpperCase(Locale.ROOT);
    }

    /**
     * Has the program send a command, and waits for its end.
     *
     * @param entry whose BMC it is
     * @param login a user and a password that {@link #check} has not refused
     * @param limit how long it may take
     * @param onceOnly whether the command has an effect, so that it must not be sent again when its answer is lost
     * @param command the words of the command
     * @throws ProviderException with {@link Reason#PERMANENT} if the program cannot be run; nothing was sent
     * @throws CancellationException if this is closed, before or meanwhile
     */
    IpmiAnswer run(BmcEntry entry, Login login, Duration limit, boolean onceOnly, List<String> command)
            throws InterruptedException {
        long deadline = System.nanoTime() + limit.toNanos();
        Process process = start(entry, arguments(entry, login, limit, onceOnly, command));
        try {
            give(process, login.password());
            byte[] said = read(process, deadline);
            checkOpen();
            boolean ended = !process.isAlive();
            return new IpmiAnswer(
                    ended ? process.exitValue() : -1, ended, new String(said, StandardCharsets.UTF_8), limit);
        } finally {
            kill(process);
            running.remove(process);
        }
    }

    private List<String> arguments(
            BmcEntry entry, Login login, Duration limit, boolean onceOnly, List<String> command) {
        String host = entry.bmc().getHost();
        int port = entry.bmc().getPort();
        List<String> arguments = new ArrayList<>(List.of(
                program,
                // Without it, a wrong password looks like a host that is not there.
                "-v",
                "-I",
                "lanplus",
                "-H",
                host.startsWith("[") ? host.substring(1, host.length() - 1) : host,
                "-p",
                String.valueOf(port < 0 ? USUAL_PORT : port),
                "-U",
                login.user(),
                "-L",
                privilege,
                "-f",
                "/dev/stdin"));
        if (!cipherSuite.equals("auto")) {
            arguments.addAll(List.of("-C", cipherSuite));
        }
        // -R counts transmissions, not repetitions. To set up a session, the program repeats what it needs all the
        // same.
        long patience = Math.min(LONGEST_WAIT_FOR_ANSWER.toSeconds(), limit.toSeconds() / (onceOnly ? 4 : 8));
        arguments.addAll(List.of("-R", onceOnly ? "1" : "2", "-N", String.valueOf(Math.max(1, patience))));
        arguments.addAll(command);
        return arguments;
    }

    private Process start(BmcEntry entry, List<String> arguments) {
        ProcessBuilder builder = new ProcessBuilder(arguments).redirectErrorStream(true);
        Map<String, String> environment = builder.environment();
        environment.keySet().retainAll(Set.of("PATH"));
        environment.put("LANG", "C");
        environment.put("LC_ALL", "C");
        checkOpen();
        Process process;
        try {
            process = builder.start();
        } catch (IOException e) {
            throw ProviderException.builder(
                            Reason.PERMANENT,
                            entry.bmcName() + ": IPMI needs the program " + program
                                    + ", which cannot be run; the package \"ipmitool\" has it, and the property \""
                                    + RedfishProviderFactory.IPMITOOL + "\" says where it is")
                    .scope(Scope.MACHINE)
                    .cause(e)
                    .build();
        }
        running.add(process);
        if (closed) {
            kill(process);
            running.remove(process);
            checkOpen();
        }
        return process;
    }

    private void checkOpen() {
        if (closed) {
            throw new CancellationException("closed");
        }
    }

    /** Writes the password where the program reads it; a pipe holds far more than that. */
    private static void give(Process process, String password) {
        try (OutputStream in = process.getOutputStream()) {
            in.write((password + "\n").getBytes(StandardCharsets.UTF_8));
        } catch (IOException e) {
            // It ended without reading, and has said why.
        }
    }

    /**
     * Reads what the process says until it ends, or the time is over. It never blocks on the pipe, which is open for as long
     * as anything is alive that the process has started.
     */
    private static byte[] read(Process process, long deadline) throws InterruptedException {
        byte[] kept = new byte[LONGEST_OUTPUT];
        byte[] more = new byte[8 * 1024];
        int length = 0;
        try (InputStream out = process.getInputStream()) {
            while (true) {
                boolean last = process.waitFor(ROUND.toMillis(), TimeUnit.MILLISECONDS);
                // Of one that says more and more, so much at a time: the limit and an interruption end this too.
                for (int taken = 0; out.available() > 0 && taken < LONGEST_OUTPUT; ) {
                    int n = out.read(more, 0, Math.min(more.length, out.available()));
                    taken += n;
                    int fitting = Math.max(0, Math.min(n, kept.length - length));
                    System.arraycopy(more, 0, kept, length, fitting);
                    length += fitting;
                }
                if (last || deadline - System.nanoTime() <= 0) {
                    break;
                }
            }
        } catch (IOException e) {
            // What has been read is there.
        }
        return Arrays.copyOf(kept, length);
    }

    /** Kills a process and all that it has started. */
    private static void kill(Process process) {
        if (!process.isAlive()) {
            return;
        }
        List<ProcessHandle> started = process.descendants().toList();
        process.destroyForcibly();
        for (ProcessHandle child : started) {
            child.descendants().forEach(ProcessHandle::destroyForcibly);
            child.destroyForcibly();
        }
        boolean interrupted = false;
        try {
            process.waitFor(DYING.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            interrupted = true;
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /**
     * Checks that a user and a password can be sent as they are.
     *
     * @throws ProviderException with {@link Reason#UNAUTHENTICATED} if not; the message shows neither
     */
    static void check(BmcEntry entry, Login login) {
        String password = login.password();
        String what = null;
        if (bytes(login.user()) > LONGEST_USER) {
            what = "the user has more than " + LONGEST_USER + " bytes";
        } else if (bytes(password) > LONGEST_PASSWORD) {
            what = "the password has more than " + LONGEST_PASSWORD + " bytes";
        } else if (password.chars().anyMatch(Character::isISOControl)) {
            what = "the password has a tab or another control character";
        }
        if (what != null) {
            throw ProviderException.builder(
                            Reason.UNAUTHENTICATED,
                            entry.bmcName() + ": the credentials \"" + entry.credentials()
                                    + "\" cannot be sent by IPMI: " + what)
                    .scope(Scope.MACHINE)
                    .build();
        }
    }

    private static int bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8).length;
    }

    /** Kills all processes; calls that wait for one end with {@link CancellationException}, and so do all later ones. */
    void close() {
        closed = true;
        running.forEach(IpmiTool::kill);
    }
}
