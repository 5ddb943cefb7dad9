package dev.shepherd.agent;

import com.google.protobuf.ByteString;
import dev.shepherd.agent.messages.callback.InstallationReport;
import dev.shepherd.agent.messages.callback.InstallationReport.Result;
import dev.shepherd.agent.messages.callback.InstallationRequest;
import java.io.File;
import java.io.IOException;
import java.io.StringReader;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Optional;
import java.util.Properties;

/**
 * Carries out installations, one at a time: runs the program that the operator has named, with the request on its standard
 * input, and reports how it ended.
 *
 * <p>The program is started once for a generation, and goes on if the agent ends. What is known of it is on the disk
 * before it starts, and its end is told by a file that it leaves, so the agent's successor takes over where this one was.
 * An installation whose program is gone without that file, such as after a boot, has failed: it is not tried again.
 */
final class Installations {

    private static final String STATE = "installation";
    private static final String REQUEST = "installation.request";
    private static final String PID = "installation.pid";
    private static final String STATUS = "installation.status";
    private static final String LOG = "installation.log";
    private static final String WORD = "shepherd-installer";

    /**
     * $0 is {@link #WORD}, $1 the home, $2 the program. The log's end is enough, and cannot fill the disk. The last command
     * is the shell's own: it would become any other one, and could not be told by its arguments any more.
     */
    private static final String SCRIPT = """
            umask 022
            echo $$ >"$1/installation.pid.next" && mv -f "$1/installation.pid.next" "$1/installation.pid" || exit 1
            { "$2" <"$1/installation.request" 2>&1; echo $? >"$1/installation.exit"; } |
                tail -c 65536 >"$1/installation.log"
            mv -f "$1/installation.exit" "$1/installation.status"
            exit 0
            """;

    /** How long a program that was started may take to say as which process. */
    private static final Duration BEGINNING = Duration.ofSeconds(10);

    /** Between asking the program to end and ending it. */
    private static final Duration ASKED = Duration.ofSeconds(10);

    private enum State {
        RUNNING,
        ENDED,
        REPORTED
    }

    private final Home home;
    private final String installer;
    private final Duration limit;

    private long generation;
    private State state = State.REPORTED;
    private Result result = Result.RESULT_UNSPECIFIED;
    private String message = "";
    private String boot = "";
    private double begunAt;

    /** Goes on with what the agent before was doing, as the executable was built to. */
    static Installations of(Home home) throws IOException {
        return new Installations(
                home,
                System.getProperty("shepherd.agent.installer", ""),
                Duration.ofSeconds(Long.getLong("shepherd.agent.installer.seconds", 7200)));
    }

    /**
     * Goes on with what the agent before was doing.
     *
     * @param installer the program; empty if there is none
     */
    Installations(Home home, String installer, Duration limit) throws IOException {
        this.home = home;
        this.installer = installer;
        this.limit = limit;
        Properties kept = new Properties();
        kept.load(new StringReader(home.text(STATE)));
        if (!kept.isEmpty()) {
            generation = Long.parseLong(kept.getProperty("generation"));
            state = State.valueOf(kept.getProperty("state"));
            result = Result.valueOf(kept.getProperty("result"));
            message = kept.getProperty("message");
            boot = kept.getProperty("boot");
            begunAt = Double.parseDouble(kept.getProperty("begun"));
        }
    }

    private void keep() throws IOException {
        Properties kept = new Properties();
        kept.setProperty("generation", Long.toString(generation));
        kept.setProperty("state", state.name());
        kept.setProperty("result", result.name());
        kept.setProperty("message", message);
        kept.setProperty("boot", boot);
        kept.setProperty("begun", Double.toString(begunAt));
        StringWriter text = new StringWriter();
        kept.store(text, null);
        home.write(STATE, text.toString());
    }

