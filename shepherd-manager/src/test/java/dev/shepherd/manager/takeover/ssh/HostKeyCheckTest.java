package dev.shepherd.manager.takeover.ssh;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PublicKey;
import org.junit.jupiter.api.Test;

/** Host keys that prove nothing. Runs with BouncyCastle and without. */
class HostKeyCheckTest {

    private static HostKeyCheck check(boolean anyHostKey) {
        InetSocketAddress address = new InetSocketAddress(InetAddress.getLoopbackAddress(), 22);
        return new HostKeyCheck(new SshPeer("a machine", address, null, anyHostKey));
    }

    @Test
    void aShortRsaKeyIsNoProofOfAHost() throws Exception {
        HostKeyCheck check = check(true);

        assertThat(check.verify("127.0.0.1", 22, rsa(1024).getPublic())).isFalse();
        assertThat(check.violation()).contains("RSA of 1024 bits, under 2048");
        assertThat(check.accepted()).isNull();
        assertThat(check.verify("127.0.0.1", 22, rsa(2048).getPublic())).isTrue();
    }

    @Test
    void aHostThatWantsNewKeysAgainAndAgainIsLeft() throws Exception {
        HostKeyCheck check = check(false);
        PublicKey key = rsa(2048).getPublic();
        for (int i = 0; i < 10; i++) {
            assertThat(check.verify("127.0.0.1", 22, key)).isTrue();
        }

        assertThat(check.verify("127.0.0.1", 22, key)).isFalse();
        assertThat(check.violation()).contains("wants new keys more than 10 times");
    }

    static KeyPair rsa(int bits) throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
        generator.initialize(bits);
        return generator.generateKeyPair();
    }
}
