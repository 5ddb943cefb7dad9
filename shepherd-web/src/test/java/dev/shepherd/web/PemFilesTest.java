package dev.shepherd.web;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.internal.settings.PemFiles;
import dev.shepherd.testkit.database.BmdbExtension;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PemFilesTest {

    private static final char[] PASSWORD = "changeit".toCharArray();

    @RegisterExtension
    static final BmdbExtension database = BmdbExtension.create();

    @TempDir
    static Path shared;

    private static final Map<String, KeyStore> PAIRS = new HashMap<>();

    @TempDir
    Path folder;

    /** The JDK has no other way to sign a certificate. */
    @BeforeAll
    static void makePairs() throws Exception {
        List<Process> running = new ArrayList<>();
        for (String algorithm : List.of("RSA", "EC", "Ed25519", "DSA")) {
            running.add(new ProcessBuilder(
                            Path.of(System.getProperty("java.home"), "bin", "keytool")
                                    .toString(),
                            "-genkeypair",
                            "-keyalg",
                            algorithm,
                            "-alias",
                            "server",
                            "-dname",
                            "CN=localhost",
                            "-ext",
                            "san=dns:localhost,ip:127.0.0.1",
                            "-validity",
                            "2",
                            "-storetype",
                            "PKCS12",
                            "-storepass",
                            new String(PASSWORD),
                            "-keystore",
                            shared.resolve(algorithm).toString())
                    .redirectErrorStream(true)
                    .redirectOutput(shared.resolve(algorithm + ".log").toFile())
                    .start());
        }
        for (Process one : running) {
            assertThat(one.waitFor(1, TimeUnit.MINUTES)).isTrue();
        }
        for (String algorithm : List.of("RSA", "EC", "Ed25519", "DSA")) {
            assertThat(shared.resolve(algorithm))
                    .as(Files.readString(shared.resolve(algorithm + ".log")))
                    .exists();
            PAIRS.put(algorithm, KeyStore.getInstance(shared.resolve(algorithm).toFile(), PASSWORD));
        }
    }

    private Path certificate(String algorithm) throws Exception {
        Certificate certificate = PAIRS.get(algorithm).getCertificate("server");
        return Files.writeString(folder.resolve(algorithm + ".crt"), pem("CERTIFICATE", certificate.getEncoded()));
    }

    private Path key(String algorithm) throws Exception {
        return key(algorithm, "PRIVATE KEY");
    }

    private Path key(String algorithm, String kind) throws Exception {
        byte[] key = PAIRS.get(algorithm).getKey("server", PASSWORD).getEncoded();
        return closed(Files.writeString(folder.resolve(algorithm + ".key"), pem(kind, key)));
    }

    private static Path closed(Path file) throws Exception {
        return Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
    }

    private static String pem(String kind, byte[] content) {
        return "-----BEGIN " + kind + "-----\n"
                + Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(content) + "\n-----END " + kind
                + "-----\n";
    }

    private static SSLContext read(Path certificate, Path key) {
        return PemFiles.serverContext("--web-certificate", certificate, "--web-key", key);
    }

    private static ConfigurationException refused(Path certificate, Path key) {
        return catchThrowableOfType(ConfigurationException.class, () -> read(certificate, key));
    }

    @ParameterizedTest
    @ValueSource(strings = {"RSA", "EC", "Ed25519"})
    void aServerSpeaksTlsWithKeysOfTheUsualKinds(String algorithm) throws Exception {
        Path certificate = certificate(algorithm);
        SSLContext tls = read(certificate, key(algorithm));
        try (WebConsole console = WebConsole.builder().bmdb(database.bmdb()).build();
                WebServer server =
                        WebServer.bind(console, new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), tls)) {
            server.start();
            URI uri = URI.create("https://localhost:" + server.address().getPort() + "/");
            HttpResponse<String> page = HttpClient.newBuilder()
                    .sslContext(trusting(algorithm))
                    .build()
                    .send(HttpRequest.newBuilder(uri).build(), BodyHandlers.ofString());
            assertThat(page.statusCode()).isEqualTo(200);
            assertThat(page.body()).contains("<h1>Fleet</h1>");
            assertThat(page.headers().firstValue("Strict-Transport-Security")).isPresent();
            assertThat(server.isSecure()).isTrue();
        }
    }

    @Test
    void curlTrustsTheCertificateToo() throws Exception {
        Assumptions.assumeTrue(Files.isExecutable(Path.of("/usr/bin/curl")), "there is no curl here");
        Path certificate = certificate("EC");
        try (WebConsole console = WebConsole.builder().bmdb(database.bmdb()).build();
                WebServer server = WebServer.bind(
                        console,
                        new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                        read(certificate, key("EC")))) {
            server.start();
            Process curl = new ProcessBuilder(
                            "/usr/bin/curl",
                            "--silent",
                            "--show-error",
                            "--noproxy",
                            "*",
                            "--max-time",
                            "30",
                            "--cacert",
                            certificate.toString(),
                            "https://localhost:" + server.address().getPort() + "/readyz")
                    .redirectErrorStream(true)
                    .start();
            assertThat(new String(curl.getInputStream().readAllBytes(), StandardCharsets.UTF_8))
                    .isEqualTo("ready\n");
            assertThat(curl.waitFor()).isZero();
        }
    }

    private static SSLContext trusting(String algorithm) throws Exception {
        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        trusted.setCertificateEntry("server", PAIRS.get(algorithm).getCertificate("server"));
        TrustManagerFactory managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        managers.init(trusted);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, managers.getTrustManagers(), null);
        return context;
    }

    @Test
    void aKeyOfAnotherFormIsRefusedWithTheCommandThatConvertsIt() throws Exception {
        for (String kind : List.of("RSA PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY")) {
            Path key = key("RSA", kind);
            assertThat(refused(certificate("RSA"), key))
                    .as(kind)
                    .hasMessageContaining("openssl pkcs8 -topk8 -nocrypt -in " + key + " -out NEW")
                    .hasMessageStartingWith("--web-key: ");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"RSA", "EC"})
    void aKeyThatIsNotThatOfTheCertificateIsRefused(String ofCertificate) throws Exception {
        Path certificate = certificate(ofCertificate);
        assertThat(refused(certificate, key("Ed25519")))
                .hasMessageContaining("is not the key of the first certificate of");
        KeyStore own = PAIRS.get(ofCertificate);
        KeyPairGenerator generator = KeyPairGenerator.getInstance(ofCertificate);
        byte[] another = generator.generateKeyPair().getPrivate().getEncoded();
        Path key = closed(Files.writeString(folder.resolve("another.key"), pem("PRIVATE KEY", another)));
        assertThat(own.getKey("server", PASSWORD).getEncoded()).isNotEqualTo(another);
        assertThat(refused(certificate, key)).hasMessageContaining("is not the key of the first certificate of");
    }

    @Test
    void aKeyFileThatIsOpenToOthersIsRefused() throws Exception {
        Path key = key("EC");
        Files.setPosixFilePermissions(key, PosixFilePermissions.fromString("rw-r-----"));
        assertThat(refused(certificate("EC"), key)).hasMessageContaining("run: chmod 600 " + key);
    }

    @Test
    void otherFilesAreRefusedAndNothingOfThemIsShown() throws Exception {
        Path certificate = certificate("EC");
        Path key = key("EC");
        assertThat(refused(certificate, certificate(closed(key), certificate))).hasMessageStartingWith("--web-key: ");
        assertThat(refused(key, key)).hasMessageStartingWith("--web-certificate: ");
        assertThat(refused(folder.resolve("absent"), key)).hasMessageStartingWith("--web-certificate: ");
        assertThat(refused(certificate, folder.resolve("absent"))).hasMessageStartingWith("--web-key: ");
        assertThat(refused(certificate("DSA"), key("DSA"))).hasMessageContaining("is no RSA, EC or Ed25519 key");
        Path empty = Files.createFile(folder.resolve("empty"));
        assertThat(refused(empty, key)).hasMessageContaining("empty has no certificate (PEM)");
        for (String content : List.of("AAAA", "====", "AAAAA", "c2VjcmV0")) {
            Path broken = closed(Files.writeString(
                    folder.resolve("broken"),
                    "-----BEGIN PRIVATE KEY-----\n" + content + "\n-----END PRIVATE KEY-----"));
            assertThatThrownBy(() -> read(certificate, broken))
                    .as(content)
                    .isInstanceOf(ConfigurationException.class)
                    .hasMessageNotContaining(content)
                    .hasMessageNotContaining("secret");
        }
    }

    private static Path certificate(Path key, Path certificate) throws Exception {
        return closed(Files.copy(certificate, key.resolveSibling("copy")));
    }
}
