package com.example.racks;

import dev.shepherd.api.ProviderException;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What the provider asks of the controller that knows and switches the servers.
 *
 * <p>Every call ends by itself, and fails with the {@link ProviderException.Reason} that fits.
 */
interface RackController extends AutoCloseable {

    /**
     * A server.
     *
     * @param serial what it is called, for ever
     * @param rack the rack that it stands in
     * @param address an IP address
     * @param sshPort the port of its SSH server
     * @param power {@code on}, {@code off} or {@code broken}
     * @param claim what it is used for; none if it is free
     */
    record Server(String serial, String rack, String address, int sshPort, String power, @Nullable UUID claim) {}

    /** Lists all servers. */
    List<Server> servers() throws InterruptedException;

    /** Finds one server, if there is such a one. */
    Optional<Server> server(String serial) throws InterruptedException;

    /** Claims a server. Repeating a claim changes nothing; a server that is claimed already is a conflict. */
    Server claim(String serial, UUID claim) throws InterruptedException;

    /** Turns a server off and on again, and does not wait for it. */
    void powerCycle(String serial) throws InterruptedException;

    /** Lets connections go. No call is made afterwards; closing twice is allowed. */
    @Override
    void close();
}
