package dev.shepherd.provider.staticlist;

import static dev.shepherd.provider.staticlist.Lists.RACKS;
import static dev.shepherd.provider.staticlist.Lists.id;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.shepherd.api.AlreadyRecordedException;
import dev.shepherd.api.Availability;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.NoCapacityException;
import dev.shepherd.api.NotSupportedException;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.SessionExpiredException;
import dev.shepherd.provider.support.AddressLiteral;
import dev.shepherd.testkit.LogCapture;
import dev.shepherd.testkit.provider.FakeSession;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

class StaticProviderCreateMachineTest {

    @RegisterExtension
    final LogCapture log = LogCapture.of(StaticProvider.class.getName());

    private final FakeSession session = new FakeSession();
    private final UUID intent = UUID.randomUUID();
    private Path file;
    private StaticProvider provider;

    @BeforeEach
    void open(@TempDir Path folder) throws IOException {
        file = folder.resolve("machines.json");
        Files.writeString(
                file,
                "[{\"ID\": \"a\", \"Addr\": \"10.0.0.1\", \"Location\": \"rack 1\", \"SSHPort\": 2222},"
                        + " {\"ID\": \"b\", \"Addr\": \"10.0.0.2\"}]");
        provider = StaticProvider.of(RACKS, file.toUri());
    }

    @AfterEach
    void close() {
        provider.close();
    }

    @Test
    void theMachineIsRecordedAsUsedAndReturned() throws Exception {
        MachineInfo listed = provider.getMachine(id("a"));

        MachineInfo created = provider.createMachine(session, CreateMachineRequest.of(intent, listed));

        assertThat(created)
                .isEqualTo(
                        listed.toBuilder().availability(Availability.KNOWN_USED).build());
        assertThat(session.recorded()).containsExactly(new FakeSession.Recorded(intent, RACKS, created));
        assertThat(provider.getMachine(id("a")))
                .as("the list itself is as before")
                .isEqualTo(listed);
    }

    @Test
    void repeatingItWithTheSameIntentChangesNothing() throws Exception {
        CreateMachineRequest request = CreateMachineRequest.of(intent, provider.getMachine(id("a")));
        MachineInfo first = provider.createMachine(session, request);

        assertThat(provider.createMachine(session, request)).isEqualTo(first);

        assertThat(session.recorded()).hasSize(1);
    }

    @Test
    void anotherIntentForTheSameMachineIsAConflict() throws Exception {
        MachineInfo machine = provider.getMachine(id("a"));
        provider.createMachine(session, CreateMachineRequest.of(intent, machine));

        assertThatExceptionOfType(AlreadyRecordedException.class)
                .isThrownBy(() -> provider.createMachine(session, CreateMachineRequest.of(UUID.randomUUID(), machine)));
    }

    @Test
    void theMachineIsRecordedAsTheListHasItNow() throws Exception {
        MachineInfo listed = provider.getMachine(id("a"));
        Files.writeString(file, "[{\"ID\": \"a\", \"Addr\": \"10.0.0.9\"}]");

        MachineInfo created = provider.createMachine(session, CreateMachineRequest.of(intent, listed));

        assertThat(created.address()).contains(AddressLiteral.address("10.0.0.9"));
        assertThat(created.sshPort()).isEmpty();
        assertThat(session.recorded()).containsExactly(new FakeSession.Recorded(intent, RACKS, created));
    }

    @Test
    void aMachineThatHasLeftTheListIsRefusedAndNotRecorded() throws Exception {
        MachineInfo listed = provider.getMachine(id("a"));
        Files.writeString(file, Lists.of("b"));

        assertThatExceptionOfType(NoCapacityException.class)
                .isThrownBy(() -> provider.createMachine(session, CreateMachineRequest.of(intent, listed)))
                .withMessage("static provider racks (file:%s) has no machine a any more, which intent %s is for"
                        .formatted(file, intent));

        assertThat(session.recorded()).isEmpty();
    }

    @Test
    void aMachineThatHasLeftTheListAfterItWasRecordedIsStillTheIntents() throws Exception {
        MachineInfo listed = provider.getMachine(id("a"));
        CreateMachineRequest request = CreateMachineRequest.of(intent, listed);
        MachineInfo created = provider.createMachine(session, request);
        Files.writeString(file, Lists.of("b"));

        assertThat(provider.createMachine(session, request)).isEqualTo(created);

        assertThatExceptionOfType(NoCapacityException.class)
                .isThrownBy(() -> provider.createMachine(session, CreateMachineRequest.of(UUID.randomUUID(), listed)));
    }

    @Test
    void aMachineThatWasNeverInTheListIsRefused() {
        MachineInfo nameless = MachineInfo.builder(ProviderID.INVALID, Availability.KNOWN_UNUSED)
                .build();

        assertThatExceptionOfType(NoCapacityException.class)
                .isThrownBy(() -> provider.createMachine(session, CreateMachineRequest.of(intent, nameless)));
    }

    @Test
    void aRequestThatNamesNoMachineIsNotSupported() {
        assertThatExceptionOfType(NotSupportedException.class)
                .isThrownBy(() -> provider.createMachine(session, CreateMachineRequest.any(intent)))
                .withMessage("static provider racks (file:%s) cannot choose a machine for intent %s: the request must"
                                .formatted(file, intent)
                        + " name one of those it lists");

        assertThat(session.recorded()).isEmpty();
    }

    @Test
    void theLastGoodListServesWhileTheListCannotBeRead() throws Exception {
        MachineInfo listed = provider.getMachine(id("a"));
        Files.delete(file);

        provider.createMachine(session, CreateMachineRequest.of(intent, listed));

        assertThat(session.recorded()).hasSize(1);
    }

    @Test
    void aListThatWasNeverReadFailsTheCall() throws Exception {
        MachineInfo listed = provider.getMachine(id("a"));
        Files.delete(file);
        try (StaticProvider restarted = StaticProvider.of(RACKS, file.toUri())) {
            assertThatExceptionOfType(ProviderException.class)
                    .isThrownBy(() -> restarted.createMachine(session, CreateMachineRequest.of(intent, listed)))
                    .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.TRANSIENT));
        }
        assertThat(session.recorded()).isEmpty();
    }

    @Test
    void aLostSessionIsTheCallersToKnow() throws Exception {
        MachineInfo listed = provider.getMachine(id("a"));
        session.lose();

        assertThatExceptionOfType(SessionExpiredException.class)
                .isThrownBy(() -> provider.createMachine(session, CreateMachineRequest.of(intent, listed)));
    }

    @Test
    void aClosedProviderCreatesNothing() throws Exception {
        MachineInfo listed = provider.getMachine(id("a"));
        provider.close();

        assertThatIllegalStateException()
                .isThrownBy(() -> provider.createMachine(session, CreateMachineRequest.of(intent, listed)));
        assertThat(session.recorded()).isEmpty();
    }
}
