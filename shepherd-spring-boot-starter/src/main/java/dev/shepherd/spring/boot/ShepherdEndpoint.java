package dev.shepherd.spring.boot;

import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Explanation;
import dev.shepherd.bmdb.RecoveryOutlook;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.manager.ShepherdStatus;
import dev.shepherd.manager.provisioning.ProvisioningOutlook;
import dev.shepherd.manager.status.LoopStatus;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.actuate.endpoint.Access;
import org.springframework.boot.actuate.endpoint.annotation.Endpoint;
import org.springframework.boot.actuate.endpoint.annotation.ReadOperation;
import org.springframework.boot.actuate.endpoint.annotation.Selector;

/**
 * The endpoint {@code shepherd}: what the loops of this process do, and why a machine is or is not worked on. It only reads, and
 * is made of texts, numbers and lists alone, which every version of a JSON library writes alike.
 */
@Endpoint(id = "shepherd", defaultAccess = Access.READ_ONLY)
final class ShepherdEndpoint {

    private final Shepherd shepherd;

    ShepherdEndpoint(Shepherd shepherd) {
        this.shepherd = shepherd;
    }

    /** Returns what this process does. Asks no database. */
    @ReadOperation
    public Map<String, Object> status() {
        ShepherdStatus status = shepherd.status();
        Map<String, Object> providers = new TreeMap<>();
        status.recovery().keySet().forEach(type -> providers.put(type.name(), provider(status, type)));
        return Map.of("providers", providers);
    }

    private static Map<String, Object> provider(ShepherdStatus status, ProviderType type) {
        Map<String, Object> told = new LinkedHashMap<>();
        told.put(
                "loops",
                status.loops().stream()
                        .filter(loop -> loop.provider().equals(type))
                        .map(ShepherdEndpoint::loop)
                        .toList());
        told.put("discrepancies", status.discrepancyCounts().getOrDefault(type, 0L));
        Optional.ofNullable(status.provisioning().get(type))
                .ifPresent(outlook -> told.put("provisioning", provisioning(outlook)));
        Optional.ofNullable(status.recovery().get(type)).ifPresent(outlook -> told.put("recovery", recovery(outlook)));
        return told;
    }

    static Map<String, Object> loop(LoopStatus loop) {
        Map<String, Object> told = new LinkedHashMap<>();
        told.put("name", loop.name());
        told.put("state", loop.state().name());
        told.put("waitingFor", loop.waitingFor());
        loop.nextRunAt().ifPresent(at -> told.put("nextRunAt", at.toString()));
        loop.lastRunAt().ifPresent(at -> told.put("lastRunAt", at.toString()));
        told.put("inProgress", loop.inProgress());
        told.put("succeeded", loop.succeeded());
        told.put("failed", loop.failed());
        loop.lastError()
                .ifPresent(error -> told.put(
                        "lastError",
                        Map.of("at", error.at().toString(), "message", error.message(), "current", error.current())));
        return told;
    }

    private static Map<String, Object> provisioning(ProvisioningOutlook outlook) {
        return Map.of("heldBack", outlook.heldBack(), "passedOver", outlook.passedOver());
    }

    private static Map<String, Object> recovery(RecoveryOutlook outlook) {
        Map<String, Object> told = new LinkedHashMap<>();
        told.put("due", outlook.due());
        told.put("inRecovery", outlook.inRecovery());
        told.put("limit", outlook.limit());
        told.put("heldBack", outlook.heldBack());
        told.put("freezes", outlook.freezes().stream().map(Object::toString).toList());
        return told;
    }

    /**
     * Explains what each process would do with a machine now.
     *
     * @return null if there is no such machine, which is answered with 404
     */
    @ReadOperation
    public @Nullable Map<String, Object> machine(@Selector UUID machineId) throws InterruptedException {
        return shepherd.explain(machineId).map(ShepherdEndpoint::explanation).orElse(null);
    }

    private static Map<String, Object> explanation(Explanation explanation) {
        Map<String, Object> told = new LinkedHashMap<>();
        told.put("machine", explanation.machineId().toString());
        explanation.machine().provided().ifPresent(provided -> {
            told.put("provider", provided.provider().name());
            told.put("providerId", provided.providerId().toString());
        });
        List<Map<String, Object>> processes = new ArrayList<>();
        for (Explanation.OfProcess one : explanation.processes()) {
            Map<String, Object> process = new LinkedHashMap<>();
            process.put("process", one.process().name());
            process.put("eligible", one.eligible());
            process.put("because", one.because());
            process.put("change", one.change());
            one.nextLookAt().ifPresent(at -> process.put("nextLookAt", at.toString()));
            processes.add(process);
        }
        told.put("processes", processes);
        return told;
    }
}
