package dev.shepherd.cli;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.ShepherdException;
import dev.shepherd.cli.agent.AgentCommand;
import dev.shepherd.cli.bmc.BmcCommand;
import dev.shepherd.cli.contract.ContractCommand;
import dev.shepherd.cli.demo.DemoCommand;
import dev.shepherd.cli.demo.FakeBmcCommand;
import dev.shepherd.cli.demo.FakeEquinixCommand;
import dev.shepherd.cli.internal.BuildVersion;
import dev.shepherd.cli.internal.Logging;
import dev.shepherd.cli.internal.Terminal;
import dev.shepherd.cli.operate.BackoffsCommand;
import dev.shepherd.cli.operate.DatabaseCommand;
import dev.shepherd.cli.operate.EndSessionCommand;
import dev.shepherd.cli.operate.EventsCommand;
import dev.shepherd.cli.operate.ExplainCommand;
import dev.shepherd.cli.operate.ForgetCommand;
import dev.shepherd.cli.operate.HardwareCommand;
import dev.shepherd.cli.operate.HistoryCommand;
import dev.shepherd.cli.operate.InstallCommand;
import dev.shepherd.cli.operate.LabelCommand;
import dev.shepherd.cli.operate.MachinesCommand;
import dev.shepherd.cli.operate.PauseCommand;
import dev.shepherd.cli.operate.PausesCommand;
import dev.shepherd.cli.operate.PlanCommand;
import dev.shepherd.cli.operate.QuarantineCommand;
import dev.shepherd.cli.operate.QueueCommand;
import dev.shepherd.cli.operate.RebootCommand;
import dev.shepherd.cli.operate.ReinstallCommand;
import dev.shepherd.cli.operate.ReleaseCommand;
import dev.shepherd.cli.operate.RestartAgentCommand;
import dev.shepherd.cli.operate.ResumeCommand;
import dev.shepherd.cli.operate.RetryCommand;
import dev.shepherd.cli.operate.RolloutCommand;
import dev.shepherd.cli.operate.SessionsCommand;
import dev.shepherd.cli.operate.TrustCommand;
import dev.shepherd.cli.run.MigrateCommand;
import dev.shepherd.cli.run.ProvidersCommand;
import dev.shepherd.cli.run.RunCommand;
import dev.shepherd.cli.run.ServeCommand;
import dev.shepherd.cli.settings.WrongSettingsException;
import dev.shepherd.postgres.PostgresException;
import java.io.UncheckedIOException;
import java.util.Locale;
import java.util.TimeZone;
import net.schmizz.sshj.common.SecurityUtils;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;

/** The entry point of the command line. */
@Command(
        name = "shepherd",
        description = "Runs fleets of bare-metal machines.",
        subcommands = {
            DemoCommand.class,
            RunCommand.class,
            ServeCommand.class,
            MachinesCommand.class,
            ExplainCommand.class,
            PlanCommand.class,
            LabelCommand.class,
            PauseCommand.class,
            PausesCommand.class,
            ResumeCommand.class,
            QuarantineCommand.class,
            ReleaseCommand.class,
            ForgetCommand.class,
            HistoryCommand.class,
            EventsCommand.class,
            RebootCommand.class,
            ReinstallCommand.class,
            BackoffsCommand.class,
            RetryCommand.class,
            TrustCommand.class,
            RestartAgentCommand.class,
            InstallCommand.class,
            RolloutCommand.class,
            HardwareCommand.class,
            SessionsCommand.class,
            EndSessionCommand.class,
            QueueCommand.class,
            DatabaseCommand.class,
            MigrateCommand.class,
            ProvidersCommand.class,
            AgentCommand.class,
            BmcCommand.class,
            ContractCommand.class,
            FakeEquinixCommand.class,
            FakeBmcCommand.class,
            CommandLine.HelpCommand.class
        },
        mixinStandardHelpOptions = true,
        versionProvider = Main.Version.class,
        synopsisSubcommandLabel = "COMMAND",
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {
            "0:all went well",
            "1:something failed; standard error says what",
            "2:the command line or a setting is wrong; standard error says which"
        })
public final class Main {

    @Option(
            names = {"-v", "--verbose"},
            scope = ScopeType.INHERIT,
            description = "Log more: what each machine is doing. Twice (-vv): what the libraries do as well.")
    private boolean[] verbose = {};

    @Option(
            names = "--log-format",
            paramLabel = "FORMAT",
            scope = ScopeType.INHERIT,
            description = "log in lines for people (text, the default) or in an object of JSON a line (json)")
    private void logFormat(Logging.Format format) {
        Logging.use(format);
    }

    private Main() {}

    /** Runs the command line and ends the process with its exit code. */
    @SuppressWarnings("SystemExitOutsideMain")
    public static void main(String[] args) {
        // The driver tells the database the time zone, and there are zones that only one of the two knows.
        TimeZone.setDefault(TimeZone.getTimeZone("UTC"));
        // Machines read the log and the tables: digits and years are the same everywhere.
        Locale.setDefault(Locale.Category.FORMAT, Locale.ROOT);
        // Else the JDK's HTTP server takes 40 ms for each answer: its head and its body wait for one another.
        System.setProperty("sun.net.httpserver.nodelay", "true");
        Logging.configure(args);
        Terminal.guard();
        int status = ExitCode.SOFTWARE;
        try {
            status = run(args);
        } catch (Throwable e) {
            // Such as an error: the process must not live on with nothing but the threads of libraries.
            e.printStackTrace();
        }
        System.exit(status);
    }

    /** Runs the command line and returns its exit code. */
    static int run(String... args) {
        // The demo brings BouncyCastle along, which the SSH library would use for all. Embedders have the JDK's by
        // default.
        SecurityUtils.setRegisterBouncyCastle(false);
        CommandLine commandLine = new CommandLine(new Main());
        // A message in colour could not be told from one whose colour comes with the text of others.
        commandLine.setColorScheme(CommandLine.Help.defaultColorScheme(CommandLine.Help.Ansi.OFF));
        commandLine.setExecutionExceptionHandler((e, failed, parsed) -> explain(e, failed));
        commandLine.setCaseInsensitiveEnumValuesAllowed(true);
        if (args.length == 0) {
            commandLine.usage(System.err, commandLine.getColorScheme());
            return ExitCode.USAGE;
        }
        return commandLine.execute(args);
    }

    /** An error that the user can fix is one line; anything else is a defect, and shows its stack trace. */
    private static int explain(Exception e, CommandLine failed) throws Exception {
        if (e instanceof WrongSettingsException wrong) {
            wrong.problems().forEach(problem -> failed.getErr().println("shepherd: " + problem));
            return ExitCode.USAGE;
        }
        if (e instanceof ConfigurationException || e instanceof CommandLine.ParameterException) {
            failed.getErr().println("shepherd: " + e.getMessage());
            return ExitCode.USAGE;
        }
        if (e instanceof ShepherdException || e instanceof PostgresException || e instanceof UncheckedIOException) {
            failed.getErr().println("shepherd: " + e.getMessage());
            return ExitCode.SOFTWARE;
        }
        if (e instanceof InterruptedException) {
            failed.getErr().println("shepherd: interrupted");
            return ExitCode.SOFTWARE;
        }
        throw e;
    }

    /** Reads the version from the jar's manifest. */
    static final class Version implements CommandLine.IVersionProvider {
        @Override
        public String[] getVersion() {
            return new String[] {"shepherd " + BuildVersion.text()};
        }
    }
}
