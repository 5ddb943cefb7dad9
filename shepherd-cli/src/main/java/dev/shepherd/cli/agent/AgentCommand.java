package dev.shepherd.cli.agent;

import dev.shepherd.bmdb.MachineRecord.AgentBuild;
import dev.shepherd.cli.internal.BuildVersion;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code shepherd agent}. */
@Command(
        name = "agent",
        description = "Packs the agent that runs on machines.",
        subcommands = AgentCommand.Build.class,
        mixinStandardHelpOptions = true)
public final class AgentCommand implements Callable<Integer> {

    @Spec
    @SuppressWarnings("NullAway.Init")
    private CommandSpec spec;

    @Override
    public Integer call() {
        spec.commandLine().usage(spec.commandLine().getErr());
        return ExitCode.USAGE;
    }

    /** {@code shepherd agent build}. */
    @Command(
            name = "build",
            description = {
                "Writes the agent as one executable file for machines with Linux and glibc. It needs no Java there: it"
                        + " brings its own, linked from a JDK, and unpacks itself when it is first run.",
                "",
                "Example: shepherd agent build --installer /usr/local/sbin/install-os",
                "         shepherd run --agent shepherd-agent-linux-x86_64 …"
            },
            mixinStandardHelpOptions = true)
    static final class Build implements Callable<Integer> {

        @Option(
                names = "--output",
                paramLabel = "FILE",
                description = "the file to write (default: shepherd-agent-linux-ARCHITECTURE)")
        private @Nullable Path output;

        @Option(
                names = "--jdk",
                paramLabel = "DIR",
                description =
                        "the JDK to link from, which may be one for another architecture: then of the same version as"
                                + " the Java that runs this (default: that Java)")
        private @Nullable Path jdk;

        @Option(
                names = "--installer",
                paramLabel = "PATH",
                description = "a program on the machines that carries out installations: it gets the request on its"
                        + " standard input, and has failed unless it ends with 0 (default: none; each request is answered"
                        + " with an error)")
        private @Nullable String installer;

        @Option(
                names = "--installer-limit",
                paramLabel = "SECONDS",
                defaultValue = "7200",
                description = "how long an installation may take, 1 to 604800 (default: ${DEFAULT-VALUE})")
        private int installerLimit;

        @Option(
                names = "--agent-version",
                paramLabel = "TEXT",
                description = "how it calls itself wherever a machine's agent is shown, 1 to 100 printable ASCII"
                        + " characters (default: the version of Shepherd)")
        private @Nullable String agentVersion;

        @Spec
        @SuppressWarnings("NullAway.Init")
        private CommandSpec spec;

        @Override
        public Integer call() throws IOException, InterruptedException {
            if (installer != null && !installer.matches("/[\\w./+-]+")) {
                throw wrong("--installer takes an absolute path of letters, digits and . / + - _, not " + installer);
            }
            if (installerLimit < 1 || installerLimit > Duration.ofDays(7).toSeconds()) {
                throw wrong("--installer-limit takes 1 to 604800 seconds, not " + installerLimit);
            }
            String version = agentVersion == null ? BuildVersion.text() : agentVersion;
            try {
                new AgentBuild("0".repeat(64), Optional.of(version));
            } catch (IllegalArgumentException e) {
                throw wrong("--agent-version: " + e.getMessage());
            }
            PrintWriter out = spec.commandLine().getOut();
            AgentFile file;
            try {
                file = AgentFile.from(jdk);
            } catch (IllegalArgumentException e) {
                throw wrong(e.getMessage());
            }
            Path to = output == null ? Path.of("shepherd-agent-linux-" + file.architecture()) : output;
            AgentFile.Written written = file.write(to, version, installer == null ? "" : installer, installerLimit);
            out.println(to + ": for Linux on " + file.architecture() + " with glibc, Java " + file.version() + ", "
                    + String.format(Locale.ROOT, "%.1f MB", Files.size(to) / 1e6));
            if (!written.needs().isEmpty()) {
                out.println("The machines need " + String.join(" and ", written.needs())
                        + ", as this JDK does; one that brings them along, such as Temurin, makes agents without");
            }
            out.println("Version " + version + ", SHA-256 " + written.digest());
            out.flush();
            return ExitCode.OK;
        }

        private ParameterException wrong(@Nullable String message) {
            return new ParameterException(spec.commandLine(), String.valueOf(message));
        }
    }
}
