package dev.shepherd.agent;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.shepherd.agent.messages.takeover.TakeoverInit;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.Arrays;
import java.util.Base64;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Who an agent is: what it was told at its takeover, and the key pair that it made then.
 *
 * @param init as it was received
 * @param keys ed25519
 */
record Identity(TakeoverInit init, KeyPair keys) {

    static final String FILE = "identity";
    private static final int KEY_BYTES = 32;

    /**
     * Makes the one of a new agent.
     *
     * @throws IllegalArgumentException if an agent could not report with what it was told; the message is for people
     */
    static Identity of(TakeoverInit init) throws GeneralSecurityException {
        Identity identity =
                new Identity(init, KeyPairGenerator.getInstance("Ed25519").generateKeyPair());
        identity.machine();
        identity.endpoint();
        identity.authority();
        return identity;
    }

    /** Returns the machine's id. */
    String machine() {
        String id = init.getMachineId();
        try {
            if (UUID.fromString(id).toString().equals(id)) {
                return id;
            }
        } catch (IllegalArgumentException e) {
            // As below.
        }
        throw new IllegalArgumentException("the machine's id is no UUID in lower case: \"" + id + "\"");
    }

    /** Returns where requests are sent to. */
    URI endpoint() {
        String text = init.getBmaasEndpoint();
        try {
            URI uri = new URI(text);
            boolean known = "http".equals(uri.getScheme()) || "https".equals(uri.getScheme());
            if (known && uri.getHost() != null && uri.getRawQuery() == null && uri.getRawFragment() == null) {
                String path = uri.getRawPath();
                return URI.create(uri.getScheme() + "://" + uri.getRawAuthority()
                        + (path.endsWith("/") ? path.substring(0, path.length() - 1) : path) + Request.PATH);
            }
        } catch (URISyntaxException e) {
            // As below.
        }
        throw new IllegalArgumentException(
                "the endpoint is no URL such as https://shepherd.example.com:7834: \"" + text + "\"");
    }

    /** Returns the one certificate that the endpoint's is verified with; empty if it is for the public authorities to say. */
    Optional<X509Certificate> authority() {
        ByteString der = init.getCaCertificate();
        if (der.isEmpty()) {
            return Optional.empty();
        }
        try {
            return Optional.of((X509Certificate) CertificateFactory.getInstance("X.509")
                    .generateCertificate(new ByteArrayInputStream(der.toByteArray())));
        } catch (CertificateException e) {
            throw new IllegalArgumentException("the certificate of the authority cannot be read: " + e.getMessage(), e);
        }
    }

    /** Returns the public key as the 32 bytes of RFC 8032, which end a SubjectPublicKeyInfo (RFC 8410). */
    byte[] publicKey() {
        byte[] encoded = keys.getPublic().getEncoded();
        return Arrays.copyOfRange(encoded, encoded.length - KEY_BYTES, encoded.length);
    }

    /** Returns the public key for people and for comparisons. */
    String name() {
        return Base64.getEncoder().encodeToString(publicKey());
    }

    /** Reads the one that is kept; empty if there is none. */
    static Optional<Identity> read(Home home) throws IOException {
        String[] lines = home.text(FILE).split("\n");
        if (lines.length != 3) {
            return Optional.empty();
        }
        try {
            KeyFactory factory = KeyFactory.getInstance("Ed25519");
            PrivateKey secret = factory.generatePrivate(new PKCS8EncodedKeySpec(decoded(lines[1])));
            PublicKey open = factory.generatePublic(new X509EncodedKeySpec(decoded(lines[2])));
            return Optional.of(new Identity(TakeoverInit.parseFrom(decoded(lines[0])), new KeyPair(open, secret)));
        } catch (GeneralSecurityException | IllegalArgumentException | InvalidProtocolBufferException e) {
            throw new IOException(home.path(FILE) + " is damaged: " + e.getMessage(), e);
        }
    }

    /** Keeps it. */
    void write(Home home) throws IOException {
        home.write(
                FILE,
                Stream.of(
                                init.toByteArray(),
                                keys.getPrivate().getEncoded(),
                                keys.getPublic().getEncoded())
                        .map(Base64.getEncoder()::encodeToString)
                        .collect(Collectors.joining("\n", "", "\n")));
    }

    private static byte[] decoded(String line) {
        return Base64.getDecoder().decode(line.getBytes(StandardCharsets.US_ASCII));
    }
}
