package dev.shepherd.cli.operate;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.api.Availability;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderConfig;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Backoff;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.Work;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.cli.CommandLineRun;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.provider.redfish.RedfishProviderFactory;
import dev.shepherd.testkit.bmc.BmcMood;
import dev.shepherd.testkit.bmc.FakeBmc;
import dev.shepherd.testkit.bmc.FakeSystem.Power;
import dev.shepherd.testkit.database.BmdbExtension;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

class MachinesCommandTest {

    private static final ProviderType TYPE = new ProviderType("racks");

    @RegisterExtension
    final BmdbExtension database = BmdbExtension.create();

    @TempDir
    Path folder;

    private final List<FakeBmc> bmcs = new ArrayList<>();

    @AfterEach
    void close() {
        bmcs.forEach(FakeBmc::close);
    }

    private String entry(int number) {
        FakeBmc bmc = bmcs.get(number - 1);
        return "{\"ID\": \"rack-1-%d\", \"Addr\": \"10.0.0.%d\", \"BMC\": \"%s\", \"Fingerprint\": \"%s\"}"
                .formatted(number, number, bmc.uri(), bmc.fingerprint());
    }

    private CommandLineRun machines(String... more) {
        List<String> arguments = new ArrayList<>(List.of("machines", "--database", database.jdbcUrl()));
        arguments.addAll(List.of(more));
        return CommandLineRun.of(arguments.toArray(String[]::new));
    }

    @Test
    void aListIsNarrowedAndCutAndSaysSo() throws Exception {
        try (BmdbSession session = database.bmdb().startSession("test", "here")) {
            for (String name : List.of("rack-1", "rack-2", "shelf-1")) {
                MachineInfo machine = MachineInfo.builder(new ProviderID(name), Availability.KNOWN_USED)
                        .location(name.replaceFirst("-.*", "s"))
                        .address(InetAddress.getByName("10.0.0." + (name.hashCode() & 127)))
                        .build();
                session.inTransaction(
                        tx -> tx.recordMachine(TYPE, CreateMachineRequest.any(UUID.randomUUID()), machine));
            }
            UUID first =
                    database.bmdb().findMachine(TYPE, new ProviderID("rack-1")).orElseThrow();
            session.claimMachine(WorkProcess.AGENT_START, first)
                    .orElseThrow()
                    .fail(
                            Backoff.constant(Duration.ofHours(1)),
                            new Work.Cause("unreachable", "10.0.0.1:22 failed at CONNECT after 2.0 s: no answer"));
        }

        assertThat(machines("--limit", "2").out())
                .contains("rack-1", "rack-2", "2 machine(s): 1 failing, 1 waiting; there are more")
                .doesNotContain("shelf-1");
        assertThat(machines("--limit", "3").out()).endsWith("3 machine(s): 1 failing, 2 waiting\n");
        assertThat(machines("--state", "failing").out())
                .containsPattern("failing, next try [0-9: -]+Z: 10.0.0.1:22 failed at CONNECT after 2.0 s: no answer")
                .contains("1 machine(s)");
        assertThat(machines("--location", "shelfs").out()).contains("shelf-1").contains("1 machine(s)");
        assertThat(machines("--search", "rack").out()).contains("2 machine(s)");
        assertThat(machines("--state", "broken").err()).contains("no state \"broken\"", "quarantined", "failing");
        assertThat(machines("--limit", "0").err()).contains("--limit");
    }

    @Test
    void thePowerOfMachinesIsWhatTheirBmcsLastSaid() throws Exception {
        for (int i = 0; i < 4; i++) {
            bmcs.add(FakeBmc.builder().credentials("root", "secret-42").start());
        }
        bmcs.get(1).system().setPower(Power.OFF);
        bmcs.get(2).mood(BmcMood.unauthorized());
        Path list = folder.resolve("machines.json");
        Files.writeString(list, "[" + String.join(",", entry(1), entry(2), entry(3), entry(4)) + "]");
        Path credentials = Files.writeString(folder.resolve("credentials"), "default root secret-42\n");
        Files.setPosixFilePermissions(credentials, PosixFilePermissions.fromString("rw-------"));
        RedfishProviderFactory factory = new RedfishProviderFactory();
        Map<String, String> properties = Map.of("list", list.toUri().toString(), "credentials", credentials.toString());
        try (Provider provider = factory.create(ProviderConfig.of(factory, TYPE, properties));
                Shepherd shepherd = Shepherd.builder()
                        .bmdb(database.bmdb())
                        .provider(provider)
                        .takeover(target -> {
                            throw new IllegalStateException("nothing is taken over here");
                        })
                        .build()) {
            try (BmdbSession session = database.bmdb().startSession("test", "here")) {
                for (var machine : provider.listMachines()) {
                    provider.createMachine(
                            session.forProviders(),
                            CreateMachineRequest.of(UUID.randomUUID(), MachineInfo.copyOf(machine)));
                }
            }
            Files.writeString(list, "[" + String.join(",", entry(1), entry(2), entry(3)) + "]");
            shepherd.updater(TYPE).step();
            assertThat(machines().out())
                    .containsPattern("racks +rack-1-1 +10.0.0.1 +Running +waiting")
                    .containsPattern("racks +rack-1-2 +10.0.0.2 +Stopped +waiting")
                    .containsPattern("racks +rack-1-3 +10.0.0.3 +Unknown +waiting")
                    .containsPattern("racks +rack-1-4 +10.0.0.4 +Missing +missing")
                    .contains("4 machine(s): 1 missing, 3 waiting");

            bmcs.get(0).system().setPower(Power.OFF);
            bmcs.get(2).calm();
            database.advance(Duration.ofMinutes(34));
            shepherd.updater(TYPE).step();
            assertThat(machines("--type", "racks").out())
                    .containsPattern("rack-1-1 +10.0.0.1 +Stopped")
                    .containsPattern("rack-1-3 +10.0.0.3 +Running")
                    .contains("4 machine(s): 1 missing, 3 waiting");
            assertThat(machines("--type", "others").out()).contains("0 machine(s)");
        }
    }
}
