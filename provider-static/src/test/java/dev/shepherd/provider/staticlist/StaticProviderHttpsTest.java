package dev.shepherd.provider.staticlist;

import static dev.shepherd.provider.staticlist.Lists.RACKS;
import static dev.shepherd.provider.staticlist.Lists.ids;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.testkit.LogCapture;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

class StaticProviderHttpsTest {

    private static final char[] PASSWORD = "changeit".toCharArray();

    @RegisterExtension
    final LogCapture log = LogCapture.of(StaticProvider.class.getName());

    private static SSLContext ownAuthority;

    @BeforeAll
    static void makeCertificate(@TempDir Path folder) throws Exception {
        Path store = folder.resolve("server.p12");
        Process keytool = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "keytool")
                                .toString(),
                        "-genkeypair",
                        "-keystore",
                        store.toString(),
                        "-storetype",
                        "PKCS12",
                        "-storepass",
                        new String(PASSWORD),
                        "-keyalg",
                        "EC",
                        "-dname",
                        "CN=list",
                        "-ext",
                        "SAN=IP:127.0.0.1")
                .redirectErrorStream(true)
                .start();
        String output = new String(keytool.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(keytool.waitFor()).as(output).isZero();

        KeyStore keys = KeyStore.getInstance("PKCS12");
        try (InputStream in = Files.newInputStream(store)) {
            keys.load(in, PASSWORD);
        }
        KeyManagerFactory keyManagers = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        keyManagers.init(keys, PASSWORD);
        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        trusted.setCertificateEntry("server", keys.getCertificate("mykey"));
        TrustManagerFactory trustManagers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trustManagers.init(trusted);
        ownAuthority = SSLContext.getInstance("TLS");
        ownAuthority.init(keyManagers.getKeyManagers(), trustManagers.getTrustManagers(), null);
    }

    @Test
    void aServerOfATrustedAuthorityIsRead() throws Exception {
        try (ListServer server = new ListServer(ownAuthority);
                StaticProvider provider = StaticProvider.builder(RACKS, server.uri())
                        .sslContext(ownAuthority)
                        .build()) {
            server.serveTagged(Lists.of("a"), "\"v1\"");

            assertThat(ids(provider)).containsExactly("a");
            assertThat(ids(provider)).containsExactly("a");

            assertThat(server.bodies).hasValue(1);
        }
        Lists.assertNoThreadIsLeft();
    }

    @Test
    void aServerThatNobodyVouchesForIsNotAsked() throws Exception {
        try (ListServer server = new ListServer(ownAuthority);
                StaticProvider provider = StaticProvider.of(RACKS, server.uri())) {
            assertThatExceptionOfType(ProviderException.class)
                    .isThrownBy(provider::listMachines)
                    .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.TRANSIENT))
                    .withMessageContaining("cannot be read: SSLHandshakeException: ");

            assertThat(server.requests).hasValue(0);
        }
        Lists.assertNoThreadIsLeft();
    }

    @Test
    void aRedirectionOutOfTlsIsNotFollowed() throws Exception {
        try (ListServer plain = new ListServer();
                ListServer server = new ListServer(ownAuthority);
                StaticProvider provider = StaticProvider.builder(RACKS, server.uri())
                        .sslContext(ownAuthority)
                        .build()) {
            plain.serve(Lists.of("a"));
            server.answer(302, "Location", plain.uri().toString());

            assertThatExceptionOfType(ProviderException.class)
                    .isThrownBy(provider::listMachines)
                    .withMessageEndingWith("the server answered with status 302, a redirection that is not followed");

            assertThat(plain.requests).hasValue(0);
        }
    }
}
