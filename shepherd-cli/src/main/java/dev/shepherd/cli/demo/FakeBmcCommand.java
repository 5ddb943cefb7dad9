package dev.shepherd.cli.demo;

import dev.shepherd.cli.internal.Setting;
import dev.shepherd.cli.internal.Shutdown;
import dev.shepherd.testkit.agent.TestAgent;
import dev.shepherd.testkit.bmc.FakeBmc.Vendor;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code shepherd fake-bmc}. */
@Command(
        name = "fake-bmc",
        description = {
            "Runs fakes of BMCs with Redfish on loopback, to try the provider 'redfish'. Each machine is an SSH server"
                    + " on this one, which reboots when its BMC is told to reset it.",
            "",
            "It keeps everything in memory, and ends when it is interrupted, or after --for."
        },
        mixinStandardHelpOptions = true,
        sortOptions = false)
public final class FakeBmcCommand implements Callable<Integer> {

    private static final int MOST_MACHINES = 1_000;
    private static final Duration HEARTBEATS = Duration.ofSeconds(5);

    /** Whose Redfish the BMCs have. */
    enum Vendors {
        ILO(Vendor.ILO),
        IDRAC(Vendor.IDRAC),
        DMTF(Vendor.DMTF),
        MIXED(Vendor.values());

        private final List<Vendor> vendors;

        Vendors(Vendor... vendors) {
            this.vendors = List.of(vendors);
        }
    }

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
            names = "--vendor",
            paramLabel = "VENDOR",
            defaultValue = "MIXED",
            description = "whose Redfish the BMCs have: ilo, idrac, dmtf, or mixed for all in turn (default: mixed)")
    private Vendors vendor = Vendors.MIXED;

    @Option(
            names = "--systems",
            paramLabel = "N",
            defaultValue = "1",
            description = "how many machines share a BMC, 1 to " + MOST_MACHINES + " (default: ${DEFAULT-VALUE})")
    private int systems = 1;

    @Option(
            names = "--power-delay",
            paramLabel = "SECONDS",
            defaultValue = "2",
            description = "how long a reset takes to have its effect (default: ${DEFAULT-VALUE})")
    private int powerDelay = 2;

    @Option(
            names = "--hang-every",
            paramLabel = "SECONDS",
            defaultValue = "0",
            description = "let one machine after the other hang, with its agent dead, until it is reset; 0 for none"
                    + " (default: ${DEFAULT-VALUE})")
    private int hangEvery;

    @Option(
            names = "--refuse-resets",
            paramLabel = "N",
            defaultValue = "0",
            description = "let the last N BMCs refuse every reset, as they do with a user who may only read; 0 for none"
                    + " (default: ${DEFAULT-VALUE})")
    private int refuseResets;

    @Option(
            names = "--list",
            paramLabel = "FILE",
            description = "where to write the list of machines (default: machines.json in the folder of --data)")
    private @Nullable Path list;

    @Option(
            names = "--data",
            paramLabel = "DIR",
            defaultValue = ".shepherd/fake-bmc",
            description = "folder for the passwords, which only you can read, and a test agent"
                    + " (default: ${DEFAULT-VALUE})")
    private Path folder = Path.of(".shepherd", "fake-bmc");

    @Option(
            names = "--for",
            paramLabel = "SECONDS",
            defaultValue = "0",
            description = "how long to run; 0 until it is interrupted (default: ${DEFAULT-VALUE})")
    private int seconds;

    @Override
    public Integer call() throws InterruptedException {
        Setting.requireRange(spec, "--machines", machines, 1, MOST_MACHINES);
        Setting.requireRange(spec, "--systems", systems, 1, MOST_MACHINES);
        Setting.requireRange(spec, "--power-delay", powerDelay, 0, 600);
        Setting.requireRange(spec, "--hang-every", hangEvery, 0, 86_400);
        Setting.requireRange(spec, "--for", seconds, 0, 86_400);
        int bmcs = (machines + systems - 1) / systems;
        Setting.requireRange(spec, "--refuse-resets", refuseResets, 0, bmcs);
        String password = FakeRack.newPassword();
        FakeRack.Plan plan = new FakeRack.Plan(
                machines, vendor.vendors, systems, password, Duration.ofSeconds(powerDelay), HEARTBEATS);
        try (Shutdown shutdown = new Shutdown();
                FakeRack rack = new FakeRack(plan, (id, type) -> say(id + " was reset: " + type))) {
            rack.refuseResets(refuseResets);
            Files.createDirectories(folder);
            Path listFile = list == null ? folder.resolve("machines.json") : list;
            Files.writeString(listFile, rack.list());
            Path credentials = FakeRack.writeCredentials(folder, password);
            Path sshPassword = FakeRack.writePrivate(folder.resolve("ssh-password"), password + "\n");
            Path agent = TestAgent.write(folder.resolve("agent"));
            explain(rack, listFile, credentials, sshPassword, agent);
            run(rack, shutdown);
        } catch (IOException e) {
            throw new UncheckedIOException("the files in " + folder + " cannot be written: " + e.getMessage(), e);
        }
        return 0;
    }

    private void run(FakeRack rack, Shutdown shutdown) throws InterruptedException {
        long started = System.nanoTime();
        long end = seconds == 0 ? Long.MAX_VALUE : TimeUnit.SECONDS.toMillis(seconds);
        long hangs = hangEvery == 0 ? Long.MAX_VALUE : TimeUnit.SECONDS.toMillis(hangEvery);
        int hung = 0;
        long now = 0;
        while (now < end && !shutdown.await(Math.min(end, hangs) - now)) {
            now = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - started);
            if (now >= hangs) {
                say(rack.hang(hung++) + " hangs");
                hangs += TimeUnit.SECONDS.toMillis(hangEvery);
            }
        }
    }

    private void explain(FakeRack rack, Path listFile, Path credentials, Path sshPassword, Path agent) {
        PrintWriter out = spec.commandLine().getOut();
        out.println(
                rack.bmcs() + " fake BMCs are on 127.0.0.1, with " + machines + " machines behind them: " + listFile);
        if (refuseResets > 0) {
            out.println(
                    "The last " + refuseResets + " of the BMCs refuse every reset: a machine behind them that hangs is"
                            + " quarantined in the end.");
        }
        out.println();
        out.println("To take the machines over, and reboot through its BMC each that falls silent, run in another"
                + " terminal:");
        out.println("  ./shepherd run --provider redfish \\");
        out.println("      --property list=" + listFile.toUri() + " \\");
        out.println("      --property credentials=" + credentials + " \\");
        out.println("      --property reinstall=pxe \\");
        out.println("      --ssh-password-file " + sshPassword + " \\");
        out.println("      --agent " + agent + " --agent-listen 7834 \\");
        out.println("      --heartbeat-interval " + HEARTBEATS.toSeconds() + "s --silent-after 65s");
        out.println();
        out.println("To see whether all of them can be rebooted:");
        out.println("  ./shepherd bmc check \\");
        out.println("      --property list=" + listFile.toUri() + " \\");
        out.println("      --property credentials=" + credentials);
        out.println();
        out.println(
                "The first reboot comes after 5 min at the earliest: recovery first listens to all agents for that long.");
        out.println(seconds == 0 ? "It ends with Ctrl-C." : "It ends with Ctrl-C, or after " + seconds + " s.");
        out.flush();
    }

    private void say(String line) {
        PrintWriter out = spec.commandLine().getOut();
        out.println(line);
        out.flush();
    }
}
