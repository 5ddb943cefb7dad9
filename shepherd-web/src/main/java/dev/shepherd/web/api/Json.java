package dev.shepherd.web.api;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.shepherd.bmdb.Explanation;
import dev.shepherd.bmdb.Freeze;
import dev.shepherd.bmdb.MachineRecord;
import dev.shepherd.bmdb.ProvidedMachine;
import dev.shepherd.bmdb.WorkHistoryEntry;
import dev.shepherd.bmdb.disruption.MachineDisruption;
import dev.shepherd.bmdb.fleet.FleetSummary;
import dev.shepherd.bmdb.fleet.MachineLine;
import dev.shepherd.bmdb.fleet.MachinePage;
import dev.shepherd.bmdb.operator.LiveSession;
import dev.shepherd.bmdb.operator.OperatorAction;
import dev.shepherd.bmdb.operator.Pause;
import dev.shepherd.manager.status.LoopStatus;
import dev.shepherd.web.http.BadRequestException;
import dev.shepherd.web.pages.MachineLinks;
import java.io.IOException;
import java.net.InetAddress;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.BiConsumer;

/**
 * What the HTTP API says, as JSON. Names are in lower camel case, moments are by ISO 8601 in UTC, durations are numbers of
 * milliseconds; what is not known is left out. Texts of others are as they came: a reader escapes them for its own place.
 */
public final class Json {

    private static final ObjectMapper MAPPER = new ObjectMapper();

    private Json() {}

    /** Writes something. */
    public static byte[] bytes(JsonNode json) {
        try {
            return MAPPER.writeValueAsBytes(json);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a tree of JSON cannot be written", e);
        }
    }

    /** Writes something for a terminal, on which a text of others must not act: what is not ASCII is escaped. */
    static String ascii(JsonNode json) {
        try {
            return MAPPER.writer().with(JsonWriteFeature.ESCAPE_NON_ASCII).writeValueAsString(json);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a tree of JSON cannot be written", e);
        }
    }

    /**
     * Reads the fields of an object that are texts, numbers or booleans, as parameters of a form.
     *
     * @throws BadRequestException if it is no such object
     */
    public static ObjectNode object(byte[] body) {
        try {
            JsonNode json = MAPPER.readTree(body);
            if (json instanceof ObjectNode object) {
                return object;
            }
        } catch (IOException e) {
            // Said below, without the parser's words: they may repeat what was sent.
        }
        throw new BadRequestException("the content must be a JSON object");
    }

    /** Makes an object with a text. */
    public static ObjectNode with(String name, String value) {
        return MAPPER.createObjectNode().put(name, value);
    }

    /** Makes an object with a list. */
    public static <T> ObjectNode list(String name, List<T> values, BiConsumer<ObjectNode, T> describe) {
        ObjectNode json = MAPPER.createObjectNode();
        add(json, name, values, describe);
        return json;
    }

    static <T> void add(ObjectNode json, String name, List<T> values, BiConsumer<ObjectNode, T> describe) {
        ArrayNode list = json.putArray(name);
        values.forEach(value -> describe.accept(list.addObject(), value));
    }

    static void put(ObjectNode json, String name, Optional<?> value) {
        value.ifPresent(known -> json.put(name, known.toString()));
    }

    /** Says how a fleet is. */
    public static ObjectNode fleet(
            Optional<FleetSummary> summary, List<Freeze> freezes, List<Pause> pauses, List<LoopStatus> loops) {
        ObjectNode json = MAPPER.createObjectNode();
        summary.ifPresent(counted -> {
            json.put("countedAt", counted.countedAt().toString());
            json.put("machines", counted.machines());
            add(
                    json,
                    "counts",
                    counted.counts(),
                    (one, count) -> one.put("provider", count.provider().name())
                            .put("location", count.location())
                            .put("state", count.state().word())
                            .put("machines", count.machines()));
            add(json, "hardware", counted.hardware(), HardwareJson::sum);
        });
        add(json, "freezes", freezes, Json::freeze);
        add(json, "pauses", pauses, Json::pause);
        add(json, "loops", loops, Json::loop);
        return json;
    }

    private static void freeze(ObjectNode json, Freeze freeze) {
        put(json, "provider", freeze.provider());
        put(json, "location", freeze.location());
        json.put("since", freeze.at().toString());
        json.put("evidence", freeze.evidence());
    }

    /** Says what is paused. */
    public static void pause(ObjectNode json, Pause pause) {
        json.put("id", pause.id().toString());
        put(json, "machine", pause.machineId());
        put(json, "selector", pause.selector());
        put(json, "provider", pause.provider());
        put(json, "process", pause.process().map(process -> process.name()));
        json.put("by", pause.by());
        json.put("reason", pause.reason());
        json.put("since", pause.at().toString());
        put(json, "until", pause.until());
    }

    private static void loop(ObjectNode json, LoopStatus loop) {
        json.put("name", loop.name());
        json.put("provider", loop.provider().name());
        json.put("state", loop.state().name().toLowerCase(Locale.ROOT));
        json.put("waitingFor", loop.waitingFor());
        put(json, "nextRunAt", loop.nextRunAt());
        put(json, "lastRunAt", loop.lastRunAt());
        loop.lastRunTook().ifPresent(took -> json.put("lastRunTook", took.toMillis()));
        json.put("inProgress", loop.inProgress());
        json.put("succeeded", loop.succeeded());
        json.put("failed", loop.failed());
        loop.lastError()
                .ifPresent(error -> json.putObject("lastError")
                        .put("at", error.at().toString())
                        .put("message", error.message())
                        .put("current", error.current()));
    }

