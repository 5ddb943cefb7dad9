package dev.shepherd.provider.redfish;

import com.fasterxml.jackson.databind.JsonNode;
import dev.shepherd.api.NotSupportedException;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.provider.redfish.BmcCall.Resource;
import dev.shepherd.provider.support.HttpAnswer;
import java.net.URI;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What a BMC says of its system.
 *
 * @param resource the resource
 */
record ComputerSystem(Resource resource) {

    private static final int NOT_FOUND = 404;
    private static final String ALLOWED_RESETS = "ResetType@Redfish.AllowableValues";

    /** How many systems a BMC may have: ten times as many as the largest chassis. */
    private static final int MOST_SYSTEMS = 10_000;

    /** How many values of a list are looked at. */
    private static final int MOST_VALUES = 100;

    /** How many paths a message shows. */
    private static final int MOST_SHOWN = 20;

    /** What services have that do not say which resets they have. */
    private static final Set<String> USUAL_RESETS = Set.of("On", "ForceOff", "ForceRestart");

    /**
     * Finds the system of an entry: the one that the entry names, or the only one that the BMC has.
     *
     * @throws ProviderException with {@link Reason#PERMANENT} if the BMC has none or several and the entry names none
     */
    static ComputerSystem find(BmcCall call, BmcEntry entry, Bmcs.Kept kept) throws InterruptedException {
        URI known = kept.system();
        if (known != null && entry.system().isEmpty()) {
            kept.system(null);
            HttpAnswer answer = call.ask(known);
            if (answer.status() != NOT_FOUND) {
                ComputerSystem system = new ComputerSystem(call.resource(answer));
                kept.system(known);
                return system;
            }
        }
        if (entry.system().isPresent()) {
            return named(call, entry.system().get(), null);
        }
        List<URI> systems = all(call, call.get(call.root()));
        ComputerSystem system = among(call, entry, systems);
        kept.system(systems.get(0));
        return system;
    }

    /**
     * Returns the system of an entry.
     *
     * @param systems all that the BMC has
     * @throws ProviderException as {@link #find} does
     */
    static ComputerSystem among(BmcCall call, BmcEntry entry, List<URI> systems) throws InterruptedException {
        if (entry.system().isPresent()) {
            return named(call, entry.system().get(), systems);
        }
        if (systems.size() != 1) {
            String what = systems.isEmpty()
                    ? "it manages no system"
                    : "it manages " + systems.size()
                            + " systems, and the entry does not say which is meant; its field \"" + BmcEntry.SYSTEM
                            + "\" must be one of " + paths(systems);
            throw call.failed(Reason.PERMANENT, what);
        }
        return new ComputerSystem(call.get(systems.get(0)));
    }

    private static ComputerSystem named(BmcCall call, String path, @Nullable List<URI> systems)
            throws InterruptedException {
        HttpAnswer answer = call.ask(call.within(call.root(), path));
        if (answer.status() == NOT_FOUND) {
            List<URI> there = systems == null ? all(call, call.get(call.root())) : systems;
            throw call.failed(Reason.PERMANENT, "it has no system at " + path + ", only " + paths(there));
        }
        return new ComputerSystem(call.resource(answer));
    }

    private static String paths(List<URI> systems) {
        String more = systems.size() > MOST_SHOWN ? " and " + (systems.size() - MOST_SHOWN) + " more" : "";
        return systems.stream().limit(MOST_SHOWN).map(URI::getRawPath).collect(Collectors.joining(", ")) + more;
    }

    /** Returns where all systems of a BMC are, whose root this is. */
    static List<URI> all(BmcCall call, Resource root) throws InterruptedException {
        Resource page = call.get(call.link(root, root.json().path("Systems"), "systems"));
        Set<URI> systems = new LinkedHashSet<>();
        Set<URI> seen = new LinkedHashSet<>();
        long characters = 0;
        while (true) {
            JsonNode members = page.json().path("Members");
            if (!members.isArray()) {
                throw call.malformed(page.uri(), "has no list of systems");
            }
            for (JsonNode member : members) {
                URI system = call.link(page, member, "a system");
                characters += system.getRawPath().length();
                systems.add(system);
            }
            if (systems.size() > MOST_SYSTEMS
                    || seen.size() > MOST_SYSTEMS
                    || characters > RedfishClient.LONGEST_ANSWER) {
                throw call.malformed(page.uri(), "goes on after " + MOST_SYSTEMS + " systems or pages, or long paths");
            }
            JsonNode next = page.json().path("Members@odata.nextLink");
            if (next.isMissingNode() || next.isNull()) {
                return new ArrayList<>(systems);
            }
            URI further = call.link(page, next, "more systems");
            if (!seen.add(further)) {
                throw call.malformed(page.uri(), "leads back to a page that was read");
            }
            page = call.get(further);
        }
    }

    /** Reads what the BMC says of it now, within a part of the time that is left. */
    ComputerSystem again(BmcCall call) throws InterruptedException {
        return new ComputerSystem(call.get(resource.uri(), call.left().dividedBy(2)));
    }

    private String powerState() {
        return resource.json().path("PowerState").asText("");
    }

    /** Tells whether it is off, and not on its way to or from it. */
    boolean isOff() {
        return powerState().equals("Off");
    }

    /** Returns what its power state is to the manager. */
    ProviderStatus status() {
        return switch (powerState()) {
            case "On" -> ProviderStatus.RUNNING;
            case "Off", "PoweringOn", "PoweringOff" -> ProviderStatus.STOPPED;
            default -> ProviderStatus.UNKNOWN;
        };
    }

    private JsonNode reset() {
        return resource.json().path("Actions").path("#ComputerSystem.Reset");
    }

    /**
     * Returns where a reset is asked for.
     *
     * @throws NotSupportedException if the system has none
     */
    URI resetTarget(BmcCall call) {
        if (!reset().isObject()) {
            throw new NotSupportedException(
                    call.name() + ": " + resource.uri().getRawPath() + " offers no reset (#ComputerSystem.Reset)");
        }
        return call.link(resource, reset().path("target"), "the reset");
    }

    /** Returns which resets the system has: as it says itself, or its description of the action. */
    Set<String> resets(BmcCall call) throws InterruptedException {
        Set<String> inline = texts(reset().path(ALLOWED_RESETS));
        if (!inline.isEmpty()) {
            return inline;
        }
        JsonNode info = reset().path("@Redfish.ActionInfo");
        if (!info.isMissingNode() && !info.isNull()) {
            Resource described = call.get(call.link(resource, info, "the description of the reset"));
            for (JsonNode parameter : described.json().path("Parameters")) {
                Set<String> values = texts(parameter.path("AllowableValues"));
                if (parameter.path("Name").asText().equals("ResetType") && !values.isEmpty()) {
                    return values;
                }
            }
        }
        return USUAL_RESETS;
    }

    static Set<String> texts(JsonNode array) {
        Set<String> texts = new LinkedHashSet<>();
        for (int i = 0; i < Math.min(array.size(), MOST_VALUES); i++) {
            texts.add(Escaped.text(array.path(i).asText(), 40));
        }
        return texts;
    }
}
