package dev.shepherd.manager.takeover;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Takes machines over with all kinds of keys and algorithms. */
class OpenSshAlgorithmsTest extends OpenSshScenario {

    OpenSshAlgorithmsTest(@TempDir Path folder) throws IOException {
        super(folder);
    }

    @ParameterizedTest
    @ValueSource(strings = {"rsa", "ecdsa", "ecdsa -b 384", "ecdsa -b 521"})
    void aPinnedKeyIsAskedForWhereTheServerHasSeveral(String type) throws Exception {
        Path key = OpenSshServer.makeKey(folder.resolve("second"), type, "");
        try (OpenSshServer server = server(SFTP, "HostKey " + key)) {
            String pin = OpenSshServer.publicKey(key);

            TakeoverResult result = settings()
                    .build()
                    .takeover(server.target().pinnedHostKey(pin).build());

            assertThat(result.hostKey()).isEqualTo(pin);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"ed25519", "rsa", "ecdsa", "ecdsa -b 384", "ecdsa -b 521"})
    void encryptedKeysOfAllTypesLetIn(String type) throws Exception {
        Path key = OpenSshServer.makeKey(folder.resolve("client"), type, "open sesame");
        try (OpenSshServer server = new OpenSshServer(folder, List.of(OpenSshServer.publicKey(key)), SFTP)) {
            TakeoverResult result = settings()
                    .credentials(SshCredentials.privateKey(key, "open sesame".toCharArray()))
                    .build()
                    .takeover(server.target().build());

            assertThat(result.agentKey()).hasSize(32);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"rsa", "ecdsa", "ecdsa -b 384", "ecdsa -b 521"})
    void aHostWithNoOtherKeyIsTrustedOnFirstUse(String type) throws Exception {
        Path key = OpenSshServer.makeKey(folder.resolve("only"), type, "");
        try (OpenSshServer server =
                server(SFTP, "HostKey " + key, "HostKeyAlgorithms " + algorithms(OpenSshServer.publicKey(key)))) {
            TakeoverResult result = settings().build().takeover(server.target().build());

            assertThat(result.hostKey()).isEqualTo(OpenSshServer.publicKey(key));
        }
    }

    private static String algorithms(String publicKey) {
        String type = publicKey.substring(0, publicKey.indexOf(' '));
        return type.equals("ssh-rsa") ? "rsa-sha2-256,rsa-sha2-512" : type;
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "Ciphers aes256-gcm@openssh.com",
                "Ciphers aes128-ctr\nMACs hmac-sha2-256-etm@openssh.com",
                "Ciphers aes256-ctr\nMACs hmac-sha2-512",
                "KexAlgorithms ecdh-sha2-nistp256",
                "KexAlgorithms ecdh-sha2-nistp521",
                "KexAlgorithms diffie-hellman-group14-sha256",
                "KexAlgorithms diffie-hellman-group-exchange-sha256",
                "RekeyLimit 256K"
            })
    void serversThatAreStrictAboutAlgorithmsAreFine(String line) throws Exception {
        Path large = QuickAgent.write(folder.resolve("large"), 2_000_000);
        try (OpenSshServer server = server(SFTP, line)) {
            settings().executable(large).build().takeover(server.target().build());

            assertThat(remote.resolve("agent")).hasSameBinaryContentAs(large);
        }
    }
}
