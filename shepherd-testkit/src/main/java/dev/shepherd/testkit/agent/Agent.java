package dev.shepherd.testkit.agent;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.Signature;
import java.security.cert.Certificate;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.util.Arrays;
import java.util.Base64;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.SSLSocketFactory;
import javax.net.ssl.TrustManagerFactory;
import org.jspecify.annotations.Nullable;

/**
 * The test agent: reads a {@code TakeoverInit} from standard input and answers with a
 * {@code TakeoverResponse} on standard output. If it is to report to an {@code http://} URL, or to an {@code https://}
 * one and was told by whose certificate to know it, it then lets its streams go and sends heartbeats, until they are
 * not wanted any more.
 *
 * <p>Everything it needs is in this one class and the JDK: it is copied out of the testkit into an
 * executable of its own, and the time it takes to start counts.
 */
final class Agent {

    private static final int KEY_BYTES = 32;

    /** For ever, as far as a takeover goes; but if no process is left to end this one, it ends. */
    private static final long LONG_ENOUGH_MILLIS = 3_600_000;

    private static final long INTERVAL_MILLIS = 60_000;

    /** How soon to try again what failed, at most. */
    private static final long RETRY_MILLIS = 1_000;

    /** How long to go on without being heard. */
    private static final long PATIENCE_MILLIS = 300_000;

    /**
     * How long to go on though this machine is not known: a start is recorded only after the answer to the takeover.
     */
    private static final long GRACE_MILLIS = 30_000;

    private static final int CONNECT_MILLIS = 5_000;
    private static final int ANSWER_MILLIS = 20_000;

    private static final String HTTP = "http://";
    private static final String HTTPS = "https://";
    private static final String PATH = "/v1/agent";

    /** What TLS is spoken with; null for plain HTTP. */
    private static @Nullable SSLSocketFactory tls;

    /** When the last request was signed: none is signed as early again. */
    private static long signedMillis;

    private Agent() {}

    /**
     * Answers one takeover.
     *
     * @param args not used
     */
    public static void main(String[] args) throws IOException, GeneralSecurityException, InterruptedException {
        InputStream in = System.in;
        byte[] init = in.readAllBytes();
        String mood = System.getenv("SHEPHERD_TEST_AGENT_MOOD");
        OutputStream out = System.out;
        switch (mood == null ? "NORMAL" : mood) {
            case "HANG_IN_AGENT" -> Thread.sleep(LONG_ENOUGH_MILLIS);
            case "ENDLESS_OUTPUT" -> writeForever(System.out);
            case "ENDLESS_ERRORS" -> writeForever(System.err);
            case "GARBAGE_ANSWER" -> {
                byte[] garbage = new byte[256];
                Arrays.fill(garbage, (byte) 0xff);
                out.write(garbage);
            }
            case "EMPTY_ANSWER" -> {}
            case "WRONG_INIT" -> out.write(success(anotherInit(), newKey()));
            case "SHORT_KEY" -> out.write(success(init, Arrays.copyOf(newKey(), KEY_BYTES - 1)));
            case "AGENT_ERROR" -> out.write(error("the test agent was told to fail"));
            case "AGENT_CRASH" -> {
                System.err.println("test agent: told to crash");
                System.err.flush();
                Runtime.getRuntime().halt(3);
            }
            default -> {
                KeyPair keys = newKeyPair();
                out.write(success(init, publicKey(keys)));
                out.flush();
                String endpoint = text(init, 2);
                if (endpoint.startsWith(HTTPS)) {
                    tls = trusting(bytes(init, 3));
                }
                if (endpoint.startsWith(HTTP) || tls != null) {
                    letGo();
                    goOn(endpoint, text(init, 1), keys);
                }
            }
        }
        out.flush();
        // Nothing is left to be done: leave without the JVM's usual farewell.
        Runtime.getRuntime().halt(0);
    }

