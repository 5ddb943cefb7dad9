package dev.shepherd.testkit.bmc;

import static dev.shepherd.testkit.bmc.RedfishAnswer.link;
import static dev.shepherd.testkit.bmc.RedfishAnswer.object;

import dev.shepherd.testkit.bmc.BmcMood.Kind;
import dev.shepherd.testkit.bmc.FakeSystem.BootOverride;
import dev.shepherd.testkit.bmc.FakeSystem.Outcome;
import dev.shepherd.testkit.http.HttpMessage;
import dev.shepherd.testkit.http.Json;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** Answers the requests of Redfish. Safe for use by several threads. */
final class RedfishService {

    private static final int MOST_TASKS = 100;
    private static final String RESET = "/Actions/ComputerSystem.Reset";
    private static final String ACTION_INFO = "/ResetActionInfo";
    private static final String SETTINGS = "/Settings";
    private static final String RUNNING = "Running";
    private static final String FAILED = "Exception";

    private static final class Task {
        private volatile String state = RUNNING;
    }

    private final RedfishShape shape;
    private final RedfishLogins logins;
    private final Map<String, FakeSystem> systems = new LinkedHashMap<>();
    private final int pageSize;
    private final Function<Kind, Optional<BmcMood>> moods;
    private final Map<String, Task> tasks = new LinkedHashMap<>();
    private int lastTask;

    RedfishService(
            RedfishShape shape,
            RedfishLogins logins,
            List<FakeSystem> systems,
            int pageSize,
            Function<Kind, Optional<BmcMood>> moods) {
        this.shape = shape;
        this.logins = logins;
        systems.forEach(system -> this.systems.put(system.path(), system));
        this.pageSize = pageSize;
        this.moods = moods;
    }

    /** Tells whether a request is answered only to the user, or makes its sender one. */
    static boolean needsPassword(HttpMessage request) {
        return !Set.of("/redfish", RedfishShape.ROOT).contains(path(request));
    }

    private static String path(HttpMessage request) {
        String path = request.target().split("\\?", 2)[0];
        return path.length() > 1 && path.endsWith("/") ? path.substring(0, path.length() - 1) : path;
    }

    /** Does what is asked, and answers. */
    RedfishAnswer answer(HttpMessage request) {
        String path = path(request);
        boolean logsIn = path.equals(RedfishShape.SESSIONS) && request.method().equals("POST");
        if (needsPassword(request) && !logsIn && !logins.accepts(request)) {
            return shape.unauthorized();
        }
        return switch (path) {
            case "/redfish" -> read(request, object("v1", RedfishShape.ROOT + "/"));
            case RedfishShape.ROOT -> read(request, shape.root());
            case RedfishShape.SYSTEMS -> read(request, systemsPage(request.target()));
            case RedfishShape.MANAGERS ->
                read(request, shape.collection("ManagerCollection", path, "Managers", 1, List.of(shape.manager())));
            case RedfishShape.SESSION_SERVICE -> read(request, shape.sessionService());
            case RedfishShape.SESSIONS -> logsIn ? login(request) : read(request, sessions());
            case RedfishShape.TASKS -> read(request, shape.taskService());
            default -> answerBelow(request, path);
        };
    }

    private RedfishAnswer answerBelow(HttpMessage request, String path) {
        if (path.equals(shape.manager())) {
            return read(request, shape.managerResource(List.copyOf(systems.keySet())));
        }
        if (path.startsWith(RedfishShape.TASKS + "/")) {
            return task(request, path);
        }
        if (logins.has(path)) {
            if (request.method().equals("DELETE")) {
                logins.close(path);
                return new RedfishAnswer(204, object());
            }
            return read(request, shape.session(path, logins.user()));
        }
        for (String suffix : List.of("", RESET, ACTION_INFO, SETTINGS)) {
            FakeSystem system =
                    path.endsWith(suffix) ? systems.get(path.substring(0, path.length() - suffix.length())) : null;
            if (system != null) {
                return answerOf(system, suffix, request, path);
            }
        }
        return shape.error(404, "ResourceMissingAtURI", "There is no resource at " + path + ".", path);
    }

    private RedfishAnswer answerOf(FakeSystem system, String suffix, HttpMessage request, String path) {
        return switch (suffix) {
            case RESET -> request.method().equals("POST") ? reset(system, request) : methodNotAllowed("POST");
            case ACTION_INFO -> read(request, shape.actionInfo(path, resetTypes()));
            case SETTINGS -> {
                Map<String, Object> settings = shape.settings(path);
                settings.put("Boot", boot(system));
                yield request.method().equals("PATCH")
                        ? patch(system, request, settings)
                        : read(request, settings, "GET", "HEAD", "PATCH");
            }
            default ->
                request.method().equals("PATCH")
                        ? patch(system, request, resource(system))
                        : read(request, resource(system), "GET", "HEAD", "PATCH");
        };
    }

    private boolean has(Kind kind) {
        return moods.apply(kind).isPresent();
    }

    private List<String> resetTypes() {
        return moods.apply(Kind.ALLOWS).map(mood -> mood.values).orElseGet(shape::resetTypes);
    }

