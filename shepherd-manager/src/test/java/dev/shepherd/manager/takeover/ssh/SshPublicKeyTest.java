package dev.shepherd.manager.takeover.ssh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.security.KeyPairGenerator;
import java.security.spec.ECGenParameterSpec;
import java.util.Arrays;
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

    @ParameterizedTest
    @ValueSource(strings = {"nistp256", "nistp384", "nistp521"})
    void anEcdsaKeyIsAPointOfItsCurve(String curve) throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
        generator.initialize(new ECGenParameterSpec(curve.replace("nistp", "secp") + "r1"));
        String text = SshPublicKey.of(generator.generateKeyPair().getPublic()).text();
        assertThat(SshPublicKey.parse(text).text()).isEqualTo(text).startsWith("ecdsa-sha2-" + curve + " ");
        byte[] blob = Base64.getDecoder().decode(text.substring(text.indexOf(' ') + 1));

        byte[] elsewhere = blob.clone();
        elsewhere[blob.length - 1] ^= 1;
        assertRefused("ecdsa-sha2-" + curve, elsewhere, "it is not a point on the curve " + curve);
        byte[] zero = blob.clone();
        int point = new Buffer.PlainBuffer(blob).readString().length() + 4 + 4 + curve.length() + 4;
        Arrays.fill(zero, point + 1, zero.length, (byte) 0);
        assertRefused("ecdsa-sha2-" + curve, zero, "it is not a point on the curve " + curve);
        byte[] compressed = blob.clone();
        compressed[point] = 2;
        assertRefused("ecdsa-sha2-" + curve, compressed, "it is not an uncompressed point of " + curve);
        assertRefused("ecdsa-sha2-" + curve, Arrays.copyOf(blob, blob.length - 1), "the key is cut short");
    }

    @Test
    void anEcdsaKeyOfAnotherCurveThanItsTypeIsNotPinned() {
        byte[] blob = new Buffer.PlainBuffer()
                .putString("ecdsa-sha2-nistp256")
                .putString("nistp384")
                .putBytes(new byte[97])
                .getCompactData();

        assertRefused("ecdsa-sha2-nistp256", blob, "ecdsa-sha2-nistp256 on the curve nistp384");
    }

    private static void assertRefused(String type, byte[] blob, String why) {
        assertThatIllegalArgumentException()
                .isThrownBy(() ->
                        SshPublicKey.parse(type + " " + Base64.getEncoder().encodeToString(blob)))
                .withMessageContaining(why);
    }
}
