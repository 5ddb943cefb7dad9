package ${package};

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import dev.shepherd.api.Availability;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderConfig;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.Recoverer;
import dev.shepherd.provider.support.AddressLiteral;
import dev.shepherd.provider.support.ClaimingProvider;
import dev.shepherd.provider.support.HttpCalls;
import dev.shepherd.provider.support.Pages;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/** The servers of one fleet, over their controller's HTTP API: one is claimed for an intent, and deployed then. */
public final class ${className}Provider extends ClaimingProvider<JsonNode> implements Recoverer {

    private static final ObjectMapper JSON = new ObjectMapper();

    /** What the states are to the manager. A server in another one, such as "broken", is not to be used. */
    private static final Map<String, ProviderStatus> STATUSES = Map.of(
            "available", ProviderStatus.RUNNING,
            "claimed", ProviderStatus.PROVISIONING,
            "deploying", ProviderStatus.PROVISIONING,
            "running", ProviderStatus.RUNNING,
            "stopped", ProviderStatus.STOPPED);

    private final String fleet;
    private final HttpCalls calls;

    ${className}Provider(ProviderConfig config) {
        super(config.type(), "[a-z0-9-]{1,64}");
        fleet = config.string("fleet").orElseThrow();
        calls = HttpCalls.builder("controller", threads())
                .base(config.uri("controller").orElseThrow())
                .bearer(config.string("token").orElseThrow())
                .limit(config.duration("timeout").orElseThrow())
                .build();
    }

    @Override
    protected void list(RecordVisitor<JsonNode> visitor) throws InterruptedException {
        Pages.readAll("the servers", marker -> {
            JsonNode page = calls.at("/servers?after={}", marker).get().read(JSON::readTree);
            // Not path(): a page without servers must not look like the end of the list.
            for (JsonNode server : (ArrayNode) page.get("servers")) {
                visitor.visit(server);
            }
            return page.path("next").asText("");
        });
    }

    @Override
    protected JsonNode get(ProviderID id) throws InterruptedException {
        return calls.at("/servers/{}", id.value()).get().read(JSON::readTree);
    }

    @Override
    protected Optional<MachineInfo> describe(JsonNode server) {
        if (!server.path("fleet").asText().equals(fleet)) {
            return Optional.empty();
        }
        String state = server.path("state").asText();
        boolean claimed = server.hasNonNull("claim");
        return Optional.of(MachineInfo.builder(
                        new ProviderID(server.path("serial").asText()),
                        claimed ? Availability.KNOWN_USED : Availability.KNOWN_UNUSED)
                .intentId(intent(server.path("claim").asText()))
                .failed(!STATUSES.containsKey(state))
                .status(STATUSES.getOrDefault(state, ProviderStatus.UNKNOWN))
                .address(AddressLiteral.orNull(server.path("address").asText()))
                .sshPort(server.path("sshPort").asInt())
                .location(server.path("rack").asText())
                .buildFromWhatFits());
    }

    @Override
    protected JsonNode claim(JsonNode server, UUID intent) throws InterruptedException {
        return calls.at("/servers/{}/claim", server.path("serial").asText())
                .put(() -> JSON.writeValueAsBytes(Map.of("claim", intent)))
                .read(JSON::readTree);
    }

    @Override
    protected boolean isComplete(JsonNode server) {
        return !server.path("state").asText().equals("claimed");
    }

    @Override
    protected JsonNode complete(JsonNode server) throws InterruptedException {
        String serial = server.path("serial").asText();
        return calls.at("/servers/{}/deploy", serial).post().read(JSON::readTree);
    }

    @Override
    public void rebootMachine(ProviderID id) throws InterruptedException {
        find(id);
        calls.at("/servers/{}/power-cycle", id.value()).post().orThrow();
    }

    @Override
    public void reinstallMachine(ProviderID id) throws InterruptedException {
        complete(find(id));
    }
}
