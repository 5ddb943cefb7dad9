package dev.shepherd.callback;

import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.testkit.database.BmdbExtension;
import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.Signature;
import java.util.Arrays;
import java.util.Base64;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;

/** A machine with an agent, whose requests are written by hand, byte by byte, from an address of its own. */
final class TestMachine {

    private final UUID id = UUID.randomUUID();
    private final KeyPair keys;
    private final InetAddress from;
    private final AtomicLong lastTime = new AtomicLong();

    private TestMachine(String from, KeyPair keys) throws Exception {
        this.from = InetAddress.getByName(from);
        this.keys = keys;
    }

    private static KeyPair newKeys() throws Exception {
        return KeyPairGenerator.getInstance("Ed25519").generateKeyPair();
    }

    /** Makes a machine that is recorded, with its agent. */
    static TestMachine recorded(BmdbExtension database, String from) throws Exception {
        return recorded(database, from, newKeys());
    }

    static TestMachine recorded(BmdbExtension database, String from, KeyPair keys) throws Exception {
        TestMachine machine = new TestMachine(from, keys);
        try (BmdbSession session = database.bmdb().startSession("test", "")) {
            session.useTransaction(tx -> {
                tx.createMachine(machine.id);
                tx.putAgentStarted(machine.id, machine.publicKey());
            });
        }
        return machine;
    }

    static TestMachine unknown(String from) throws Exception {
        return new TestMachine(from, newKeys());
    }

    UUID id() {
        return id;
    }

    byte[] publicKey() {
        byte[] encoded = keys.getPublic().getEncoded();
        return Arrays.copyOfRange(encoded, encoded.length - 32, encoded.length);
    }

    /** Returns the time, or a later one if it was returned before, as agents sign. */
    private long later() {
        return lastTime.updateAndGet(last -> Math.max(last + 1, System.currentTimeMillis()));
    }

    /** Returns the headers of a signed request, one a line. */
    String headers(byte[] body) throws GeneralSecurityException {
        String time = String.valueOf(later());
        Signature signer = Signature.getInstance("Ed25519");
        signer.initSign(keys.getPrivate());
        signer.update(RequestSignature.text("POST", AgentEndpoint.PATH, id.toString(), time, body));
        return headers(time, signer.sign());
    }

    private String headers(String time, byte[] signature) {
        return "Host: x\r\n" + SignedRequest.MACHINE + ": " + id + "\r\n"
                + SignedRequest.KEY + ": " + Base64.getEncoder().encodeToString(publicKey()) + "\r\n"
                + SignedRequest.TIME + ": " + time + "\r\n"
                + SignedRequest.SIGNATURE + ": " + Base64.getEncoder().encodeToString(signature) + "\r\n";
    }

    byte[] request(byte[] body) throws GeneralSecurityException {
        return request(headers(body), body);
    }

    byte[] forged() {
        return request(headers(String.valueOf(System.currentTimeMillis()), new byte[64]), new byte[0]);
    }

    static byte[] request(String headers, byte[] body) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(("POST /v1/agent HTTP/1.1\r\n" + headers + "Content-Length: " + body.length + "\r\n\r\n")
                .getBytes(StandardCharsets.US_ASCII));
        out.writeBytes(body);
        return out.toByteArray();
    }

    Connection connect(AgentEndpoint endpoint) throws IOException {
        return connect(endpoint.address());
    }

    Connection connect(InetSocketAddress endpoint) throws IOException {
        return new Connection(endpoint, from);
    }

    /** Sends one heartbeat by a connection of its own. */
    Reply beat(AgentEndpoint endpoint) throws Exception {
        return send(endpoint, new byte[0]);
    }

    Reply send(AgentEndpoint endpoint, byte[] body) throws Exception {
        try (Connection connection = connect(endpoint)) {
            return connection.send(request(body)).read();
        }
    }

    /** What came back. A status of 0 is a connection that was closed without an answer. */
    record Reply(int status, Map<String, String> headers, byte[] body) {
        String reason() {
            return headers.getOrDefault("shepherd-reason", "");
        }
    }

    /** A connection. */
    static final class Connection implements Closeable {
        private final Socket socket;

        private Connection(InetSocketAddress endpoint, InetAddress from) throws IOException {
            socket = new Socket();
            socket.setTcpNoDelay(true);
            socket.setSoTimeout(30_000);
            socket.bind(new InetSocketAddress(from, 0));
            socket.connect(endpoint, 30_000);
        }

        Connection(Socket socket) {
            this.socket = socket;
        }

        Connection send(byte[] bytes) throws IOException {
            socket.getOutputStream().write(bytes);
            return this;
        }

        Connection send(String text) throws IOException {
            return send(text.getBytes(StandardCharsets.ISO_8859_1));
        }

        Reply read() throws IOException {
            InputStream in = socket.getInputStream();
            String status = line(in);
            if (status.isEmpty()) {
                return new Reply(0, Map.of(), new byte[0]);
            }
            Map<String, String> headers = new TreeMap<>();
            for (String line = line(in); !line.isEmpty(); line = line(in)) {
                int colon = line.indexOf(':');
                headers.put(
                        line.substring(0, colon).toLowerCase(Locale.ROOT),
                        line.substring(colon + 1).strip());
            }
            byte[] body = in.readNBytes(Integer.parseInt(headers.getOrDefault("content-length", "0")));
            return new Reply(Integer.parseInt(status.split(" ")[1]), headers, body);
        }

        private static String line(InputStream in) throws IOException {
            StringBuilder line = new StringBuilder();
            for (int c = in.read(); c != '\n' && c >= 0; c = in.read()) {
                if (c != '\r') {
                    line.append((char) c);
                }
            }
            return line.toString();
        }

        /** Waits until the other side closes. Returns false if it does not within half a minute. */
        boolean isClosed() {
            try {
                socket.getInputStream().readAllBytes();
                return true;
            } catch (java.net.SocketTimeoutException e) {
                return false;
            } catch (IOException e) {
                return true;
            }
        }

        @Override
        public void close() throws IOException {
            socket.close();
        }
    }
}
