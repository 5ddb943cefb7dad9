package dev.shepherd.testkit.ssh;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.BindException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import org.jspecify.annotations.Nullable;

/** The address and port of a host, which stay its own also while connections are refused. */
final class HostPort {

    private static final int MAX_PORT_ATTEMPTS = 10;

    private final SshHosts hosts;
    private final InetSocketAddress address;
    private boolean listening;

    /** Keeps the port ours, without listening, while connections are refused. */
    private @Nullable Socket placeholder;

    private HostPort(SshHosts hosts, InetSocketAddress address) {
        this.hosts = hosts;
        this.address = address;
    }

    /** Opens the port for a host, or for now only keeps it from others. Port 0 is any that is free. */
    static HostPort open(SshHosts hosts, SshHost host, InetSocketAddress wanted, boolean listening) throws IOException {
        for (int attempt = 1; ; attempt++) {
            InetSocketAddress chosen = choosePort(wanted);
            hosts.add(chosen, host);
            HostPort port = new HostPort(hosts, chosen);
            try {
                port.listen(listening);
                return port;
            } catch (BindException e) {
                hosts.remove(chosen);
                // Another program may have been given a port that was free a moment ago.
                if (wanted.getPort() != 0 || attempt == MAX_PORT_ATTEMPTS) {
                    throw e;
                }
            } catch (IOException | RuntimeException e) {
                hosts.remove(chosen);
                throw e;
            }
        }
    }

    /** Finds out the port before a client can connect to it, so that it is known whose connections those are. */
    private static InetSocketAddress choosePort(InetSocketAddress wanted) throws IOException {
        if (wanted.getPort() != 0) {
            return wanted;
        }
        try (ServerSocket socket = new ServerSocket()) {
            socket.setReuseAddress(true);
            socket.bind(wanted);
            return new InetSocketAddress(wanted.getAddress(), socket.getLocalPort());
        }
    }

    InetSocketAddress address() {
        return address;
    }

    /** Listens, or refuses connections and keeps the port. Called by one thread at a time, as is {@link #close}. */
    void listen(boolean wanted) throws IOException {
        if (wanted && !listening) {
            leave();
            hosts.listen(address);
        } else if (!wanted && (listening || placeholder == null)) {
            hosts.stopListening(address);
            keep();
        }
        listening = wanted;
    }

    /** Binds the port without listening on it: to connect to it is refused, and no other program is given it. */
    private void keep() throws IOException {
        Socket socket = new Socket();
        try {
            socket.setReuseAddress(true);
            socket.bind(address);
            placeholder = socket;
        } catch (IOException e) {
            socket.close();
            throw e;
        }
    }

    private void leave() throws IOException {
        Socket socket = placeholder;
        placeholder = null;
        if (socket != null) {
            socket.close();
        }
    }

    /** Gives the port up. Connections go on. */
    void close() {
        hosts.stopListening(address);
        try {
            leave();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot leave " + address, e);
        }
    }
}
