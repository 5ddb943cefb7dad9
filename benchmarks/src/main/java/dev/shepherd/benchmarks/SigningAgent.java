package dev.shepherd.benchmarks;

import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.spec.PKCS8EncodedKeySpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.Locale;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;

/** The requests of an agent, written by hand as {@code docs/agents.md} says. Safe for use by several threads. */
final class SigningAgent {

    private final UUID machine;
    private final KeyPair keys;
    private final byte[] publicKey;
    private final PrivateKey privateKey;

    private SigningAgent(UUID machine, KeyPair keys) {
        this.machine = machine;
        this.keys = keys;
        byte[] encoded = keys.getPublic().getEncoded();
        publicKey = Arrays.copyOfRange(encoded, encoded.length - 32, encoded.length);
        privateKey = keys.getPrivate();
    }

    static SigningAgent create() throws GeneralSecurityException {
        return new SigningAgent(
                UUID.randomUUID(), KeyPairGenerator.getInstance("Ed25519").generateKeyPair());
    }

    /** Returns what another process makes the same agent of. */
    String text() {
        Base64.Encoder base64 = Base64.getEncoder();
        return machine + "," + base64.encodeToString(keys.getPublic().getEncoded()) + ","
                + base64.encodeToString(privateKey.getEncoded());
    }

    static SigningAgent of(String text) throws GeneralSecurityException {
        String[] parts = text.split(",");
        Base64.Decoder base64 = Base64.getDecoder();
        KeyFactory factory = KeyFactory.getInstance("Ed25519");
        return new SigningAgent(
                UUID.fromString(parts[0]),
                new KeyPair(
                        factory.generatePublic(new X509EncodedKeySpec(base64.decode(parts[1]))),
                        factory.generatePrivate(new PKCS8EncodedKeySpec(base64.decode(parts[2])))));
    }

    private final AtomicLong lastTime = new AtomicLong();

    UUID machine() {
        return machine;
    }

    KeyPair keys() {
        return keys;
    }

    byte[] publicKey() {
        return publicKey.clone();
    }

    /** Returns a heartbeat and nothing else. */
    byte[] heartbeat() {
        try {
            return request(new byte[0]);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    byte[] request(byte[] body) throws GeneralSecurityException {
        String time = String.valueOf(lastTime.updateAndGet(last -> Math.max(last + 1, System.currentTimeMillis())));
        String digest =
                HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(body));
        Signature signer = Signature.getInstance("Ed25519");
        signer.initSign(privateKey);
        signer.update(String.join("\n", "shepherd-agent-v1", "POST", "/v1/agent", machine.toString(), time, digest)
                .getBytes(StandardCharsets.UTF_8));
        Base64.Encoder base64 = Base64.getEncoder();
        ByteArrayOutputStream request = new ByteArrayOutputStream(body.length + 512);
        request.writeBytes(("POST /v1/agent HTTP/1.1\r\nHost: shepherd\r\nShepherd-Machine: " + machine
                        + "\r\nShepherd-Key: " + base64.encodeToString(publicKey) + "\r\nShepherd-Time: " + time
                        + "\r\nShepherd-Signature: " + base64.encodeToString(signer.sign()) + "\r\nContent-Length: "
                        + body.length + "\r\n\r\n")
                .getBytes(StandardCharsets.US_ASCII));
        request.writeBytes(body);
        return request.toByteArray();
    }

    static Socket connect(String from, int port) throws IOException {
        Socket socket = new Socket();
        socket.setTcpNoDelay(true);
        socket.setSoTimeout(15_000);
        socket.bind(new InetSocketAddress(InetAddress.getByName(from), 0));
        socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 15_000);
        return socket;
    }

    /** Reads an answer and returns its status. */
    static int status(InputStream in) throws IOException {
        String status = line(in);
        int length = 0;
        for (String line = line(in); !line.isEmpty(); line = line(in)) {
            String lower = line.toLowerCase(Locale.ROOT);
            if (lower.startsWith("content-length:")) {
                length = Integer.parseInt(
                        lower.substring("content-length:".length()).strip());
            }
        }
        in.skipNBytes(length);
        return Integer.parseInt(status.split(" ", -1)[1]);
    }

    private static String line(InputStream in) throws IOException {
        StringBuilder line = new StringBuilder();
        for (int c = in.read(); c != '\n'; c = in.read()) {
            if (c < 0) {
                throw new EOFException("closed without an answer");
            }
            if (c != '\r') {
                line.append((char) c);
            }
        }
        return line.toString();
    }
}
