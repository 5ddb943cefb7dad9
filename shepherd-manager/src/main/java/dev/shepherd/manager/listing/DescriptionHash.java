package dev.shepherd.manager.listing;

import dev.shepherd.api.Labels;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.bmdb.ProvidedMachine;
import dev.shepherd.manager.internal.SipHash;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * A hash of what a provider says about a machine. Where two differ, so do the descriptions; two equal ones mean the
 * same description, except once in 2<sup>64</sup>, and not the same time under the key of the next instance. Not safe
 * for use by several threads.
 */
final class DescriptionHash {

    /** Enough for an address, a port, a status, two texts of 128 characters of four bytes each, and the labels. */
    private static final int LARGEST = 2048 + Labels.MOST * (Labels.LONGEST_PREFIX + 2 * Labels.LONGEST_NAME + 3);

    private final SipHash hash = new SipHash();
    private final ByteBuffer bytes = ByteBuffer.allocate(LARGEST);

    long of(MachineInfo machine) {
        return of(
                machine.address(),
                machine.sshPort(),
                machine.location(),
                machine.reservationId(),
                machine.status(),
                ProvidedMachine.isFailed(machine),
                machine.labels());
    }

    long of(ProvidedMachine machine) {
        return of(
                machine.address(),
                machine.sshPort(),
                machine.location(),
                machine.reservationId(),
                machine.status(),
                machine.failed(),
                machine.labels());
    }

    private long of(
            Optional<InetAddress> address,
            OptionalInt port,
            Optional<String> location,
            Optional<String> reservationId,
            Optional<ProviderStatus> status,
            boolean failed,
            Map<String, String> labels) {
        bytes.clear();
        put(address.map(InetAddress::getAddress));
        bytes.putInt(port.orElse(0));
        put(location.map(text -> text.getBytes(StandardCharsets.UTF_8)));
        put(reservationId.map(text -> text.getBytes(StandardCharsets.UTF_8)));
        bytes.put((byte) (status.isPresent() ? 1 + status.get().ordinal() : 0));
        bytes.put((byte) (failed ? 1 : 0));
        // Both sides have them in the order of their keys, and neither can hold a zero.
        labels.forEach((key, value) -> bytes.put(key.getBytes(StandardCharsets.US_ASCII))
                .put((byte) 0)
                .put(value.getBytes(StandardCharsets.US_ASCII))
                .put((byte) 0));
        return hash.hash(bytes.array(), bytes.position());
    }

    /** Writes the length, too, so that no two descriptions are the same bytes. */
    private void put(Optional<byte[]> value) {
        bytes.putShort((short) (value.isPresent() ? value.get().length : -1));
        value.ifPresent(bytes::put);
    }
}
