package dev.shepherd.manager.takeover;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.shepherd.agent.messages.takeover.TakeoverError;
import dev.shepherd.agent.messages.takeover.TakeoverInit;
import dev.shepherd.agent.messages.takeover.TakeoverResponse;
import dev.shepherd.agent.messages.takeover.TakeoverSuccess;
import dev.shepherd.api.internal.Escaped;
import java.net.InetAddress;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class SmallThingsTest {

    private static final String KEY =
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";

    private static final UUID ID = UUID.fromString("0e1f2a3b-0000-4000-8000-000000000001");

    @Test
    void textFromElsewhereStaysOnOneLine() {
        assertThat(Escaped.text("ä ok\t1\r\n\u0000\u001b[0m\u202e\u2028\ud83d\ude00", 100))
                .isEqualTo("ä ok\\t1\\r\\n\\u0000\\u001b[0m\\u202e\\u2028\ud83d\ude00");
        assertThat(Escaped.text("abcdef", 3)).isEqualTo("abc…");
        assertThat(Escaped.text("a\ud83d\ude00", 2)).isEqualTo("a…");
        assertThat(Escaped.text("", 3)).isEmpty();
        assertThat(Escaped.text("\ud83d", 3)).isEqualTo("\\ud83d");
        assertThat(Escaped.bytes(new byte[] {'a', (byte) 0xff}, 10)).isEqualTo("a\ufffd");
    }

    @Test
    void aTargetIsShownWithAllThatSaysWhichMachineItIs() throws Exception {
        InetAddress address = InetAddress.getByName("10.0.0.1");

        assertThat(TakeoverTarget.builder(ID, address).name("equinix/4f2a").build())
                .hasToString("machine 0e1f2a3b-0000-4000-8000-000000000001 (equinix/4f2a) at 10.0.0.1:22");
        assertThat(TakeoverTarget.builder(ID, InetAddress.getByName("2001:db8::1"))
                        .port(2222)
                        .build())
                .hasToString("machine 0e1f2a3b-0000-4000-8000-000000000001 at [2001:db8:0:0:0:0:0:1]:2222");
        assertThat(TakeoverTarget.builder(ID, address).name("a\nb").build().name())
                .isEqualTo("a\\nb");
    }

    @Test
    void aTargetIsChecked() throws Exception {
        InetAddress address = InetAddress.getByName("10.0.0.1");
        TakeoverTarget.Builder builder = TakeoverTarget.builder(ID, address);

        assertThatIllegalArgumentException().isThrownBy(() -> builder.port(0));
        assertThatIllegalArgumentException().isThrownBy(() -> builder.port(65536));
        assertThatIllegalArgumentException().isThrownBy(() -> builder.pinnedHostKey("no key"));
        assertThat(builder.pinnedHostKey(KEY + " comment").build().pinnedHostKey())
                .contains(KEY);
        assertThat(builder.pinnedHostKey(null).build().pinnedHostKey()).isEmpty();
    }

    /** Agents that are built elsewhere rely on them. */
    @Test
    void theNumbersOfTheFieldsAreTheWireContract() {
        assertThat(TakeoverInit.getDescriptor().getFullName()).isEqualTo("cloud.agent.api.TakeoverInit");
        assertThat(TakeoverInit.MACHINE_ID_FIELD_NUMBER).isEqualTo(1);
        assertThat(TakeoverInit.BMAAS_ENDPOINT_FIELD_NUMBER).isEqualTo(2);
        assertThat(TakeoverInit.CA_CERTIFICATE_FIELD_NUMBER).isEqualTo(3);
        assertThat(TakeoverSuccess.INIT_MESSAGE_FIELD_NUMBER).isEqualTo(1);
        assertThat(TakeoverSuccess.KEY_FIELD_NUMBER).isEqualTo(2);
        assertThat(TakeoverSuccess.WARNING_FIELD_NUMBER).isEqualTo(3);
        assertThat(TakeoverError.MESSAGE_FIELD_NUMBER).isEqualTo(1);
        assertThat(TakeoverResponse.SUCCESS_FIELD_NUMBER).isEqualTo(1);
        assertThat(TakeoverResponse.ERROR_FIELD_NUMBER).isEqualTo(2);
    }
}