    /** Begins an installation, unless it was begun already or another one is under way. Returns whether it has. */
    boolean begin(InstallationRequest request) throws IOException {
        look();
        if (state == State.RUNNING || generation == request.getGeneration()) {
            return false;
        }
        generation = request.getGeneration();
        boot = bootId();
        begunAt = uptime();
        if (installer.isEmpty()) {
            end(Result.RESULT_ERROR, "this agent was built without an installer (shepherd agent build --installer)");
            return true;
        }
        for (String file : new String[] {PID, STATUS, LOG}) {
            home.delete(file);
        }
        home.write(REQUEST, request.getRaw().toByteArray());
        state = State.RUNNING;
        result = Result.RESULT_UNSPECIFIED;
        message = "";
        keep();
        Journal.info("installation " + generation + ": " + installer + " starts");
        new ProcessBuilder("setsid", "sh", "-c", SCRIPT, WORD, home.folder().toString(), installer)
                .redirectInput(new File("/dev/null"))
                .redirectOutput(new File("/dev/null"))
                .redirectError(new File("/dev/null"))
                .start();
        return true;
    }

    /** Tells whether a program runs. */
    boolean isRunning() {
        return state == State.RUNNING;
    }

    /** Finds out what has become of the program that runs. */
    void look() throws IOException {
        if (state != State.RUNNING) {
            return;
        }
        String status = home.text(STATUS);
        if (!status.isEmpty()) {
            if (status.equals("0")) {
                end(Result.RESULT_SUCCESS, "");
            } else {
                end(Result.RESULT_ERROR, installer + " ended with status " + status);
            }
            return;
        }
        if (!bootId().equals(boot)) {
            end(Result.RESULT_ERROR, "the machine was booted while " + installer + " ran");
            return;
        }
        Optional<ProcessHandle> process = process();
        double seconds = uptime() - begunAt;
        if (process.isEmpty()) {
            // It may have ended between the two looks, or may be about to begin.
            if (home.text(STATUS).isEmpty() && (Files.exists(home.path(PID)) || seconds > BEGINNING.toSeconds())) {
                end(Result.RESULT_ERROR, installer + " was killed, or could not be started");
            }
        } else if (seconds > limit.toSeconds() + ASKED.toSeconds()) {
            signal("KILL", process.get());
        } else if (seconds > limit.toSeconds()) {
            signal("TERM", process.get());
        }
    }

    /** Returns the shell that runs the program; it leads a process group. */
    private Optional<ProcessHandle> process() throws IOException {
        String pid = home.text(PID);
        return pid.matches("\\d{1,9}")
                ? ProcessHandle.of(Long.parseLong(pid))
                        .filter(process -> Arrays.asList(
                                        process.info().arguments().orElse(new String[0]))
                                .containsAll(Arrays.asList(WORD, home.folder().toString())))
                : Optional.empty();
    }

    private static void signal(String name, ProcessHandle leader) throws IOException {
        new ProcessBuilder("kill", "-s", name, "--", "-" + leader.pid())
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
    }

    private void end(Result how, String why) throws IOException {
        state = State.ENDED;
        result = how;
        double seconds = bootId().equals(boot) ? uptime() - begunAt : 0;
        message = how == Result.RESULT_ERROR && seconds > limit.toSeconds()
                ? why + ", after the limit of " + limit.toSeconds() + " s"
                : why;
        keep();
        Journal.info("installation " + generation + ": " + (message.isEmpty() ? "done" : message));
    }

    /** Returns the report that is to be sent, if there is one: what went wrong, and the end of what the program wrote. */
    Optional<InstallationReport> report() throws IOException {
        if (state != State.ENDED) {
            return Optional.empty();
        }
        byte[] log = home.read(LOG);
        ByteString raw = ByteString.copyFrom((message.isEmpty() ? "" : message + "\n").getBytes(StandardCharsets.UTF_8))
                .concat(log == null ? ByteString.EMPTY : ByteString.copyFrom(log));
        return Optional.of(InstallationReport.newBuilder()
                .setGeneration(generation)
                .setResult(result)
                .setRaw(raw)
                .build());
    }

    /** Is told that the report of that generation is recorded. */
    void reported(long recorded) throws IOException {
        if (state == State.ENDED && generation == recorded) {
            state = State.REPORTED;
            keep();
        }
    }

    /** Is told that nothing waits for the report. */
    void dropReport() throws IOException {
        reported(generation);
    }

    private static String bootId() throws IOException {
        return Files.readString(Path.of("/proc/sys/kernel/random/boot_id")).strip();
    }

    /** Returns for how long the machine has been up, in seconds: no change of the clock changes it. */
    private static double uptime() throws IOException {
        return Double.parseDouble(Files.readString(Path.of("/proc/uptime")).split(" ")[0]);
    }
}
