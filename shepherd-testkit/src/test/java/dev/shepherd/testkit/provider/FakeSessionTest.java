package dev.shepherd.testkit.provider;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import dev.shepherd.api.AlreadyRecordedException;
import dev.shepherd.api.Availability;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.SessionExpiredException;
import dev.shepherd.api.Transaction;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class FakeSessionTest {

    private static final ProviderType TYPE = new ProviderType("fake");

    private final FakeSession session = new FakeSession();
    private final CreateMachineRequest request = CreateMachineRequest.any(UUID.randomUUID());

    private static MachineInfo machine(String id) {
        return MachineInfo.builder(new ProviderID(id), Availability.KNOWN_UNUSED)
                .build();
    }

    private void record(CreateMachineRequest request, MachineInfo machine) throws InterruptedException {
        session.inTransaction(transaction -> transaction.recordMachine(TYPE, request, machine));
    }

    @Test
    void aBodyRunsTwiceAndIsCommittedOnce() throws Exception {
        List<String> runs = new ArrayList<>();
        session.inTransaction(transaction -> {
            assertThat(transaction.findMachine(TYPE, new ProviderID("a"))).isEmpty();
            runs.add("run");
            return transaction.recordMachine(TYPE, request, machine("a"));
        });

        assertThat(runs).hasSize(2);
        assertThat(session.recorded())
                .containsExactly(new FakeSession.Recorded(request.intentId(), TYPE, machine("a")));
        assertThat(session.another().recorded()).isEqualTo(session.recorded());
    }

    @Test
    void theSameAgainChangesNothingAndAnythingElseIsAConflict() throws Exception {
        record(request, machine("a"));
        record(request, machine("a"));

        assertThat(session.recorded()).hasSize(1);
        assertThatExceptionOfType(AlreadyRecordedException.class).isThrownBy(() -> record(request, machine("b")));
        assertThatExceptionOfType(AlreadyRecordedException.class)
                .isThrownBy(() -> record(CreateMachineRequest.any(UUID.randomUUID()), machine("a")));
        assertThat(session.recorded()).hasSize(1);
    }

    @Test
    void aMachineWithoutAnIdCannotBeRecorded() {
        assertThatIllegalArgumentException().isThrownBy(() -> record(request, machine("invalid")));
    }

    @Test
    void aFailureRollsBack() {
        assertThatIllegalStateException()
                .isThrownBy(() -> session.inTransaction(transaction -> {
                    transaction.recordMachine(TYPE, request, machine("a"));
                    throw new IllegalStateException();
                }));

        assertThat(session.recorded()).isEmpty();
    }

    @Test
    void aLostSessionCommitsNothingAndOthersLive() throws Exception {
        FakeSession other = session.another();
        session.lose();

        assertThatExceptionOfType(SessionExpiredException.class)
                .isThrownBy(() -> record(request, machine("a")))
                .satisfies(e -> assertThat(e.sessionId()).isEqualTo(session.id()));
        assertThat(session.recorded()).isEmpty();
        other.inTransaction(transaction -> transaction.recordMachine(TYPE, request, machine("a")));
        assertThat(session.recorded()).hasSize(1);
    }

    @Test
    void aTransactionEndsWithItsBody() throws Exception {
        List<Transaction> kept = new ArrayList<>();
        session.inTransaction(transaction -> kept.add(transaction));

        assertThatIllegalStateException().isThrownBy(() -> kept.get(0).findMachine(TYPE, new ProviderID("a")));
    }
}
