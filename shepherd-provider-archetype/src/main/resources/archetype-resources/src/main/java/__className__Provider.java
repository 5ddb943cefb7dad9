package ${package};

import ${package}.${className}Controller.Server;
import dev.shepherd.api.Availability;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.Machine;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.MachineNotFoundException;
import dev.shepherd.api.NoCapacityException;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Recoverer;
import dev.shepherd.api.Session;
import dev.shepherd.provider.support.AddressLiteral;
import java.net.InetAddress;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Pattern;

/**
 * The servers that a controller knows and switches. One is taken into use by a claim, which holds the intent that it is
 * taken for. Safe for use by several threads.
 */
final class ${className}Provider implements Recoverer {

    private static final Pattern SERIAL = Pattern.compile("[A-Za-z0-9-]{1,64}");

    private final ProviderType type;
    private final ${className}Controller controller;
    private volatile boolean closed;

    ${className}Provider(ProviderType type, ${className}Controller controller) {
        this.type = type;
        this.controller = controller;
    }

    @Override
    public ProviderType type() {
        return type;
    }

    @Override
    public List<Machine> listMachines() throws InterruptedException {
        return servers().stream().map(${className}Provider::machine).toList();
    }

    @Override
    public Machine getMachine(ProviderID id) throws InterruptedException {
        return machine(server(id));
    }

    @Override
    public Machine createMachine(Session session, CreateMachineRequest request) throws InterruptedException {
        Machine machine = machine(claim(request));
        session.inTransaction(transaction -> transaction.recordMachine(type, request, machine));
        return machine;
    }

    @Override
    public void rebootMachine(ProviderID id) throws InterruptedException {
        controller.powerCycle(server(id).serial());
    }

    /** A listing is one request, and says all there is. */
    @Override
    public boolean isListingCheap() {
        return true;
    }

    @Override
    public void close() {
        closed = true;
        controller.close();
    }

    private Server claim(CreateMachineRequest request) throws InterruptedException {
        UUID intent = request.intentId();
        List<Server> servers = servers();
        // An earlier call with this intent may have claimed one, and its answer was lost.
        for (Server server : servers) {
            if (intent.equals(server.claim())) {
                return server;
            }
        }
        Optional<String> wanted = request.machine().map(machine -> machine.id().value());
        for (Server server : servers) {
            if (server.claim() == null && wanted.map(server.serial()::equals).orElse(isWhole(server))) {
                try {
                    return controller.claim(server.serial(), intent);
                } catch (ProviderException e) {
                    if (e.reason() != Reason.CONFLICT && e.reason() != Reason.NOT_FOUND) {
                        throw e;
                    }
                    // Another caller was faster: take another, if there is one that will do.
                }
            }
        }
        throw new NoCapacityException(wanted.map(serial -> "server " + serial + " is not free")
                .orElse("none of " + servers.size() + " servers is free"));
    }

    private List<Server> servers() throws InterruptedException {
        checkOpen();
        Map<String, Server> bySerial = new LinkedHashMap<>();
        controller.servers().forEach(server -> bySerial.put(server.serial(), server));
        return List.copyOf(bySerial.values());
    }

    private Server server(ProviderID id) throws InterruptedException {
        checkOpen();
        Optional<Server> found = id.isValid() && SERIAL.matcher(id.value()).matches()
                ? controller.server(id.value())
                : Optional.empty();
        return found.orElseThrow(() -> new MachineNotFoundException("there is no server " + id));
    }

    private void checkOpen() {
        if (closed) {
            throw new IllegalStateException("provider " + type + " is closed");
        }
    }

    private static Machine machine(Server server) {
        return MachineInfo.builder(
                        new ProviderID(server.serial()),
                        server.claim() == null ? Availability.KNOWN_UNUSED : Availability.KNOWN_USED)
                .address(address(server))
                .sshPort(server.sshPort())
                .location(server.rack())
                .status(status(server))
                .failed(!isWhole(server))
                .intentId(server.claim())
                .build();
    }

    private static ProviderStatus status(Server server) {
        return switch (server.power()) {
            case "on" -> ProviderStatus.RUNNING;
            case "off" -> ProviderStatus.STOPPED;
            default -> ProviderStatus.UNKNOWN;
        };
    }

    private static boolean isWhole(Server server) {
        return !server.power().equals("broken");
    }

    private static InetAddress address(Server server) {
        try {
            return AddressLiteral.address(server.address());
        } catch (IllegalArgumentException e) {
            throw new ProviderException(
                    Reason.TRANSIENT, "server " + server.serial() + " has no IP address: " + e.getMessage());
        }
    }
}
