package dev.shepherd.api.internal.settings;

import dev.shepherd.api.ConfigurationException;
import java.net.InetSocketAddress;

/** Addresses to listen at, as settings give them. */
public final class ListenAddress {

    private ListenAddress() {}

    /**
     * Reads {@code PORT} or {@code HOST:PORT}; without a host it is that of loopback.
     *
     * @throws ConfigurationException if it is neither, or there is no such host
     */
    public static InetSocketAddress of(String setting, String text) {
        int colon = text.lastIndexOf(':');
        String host = colon < 0 ? "127.0.0.1" : text.substring(0, colon).replaceAll("^\\[|]$", "");
        int port;
        try {
            port = Integer.parseInt(text.substring(colon + 1));
        } catch (NumberFormatException e) {
            port = 0;
        }
        if (port < 1 || port > 65_535 || host.isEmpty()) {
            throw new ConfigurationException(setting, setting + " is a port from 1 to 65535 or HOST:PORT, not " + text);
        }
        InetSocketAddress address = new InetSocketAddress(host, port);
        if (address.isUnresolved()) {
            throw new ConfigurationException(setting, setting + ": there is no host " + host);
        }
        return address;
    }
}
