package dev.shepherd.callback.grpc;

import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http2.DefaultHttp2HeadersDecoder;
import io.netty.handler.codec.http2.Http2Exception;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.util.HashMap;
import java.util.Map;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;
import org.jspecify.annotations.Nullable;

/** HTTP/2 by hand, frame by frame, for what no proper client does. */
final class RawConnection implements Closeable {

    static final int DATA = 0;
    static final int HEADERS = 1;
    static final int RESET = 3;
    static final int SETTINGS = 4;
    static final int PING = 6;
    static final int GO_AWAY = 7;
    static final int WINDOW_UPDATE = 8;
    static final int CONTINUATION = 9;
    static final int END_STREAM = 1;
    static final int END_HEADERS = 4;

    private static final char[] PASSWORD = "changeit".toCharArray();

    private final SSLSocket socket;
    private final DataInputStream in;

    RawConnection(@Nullable ClientKeys client, byte[] authority, InetSocketAddress server) throws Exception {
        socket = connect(client, authority, server);
        in = new DataInputStream(socket.getInputStream());
    }

    static SSLSocket connect(@Nullable ClientKeys client, byte[] authority, InetSocketAddress server) throws Exception {
        KeyStore keyStore = KeyStore.getInstance("PKCS12");
        keyStore.load(null, null);
        if (client != null) {
            keyStore.setKeyEntry("agent", client.privateKey(), PASSWORD, new Certificate[] {client.certificate()});
        }
        KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        keys.init(keyStore, PASSWORD);
        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        trusted.setCertificateEntry(
                "authority",
                CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(authority)));
        TrustManagerFactory managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        managers.init(trusted);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), managers.getTrustManagers(), null);
        Socket plain = new Socket();
        plain.setTcpNoDelay(true);
        plain.setSoTimeout(30_000);
        plain.connect(server, 30_000);
        SSLSocket socket = (SSLSocket)
                context.getSocketFactory().createSocket(plain, server.getHostString(), server.getPort(), true);
        SSLParameters parameters = socket.getSSLParameters();
        parameters.setEndpointIdentificationAlgorithm("HTTPS");
        socket.setSSLParameters(parameters);
        return socket;
    }

    /** Says that it speaks HTTP/2. */
    RawConnection greet() throws IOException {
        write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
        return send(SETTINGS, 0, 0, new byte[0]);
    }

    void write(byte[] bytes) throws IOException {
        socket.getOutputStream().write(bytes);
    }

    RawConnection send(int type, int flags, int stream, byte[] payload) throws IOException {
        write(frame(type, flags, stream, payload));
        return this;
    }

    static byte[] frame(int type, int flags, int stream, byte[] payload) {
        return ByteBuffer.allocate(9 + payload.length)
                .put((byte) (payload.length >> 16))
                .putShort((short) payload.length)
                .put((byte) type)
                .put((byte) flags)
                .putInt(stream)
                .put(payload)
                .array();
    }

    /** Returns headers as names and values by turns, none of which is compressed or remembered (RFC 7541, 6.2.2). */
    static byte[] headers(String... namesAndValues) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (int i = 0; i < namesAndValues.length; i += 2) {
            out.write(0);
            text(out, namesAndValues[i]);
            text(out, namesAndValues[i + 1]);
        }
        return out.toByteArray();
    }

    private static void text(ByteArrayOutputStream out, String text) {
        int length = text.length();
        if (length < 127) {
            out.write(length);
        } else {
            out.write(127);
            for (length -= 127; length >= 128; length >>= 7) {
                out.write(length & 127 | 128);
            }
            out.write(length);
        }
        out.writeBytes(text.getBytes(StandardCharsets.US_ASCII));
    }

    static byte[] callHeaders() {
        return headers(
                ":method",
                "POST",
                ":scheme",
                "https",
                ":path",
                "/" + GrpcAgent.FIRST_NAME + "/Heartbeat",
                ":authority",
                "x",
                "content-type",
                "application/grpc",
                "te",
                "trailers");
    }

    /** Returns a message with what gRPC has before it. */
    static byte[] message(byte[] content) {
        return ByteBuffer.allocate(5 + content.length)
                .put((byte) 0)
                .putInt(content.length)
                .put(content)
                .array();
    }

    RawConnection call(int stream, byte[] content) throws IOException {
        return send(HEADERS, END_HEADERS, stream, callHeaders()).send(DATA, END_STREAM, stream, message(content));
    }

    /** A frame that came. */
    record Frame(int type, int flags, int stream, byte[] payload) {
        boolean endsStream(int which) {
            return stream == which && (type == RESET || (type == HEADERS || type == DATA) && (flags & END_STREAM) != 0);
        }

        /** Returns the headers of the first frame that has any: later ones refer to those before. */
        Map<String, String> headers() throws Http2Exception {
            Map<String, String> headers = new HashMap<>();
            new DefaultHttp2HeadersDecoder()
                    .decodeHeaders(stream, Unpooled.wrappedBuffer(payload))
                    .forEach(header -> headers.put(
                            header.getKey().toString(), header.getValue().toString()));
            return headers;
        }
    }

    Frame read() throws IOException {
        int length = in.readUnsignedByte() << 16 | in.readUnsignedShort();
        int type = in.readUnsignedByte();
        int flags = in.readUnsignedByte();
        int stream = in.readInt() & Integer.MAX_VALUE;
        return new Frame(type, flags, stream, in.readNBytes(length));
    }

    /** Reads up to the frame that ends a stream. */
    Frame readEnd(int stream) throws IOException {
        Frame frame = read();
        while (!frame.endsStream(stream)) {
            frame = read();
        }
        return frame;
    }

    /** Reads until the other side closes. Returns false if it does not within half a minute. */
    boolean isClosed() {
        try {
            while (true) {
                read();
            }
        } catch (SocketTimeoutException e) {
            return false;
        } catch (EOFException e) {
            return true;
        } catch (IOException e) {
            return true;
        }
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
