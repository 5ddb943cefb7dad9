package dev.shepherd.callback.grpc;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A key of a client with a certificate that it has signed itself, made by the JDK's own tool. */
record ClientKeys(PrivateKey privateKey, X509Certificate certificate) {

    private static final char[] PASSWORD = "changeit".toCharArray();

    /**
     * Makes one.
     *
     * @param more what else to tell the tool, such as {@code -startdate}
     */
    static ClientKeys make(Path folder, String algorithm, String... more) throws Exception {
        Path file = Files.createTempFile(folder, algorithm, ".p12");
        Files.delete(file);
        Path log = folder.resolve("keytool.log");
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                "-genkeypair",
                "-keyalg",
                algorithm,
                "-alias",
                "agent",
                "-dname",
                "CN=anything at all",
                "-storetype",
                "PKCS12",
                "-storepass",
                new String(PASSWORD),
                "-keystore",
                file.toString()));
        command.addAll(List.of(more));
        Process tool = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        assertThat(tool.waitFor(1, TimeUnit.MINUTES)).isTrue();
        assertThat(tool.exitValue()).as(Files.readString(log)).isZero();
        KeyStore store = KeyStore.getInstance(file.toFile(), PASSWORD);
        return new ClientKeys(
                (PrivateKey) store.getKey("agent", PASSWORD), (X509Certificate) store.getCertificate("agent"));
    }

    /** Returns the 32 bytes of an ed25519 key. */
    byte[] publicKey() {
        byte[] encoded = certificate.getPublicKey().getEncoded();
        return Arrays.copyOfRange(encoded, encoded.length - 32, encoded.length);
    }

    String privateKeyPem() {
        return pem("PRIVATE KEY", privateKey.getEncoded());
    }

    String certificatePem() throws Exception {
        return pem("CERTIFICATE", certificate.getEncoded());
    }

    static String pem(String kind, byte[] content) {
        return "-----BEGIN " + kind + "-----\n"
                + Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(content)
                + "\n-----END " + kind + "-----\n";
    }
}