    /** Returns what trusts a certificate, in DER, and what it vouches for; null if it is none. */
    private static @Nullable SSLSocketFactory trusting(byte[] der) throws GeneralSecurityException, IOException {
        Certificate certificate;
        try {
            certificate = CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(der));
            if (!Arrays.equals(certificate.getEncoded(), der)) {
                return null;
            }
        } catch (CertificateException e) {
            return null;
        }
        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        trusted.setCertificateEntry("endpoint", certificate);
        TrustManagerFactory managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        managers.init(trusted);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, managers.getTrustManagers(), null);
        return context.getSocketFactory();
    }

    /** Lets go of what ties this process to the command that started it, so that the command ends. */
    private static void letGo() throws IOException {
        // The JDK puts /dev/null in the place of standard streams that are closed.
        System.in.close();
        System.out.close();
        System.err.close();
        String starter = System.getenv("SHEPHERD_TEST_AGENT_STARTER");
        ProcessHandle parent = ProcessHandle.current().parent().orElse(null);
        if (starter != null && parent != null && starter.equals(String.valueOf(parent.pid()))) {
            parent.destroy();
        }
    }

    /** Sends heartbeats for as long as they are taken. The first one comes with a report on the hardware. */
    private static void goOn(String endpoint, String machineId, KeyPair keys)
            throws GeneralSecurityException, InterruptedException {
        long interval = millis("SHEPHERD_TEST_AGENT_INTERVAL_MILLIS", INTERVAL_MILLIS);
        long patience = millis("SHEPHERD_TEST_AGENT_PATIENCE_MILLIS", PATIENCE_MILLIS);
        long grace = Math.min(patience, GRACE_MILLIS);
        byte[] body = hardwareReport();
        long heardAt = System.nanoTime();
        long welcomeAt = heardAt;
        while (true) {
            int status;
            try {
                status = call(endpoint, machineId, keys, body);
            } catch (IOException | IllegalArgumentException e) {
                status = 0;
            }
            long now = System.nanoTime();
            if (status == 200) {
                heardAt = now;
                body = new byte[0];
            }
            if (status != 403 && status != 404 && status != 409) {
                welcomeAt = now;
            }
            if (now - heardAt > patience * 1_000_000 || now - welcomeAt > grace * 1_000_000) {
                return;
            }
            Thread.sleep(status == 200 ? interval : Math.min(interval, RETRY_MILLIS));
        }
    }

    private static long millis(String variable, long otherwise) {
        String value = System.getenv(variable);
        return value == null ? otherwise : Long.parseLong(value);
    }

    /** An AgentRequest with an AgentHardwareReport of what Java knows: all that this agent needs no library for. */
    private static byte[] hardwareReport() {
        byte[] product = field(
                2,
                String.join(" ", System.getProperty("os.name"), System.getProperty("os.arch"))
                        .getBytes(StandardCharsets.UTF_8));
        // hardware_threads of a CPU, which is not a field of bytes.
        byte[] threads = {9 << 3, (byte) Math.min(127, Runtime.getRuntime().availableProcessors())};
        byte[] warning = field(
                2,
                "made of what Java knows: without Shepherd's agent there is no more".getBytes(StandardCharsets.UTF_8));
        return field(1, join(field(1, join(product, field(10, threads))), warning));
    }

    /** Sends one request and returns the status of the answer. */
    private static int call(String endpoint, String machineId, KeyPair keys, byte[] body)
            throws IOException, GeneralSecurityException {
        signedMillis = Math.max(signedMillis + 1, System.currentTimeMillis());
        String time = String.valueOf(signedMillis);
        // String.join rather than +, which takes the JVM long when it is first used.
        byte[] signed = String.join("\n", "shepherd-agent-v1", "POST", PATH, machineId, time, sha256(body))
                .getBytes(StandardCharsets.UTF_8);
        Signature signer = Signature.getInstance("Ed25519");
        signer.initSign(keys.getPrivate());
        signer.update(signed);
        Base64.Encoder base64 = Base64.getEncoder();
        URI uri = URI.create(endpoint);
        String prefix = uri.getRawPath().endsWith("/")
                ? uri.getRawPath().substring(0, uri.getRawPath().length() - 1)
                : uri.getRawPath();
        String head = String.join(
                "\r\n",
                String.join("", "POST ", prefix, PATH, " HTTP/1.1"),
                "Host: ".concat(uri.getRawAuthority()),
                "Connection: close",
                "Content-Type: application/x-protobuf",
                "Content-Length: ".concat(String.valueOf(body.length)),
                "Shepherd-Machine: ".concat(machineId),
                "Shepherd-Key: ".concat(base64.encodeToString(publicKey(keys))),
                "Shepherd-Time: ".concat(time),
                "Shepherd-Signature: ".concat(base64.encodeToString(signer.sign())),
                "",
                "");
        try (Socket socket = new Socket()) {
            int port = uri.getPort() >= 0 ? uri.getPort() : tls == null ? 80 : 443;
            String host = uri.getHost();
            if (host == null) {
                return 0;
            }
            socket.connect(new InetSocketAddress(host, port), CONNECT_MILLIS);
            socket.setSoTimeout(ANSWER_MILLIS);
            if (tls == null) {
                return call(socket, join(head.getBytes(StandardCharsets.US_ASCII), body));
            }
            try (SSLSocket secure = (SSLSocket) tls.createSocket(socket, host, port, true)) {
                SSLParameters parameters = secure.getSSLParameters();
                parameters.setEndpointIdentificationAlgorithm("HTTPS");
                secure.setSSLParameters(parameters);
                return call(secure, join(head.getBytes(StandardCharsets.US_ASCII), body));
            }
        }
    }

    private static int call(Socket socket, byte[] request) throws IOException {
        socket.getOutputStream().write(request);
        // "HTTP/1.1 200 OK"
        String line = new String(socket.getInputStream().readNBytes(12), StandardCharsets.US_ASCII);
        return line.startsWith("HTTP/1.") ? Integer.parseInt(line.substring(9)) : 0;
    }

    private static String sha256(byte[] bytes) throws GeneralSecurityException {
        byte[] digest = MessageDigest.getInstance("SHA-256").digest(bytes);
        StringBuilder hex = new StringBuilder();
        for (byte b : digest) {
            hex.append(Character.forDigit(b >> 4 & 0xf, 16)).append(Character.forDigit(b & 0xf, 16));
        }
        return hex.toString();
    }

    private static KeyPair newKeyPair() throws GeneralSecurityException {
        return KeyPairGenerator.getInstance("Ed25519").generateKeyPair();
    }

    /** Makes a key pair and returns its public key. */
    private static byte[] newKey() throws GeneralSecurityException {
        return publicKey(newKeyPair());
    }

    /** Returns the public key as the 32 bytes of RFC 8032. */
    private static byte[] publicKey(KeyPair keys) {
        byte[] encoded = keys.getPublic().getEncoded();
        // A SubjectPublicKeyInfo of Ed25519 ends with the key itself (RFC 8410).
        return Arrays.copyOfRange(encoded, encoded.length - KEY_BYTES, encoded.length);
    }

    private static String text(byte[] message, int number) {
        return new String(bytes(message, number), StandardCharsets.UTF_8);
    }

    /** Returns a field of a message that has length-delimited fields only; empty if it is not there. */
    private static byte[] bytes(byte[] message, int number) {
        int at = 0;
        while (at < message.length) {
            int tag = message[at++];
            int length = 0;
            for (int shift = 0; at < message.length; shift += 7) {
                int next = message[at++];
                length |= (next & 0x7f) << shift;
                if (next >= 0) {
                    break;
                }
            }
            if ((tag & 7) != 2 || length < 0 || length > message.length - at) {
                return new byte[0];
            }
            if (tag >> 3 == number) {
                return Arrays.copyOfRange(message, at, at + length);
            }
            at += length;
        }
        return new byte[0];
    }

    private static byte[] anotherInit() {
        return field(1, "another-machine".getBytes(StandardCharsets.UTF_8));
    }

    private static byte[] success(byte[] init, byte[] key) {
        return field(1, join(field(1, init), field(2, key)));
    }

    private static byte[] error(String message) {
        return field(2, field(1, message.getBytes(StandardCharsets.UTF_8)));
    }

    /** Encodes a length-delimited field of protocol buffers: messages, strings and bytes alike. */
    private static byte[] field(int number, byte[] value) {
        ByteArrayOutputStream out = new ByteArrayOutputStream(value.length + 8);
        out.write((number << 3) | 2);
        int rest = value.length;
        while (rest > 0x7f) {
            out.write((rest & 0x7f) | 0x80);
            rest >>>= 7;
        }
        out.write(rest);
        out.writeBytes(value);
        return out.toByteArray();
    }

    private static byte[] join(byte[] first, byte[] second) {
        byte[] both = Arrays.copyOf(first, first.length + second.length);
        System.arraycopy(second, 0, both, first.length, second.length);
        return both;
    }

    private static void writeForever(PrintStream out) {
        byte[] block = new byte[64 * 1024];
        Arrays.fill(block, (byte) 'x');
        while (!out.checkError()) {
            out.write(block, 0, block.length);
        }
    }
}
