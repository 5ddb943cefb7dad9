package dev.shepherd.provider.redfish;

import com.fasterxml.jackson.databind.JsonNode;
import dev.shepherd.api.NotSupportedException;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.provider.redfish.BmcCall.Resource;
import dev.shepherd.provider.support.HttpAnswer;
import java.net.URI;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Has a system boot from the network at its next start, and only then. An override that is left behind would reinstall the
 * machine at any later start, so it is taken back if the reset does not follow.
 */
final class NetworkBoot {

    private static final Logger log = LoggerFactory.getLogger(RedfishProvider.class);

    private static final int ACCEPTED = 202;
    private static final int PRECONDITION_FAILED = 412;
    private static final String PXE = "Pxe";
    private static final String ENABLED = "BootSourceOverrideEnabled";
    private static final String TARGET = "BootSourceOverrideTarget";
    private static final String MODE = "BootSourceOverrideMode";

    private final BmcCall call;
    private Resource holder;

    /** The mode to send along; null to leave it as it is. */
    private final @Nullable String mode;

    private NetworkBoot(BmcCall call, Resource holder, @Nullable String mode) {
        this.call = call;
        this.holder = holder;
        this.mode = mode;
    }

    /**
     * Finds out where a system's boot source is set: with the system, or with the settings that it takes over at its next
     * start; nothing is changed.
     *
     * @throws NotSupportedException if it cannot boot from the network for once
     */
    static NetworkBoot of(BmcCall call, ComputerSystem system) throws InterruptedException {
        Resource own = system.resource();
        JsonNode settings = own.json().path("@Redfish.Settings").path("SettingsObject");
        Resource holder = own;
        if (settings.isObject()) {
            Resource later = call.get(call.link(own, settings, "the settings"));
            if (later.json().path("Boot").isObject()) {
                holder = later;
            }
        }
        JsonNode boot = holder.json().path("Boot");
        Set<String> targets = ComputerSystem.texts(boot.path(TARGET + "@Redfish.AllowableValues"));
        if (!boot.isObject() || (!targets.isEmpty() && !targets.contains(PXE))) {
            throw new NotSupportedException(call.name() + ": the system cannot be told to boot from the network once"
                    + (targets.isEmpty() ? "" : ", only from " + String.join(", ", targets)));
        }
        // Those of Supermicro fall back to legacy boot where the mode is left out; others refuse one that is not.
        boolean needsMode = own.json()
                .path("Manufacturer")
                .asText()
                .toLowerCase(Locale.ROOT)
                .contains("supermicro");
        return new NetworkBoot(call, holder, needsMode ? boot.path(MODE).textValue() : null);
    }

    /** Sets the override. */
    void set() throws InterruptedException {
        Map<String, String> boot = new LinkedHashMap<>();
        boot.put(ENABLED, "Once");
        boot.put(TARGET, PXE);
        if (mode != null) {
            boot.put(MODE, mode);
        }
        HttpAnswer answer = patch(boot);
        if (answer.status() == PRECONDITION_FAILED) {
            // It was not taken: the version has changed since it was read.
            holder = call.get(holder.uri());
            answer = patch(boot);
        }
        if (!answer.isSuccess()) {
            throw call.failure(answer);
        }
        call.changed();
        if (answer.status() == ACCEPTED) {
            follow(answer);
        }
        log.info("{}: it will boot from the network once", call.name());
    }

    private HttpAnswer patch(Map<String, String> boot) throws InterruptedException {
        return call.patch(holder.uri(), Map.of("Boot", boot), holder.entityTag());
    }

    /** Takes the override back, as far as that is possible; a failure is for the log. */
    void takeBack(Duration limit) throws InterruptedException {
        call.leaveAtLeast(limit);
        try {
            holder = call.get(holder.uri(), limit.dividedBy(2));
            HttpAnswer answer = patch(Map.of(ENABLED, "Disabled"));
            if (!answer.isSuccess()) {
                throw call.failure(answer);
            }
            log.info("{}: it will boot as usual again", call.name());
        } catch (ProviderException e) {
            log.warn("{}; it may still boot from the network at its next start", e.getMessage());
        }
    }

    /** Waits for the end of a task: its monitor says 202 until then, or the task its state. */
    private void follow(HttpAnswer accepted) throws InterruptedException {
        URI monitor = monitor(accepted);
        while (monitor != null) {
            HttpAnswer answer = call.ask(monitor);
            if (answer.status() == 404 || answer.status() == 410) {
                return; // Monitors are deleted once their task is over.
            }
            if (!answer.isSuccess()) {
                throw call.failure(answer);
            }
            if (answer.status() != ACCEPTED && isOver(answer)) {
                return;
            }
            if (call.left().isZero()) {
                throw call.failed(
                        Reason.TRANSIENT,
                        "the boot source was not set in time; " + monitor.getRawPath() + " is still running");
            }
            call.waitForARound();
        }
    }

    private @Nullable URI monitor(HttpAnswer accepted) {
        Optional<String> location = accepted.header("Location");
        if (location.isPresent()) {
            return call.within(accepted.uri(), location.get());
        }
        if (accepted.body().length == 0) {
            return null;
        }
        Resource task = call.resource(accepted);
        JsonNode state = task.json().path("TaskState");
        return state.isMissingNode() ? null : call.link(task, task.json(), "the task");
    }

    private boolean isOver(HttpAnswer answer) {
        if (answer.body().length == 0) {
            return true;
        }
        String state = call.resource(answer).json().path("TaskState").asText("Completed");
        return switch (state) {
            case "Completed" -> true;
            case "Cancelled", "Exception", "Killed", "Interrupted" ->
                throw call.failed(Reason.TRANSIENT, "setting the boot source ended as " + Escaped.text(state, 40));
            default -> false;
        };
    }
}
