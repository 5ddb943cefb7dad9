package dev.shepherd.provider.redfish;

import dev.shepherd.api.internal.Spans;
import dev.shepherd.provider.redfish.BmcReport.Cause;
import dev.shepherd.provider.redfish.BmcReport.Certificate;
import dev.shepherd.provider.support.CallThreads;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicReference;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import org.jspecify.annotations.Nullable;

/**
 * Looks at the certificate of a BMC, on a connection that ends before anything is asked: a stranger gets nothing but
 * the beginning of TLS.
 */
final class BmcLook {

    /** There is no certificate to look at. */
    static final class NoCertificateException extends Exception {

        private static final long serialVersionUID = 1L;

        private final Cause why;

        NoCertificateException(Cause why, String message) {
            super(message);
            this.why = why;
        }

        Cause cause() {
            return why;
        }
    }

    private final CallThreads threads;
    private final BmcTrust trust;
    private final SSLParameters parameters;
    private final Duration connect;

    /**
     * Makes one.
     *
     * @param parameters the versions to offer, and whether names count
     * @param connect how long a connection may take until TLS begins
     */
    BmcLook(CallThreads threads, BmcTrust trust, SSLParameters parameters, Duration connect) {
        this.threads = threads;
        this.trust = trust;
        this.parameters = parameters;
        this.connect = connect;
    }

    /** Returns what is there, with the word on whether it is trusted. */
    Certificate at(URI bmc, Duration limit) throws NoCertificateException, InterruptedException {
        AtomicReference<@Nullable Certificate> seen = new AtomicReference<>();
        boolean late = false;
        @Nullable Throwable failure = null;
        Socket socket = new Socket();
        try {
            threads.call(
                    () -> {
                        begin(bmc, socket, seen);
                        return true;
                    },
                    limit);
        } catch (TimeoutException e) {
            late = true;
        } catch (ExecutionException e) {
            failure = e.getCause();
        } finally {
            close(socket); // Also ends a handshake that is waited for no longer.
        }
        Certificate certificate = seen.get();
        if (certificate != null) {
            return certificate;
        }
        throw noCertificate(late || failure instanceof SocketTimeoutException, socket.isConnected(), failure);
    }

    private void begin(URI bmc, Socket socket, AtomicReference<@Nullable Certificate> seen) throws IOException {
        String host = BmcTrust.host(bmc);
        int port = BmcTrust.port(bmc);
        socket.connect(new InetSocketAddress(host, port), (int) connect.toMillis());
        try (SSLSocket secured = (SSLSocket)
                trust.telling(seen::set).context().getSocketFactory().createSocket(socket, host, port, true)) {
            secured.setSSLParameters(parameters);
            secured.startHandshake();
        }
    }

    private static void close(Socket socket) {
        try {
            socket.close();
        } catch (IOException e) {
            // Nothing was to come from it any more.
        }
    }

    private NoCertificateException noCertificate(boolean late, boolean connected, @Nullable Throwable failure) {
        if (failure instanceof Error error) {
            throw error;
        }
        if (failure instanceof UnknownHostException) {
            return new NoCertificateException(Cause.UNREACHABLE, "the name of the host cannot be resolved");
        }
        if (late) {
            return connected
                    ? new NoCertificateException(Cause.SILENT, "it connects, and does not begin TLS in time")
                    : new NoCertificateException(
                            Cause.UNREACHABLE, "there is no connection within " + Spans.text(connect));
        }
        String why = failure == null ? "" : ": " + failure.getMessage();
        return connected
                ? new NoCertificateException(Cause.NO_TLS, "it connects, and there is no TLS with it" + why)
                : new NoCertificateException(Cause.UNREACHABLE, "the host cannot be reached" + why);
    }
}
