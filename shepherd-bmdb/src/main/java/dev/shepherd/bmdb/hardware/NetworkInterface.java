package dev.shepherd.bmdb.hardware;

import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * A network interface. Texts come from the machine: escape them where they are shown. Immutable.
 *
 * @param mac the hardware's own address in lower-case hexadecimal, bytes separated by colons
 * @param driver the kernel's driver, such as {@code ixgbe}
 * @param supportedBytesPerSecond the speeds that it can be used at, ascending
 * @param linkUp whether there is a link
 * @param bytesPerSecond the speed of the link; empty if there is none
 */
public record NetworkInterface(
        Optional<String> mac,
        Optional<String> driver,
        List<Long> supportedBytesPerSecond,
        boolean linkUp,
        OptionalLong bytesPerSecond) {

    /** Copies the list. */
    public NetworkInterface {
        supportedBytesPerSecond = List.copyOf(supportedBytesPerSecond);
    }
}