    /** Says a page of machines. */
    public static ObjectNode page(MachinePage page) {
        ObjectNode json = list("machines", page.lines(), Json::line);
        page.next().ifPresent(place -> json.put("after", MachineLinks.text(place)));
        page.previous().ifPresent(place -> json.put("before", MachineLinks.text(place)));
        return json;
    }

    private static void line(ObjectNode json, MachineLine line) {
        provided(json, line.machine());
        json.put("state", line.state().word());
        put(json, "heardAt", line.heardAt());
        put(json, "since", line.since());
        put(json, "until", line.until());
        put(json, "cause", line.cause());
        add(
                json,
                "labels",
                List.copyOf(line.labels().entrySet()),
                (one, label) -> one.put("key", label.getKey()).put("value", label.getValue()));
    }

    private static void provided(ObjectNode json, ProvidedMachine machine) {
        json.put("id", machine.machineId().toString());
        json.put("provider", machine.provider().name());
        json.put("providerId", machine.providerId().value());
        put(json, "reservationId", machine.reservationId());
        put(json, "address", machine.address().map(InetAddress::getHostAddress));
        machine.sshPort().ifPresent(port -> json.put("sshPort", port));
        put(json, "location", machine.location());
        put(json, "status", machine.status().map(status -> status.databaseName()));
    }

    /** Says all there is of a machine. */
    public static ObjectNode machine(
            Explanation explanation, Optional<MachineLine> line, Optional<MachineDisruption> disruption) {
        ObjectNode json = MAPPER.createObjectNode();
        MachineRecord machine = explanation.machine();
        json.put("id", machine.machineId().toString());
        line.ifPresent(one -> line(json, one));
        add(
                json,
                "labels",
                List.copyOf(machine.labels().entrySet()),
                (one, label) -> one.put("key", label.getKey())
                        .put("value", label.getValue().value())
                        .put("source", label.getValue().source().databaseName()));
        json.put("recordedAt", machine.createdAt().toString());
        put(json, "agentStartedAt", machine.agentStarted().map(MachineRecord.AgentStarted::startedAt));
        Optional<MachineRecord.AgentBuild> build = machine.agentStarted().flatMap(MachineRecord.AgentStarted::build);
        put(json, "agentSha256", build.map(MachineRecord.AgentBuild::sha256));
        put(json, "agentVersion", build.flatMap(MachineRecord.AgentBuild::version));
        put(json, "sshHostKey", machine.sshHostKey());
        machine.installationRequest().ifPresent(request -> json.put("installationRequested", request.generation()));
        machine.installationReport()
                .ifPresent(report -> json.putObject("installationReported")
                        .put("generation", report.generation())
                        .put("result", report.result().databaseName()));
        add(
                json,
                "work",
                machine.work(),
                (one, work) -> one.put("process", work.process().name())
                        .put("session", work.sessionId().toString())
                        .put("since", work.startedAt().toString()));
        add(
                json,
                "backoffs",
                machine.backoffs(),
                (one, backoff) -> one.put("process", backoff.process().name())
                        .put("until", backoff.until().toString())
                        .put("kind", backoff.kind())
                        .put("cause", backoff.cause()));
        disruption.ifPresent(said -> disruption(json.putObject("disruption"), said));
        add(json, "processes", explanation.processes(), (one, process) -> {
            one.put("process", process.process().name())
                    .put("eligible", process.eligible())
                    .put("rule", process.rule().name())
                    .put("because", process.because())
                    .put("change", process.change());
            put(one, "nextLookAt", process.nextLookAt());
        });
        return json;
    }

    private static void disruption(ObjectNode json, MachineDisruption disruption) {
        json.put("id", disruption.id().toString());
        json.put("kind", disruption.kind().toString());
        json.put("state", disruption.state().name().toLowerCase(Locale.ROOT));
        json.put("since", disruption.since().toString());
        json.put("askedAt", disruption.askedAt().toString());
        put(json, "until", disruption.until().filter(Instant.MAX::isAfter));
        put(json, "deadline", disruption.deadline());
        json.put("drained", disruption.drained());
        put(json, "gate", disruption.gate());
        json.put("why", disruption.why());
    }

    /** Says a line of the history of a machine. */
    public static void history(ObjectNode json, WorkHistoryEntry entry) {
        json.put("at", entry.timestamp().toString());
        json.put("process", entry.process().name());
        json.put("event", entry.event().databaseName());
        put(json, "cause", entry.failedCause());
        put(json, "note", entry.note());
        put(json, "session", entry.sessionId());
    }

    /** Says what a person did. */
    public static void action(ObjectNode json, OperatorAction action) {
        json.put("id", action.id());
        json.put("at", action.at().toString());
        json.put("by", action.by());
        json.put("through", action.channel().databaseName());
        json.put("verb", action.verb());
        json.put("reason", action.reason());
        put(json, "machine", action.machineId());
        put(json, "provider", action.provider());
        put(json, "providerId", action.providerId().map(id -> id.value()));
        put(json, "subject", action.subject());
        put(json, "details", action.details());
    }

    /** Says who takes part. */
    public static void session(ObjectNode json, LiveSession session) {
        json.put("id", session.id().toString());
        json.put("component", session.component());
        json.put("runtimeInfo", session.runtimeInfo());
        json.put("since", session.startedAt().toString());
        json.put("timeLeft", session.timeLeft().toMillis());
        json.put("machines", session.work().size());
    }
}
