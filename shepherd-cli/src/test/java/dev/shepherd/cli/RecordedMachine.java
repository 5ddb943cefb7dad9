package dev.shepherd.cli;

import dev.shepherd.api.Availability;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbSession;
import java.net.InetAddress;
import java.util.UUID;

/** A machine of the provider {@code static}, on loopback, for tests of commands on what is recorded. */
public final class RecordedMachine {

    private RecordedMachine() {}

    /** Records one under an id of its provider, and returns its own. */
    public static UUID record(Bmdb bmdb, String providerId) throws InterruptedException {
        UUID id = UUID.randomUUID();
        MachineInfo info = MachineInfo.builder(new ProviderID(providerId), Availability.POSSIBLY_USED)
                .address(InetAddress.getLoopbackAddress())
                .build();
        try (BmdbSession session = bmdb.startSession("test", "here")) {
            session.useTransaction(
                    tx -> tx.recordMachine(new ProviderType("static"), CreateMachineRequest.any(id), info));
        }
        return id;
    }
}
