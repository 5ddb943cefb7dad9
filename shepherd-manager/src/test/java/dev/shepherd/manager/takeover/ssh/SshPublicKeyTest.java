package dev.shepherd.manager.takeover.ssh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.Base64;
import java.util.HexFormat;
import net.schmizz.sshj.common.Buffer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Runs with BouncyCastle and without. */
class SshPublicKeyTest {

    /** A key of OpenSSH's and what ssh-keygen -l shows of it. */
    private static final String KEY =
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";

    @Test
    void keysAreReadFromTextAndShownAsOpenSshDoes() {
        SshPublicKey key = SshPublicKey.parse(" " + KEY + " root@machine with a long comment\n");

        assertThat(key.text()).isEqualTo(KEY);
        assertThat(key.fingerprint()).isEqualTo("SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU");
        assertThat(key).isEqualTo(SshPublicKey.parse(KEY)).hasSameHashCodeAs(SshPublicKey.parse(KEY));
        assertThat(key).hasToString("ssh-ed25519 " + key.fingerprint());
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "ssh-ed25519", "ssh-ed25519 !!!", "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIA==", "a AAA="})
    void whatIsNoKeyIsRefused(String text) {
        assertThatIllegalArgumentException().isThrownBy(() -> SshPublicKey.parse(text));
    }

    @Test
    void aShortRsaKeyIsNotPinned() throws Exception {
        String text = SshPublicKey.of(HostKeyCheckTest.rsa(1024).getPublic()).text();

        assertThatIllegalArgumentException()
                .isThrownBy(() -> SshPublicKey.parse(text))
                .withMessageContaining("RSA of 1024 bits");
        assertThat(SshPublicKey.parse(
                        SshPublicKey.of(HostKeyCheckTest.rsa(2048).getPublic()).text()))
                .isNotNull();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "0000000000000000000000000000000000000000000000000000000000000000",
                "0100000000000000000000000000000000000000000000000000000000000000",
                "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
                "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"
            })
    void anEd25519KeyThatVerifiesAnythingIsNotPinned(String point) {
        String key = "ssh-ed25519 "
                + Base64.getEncoder()
                        .encodeToString(new Buffer.PlainBuffer()
                                .putString("ssh-ed25519")
                                .putBytes(HexFormat.of().parseHex(point))
                                .getCompactData());

        assertThatIllegalArgumentException().isThrownBy(() -> SshPublicKey.parse(key));
    }
}
