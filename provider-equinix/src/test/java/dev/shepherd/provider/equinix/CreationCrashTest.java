package dev.shepherd.provider.equinix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.ProvidedMachine;
import dev.shepherd.bmdb.provisioning.Intents;
import dev.shepherd.bmdb.provisioning.MachineIntent;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.testkit.database.BmdbExtension;
import dev.shepherd.testkit.equinix.FakeEquinix;
import dev.shepherd.testkit.equinix.Fault;
import dev.shepherd.testkit.equinix.Operation;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Kills a process with {@code kill -9} at each step of a creation, lets another one reconcile, and expects one device
 * and one machine.
 */
@Tag("slow")
class CreationCrashTest {

    private static final Duration LIMIT = Duration.ofMinutes(1);

    /** Where the process dies, and what there is at the API at that instant. */
    enum Step {
        BEFORE_THE_INTENT(0, 0),
        AFTER_THE_INTENT(0, 1),
        DURING_THE_CALL(0, 1),
        AFTER_THE_EFFECT(1, 1),
        BEFORE_THE_COMMIT(1, 1),
        AFTER_THE_COMMIT(1, 0);

        final int devices;
        final int intents;

        Step(int devices, int intents) {
            this.devices = devices;
            this.intents = intents;
        }
    }

    @RegisterExtension
    final BmdbExtension database =
            BmdbExtension.create(config -> config.sessionInterval(CreationProcess.SESSION_INTERVAL));

    static Stream<Arguments> stepsAndDevices() {
        return Stream.of(Step.values())
                .flatMap(step -> Stream.of(Arguments.of(step, "still queued"), Arguments.of(step, "active")));
    }

    @ParameterizedTest(name = "killed {0}, its device {1}")
    @MethodSource("stepsAndDevices")
    void whereverAProcessIsKilledTheNextOneEndsWithOneDeviceAndOneMachine(Step step, String device) throws Exception {
        try (FakeEquinix api = FakeEquinix.builder()
                .queued(device.equals("active") ? Duration.ZERO : Duration.ofHours(1))
                .start()) {
            api.addReservations(3);

            killAt(step, api);

            assertThat(api.devices()).as("devices when it was killed").hasSize(step.devices);
            assertThat(intents()).as("intents when it was killed").hasSize(step.intents);
            assertThat(machines()).as("machines when it was killed").hasSize(step == Step.AFTER_THE_COMMIT ? 1 : 0);

            // Any fatal discrepancy is an exception of a step, and ends the test.
            try (EquinixProvider provider = Equinix.provider(api).build();
                    Shepherd shepherd = CreationProcess.shepherd(database.bmdb(), provider)) {
                await().atMost(LIMIT).until(() -> {
                    shepherd.provisioner(Equinix.TYPE).step();
                    return machines().size() == 1 && intents().isEmpty();
                });
                shepherd.provisioner(Equinix.TYPE).step();
            }
            assertThat(api.devices()).hasSize(1);
            assertThat(machines())
                    .extracting(machine -> machine.providerId().value())
                    .containsExactly(api.devices().get(0).id().toString());
            assertThat(api.devices().get(0).tags())
                    .containsExactly("shepherd-intent=" + machines().get(0).machineId());
            assertThat(intents()).isEmpty();
            VendorDescription.checkIfPresent(api.calls());
        }
    }

    private void killAt(Step step, FakeEquinix api) throws Exception {
        String hold = switch (step) {
            case BEFORE_THE_COMMIT -> "before-commit";
            case AFTER_THE_COMMIT -> "after-commit";
            default -> "";
        };
        Process process = start(api, hold);
        Fault kill = Fault.runBeforeEffect(() -> kill(process));
        switch (step) {
            case BEFORE_THE_INTENT -> api.failNext(Operation.LIST_DEVICES, kill);
            case AFTER_THE_INTENT -> {
                api.failNext(Operation.LIST_DEVICES, Fault.delay(Duration.ZERO));
                api.failNext(Operation.LIST_DEVICES, kill); // It looks for what was made for the intent.
            }
            case DURING_THE_CALL -> api.failNext(Operation.CREATE_DEVICE, kill);
            case AFTER_THE_EFFECT -> api.failNext(Operation.CREATE_DEVICE, Fault.runAfterEffect(() -> kill(process)));
            case BEFORE_THE_COMMIT, AFTER_THE_COMMIT -> {}
        }
        StringBuilder printed = new StringBuilder();
        try (BufferedReader lines = process.inputReader(StandardCharsets.UTF_8)) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                printed.append(line).append('\n');
                if (line.equals(CreationProcess.HELD)) {
                    kill(process);
                }
            }
        } catch (IOException e) {
            // The pipe of a process that was killed.
        } finally {
            kill(process);
        }
        assertThat(process.exitValue())
                .as("killed by SIGKILL, and not ended before: %s", printed)
                .isEqualTo(137);
    }

    private static void kill(Process process) {
        process.destroyForcibly();
        try {
            assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private Process start(FakeEquinix api, String hold) throws IOException {
        return new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:TieredStopAtLevel=1",
                        "-XX:+UseSerialGC",
                        "-Xmx128m",
                        "-XX:TieredStopAtLevel=1",
                        "-Djava.io.tmpdir=" + System.getProperty("java.io.tmpdir"),
                        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                        "-Dorg.jooq.no-logo=true",
                        "-Dorg.jooq.no-tips=true",
                        "-cp",
                        System.getProperty("java.class.path"),
                        CreationProcess.class.getName(),
                        database.jdbcUrl(),
                        api.endpoint().toString(),
                        api.projectId().toString(),
                        api.token(),
                        hold)
                .redirectErrorStream(true)
                .start();
    }

    private List<ProvidedMachine> machines() throws InterruptedException {
        return bmdb().providedMachines(Equinix.TYPE);
    }

    private List<MachineIntent> intents() throws InterruptedException {
        return Intents.of(bmdb(), Equinix.TYPE).list();
    }

    private Bmdb bmdb() {
        return database.bmdb();
    }
}
