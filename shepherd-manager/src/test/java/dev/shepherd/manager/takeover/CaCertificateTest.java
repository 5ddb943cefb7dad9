package dev.shepherd.manager.takeover;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.shepherd.agent.messages.takeover.TakeoverInit;
import dev.shepherd.api.ConfigurationException;
import dev.shepherd.testkit.ssh.SshHost;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CaCertificateTest {

    private final TakeoverFixture fixture;

    CaCertificateTest(@TempDir Path folder) {
        fixture = new TakeoverFixture(folder);
    }

    @Test
    void agentsAreToldTheCertificateInDerHoweverItIsGiven() throws Exception {
        String text = "Certificate:\r\n    Data: what openssl prints\r\n" + TestCertificates.A.replace("\n", "\r\n");
        for (byte[] given : List.of(bytes(TestCertificates.A), bytes(text), TestCertificates.A_DER)) {
            try (SshHost host = fixture.host()) {
                Path agent = QuickAgent.write(fixture.folder.resolve("keeps"), "cat > \"${0%/*}/told\"\nexit 1", 0);

                TakeoverFixture.failure(
                        fixture.settings()
                                .executable(agent)
                                .caCertificate(given)
                                .build(),
                        TakeoverFixture.target(host));

                TakeoverInit told =
                        TakeoverInit.parseFrom(Files.readAllBytes(host.root().resolve("root/told")));
                assertThat(told.getCaCertificate().toByteArray()).isEqualTo(TestCertificates.A_DER);
            }
        }
    }

    @Test
    void whatIsNotExactlyOneCertificateIsRefusedWithWhatItIs() {
        String a = TestCertificates.A;
        assertRefused(new byte[0], "the CA certificate for agents is empty");
        assertRefused(bytes(a + TestCertificates.B), "holds 2 blocks of PEM (CERTIFICATE, CERTIFICATE)", "exactly one");
        assertRefused(
                bytes(a + "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
                "holds a private key (block 2 of the PEM)");
        assertRefused(
                bytes("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"),
                "is a PUBLIC KEY in PEM, and no CERTIFICATE");
        assertRefused(bytes(a.substring(0, a.length() / 2)), "has a block of PEM that does not end");
        assertRefused(bytes(a.replace("MII", "M*I")), "is no base64");
        assertRefused(
                bytes("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "is no X.509 certificate");
        assertRefused(bytes("-----BEGIN CERTIFICATE-----"), "has a block of PEM that does not end");
        assertRefused(bytes("fleet.example"), "is no X.509 certificate");
        assertRefused(Arrays.copyOf(TestCertificates.A_DER, 100), "is no X.509 certificate");
        ByteArrayOutputStream twice = new ByteArrayOutputStream();
        twice.writeBytes(TestCertificates.A_DER);
        twice.writeBytes(TestCertificates.A_DER);
        assertRefused(
                twice.toByteArray(),
                "has " + TestCertificates.A_DER.length + " bytes after its end, at byte "
                        + TestCertificates.A_DER.length);
    }

    private void assertRefused(byte[] given, String... words) {
        AgentTakeover.Builder settings = fixture.settings().caCertificate(given);
        assertThatExceptionOfType(ConfigurationException.class)
                .isThrownBy(settings::build)
                .satisfies(e -> assertThat(e.property()).contains("caCertificate"))
                .satisfies(e -> assertThat(e.getMessage()).contains(words).doesNotContain("\n"));
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }
}
