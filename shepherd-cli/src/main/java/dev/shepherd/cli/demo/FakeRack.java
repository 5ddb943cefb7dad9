package dev.shepherd.cli.demo;

import dev.shepherd.testkit.bmc.BmcMood;
import dev.shepherd.testkit.bmc.FakeBmc;
import dev.shepherd.testkit.bmc.FakeBmc.Vendor;
import dev.shepherd.testkit.bmc.FakeSystem;
import dev.shepherd.testkit.http.Json;
import dev.shepherd.testkit.ssh.Mood;
import dev.shepherd.testkit.ssh.SshHost;
import dev.shepherd.testkit.ssh.SshHosts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;

/** Machines that are SSH servers on this one, and the BMCs that are their power. */
final class FakeRack implements AutoCloseable {

    private static final int MACHINES_PER_RACK = 10;

    /**
     * What a rack is made of.
     *
     * @param machines how many
     * @param vendors of the BMCs, in turn
     * @param systems how many machines share a BMC
     * @param password of the user {@code root}, of BMCs and machines
     * @param powerDelay how long a reset takes
     * @param heartbeats how often agents report
     */
    record Plan(
            int machines,
            List<Vendor> vendors,
            int systems,
            String password,
            Duration powerDelay,
            Duration heartbeats) {

        /** Without the password. */
        @Override
        public String toString() {
            return machines + " machines, " + systems + " to a BMC of " + vendors;
        }
    }

    private record Machine(String id, String location, FakeBmc bmc, FakeSystem system, SshHost host) {}

    private final SshHosts hosts = SshHosts.start();
    private final List<FakeBmc> bmcs = new ArrayList<>();
    private final List<Machine> machines = new ArrayList<>();

    /**
     * Starts them.
     *
     * @param onReset told the id of a machine, and the type of a reset that has taken effect
     */
    FakeRack(Plan plan, BiConsumer<String, String> onReset) {
        try {
            for (int number = 0; number < plan.machines; number++) {
                if (number % plan.systems == 0) {
                    bmcs.add(FakeBmc.builder()
                            .vendor(plan.vendors.get(bmcs.size() % plan.vendors.size()))
                            .systems(Math.min(plan.systems, plan.machines - number))
                            .credentials("root", plan.password)
                            .powerDelay(plan.powerDelay)
                            .start());
                }
                int rack = number / MACHINES_PER_RACK + 1;
                FakeBmc bmc = bmcs.get(bmcs.size() - 1);
                FakeSystem system = bmc.systems().get(number % plan.systems);
                SshHost host = SshHost.builder()
                        .hosts(hosts)
                        .password("root", plan.password)
                        .agentInterval(plan.heartbeats)
                        .start();
                String id = "rack-" + rack + "-" + (number % MACHINES_PER_RACK + 1);
                system.powers(host);
                system.onReset(type -> onReset.accept(id, type));
                machines.add(new Machine(id, "rack " + rack, bmc, system, host));
            }
        } catch (RuntimeException e) {
            close();
            throw e;
        }
    }

    /** Makes up a password. */
    static String newPassword() {
        byte[] random = new byte[12];
        new SecureRandom().nextBytes(random);
        return HexFormat.of().formatHex(random);
    }

    /** Writes the credentials of the BMCs, as the provider {@code redfish} reads them. Returns the file. */
    static Path writeCredentials(Path folder, String password) throws IOException {
        return writePrivate(folder.resolve("credentials"), "# name user password\ndefault root " + password + "\n");
    }

    /** Makes a file that only its owner can read, from its first byte on. Returns it. */
    static Path writePrivate(Path file, String text) throws IOException {
        Files.deleteIfExists(file);
        if (file.getFileSystem().supportedFileAttributeViews().contains("posix")) {
            Files.createFile(file, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        }
        return Files.writeString(file, text);
    }

    int bmcs() {
        return bmcs.size();
    }

    /** Returns the id of a machine. */
    String id(int number) {
        return machines.get(number).id;
    }

    /** Returns how many machines were reset. */
    long machinesReset() {
        return machines.stream()
                .filter(machine -> !machine.system.resets().isEmpty())
                .count();
    }

    /** Returns how many resets the BMCs were sent, with those that they refused. */
    long resetsReceived() {
        return bmcs.stream()
                .flatMap(bmc -> bmc.calls().stream())
                .filter(call -> call.method().equals("POST") && call.path().endsWith("/ComputerSystem.Reset"))
                .count();
    }

    /** Returns the list of machines, as the provider {@code redfish} reads it. */
    String list() {
        List<String> entries = new ArrayList<>();
        for (Machine machine : machines) {
            Map<String, Object> entry = new LinkedHashMap<>();
            entry.put("ID", machine.id);
            entry.put("Addr", machine.host.address().getHostAddress());
            entry.put("SSHPort", machine.host.port());
            entry.put("Location", machine.location);
            entry.put("BMC", machine.bmc.uri());
            if (machine.bmc.systems().size() > 1) {
                entry.put("System", machine.system.path());
            }
            entry.put("Fingerprint", machine.bmc.fingerprint());
            entries.add("  " + Json.write(entry));
        }
        return "[\n" + String.join(",\n", entries) + "\n]\n";
    }

    /** Lets a machine hang, with its agent dead, until it is reset. Returns its id. */
    String hang(int number) {
        Machine machine = machines.get(number % machines.size());
        machine.host.setMood(Mood.HANG_BEFORE_BANNER);
        machine.host.killProcesses();
        return machine.id;
    }

    /**
     * Lets the last BMCs refuse every reset: their user may read, and no more. All machines behind them are concerned.
     */
    void refuseResets(int lastBmcs) {
        bmcs.subList(bmcs.size() - lastBmcs, bmcs.size())
                .forEach(bmc -> bmc.mood(BmcMood.forbidden().on("POST")));
    }

    @Override
    public void close() {
        // The BMCs first: no reset comes to a host that is closed.
        bmcs.forEach(FakeBmc::close);
        hosts.close();
    }
}