    private List<String> bootTargets() {
        List<String> targets = new ArrayList<>(shape.bootTargets());
        if (has(Kind.WITHOUT_PXE)) {
            targets.remove("Pxe");
        }
        return targets;
    }

    private Map<String, Object> boot(FakeSystem system) {
        return shape.boot(system.bootOverride(), bootTargets());
    }

    private Map<String, Object> resource(FakeSystem system) {
        Map<String, Object> resource = shape.system(system);
        resource.put("Boot", boot(system));
        if (has(Kind.BOOT_IN_SETTINGS)) {
            resource.put(
                    "@Redfish.Settings",
                    object(
                            "@odata.type",
                            "#Settings.v1_3_5.Settings",
                            "SettingsObject",
                            link(system.path() + SETTINGS)));
        }
        Map<String, Object> reset = object("target", system.path() + RESET);
        if (has(Kind.ACTION_INFO)) {
            reset.put("@Redfish.ActionInfo", system.path() + ACTION_INFO);
        } else if (!has(Kind.WITHOUT_ALLOWED_VALUES)) {
            reset.put("ResetType@Redfish.AllowableValues", resetTypes());
        }
        resource.put("Actions", object("#ComputerSystem.Reset", reset));
        return resource;
    }

    private Map<String, Object> systemsPage(String target) {
        int skip = 0;
        String marker = "$skip=";
        if (target.contains(marker)) {
            String digits =
                    target.substring(target.indexOf(marker) + marker.length()).split("&", 2)[0];
            skip = digits.matches("[0-9]{1,6}") ? Integer.parseInt(digits) : 0;
        }
        List<String> all = List.copyOf(systems.keySet());
        int from = Math.min(skip, all.size());
        int to = Math.min(from + pageSize, all.size());
        Map<String, Object> page = shape.collection(
                "ComputerSystemCollection", RedfishShape.SYSTEMS, "Systems", all.size(), all.subList(from, to));
        if (to < all.size()) {
            page.put("Members@odata.nextLink", RedfishShape.SYSTEMS + "?" + marker + to);
        }
        return page;
    }

    private Map<String, Object> sessions() {
        List<String> paths = logins.paths();
        return shape.collection("SessionCollection", RedfishShape.SESSIONS, "Sessions", paths.size(), paths);
    }

    private RedfishAnswer login(HttpMessage request) {
        Map<String, @Nullable Object> body;
        try {
            body = Json.readObject(request.text());
        } catch (IOException e) {
            return malformed();
        }
        Object user = body.get("UserName");
        Object password = body.get("Password");
        if (user == null || password == null || !logins.accepts(user, password)) {
            return shape.unauthorized();
        }
        return logins.open()
                .map(session -> new RedfishAnswer(201, shape.session(session.path(), logins.user()))
                        .with("Location", session.path())
                        .with("X-Auth-Token", session.token()))
                .orElseGet(shape::noSession);
    }

    private RedfishAnswer read(HttpMessage request, Map<String, Object> resource) {
        return read(request, resource, "GET", "HEAD");
    }

    private RedfishAnswer read(HttpMessage request, Map<String, Object> resource, String... allowed) {
        if (!Set.of("GET", "HEAD").contains(request.method())) {
            return methodNotAllowed(String.join(", ", allowed));
        }
        String etag = etag(resource);
        if (shape.hasEtagInBody()) {
            resource.put("@odata.etag", etag);
        }
        return new RedfishAnswer(200, resource).with("ETag", etag);
    }

    private String etag(Map<String, Object> resource) {
        return shape.etag(Json.write(resource).hashCode());
    }

    RedfishAnswer methodNotAllowed(String allowed) {
        return shape.error(405, "OperationNotAllowed", "The HTTP method is not allowed on this resource.")
                .with("Allow", allowed);
    }

    RedfishAnswer busy(String retryAfter) {
        return shape.error(503, "ServiceTemporarilyUnavailable", "The service is temporarily unavailable.", retryAfter)
                .with("Retry-After", retryAfter);
    }

    private RedfishAnswer malformed() {
        return shape.error(400, "MalformedJSON", "The request body is malformed JSON.");
    }

    private RedfishAnswer patch(FakeSystem system, HttpMessage request, Map<String, Object> resource) {
        Optional<String> wanted = request.header("If-Match");
        if (wanted.isEmpty() && has(Kind.REQUIRES_ETAG)) {
            return shape.error(
                    shape.missingPrecondition(),
                    "PreconditionRequired",
                    "The request did not provide the required precondition, such as an If-Match header.");
        }
        if (wanted.filter(tag -> !tag.equals("*") && !tag.equals(etag(resource)))
                .isPresent()) {
            return shape.error(412, "PreconditionFailed", "The ETag did not match the one of the resource.");
        }
        Map<String, @Nullable Object> body;
        try {
            body = Json.readObject(request.text());
        } catch (IOException e) {
            return malformed();
        }
        for (Map.Entry<String, @Nullable Object> property : body.entrySet()) {
            if (!property.getKey().equals("Boot") || !(property.getValue() instanceof Map<?, ?>)) {
                return notWritable(property.getKey());
            }
        }
        if (!(body.get("Boot") instanceof Map<?, ?> boot)) {
            return shape.error(400, "NoOperation", "The request body contained no data that could be acted upon.");
        }
        boolean isOfSystem = resource.containsKey("Actions");
        if (isOfSystem && has(Kind.BOOT_IN_SETTINGS)) {
            return notWritable("Boot");
        }
        return setBoot(system, boot);
    }

