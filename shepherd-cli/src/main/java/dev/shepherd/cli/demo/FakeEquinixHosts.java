package dev.shepherd.cli.demo;

import dev.shepherd.testkit.equinix.Device;
import dev.shepherd.testkit.equinix.FakeEquinix;
import dev.shepherd.testkit.equinix.Host;
import dev.shepherd.testkit.ssh.SshHost;
import dev.shepherd.testkit.ssh.SshHosts;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Optional;
import java.util.function.Function;

/** The SSH servers behind the devices of a {@link FakeEquinix}: one each, on one port and different addresses. */
final class FakeEquinixHosts implements Function<Device, Host>, AutoCloseable {

    private final SshHosts hosts = SshHosts.start();
    private final int port;
    private int started;

    FakeEquinixHosts(int port) {
        this.port = port;
    }

    /** Starts the server of a new device; it lets in the keys that the device was made with. */
    @Override
    public Host apply(Device device) {
        SshHost.Builder host =
                SshHost.builder().hosts(hosts).address(nextAddress()).port(port);
        device.sshKeys().forEach(host::authorizedKey);
        return new Machine(host.start());
    }

    private synchronized InetAddress nextAddress() {
        int n = ++started;
        try {
            return InetAddress.getByAddress(new byte[] {127, 18, (byte) (n >> 8), (byte) n});
        } catch (UnknownHostException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void close() {
        hosts.close();
    }

    private record Machine(SshHost host) implements Host {

        @Override
        public Optional<InetAddress> address() {
            return Optional.of(host.address());
        }

        @Override
        public void reboot() {
            host.reboot();
        }

        @Override
        public void reinstall() {
            host.reinstall();
        }

        @Override
        public void close() {
            host.close();
        }
    }
}
