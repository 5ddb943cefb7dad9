package dev.shepherd.testkit.equinix;

import java.net.InetAddress;
import java.util.Optional;

/** What stands behind a {@link Device}. It is told what is done to the device, while the API is locked. */
public interface Host {

    /** Nothing: the device has invented addresses, at which no host answers. */
    Host NONE = new Host() {};

    /** Returns the public address of the device; empty for invented ones. */
    default Optional<InetAddress> address() {
        return Optional.empty();
    }

    /** The device is rebooted. */
    default void reboot() {}

    /** The device is reinstalled. */
    default void reinstall() {}

    /** The device is deleted, or the API closed. */
    default void close() {}
}