    private RedfishAnswer setBoot(FakeSystem system, Map<?, ?> boot) {
        BootOverride override = system.bootOverride();
        String enabled = override.enabled();
        String target = override.target();
        String mode = override.mode();
        for (Map.Entry<?, ?> property : boot.entrySet()) {
            String name = String.valueOf(property.getKey());
            String value = String.valueOf(property.getValue());
            List<String> values;
            switch (name) {
                case "BootSourceOverrideEnabled" -> {
                    values = List.of("Disabled", "Once", "Continuous");
                    enabled = value;
                }
                case "BootSourceOverrideTarget" -> {
                    values = bootTargets();
                    target = value;
                }
                case "BootSourceOverrideMode" -> {
                    if (shape.refusesBootMode()) {
                        return notWritable(name);
                    }
                    values = List.of("UEFI", "Legacy");
                    mode = value;
                }
                default -> {
                    return notWritable(name);
                }
            }
            if (!values.contains(value)) {
                return shape.error(
                        400,
                        "PropertyValueNotInList",
                        "The value " + value + " of " + name + " is not allowed.",
                        value,
                        name);
            }
        }
        system.setBootOverride(new BootOverride(enabled, target, mode));
        return shape.success();
    }

    private RedfishAnswer notWritable(String property) {
        return shape.error(
                400, "PropertyNotWritable", "The property " + property + " is read-only, or unknown.", property);
    }

    private RedfishAnswer reset(FakeSystem system, HttpMessage request) {
        Map<String, @Nullable Object> body;
        try {
            body = Json.readObject(request.text());
        } catch (IOException e) {
            return malformed();
        }
        if (!(body.get("ResetType") instanceof String type)) {
            return shape.error(400, "ActionParameterMissing", "The parameter ResetType is missing.", "ResetType");
        }
        if (!resetTypes().contains(type)) {
            return shape.error(
                    400,
                    "ActionParameterNotSupported",
                    "The value " + type + " of the parameter ResetType is not in the list of acceptable values.",
                    type,
                    "ResetType");
        }
        boolean fails = has(Kind.FAILING_TASKS);
        boolean isEffective = !fails
                && !has(Kind.IGNORES_RESETS)
                && !(has(Kind.IGNORES_GRACEFUL_RESETS) && type.startsWith("Graceful"));
        boolean startsWhenOff = !shape.refusesResetWhileOff() && !has(Kind.REFUSES_RESET_WHILE_OFF);
        Task task = new Task();
        Outcome outcome =
                system.reset(type, startsWhenOff, isEffective, () -> task.state = fails ? FAILED : "Completed");
        boolean isSame = outcome == Outcome.ALREADY_ON
                || outcome == Outcome.ALREADY_OFF && (type.equals("ForceOff") || type.equals("GracefulShutdown"));
        if (outcome == Outcome.ACCEPTED) {
            return fails || has(Kind.TASKS) ? begun(task) : shape.success();
        }
        boolean refuses =
                shape.refusesSameState() || outcome == Outcome.ALREADY_OFF && has(Kind.REFUSES_RESET_WHILE_OFF);
        return isSame && !refuses ? shape.success() : shape.wrongPower(outcome);
    }

    private RedfishAnswer begun(Task task) {
        String path;
        synchronized (tasks) {
            path = RedfishShape.TASKS + "/Tasks/" + ++lastTask;
            tasks.put(path, task);
            if (tasks.size() > MOST_TASKS) {
                tasks.remove(tasks.keySet().iterator().next());
            }
        }
        return new RedfishAnswer(202, shape.task(path, task.state))
                .with("Location", RedfishShape.monitor(path))
                .with("Retry-After", "1");
    }

    private RedfishAnswer task(HttpMessage request, String path) {
        String task = path.replace("/TaskMonitors/", "/Tasks/");
        String state;
        synchronized (tasks) {
            if (path.equals(RedfishShape.TASKS + "/Tasks")) {
                List<String> paths = List.copyOf(tasks.keySet());
                return read(request, shape.collection("TaskCollection", path, "Tasks", paths.size(), paths));
            }
            Task found = tasks.get(task);
            if (found == null) {
                return shape.error(404, "ResourceMissingAtURI", "There is no resource at " + path + ".", path);
            }
            state = found.state;
        }
        if (path.equals(task)) {
            return read(request, shape.task(path, state));
        }
        // A monitor answers as the operation would have, had it waited.
        return switch (state) {
            case RUNNING -> new RedfishAnswer(202, shape.task(task, state)).with("Location", path);
            case FAILED -> shape.error(500, "InternalError", "The reset failed.");
            default -> shape.success();
        };
    }
}
