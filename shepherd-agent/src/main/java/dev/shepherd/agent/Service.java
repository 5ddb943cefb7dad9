package dev.shepherd.agent;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * Starts the process that reports, and has the machine start it when it boots: as a service of systemd where that runs
 * and the agent is root, otherwise as a process of its own that no boot starts.
 */
final class Service {

    /** The link to the unpacked program that is in use. */
    private static final String CURRENT = "current";

    private static final String RUNTIME = "runtime";
    private static final String LOG = "agent.log";
    private static final String UNIT = "shepherd-agent.service";
    private static final Path UNITS = Path.of("/etc/systemd/system");

    /** Tells that systemd is this machine's manager; see sd_booted(3). */
    private static final Path BOOTED = Path.of("/run/systemd/system");

    private static final long START_SECONDS = 20;
    private static final long STOP_SECONDS = 10;

    private final Home home;
    private final boolean systemd;

    private Service(Home home, boolean systemd) {
        this.home = home;
        this.systemd = systemd;
    }

    static Service of(Home home) {
        return new Service(home, Files.isDirectory(BOOTED) && Files.isWritable(UNITS));
    }

    /** Returns the name of the program in use, or an empty text. */
    String runtime() throws IOException {
        Path link = home.path(CURRENT);
        return Files.isSymbolicLink(link)
                ? Files.readSymbolicLink(link).getFileName().toString()
                : "";
    }

    /** Has the program of that name started from now on. */
    void use(String runtime) throws IOException {
        if (runtime.isEmpty()) {
            return;
        }
        Path link = home.path(CURRENT + ".next");
        Files.deleteIfExists(link);
        Files.createSymbolicLink(link, Path.of(RUNTIME, runtime));
        Files.move(link, home.path(CURRENT), StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    /**
     * Ends the process that reports, if there is one, starts another, and waits until it is at work.
     *
     * @param identity as whom it has to report
     */
    void restart(Identity identity) throws IOException, InterruptedException {
        home.delete(Reporting.RUNNING);
        if (systemd) {
            Files.writeString(UNITS.resolve(UNIT), unit());
            run("systemctl", "daemon-reload");
            run("systemctl", "enable", "--quiet", UNIT);
            run("systemctl", "restart", UNIT);
        } else {
            stopProcess();
            startProcess();
        }
        long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(START_SECONDS);
        while (!home.text(Reporting.RUNNING).startsWith(identity.name() + " ")) {
            if (System.nanoTime() > until) {
                throw new IOException("the agent was started, but is not at work after " + START_SECONDS + " s: "
                        + (systemd ? "'journalctl -u " + UNIT + "' says why" : tail(home.path(LOG))));
            }
            Thread.sleep(50);
        }
    }

    private String unit() {
        return """
                # Written by the agent at its takeover.
                [Unit]
                Description=Shepherd agent
                Wants=network-online.target
                After=network-online.target

                [Service]
                ExecStart="%s" run "%s"
                # An agent that another has taken the place of ends with 0, and stays away.
                Restart=on-failure
                RestartSec=5
                # How a Java ends that was asked to.
                SuccessExitStatus=143
                # An installation goes on while its agent is started again.
                KillMode=process
                UMask=0077

                [Install]
                WantedBy=multi-user.target
                """.formatted(quoted(home.path(CURRENT).resolve("agent")), quoted(home.folder()));
    }

    /** See systemd.unit(5) and systemd.service(5). */
    private static String quoted(Path path) {
        return path.toString()
                .replace("\\", "\\\\")
                .replace("\"", "\\\"")
                .replace("%", "%%")
                .replace("$", "$$");
    }

    private static void run(String... command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectInput(new File("/dev/null"))
                .start();
        try {
            // What it says fits into the pipe, and is read once it has ended: reading has no limit of its own.
            if (!process.waitFor(START_SECONDS, TimeUnit.SECONDS)) {
                throw new IOException(String.join(" ", command) + " does not end");
            }
            if (process.exitValue() != 0) {
                byte[] said = process.getInputStream().readNBytes(4096);
                throw new IOException(String.join(" ", command) + " failed with status " + process.exitValue() + ": "
                        + new String(said, StandardCharsets.UTF_8).strip());
            }
        } finally {
            process.destroyForcibly();
        }
    }

    private void startProcess() throws IOException {
        // The session of its own outlives the connection of the takeover.
        new ProcessBuilder(
                        "setsid",
                        home.path(CURRENT).resolve("agent").toString(),
                        "run",
                        home.folder().toString())
                .redirectInput(new File("/dev/null"))
                .redirectOutput(new File("/dev/null"))
                .redirectError(home.path(LOG).toFile())
                .start();
    }

    private void stopProcess() throws InterruptedException, IOException {
        for (ProcessHandle process : others()) {
            process.destroy();
            long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(STOP_SECONDS);
            while (process.isAlive() && System.nanoTime() < until) {
                Thread.sleep(20);
            }
            process.destroyForcibly();
        }
    }

    /** The processes that report from this home: those whose program is in it, and that are told so. */
    private List<ProcessHandle> others() throws IOException {
        Path programs = home.folder().toRealPath().resolve(RUNTIME);
        return ProcessHandle.allProcesses()
                .filter(process -> process.pid() != ProcessHandle.current().pid())
                .filter(process -> process.info()
                        .command()
                        .filter(c -> Path.of(c).startsWith(programs))
                        .isPresent())
                .filter(process -> Arrays.asList(process.info().arguments().orElse(new String[0]))
                        .contains("run"))
                .toList();
    }

    private static String tail(Path file) throws IOException {
        String text = Files.exists(file) ? Files.readString(file, StandardCharsets.ISO_8859_1) : "";
        return text.substring(Math.max(0, text.length() - 1000)).strip();
    }

    /** Deletes the programs that are not in use any more. */
    void removeOtherRuntimes() throws IOException {
        Path programs = home.path(RUNTIME);
        String used = runtime();
        if (!Files.isDirectory(programs) || used.isEmpty()) {
            return;
        }
        try (Stream<Path> all = Files.list(programs)) {
            for (Path program : all.filter(
                            each -> !each.getFileName().toString().equals(used))
                    .toList()) {
                try (Stream<Path> files = Files.walk(program)) {
                    for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                        Files.deleteIfExists(file);
                    }
                }
            }
        }
    }
}
