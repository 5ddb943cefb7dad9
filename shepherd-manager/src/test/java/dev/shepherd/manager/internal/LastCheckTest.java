package dev.shepherd.manager.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.shepherd.api.Availability;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.trace.Tracer;
import dev.shepherd.testkit.provider.FakeProvider;
import java.net.InetAddress;
import org.junit.jupiter.api.Test;

class LastCheckTest {

    private static final ProviderID ID = new ProviderID("m-1");

    private final FakeProvider provider =
            FakeProvider.builder(new ProviderType("lab")).build();
    private final ProviderCalls calls = new ProviderCalls(provider, Tracer.NONE);

    LastCheckTest() {
        provider.addMachine(MachineInfo.builder(ID, Availability.KNOWN_USED)
                .address(InetAddress.getLoopbackAddress())
                .build());
    }

    @Test
    void aMachineIsRebootedOnceTheCheckHasPassed() throws Exception {
        assertThat(calls.rebootMachine(ID, () -> false)).isFalse();
        assertThat(provider.calls()).isEmpty();

        assertThat(calls.rebootMachine(ID, () -> true)).isTrue();
        assertThat(provider.calls()).hasSize(1);
    }

    /** As when the answer of the database came so late that the session had been lost by then. */
    @Test
    void aMachineIsLeftAloneIfTheSessionWasLostDuringTheCheck() throws Exception {
        ProviderCalls.LastCheck lost = () -> {
            Thread.currentThread().interrupt();
            return true;
        };

        assertThatThrownBy(() -> calls.rebootMachine(ID, lost)).isInstanceOf(InterruptedException.class);
        assertThatThrownBy(() -> calls.reinstallMachine(ID, lost)).isInstanceOf(InterruptedException.class);

        assertThat(provider.calls()).isEmpty();
        assertThat(Thread.currentThread().isInterrupted()).isFalse();
        assertThat(calls.rebootMachine(ID, () -> true)).isTrue();
    }
}
