package dev.shepherd.provider.equinix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.testkit.LogCapture;
import dev.shepherd.testkit.equinix.FakeEquinix;
import dev.shepherd.testkit.equinix.Fault;
import dev.shepherd.testkit.equinix.Operation;
import dev.shepherd.testkit.provider.FakeSession;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class ProjectKeyTest {

    private static final String OTHER =
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDk0bGFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh other@host";

    @RegisterExtension
    final LogCapture log = LogCapture.of(EquinixProvider.class.getPackageName() + ".");

    private final FakeEquinix api = FakeEquinix.start();

    @AfterEach
    void close() {
        VendorDescription.checkIfPresent(api.calls());
        api.close();
    }

    @Test
    void aKeyThatIsMissingIsMadeOnce() throws Exception {
        Equinix.provider(api).build().close();
        Equinix.provider(api).build().close();

        assertThat(api.sshKeys()).containsExactly(Map.entry(Equinix.LABEL, Equinix.KEY));
        assertThat(api.calls(Operation.CREATE_KEY)).isEqualTo(1);
        assertThat(api.calls(Operation.UPDATE_KEY)).isZero();
    }

    @Test
    void aKeyThatDiffersInItsCommentOnlyIsTheSame() throws Exception {
        Equinix.provider(api)
                .sshKey(Equinix.LABEL, Equinix.KEY + " somebody@somewhere")
                .build()
                .close();
        Equinix.provider(api).build().close();

        assertThat(api.calls(Operation.UPDATE_KEY)).isZero();
    }

    @Test
    void aKeyThatDiffersIsUpdated() throws Exception {
        Equinix.provider(api).sshKey(Equinix.LABEL, OTHER).build().close();
        Equinix.provider(api).build().close();

        assertThat(api.sshKeys()).containsExactly(Map.entry(Equinix.LABEL, Equinix.KEY));
        assertThat(api.calls(Operation.UPDATE_KEY)).isEqualTo(1);
    }

    @Test
    void keysWithOtherLabelsAreLeftAlone() throws Exception {
        Equinix.provider(api).sshKey("another label", OTHER).build().close();
        Equinix.provider(api).build().close();

        assertThat(api.sshKeys())
                .containsExactly(Map.entry("another label", OTHER), Map.entry(Equinix.LABEL, Equinix.KEY));
    }

    @Test
    void aKeyWhoseMakingHadAnUnknownOutcomeIsMadeOnce() throws Exception {
        api.failNext(Operation.CREATE_KEY, Fault.dropAfterEffect());
        Equinix.provider(api).build().close();
        assertThat(api.sshKeys()).hasSize(1);
        assertThat(api.calls(Operation.CREATE_KEY)).isEqualTo(1);
    }

    @Test
    void aKeyWhoseMakingFailedForTheMomentIsMadeAfterAll() throws Exception {
        api.failNext(Operation.CREATE_KEY, Fault.dropBeforeEffect());
        Equinix.provider(api).build().close();
        assertThat(api.sshKeys()).hasSize(1);
    }

    @Test
    void aKeyThatTheProjectHasUnderAnotherLabelIsTheApisOwnError() throws Exception {
        Equinix.provider(api).sshKey("another label", Equinix.KEY).build().close();

        assertThatExceptionOfType(ProviderException.class)
                .isThrownBy(() -> Equinix.provider(api).build())
                .withMessage("provider equinix: creating the SSH key fleet key failed: the API answers 422:"
                        + " key has already been taken")
                .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.PERMANENT));
    }

    @Test
    void allKeysOfTheProjectAreUsedOnlyIfThatIsAskedForAndThenWithAWarning() throws Exception {
        Equinix.provider(api).sshKey("somebody's", OTHER).build().close();
        api.addReservations(2);
        try (EquinixProvider provider = Equinix.provider(api).build()) {
            provider.createMachine(new FakeSession(), CreateMachineRequest.any(UUID.randomUUID()));
        }
        assertThat(log.at("WARN")).isEmpty();
        assertThat(api.devices().get(0).sshKeys()).containsExactly(Equinix.KEY);
        api.clearCalls();

        try (EquinixProvider provider = EquinixProvider.builder(Equinix.TYPE, api.projectId(), api.token())
                .endpoint(api.endpoint())
                .devicePrefix(Equinix.PREFIX)
                .projectKeys(true)
                .build()) {
            provider.createMachine(new FakeSession(), CreateMachineRequest.any(UUID.randomUUID()));
        }
        assertThat(log.at("WARN")).singleElement().asString().contains("\"use-project-keys\" is set");
        assertThat(api.devices().get(1).sshKeys()).containsExactlyInAnyOrder(Equinix.KEY, OTHER);
        assertThat(api.calls(Operation.LIST_KEYS) + api.calls(Operation.CREATE_KEY))
                .isZero();
    }
}
