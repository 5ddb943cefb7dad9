package dev.shepherd.cli.demo;

import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderConfig;
import dev.shepherd.api.ProviderFactory;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.manager.takeover.SshCredentials;
import dev.shepherd.provider.staticlist.StaticProviderFactory;
import dev.shepherd.testkit.ssh.Mood;
import dev.shepherd.testkit.ssh.SshHost;
import dev.shepherd.testkit.ssh.SshHosts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Machines of a list, which the demo itself reboots. */
final class DemoList implements DemoMachines {

    private static final ProviderType TYPE = new ProviderType("static");

    private final SshHosts shared = SshHosts.start();
    private final List<SshHost> hosts = new ArrayList<>();
    private final SshCredentials credentials;
    private final Provider provider;

    /**
     * Starts them.
     *
     * @param folder for their list and their key
     * @param heartbeats how often agents report
     */
    DemoList(Path folder, int machines, Duration heartbeats, DemoProgress progress)
            throws IOException, InterruptedException {
        progress.stage("starting " + machines + " machines: SSH servers on loopback, one port each");
        try {
            credentials = SshCredentials.generateIfAbsent(folder.resolve("id_ed25519"));
            Map<ProviderID, SshHost> byId = new HashMap<>();
            for (int i = 0; i < machines; i++) {
                SshHost host = SshHost.builder()
                        .hosts(shared)
                        .authorizedKey(credentials.publicKey().orElseThrow())
                        .agentInterval(heartbeats)
                        .start();
                hosts.add(host);
                byId.put(id(i), host);
            }
            Path list = Files.writeString(folder.resolve("machines.json"), list());
            ProviderFactory factory = new StaticProviderFactory();
            provider = new DemoProvider(
                    factory.create(ProviderConfig.of(
                            factory, TYPE, Map.of("list", list.toUri().toString()))),
                    byId);
        } catch (IOException | InterruptedException | RuntimeException e) {
            shared.close();
            throw e;
        }
    }

    private String list() {
        List<String> entries = new ArrayList<>();
        for (int i = 0; i < hosts.size(); i++) {
            SshHost host = hosts.get(i);
            entries.add(String.format(
                    Locale.ROOT,
                    "  {\"ID\": \"%s\", \"Addr\": \"%s\", \"SSHPort\": %d, \"Location\": \"rack-%d\"}",
                    id(i),
                    host.address().getHostAddress(),
                    host.port(),
                    i / 20 + 1));
        }
        return "[\n" + String.join(",\n", entries) + "\n]\n";
    }

    @Override
    public int count() {
        return hosts.size();
    }

    @Override
    public Provider provider() {
        return provider;
    }

    @Override
    public SshCredentials credentials() {
        return credentials;
    }

    @Override
    public ProviderID id(int index) {
        return new ProviderID(String.format(Locale.ROOT, "machine-%04d", index + 1));
    }

    @Override
    public String breakUntilReboot(int index) {
        hosts.get(index).killProcesses();
        return "killing the agent of " + id(index) + ": it falls silent, is rebooted and taken over again";
    }

    @Override
    public String breakForGood(int index) {
        SshHost dead = hosts.get(index);
        dead.setMood(Mood.REFUSE);
        dead.killProcesses();
        return "unplugging " + id(index) + ": reboots do not help, so it is quarantined";
    }

    @Override
    public void close() {
        provider.close();
        shared.close();
    }
}
