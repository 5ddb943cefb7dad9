package dev.shepherd.manager.takeover;

import static dev.shepherd.manager.takeover.TakeoverFixture.failure;
import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.manager.takeover.TakeoverException.Kind;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import org.apache.sshd.common.keyprovider.KeyPairProvider;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A host whose key proves nothing. */
class WeakKeysTest {

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

    private static KeyPair rsa(int bits) throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
        generator.initialize(bits);
        return generator.generateKeyPair();
    }
}
