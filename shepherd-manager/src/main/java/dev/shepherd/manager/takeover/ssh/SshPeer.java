package dev.shepherd.manager.takeover.ssh;

import java.net.InetSocketAddress;
import org.jspecify.annotations.Nullable;

/**
 * A host to connect to.
 *
 * @param name what it is called in logs
 * @param address where it listens; an address, not a name to look up
 * @param pin the key that it must have; null if any is accepted and kept for the length of the connection
 * @param anyHostKey whether another key than the pin is accepted too, with a warning
 */
public record SshPeer(
        String name, InetSocketAddress address, @Nullable SshPublicKey pin, boolean anyHostKey) {

    /** Returns the address as text, an IPv6 one as it is and without a name. */
    String host() {
        return address.getAddress().getHostAddress();
    }
}
