package dev.shepherd.web;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.Explanation;
import dev.shepherd.bmdb.fleet.Fleet;
import dev.shepherd.bmdb.operator.Actor.Channel;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.bmdb.operator.OperatorAction;
import dev.shepherd.bmdb.operator.RecoveryPolicies;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.web.api.HardwareJson;
import dev.shepherd.web.api.Json;
import dev.shepherd.web.api.RolloutJson;
import dev.shepherd.web.http.BadRequestException;
import dev.shepherd.web.http.Query;
import dev.shepherd.web.http.WebRequest;
import dev.shepherd.web.http.WebResponse;
import dev.shepherd.web.pages.MachineLinks;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** The HTTP API, below {@code api/v1}: what the pages show, and what they do. {@code openapi.yaml} describes it. */
final class ApiRoutes {

    private static final int DEFAULT_LIMIT = 100;
    private static final int MOST_ROLLOUTS = 100;

    private final Bmdb bmdb;
    private final Operator operator;
    private final Optional<Shepherd> shepherd;
    private final RecoveryPolicies policies;
    private final Fleet fleet;
    private final Watch watch;
    private final ConsoleActions actions;

    ApiRoutes(
            Bmdb bmdb,
            Optional<Shepherd> shepherd,
            RecoveryPolicies policies,
            Fleet fleet,
            Watch watch,
            ConsoleActions actions) {
        this.bmdb = bmdb;
        this.operator = Operator.of(bmdb);
        this.shepherd = shepherd;
        this.policies = policies;
        this.fleet = fleet;
        this.watch = watch;
        this.actions = actions;
    }

    /**
     * Answers a request.
     *
     * @param path what follows {@code api/v1}
     */
    WebResponse answer(WebRequest request, List<String> path, String principal) throws InterruptedException {
        if (request.reads() && path.equals(List.of("openapi.yaml"))) {
            return WebResponse.of(200, "application/yaml; charset=utf-8", description());
        }
        Optional<ObjectNode> answer = request.reads() ? read(request, path) : change(request, path, principal);
        return answer.map(json -> json(200, json)).orElseGet(() -> failure(404, "there is nothing at this address"));
    }

    /** Makes an answer that says what went wrong. */
    static WebResponse failure(int status, String text) {
        return json(status, Json.with("error", text));
    }

    private static WebResponse json(int status, ObjectNode json) {
        return WebResponse.of(status, "application/json", Json.bytes(json));
    }

    private Optional<ObjectNode> read(WebRequest request, List<String> path) throws InterruptedException {
        Query query = Query.parse(request.query());
        if (path.size() == 1) {
            return switch (path.get(0)) {
                case "fleet" ->
                    Optional.of(Json.fleet(
                            watch.summary(),
                            operator.freezes(),
                            operator.pauses(),
                            shepherd.map(running -> running.status().loops()).orElse(List.of())));
                case "machines" ->
                    Optional.of(Json.page(fleet.machines(
                            MachineLinks.filter(query), MachineLinks.place(query), limit(query, Fleet.LARGEST_PAGE))));
                case "actions" -> Optional.of(actions(null, query));
                case "pauses" -> Optional.of(Json.list("pauses", operator.pauses(), Json::pause));
                case "rollouts" ->
                    Optional.of(Json.list(
                            "rollouts", operator.rollouts(limit(query, MOST_ROLLOUTS)), RolloutJson::rollout));
                case "sessions" -> Optional.of(Json.list("sessions", operator.sessions(), Json::session));
                default -> Optional.empty();
            };
        }
        if (path.size() == 2 && path.get(0).equals("rollouts")) {
            Optional<Long> number = Routes.rollout(path.get(1));
            return number.isEmpty()
                    ? Optional.empty()
                    : operator.rollout(number.get()).map(RolloutJson::of);
        }
        if (path.size() >= 2 && path.size() <= 3 && path.get(0).equals("machines")) {
            UUID machine = Routes.id(path.get(1));
            if (path.size() == 2) {
                Optional<Explanation> explanation = Routes.explain(bmdb, policies, machine);
                return explanation.isEmpty()
                        ? Optional.empty()
                        : Optional.of(
                                Json.machine(explanation.get(), fleet.machine(machine), operator.disruption(machine)));
            }
            return switch (path.get(2)) {
                case "history" ->
                    Optional.of(Json.list("history", bmdb.history(machine, limit(query, 1000)), Json::history));
                case "actions" -> Optional.of(actions(machine, query));
                case "hardware" ->
                    Optional.of(HardwareJson.machine(
                            operator.hardwareReport(machine),
                            operator.hardwareHistory(
                                    machine,
                                    query.get("before").map(Routes::number).orElse(null),
                                    limit(query, 1000))));
                default -> Optional.empty();
            };
        }
        return Optional.empty();
    }

    private ObjectNode actions(@Nullable UUID machine, Query query) throws InterruptedException {
        int limit = limit(query, 1000);
        List<OperatorAction> done = operator.actions(
                machine, query.get("before").map(Routes::number).orElse(null), limit);
        ObjectNode json = Json.list("actions", done, Json::action);
        if (done.size() == limit) {
            json.put("before", done.get(limit - 1).id());
        }
        return json;
    }

    private Optional<ObjectNode> change(WebRequest request, List<String> path, String principal)
            throws InterruptedException {
        return actions.carryOut(path, principal, Channel.API, form(request)).map(ApiRoutes::outcome);
    }

    private static ObjectNode outcome(Outcome outcome) {
        return Json.with("outcome", outcome.word())
                .put("changed", outcome.changed())
                .put("text", outcome.text());
    }

    private static Query form(WebRequest request) {
        if (!request.header("Content-Type").orElse("").startsWith("application/json")) {
            throw new BadRequestException("the content must be JSON: application/json");
        }
        Map<String, String> values = new LinkedHashMap<>();
        Json.object(request.body()).properties().forEach(field -> {
            if (!field.getValue().isValueNode()) {
                throw new BadRequestException("the content has no lists and no objects within");
            }
            values.put(field.getKey(), field.getValue().asText());
        });
        return Query.ofValues(values);
    }

    private static int limit(Query query, int most) {
        Optional<String> text = query.get("limit");
        try {
            int limit = text.map(Integer::parseInt).orElse(DEFAULT_LIMIT);
            if (limit >= 1 && limit <= most) {
                return limit;
            }
        } catch (NumberFormatException e) {
            // Said below.
        }
        throw new BadRequestException("limit must be a whole number from 1 to " + most);
    }

    private static byte[] description() {
        try (InputStream in = ApiRoutes.class.getResourceAsStream("openapi.yaml")) {
            if (in == null) {
                throw new IllegalStateException("openapi.yaml is not beside its class");
            }
            return in.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
