package dev.shepherd.manager;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.bmdb.operator.Quarantine;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Real processes, and a machine that kills each that works on it. */
class PoisonMachineTest extends InitializerScenario {

    private static final int MANAGERS = 2;

    @TempDir
    Path folder;

    @Test
    @Tag("slow") // It starts a JVM for each death.
    @Timeout(value = 10, unit = TimeUnit.MINUTES)
    void aMachineThatKillsEachManagerThatWorksOnItIsQuarantinedAndTheOthersAreTakenOver() throws Exception {
        List<String> ids = new ArrayList<>(List.of(DyingManager.POISON));
        for (int i = 1; i <= 8; i++) {
            ids.add("good-" + i);
        }
        List<UUID> machines = new ArrayList<>();
        for (String id : ids) {
            UUID machine = UUID.randomUUID();
            machines.add(machine);
            record(machine, DyingManager.info(id));
        }
        UUID poison = machines.get(0);
        List<Process> managers = new ArrayList<>();
        int deaths = 0;
        try {
            while (!Operator.of(database.bmdb()).quarantined().containsKey(poison)
                    || Operator.of(database.bmdb()).statistics().agentStarted() < 8) {
                assertThat(deaths).as(log()).isLessThanOrEqualTo(2 * DyingManager.MAX_LOSSES);
                while (managers.size() < MANAGERS) {
                    managers.add(start(ids));
                }
                for (Process manager : List.copyOf(managers)) {
                    if (manager.waitFor(100, TimeUnit.MILLISECONDS)) {
                        assertThat(manager.exitValue()).as(log()).isEqualTo(DyingManager.STATUS);
                        managers.remove(manager);
                        deaths++;
                    }
                }
            }
        } finally {
            managers.forEach(Process::destroyForcibly);
        }

        assertThat(deaths).isBetween(DyingManager.MAX_LOSSES, 2 * DyingManager.MAX_LOSSES);
        assertThat(Operator.of(database.bmdb()).quarantined()).containsOnlyKeys(poison);
        Quarantine quarantine = Operator.of(database.bmdb()).quarantined().get(poison);
        assertThat(quarantine.by()).isEqualTo("reaper");
        assertThat(quarantine.cause()).contains("claims in a row (ShepherdAgentStart) were lost");
    }

    private Process start(List<String> ids) throws Exception {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-Xmx128m",
                "-cp",
                System.getProperty("java.class.path"),
                DyingManager.class.getName(),
                database.jdbcUrl()));
        command.addAll(ids);
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(
                        ProcessBuilder.Redirect.appendTo(folder.resolve("log").toFile()))
                .start();
    }

    private String log() throws Exception {
        Path log = folder.resolve("log");
        return Files.exists(log) ? Files.readString(log) : "";
    }
}
