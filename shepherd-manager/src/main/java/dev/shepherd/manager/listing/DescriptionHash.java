package dev.shepherd.manager.listing;

import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.bmdb.ProvidedMachine;
import dev.shepherd.manager.internal.SipHash;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * A hash of what a provider says about a machine. Where two differ, so do the descriptions; two equal ones mean the
 * same description, except once in 2<sup>64</sup>, and not the same time under the key of the next instance. Not safe
 * for use by several threads.
 */
final class DescriptionHash {

    /** Enough for an address, a port, a status, and two texts of 128 characters of four bytes each. */
    private static final int LARGEST = 2048;

    private final SipHash hash = new SipHash();
    private final ByteBuffer bytes = ByteBuffer.allocate(LARGEST);

    long of(MachineInfo machine) {
        return of(
                machine.address(),
                machine.sshPort(),
                machine.location(),
                machine.reservationId(),
                machine.status(),
                ProvidedMachine.isFailed(machine));
    }

    long of(ProvidedMachine machine) {
        return of(
                machine.address(),
                machine.sshPort(),
                machine.location(),
                machine.reservationId(),
                machine.status(),
                machine.failed());
    }

    private long of(
            Optional<InetAddress> address,
            OptionalInt port,
            Optional<String> location,
            Optional<String> reservationId,
            Optional<ProviderStatus> status,
            boolean failed) {
        bytes.clear();
        put(address.map(InetAddress::getAddress));
        bytes.putInt(port.orElse(0));
        put(location.map(text -> text.getBytes(StandardCharsets.UTF_8)));
        put(reservationId.map(text -> text.getBytes(StandardCharsets.UTF_8)));
        bytes.put((byte) (status.isPresent() ? 1 + status.get().ordinal() : 0));
        bytes.put((byte) (failed ? 1 : 0));
        return hash.hash(bytes.array(), bytes.position());
    }

    /** Writes the length, too, so that no two descriptions are the same bytes. */
    private void put(Optional<byte[]> value) {
        bytes.putShort((short) (value.isPresent() ? value.get().length : -1));
        value.ifPresent(bytes::put);
    }
}
