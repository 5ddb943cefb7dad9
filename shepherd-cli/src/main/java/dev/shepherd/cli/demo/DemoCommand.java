package dev.shepherd.cli.demo;

import dev.shepherd.cli.internal.DatabaseOptions;
import dev.shepherd.cli.internal.Setting;
import dev.shepherd.cli.internal.Shutdown;
import dev.shepherd.postgres.PostgresServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code shepherd demo}. */
@Command(
        name = "demo",
        description = {
            "Runs all of Shepherd on this machine: starts a PostgreSQL server and one SSH server for each machine"
                    + " of a fleet, then finds, records and takes over all of them. Then it breaks two machines: one"
                    + " comes back, the other is quarantined. With --bmc, the machines have BMCs, and are rebooted through"
                    + " them.",
            "",
            "It needs nothing from outside and listens on loopback only. The database is kept for inspection."
        },
        mixinStandardHelpOptions = true)
public final class DemoCommand implements Callable<Integer> {

    private static final int MOST_MACHINES = 1000;

    @Spec
    @SuppressWarnings("NullAway.Init")
    private CommandSpec spec;

    @Option(
            names = "--machines",
            paramLabel = "N",
            defaultValue = "10",
            description = "how many machines, 1 to " + MOST_MACHINES + " (default: ${DEFAULT-VALUE})")
    private int machines = 10;

    @Option(
            names = "--bmc",
            description = "give each machine a BMC, of several vendors in turn, and run them with the provider"
                    + " 'redfish': a machine that hangs is rebooted through its BMC, and one whose BMC refuses that is"
                    + " quarantined")
    private boolean bmc;

    @Option(names = "--json", description = "print the summary as one JSON object in the last line")
    private boolean json;

    @Option(
            names = "--data",
            paramLabel = "DIR",
            defaultValue = ".shepherd/demo",
            description = "folder for the database and the other files of the demo; what an earlier demo left there is"
                    + " replaced (default: ${DEFAULT-VALUE})")
    private Path folder = Path.of(".shepherd", "demo");

    @Option(
            names = "--timeout",
            paramLabel = "SECONDS",
            defaultValue = "600",
            description = "give up after this time (default: ${DEFAULT-VALUE})")
    private int timeout = 600;

    @Option(
            names = "--web",
            description = "serve the operator's page of the demo, and go on with it until the demo is interrupted")
    private boolean web;

    @Option(
            names = "--web-port",
            paramLabel = "PORT",
            defaultValue = "0",
            description = "port of the page on loopback (default: any that is free)")
    private int webPort;

    @Override
    public Integer call() throws InterruptedException {
        Setting.requireRange(spec, "--machines", machines, 1, MOST_MACHINES);
        Setting.requireRange(spec, "--web-port", webPort, 0, 65_535);
        if (timeout < 1) {
            throw new ParameterException(spec.commandLine(), "--timeout is at least 1, not " + timeout);
        }
        var out = spec.commandLine().getOut();
        DemoSummary summary;
        try (Shutdown shutdown = new Shutdown();
                DemoProgress progress = DemoProgress.on(out, machines)) {
            Files.createDirectories(folder);
            progress.stage("starting a PostgreSQL in " + folder.resolve("database"));
            try (PostgresServer server = PostgresServer.startIn(folder.resolve("database"))) {
                DatabaseOptions.endIfGone(server, shutdown);
                server.dropDatabase("shepherd");
                String url = server.createDatabase("shepherd");
                try (DemoMachines started = startMachines(progress);
                        DemoFleet fleet = DemoFleet.of(folder, started, url)) {
                    String page = web ? fleet.servePage(webPort) : "";
                    if (web) {
                        progress.stage("the page is at " + page);
                    }
                    summary = fleet.run(progress, Duration.ofSeconds(timeout), shutdown);
                    if (web && summary.isComplete()) {
                        out.println("The fleet goes on, and its page is at " + page + " until you press Ctrl-C.");
                        out.flush();
                        shutdown.await();
                    }
                }
                DatabaseOptions.requireThere(server);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("the demo cannot use its folder " + folder + ": " + e.getMessage(), e);
        }
        out.println(summary.text());
        out.println();
        out.println("Its database stays in " + folder.resolve("database") + ". To look at it:");
        out.println("  ./shepherd machines --data " + folder.resolve("database") + "   lists the machines");
        out.println("  ./shepherd database --data " + folder.resolve("database")
                + "   starts it for psql or any other client; docs/schema.md explains the tables");
        if (json) {
            out.println(summary.json());
        }
        out.flush();
        return summary.isComplete() ? 0 : ExitCode.SOFTWARE;
    }

    private DemoMachines startMachines(DemoProgress progress) throws IOException, InterruptedException {
        Duration heartbeats = DemoFleet.heartbeatInterval(machines);
        return bmc
                ? new DemoRack(folder, machines, heartbeats, progress)
                : new DemoList(folder, machines, heartbeats, progress);
    }
}
