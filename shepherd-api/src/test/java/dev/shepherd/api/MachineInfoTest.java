package dev.shepherd.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.net.InetAddress;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class MachineInfoTest {

    private static final ProviderID ID = new ProviderID("rack-1-7");
    private static final InetAddress ADDRESS = InetAddress.getLoopbackAddress();

    @Test
    void anUnusedMachineNeedsNeitherIdNorAddress() {
        MachineInfo machine = MachineInfo.builder(ProviderID.INVALID, Availability.KNOWN_UNUSED)
                .reservationId("r-1")
                .build();

        assertThat(machine.address()).isEmpty();
        assertThat(machine.reservationId()).contains("r-1");
    }

    @ParameterizedTest
    @EnumSource(names = {"POSSIBLY_USED", "KNOWN_USED"})
    void aUsedMachineNeedsAValidIdAndAnAddress(Availability availability) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> MachineInfo.builder(ProviderID.INVALID, availability)
                        .address(ADDRESS)
                        .build())
                .withMessageContaining("valid id");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> MachineInfo.builder(ID, availability).build())
                .withMessageContaining("rack-1-7")
                .withMessageContaining("address");
        assertThat(MachineInfo.builder(ID, availability)
                        .address(ADDRESS)
                        .build()
                        .id())
                .isEqualTo(ID);
    }

    @ParameterizedTest
    @EnumSource(names = {"PROVISIONING", "PROVISIONING_FAILED_PERMANENT", "STOPPED", "UNKNOWN", "MISSING"})
    void aMachineThatIsKnownToBeUsedButNotRunningMayHaveNoAddressYet(ProviderStatus status) {
        MachineInfo machine =
                MachineInfo.builder(ID, Availability.KNOWN_USED).status(status).build();

        assertThat(machine.address()).isEmpty();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> MachineInfo.builder(ID, Availability.POSSIBLY_USED)
                        .status(status)
                        .build());
        assertThatIllegalArgumentException()
                .isThrownBy(
                        () -> machine.toBuilder().status(ProviderStatus.RUNNING).build());
    }

    @Test
    void anUndefinedAvailabilityIsRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(
                        () -> MachineInfo.builder(ID, Availability.UNDEFINED).build())
                .withMessageContaining("rack-1-7");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, -1, 65536})
    void aPortOutOfRangeIsRefused(int port) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> MachineInfo.builder(ID, Availability.KNOWN_UNUSED)
                        .sshPort(port)
                        .build())
                .withMessageContaining(String.valueOf(port));
    }

    @Test
    void aTextThatTheDatabaseCannotHoldIsRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> MachineInfo.builder(ID, Availability.KNOWN_UNUSED)
                        .location("x".repeat(129))
                        .build())
                .withMessageContaining("location");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> MachineInfo.builder(ID, Availability.KNOWN_UNUSED)
                        .reservationId(" ")
                        .build())
                .withMessageContaining("reservation id");
    }

    @Test
    void copyingAndRebuildingKeepEverything() {
        MachineInfo machine = MachineInfo.builder(ID, Availability.KNOWN_USED)
                .address(ADDRESS)
                .failed(true)
                .status(ProviderStatus.RUNNING)
                .location("rack 1")
                .reservationId("r-1")
                .sshPort(2222)
                .intentId(UUID.randomUUID())
                .build();

        assertThat(machine.toBuilder().build()).isEqualTo(machine);
        assertThat(MachineInfo.copyOf(new Minimal()))
                .isEqualTo(MachineInfo.builder(ID, Availability.KNOWN_USED)
                        .address(ADDRESS)
                        .build());
    }

    /** A machine of a provider that knows no more than it must. */
    private static final class Minimal implements Machine {
        @Override
        public ProviderID id() {
            return ID;
        }

        @Override
        public Optional<InetAddress> address() {
            return Optional.of(ADDRESS);
        }

        @Override
        public Availability availability() {
            return Availability.KNOWN_USED;
        }
    }

    @Test
    void aUsedMachineCannotBeAskedToBeCreated() {
        MachineInfo used = MachineInfo.builder(ID, Availability.KNOWN_USED)
                .address(ADDRESS)
                .build();

        assertThatIllegalArgumentException()
                .isThrownBy(() -> CreateMachineRequest.of(UUID.randomUUID(), used))
                .withMessageContaining("rack-1-7");
    }

    @Test
    void aMachineWhoseValuesFitIsTheSameEitherWay() {
        MachineInfo.Builder whole = MachineInfo.builder(ID, Availability.KNOWN_USED)
                .address(ADDRESS)
                .sshPort(2222)
                .location("rack 1")
                .reservationId("r-1")
                .status(ProviderStatus.RUNNING)
                .failed(true)
                .intentId(new UUID(1, 2));

        assertThat(whole.buildFromWhatFits()).isEqualTo(whole.build());
    }

    @ParameterizedTest
    @ValueSource(strings = {"", " ", "a\nb", "\ud800"})
    void aTextThatDoesNotFitIsLeftOut(String text) {
        MachineInfo machine = MachineInfo.builder(ID, Availability.KNOWN_UNUSED)
                .location(text)
                .reservationId("x".repeat(129))
                .buildFromWhatFits();

        assertThat(machine.location()).isEmpty();
        assertThat(machine.reservationId()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(ints = {-1, 0, 65536})
    void aPortThatIsNoneTakesTheAddressAlong(int port) {
        MachineInfo machine = MachineInfo.builder(ID, Availability.KNOWN_USED)
                .address(ADDRESS)
                .sshPort(port)
                .status(ProviderStatus.RUNNING)
                .buildFromWhatFits();

        assertThat(machine.address()).isEmpty();
        assertThat(machine.sshPort()).isEmpty();
        assertThat(machine.status()).contains(ProviderStatus.UNKNOWN);
    }

    @ParameterizedTest
    @EnumSource(ProviderStatus.class)
    void aUsedMachineWithoutAnAddressIsNotSaidToRun(ProviderStatus status) {
        MachineInfo machine =
                MachineInfo.builder(ID, Availability.KNOWN_USED).status(status).buildFromWhatFits();

        assertThat(machine.status()).contains(status == ProviderStatus.RUNNING ? ProviderStatus.UNKNOWN : status);
        assertThat(MachineInfo.builder(ID, Availability.KNOWN_USED)
                        .buildFromWhatFits()
                        .status())
                .contains(ProviderStatus.UNKNOWN);
    }

    @Test
    void whatNothingCanBeMadeOfIsRefusedEitherWay() {
        assertThatIllegalArgumentException()
                .isThrownBy(
                        () -> MachineInfo.builder(ID, Availability.UNDEFINED).buildFromWhatFits());
        assertThatIllegalArgumentException()
                .isThrownBy(() -> MachineInfo.builder(ProviderID.INVALID, Availability.KNOWN_USED)
                        .buildFromWhatFits());
        assertThatIllegalArgumentException()
                .isThrownBy(() ->
                        MachineInfo.builder(ID, Availability.POSSIBLY_USED).buildFromWhatFits());
    }
}
