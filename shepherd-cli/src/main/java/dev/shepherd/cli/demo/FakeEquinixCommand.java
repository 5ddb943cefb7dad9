package dev.shepherd.cli.demo;

import dev.shepherd.cli.internal.Setting;
import dev.shepherd.cli.internal.Shutdown;
import dev.shepherd.testkit.agent.TestAgent;
import dev.shepherd.testkit.equinix.FakeEquinix;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code shepherd fake-equinix}. */
@Command(
        name = "fake-equinix",
        description = {
            "Runs a fake of the Equinix Metal API on loopback, to try the provider 'equinix'. Each device that is"
                    + " created from one of its reservations is an SSH server on this machine.",
            "",
            "It keeps everything in memory, and ends when it is interrupted."
        },
        mixinStandardHelpOptions = true,
        sortOptions = false)
public final class FakeEquinixCommand implements Callable<Integer> {

    private static final int MOST_RESERVATIONS = 10_000;

    @Spec
    @SuppressWarnings("NullAway.Init")
    private CommandSpec spec;

    @Option(
            names = "--reservations",
            paramLabel = "N",
            defaultValue = "10",
            description =
                    "how many free hardware reservations, 0 to " + MOST_RESERVATIONS + " (default: ${DEFAULT-VALUE})")
    private int reservations = 10;

    @Option(
            names = "--port",
            paramLabel = "P",
            defaultValue = "8585",
            description = "TCP port of the API; 0 for any free one (default: ${DEFAULT-VALUE})")
    private int port = 8585;

    @Option(
            names = "--ssh-port",
            paramLabel = "P",
            defaultValue = "2222",
            description = "TCP port of the devices' SSH servers, each of which has its own address in 127.18.0.0/16"
                    + " (default: ${DEFAULT-VALUE})")
    private int sshPort = 2222;

    @Option(
            names = "--provisioning",
            paramLabel = "SECONDS",
            defaultValue = "5",
            description = "how long a device takes to become active (default: ${DEFAULT-VALUE})")
    private int provisioning = 5;

    @Option(
            names = "--data",
            paramLabel = "DIR",
            defaultValue = ".shepherd/fake-equinix",
            description = "folder for the API token and a test agent (default: ${DEFAULT-VALUE})")
    private Path folder = Path.of(".shepherd", "fake-equinix");

    @Override
    public Integer call() throws InterruptedException {
        Setting.requireRange(spec, "--reservations", reservations, 0, MOST_RESERVATIONS);
        Setting.requireRange(spec, "--port", port, 0, 65535);
        Setting.requireRange(spec, "--ssh-port", sshPort, 1, 65535);
        Setting.requireRange(spec, "--provisioning", provisioning, 0, 86_400);
        // Without this the JDK's server takes 40 ms for each answer: its head and its body wait for one another.
        System.setProperty("sun.net.httpserver.nodelay", "true");
        try (Shutdown shutdown = new Shutdown();
                FakeEquinixHosts hosts = new FakeEquinixHosts(sshPort);
                FakeEquinix api = FakeEquinix.builder()
                        .port(port)
                        .provisioning(Duration.ofSeconds(provisioning))
                        .hosts(hosts)
                        .start()) {
            api.addReservations(reservations);
            Files.createDirectories(folder);
            Path token = Files.writeString(folder.resolve("token"), api.token() + "\n");
            Path agent = TestAgent.write(folder.resolve("agent"));
            explain(api, token, agent);
            shutdown.await();
        } catch (IOException e) {
            throw new UncheckedIOException("the folder " + folder + " cannot be used: " + e.getMessage(), e);
        }
        return 0;
    }

    private void explain(FakeEquinix api, Path token, Path agent) {
        PrintWriter out = spec.commandLine().getOut();
        out.println("A fake of the Equinix Metal API is at " + api.endpoint());
        out.println("Its project " + api.projectId() + " has " + reservations + " free hardware reservations.");
        out.println();
        out.println("To create machines from them and take these over, run in another terminal:");
        out.println("  ./shepherd run --provider equinix \\");
        property(out, "endpoint", api.endpoint());
        property(out, "project", api.projectId());
        property(out, "api-token-file", token);
        property(out, "device-prefix", "try-");
        property(out, "ssh-key-label", "try");
        property(out, "ssh-public-key-file", ".shepherd/id_ed25519.pub");
        out.println("      --ssh-port " + sshPort + " --agent " + agent + " --endpoint http://fleet.example:7834");
        out.println();
        out.println("It ends with Ctrl-C.");
        out.flush();
    }

    private static void property(PrintWriter out, String name, Object value) {
        out.println("      --property " + name + "=" + value + " \\");
    }
}
