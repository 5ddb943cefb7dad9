package dev.shepherd.web.api;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.shepherd.bmdb.operator.Rollout;
import java.util.Locale;

/** What the HTTP API says of rollouts. */
public final class RolloutJson {

    private RolloutJson() {}

    /** Says how a rollout stands. */
    public static ObjectNode of(Rollout rollout) {
        ObjectNode json = Json.with("provider", rollout.provider().name());
        rollout(json, rollout);
        return json;
    }

    /** Says how a rollout stands. */
    public static void rollout(ObjectNode json, Rollout rollout) {
        json.put("id", rollout.id());
        json.put("provider", rollout.provider().name());
        json.put("agentSha256", rollout.build().sha256());
        Json.put(json, "agentVersion", rollout.build().version());
        json.put("state", rollout.state().name().toLowerCase(Locale.ROOT));
        Json.put(json, "cause", rollout.cause());
        json.put("canary", rollout.plan().canary());
        json.put("batch", rollout.plan().batch());
        json.put("bake", rollout.plan().bake().toMillis());
        json.put("maxFailures", rollout.plan().maxFailures());
        json.put("wave", rollout.wave());
        json.put("startedAt", rollout.startedAt().toString());
        json.put("startedBy", rollout.startedBy());
        Json.put(json, "endedAt", rollout.endedAt());
        json.put("listed", rollout.isListed());
        Rollout.Counts counts = rollout.counts();
        json.putObject("machines")
                .put("waiting", counts.waiting())
                .put("starting", counts.starting())
                .put("baking", counts.baking())
                .put("done", counts.done())
                .put("returning", counts.returning())
                .put("returned", counts.returned())
                .put("failed", counts.failed())
                .put("passed", counts.passed());
        Json.add(
                json,
                "troubles",
                rollout.troubles(),
                (one, trouble) ->
                        one.put("machine", trouble.machineId().toString()).put("because", trouble.because()));
    }
}
