package dev.shepherd.manager.takeover;

import static dev.shepherd.manager.takeover.TakeoverFixture.failure;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.shepherd.manager.takeover.TakeoverException.Kind;
import java.net.InetAddress;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PublicKey;
import java.util.Base64;
import java.util.HexFormat;
import net.schmizz.sshj.common.Buffer;
import org.apache.sshd.common.keyprovider.KeyPairProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Host keys that prove nothing. Runs with BouncyCastle and without. */
class WeakKeysTest {

    @Test
    void aShortRsaKeyIsNoProofOfAHost() throws Exception {
        HostKeyCheck check = new HostKeyCheck(
                TakeoverFixture.target(InetAddress.getLoopbackAddress(), 22).build(), HostKeyPolicy.ACCEPT_ANY);

        assertThat(check.verify("127.0.0.1", 22, rsa(1024).getPublic())).isFalse();
        assertThat(check.violation()).contains("RSA of 1024 bits, under 2048");
        assertThat(check.accepted()).isNull();
        assertThat(check.verify("127.0.0.1", 22, rsa(2048).getPublic())).isTrue();
    }

    @Test
    void aHostThatWantsNewKeysAgainAndAgainIsLeft() throws Exception {
        HostKeyCheck check = new HostKeyCheck(
                TakeoverFixture.target(InetAddress.getLoopbackAddress(), 22).build(), HostKeyPolicy.PIN);
        PublicKey key = rsa(2048).getPublic();
        for (int i = 0; i < 10; i++) {
            assertThat(check.verify("127.0.0.1", 22, key)).isTrue();
        }

        assertThat(check.verify("127.0.0.1", 22, key)).isFalse();
        assertThat(check.violation()).contains("wants new keys more than 10 times");
    }

    /** The SSH servers of the tests need BouncyCastle. */
    @DisabledIfSystemProperty(named = "shepherd.test.bouncycastle", matches = "absent")
    @ParameterizedTest
    @ValueSource(ints = {1024, 2047})
    void aHostWithAShortRsaKeyIsNotTrusted(int bits, @TempDir Path folder) throws Exception {
        TakeoverFixture fixture = new TakeoverFixture(folder);
        KeyPair weak = rsa(bits);
        try (MinaServer server =
                new MinaServer(fixture.publicKey, made -> made.setKeyPairProvider(KeyPairProvider.wrap(weak)))) {
            TakeoverException failure = failure(fixture.settings().build(), server.target());

            assertThat(failure.kind()).as(failure.getMessage()).isEqualTo(Kind.PROTOCOL);
            assertThat(failure.step()).isEqualTo(TakeoverStep.KEY_EXCHANGE);
            assertThat(failure).hasMessageContaining("which proves nothing: RSA of " + bits + " bits, under 2048");
        }
    }

    @Test
    void aShortRsaKeyIsNotPinned() throws Exception {
        String text = SshPublicKey.of(rsa(1024).getPublic()).text();

        assertThatIllegalArgumentException()
                .isThrownBy(() -> SshPublicKey.parse(text))
                .withMessageContaining("RSA of 1024 bits");
        assertThat(SshPublicKey.parse(SshPublicKey.of(rsa(2048).getPublic()).text()))
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

    private static KeyPair rsa(int bits) throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
        generator.initialize(bits);
        return generator.generateKeyPair();
    }
}
