package dev.shepherd.web;

import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.Explanation;
import dev.shepherd.bmdb.MachineRecord;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.WorkHistoryEntry;
import dev.shepherd.bmdb.disruption.MachineDisruption;
import dev.shepherd.bmdb.fleet.Fleet;
import dev.shepherd.bmdb.fleet.MachineFilter;
import dev.shepherd.bmdb.fleet.MachinePage;
import dev.shepherd.bmdb.fleet.MachinePage.Place;
import dev.shepherd.bmdb.operator.Actor.Channel;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.bmdb.operator.OperatorAction;
import dev.shepherd.bmdb.operator.RecoveryPolicies;
import dev.shepherd.bmdb.operator.Verb;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.web.http.BadRequestException;
import dev.shepherd.web.http.Query;
import dev.shepherd.web.http.WebRequest;
import dev.shepherd.web.http.WebResponse;
import dev.shepherd.web.live.LiveUpdates;
import dev.shepherd.web.pages.ActionsView;
import dev.shepherd.web.pages.FleetPage;
import dev.shepherd.web.pages.Frame;
import dev.shepherd.web.pages.Frame.Notice;
import dev.shepherd.web.pages.MachineLinks;
import dev.shepherd.web.pages.MachinesPage;
import dev.shepherd.web.pages.OneMachinePage;
import dev.shepherd.web.pages.Pages;
import dev.shepherd.web.pages.Say;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Finds the page that a request is for, and reads what it shows. */
final class Routes {

    private static final int PAGE = 100;

    /** How many rollouts are shown that have ended. */
    private static final int LAST_ROLLOUTS = 3;

    private static final Duration DAY = Duration.ofDays(1);

    private final Bmdb bmdb;
    private final Operator operator;
    private final Optional<Shepherd> shepherd;
    private final RecoveryPolicies policies;
    private final Fleet fleet;
    private final Watch watch;
    private final ConsoleActions actions;
    private final LiveUpdates live;
    private final ApiRoutes api;
    private final Assets assets = new Assets();

    Routes(
            Bmdb bmdb,
            Optional<Shepherd> shepherd,
            RecoveryPolicies policies,
            Fleet fleet,
            Watch watch,
            ConsoleActions actions,
            LiveUpdates live) {
        this.bmdb = bmdb;
        this.operator = Operator.of(bmdb);
        this.shepherd = shepherd;
        this.policies = policies;
        this.fleet = fleet;
        this.watch = watch;
        this.actions = actions;
        this.live = live;
        this.api = new ApiRoutes(bmdb, shepherd, policies, fleet, watch, actions);
    }

    /** Answers a request of someone who may look. */
    WebResponse answer(WebRequest request, String principal) throws InterruptedException {
        List<String> path = parts(request.path());
        if (isApi(path)) {
            return api.answer(request, path.subList(2, path.size()), principal);
        }
        return request.reads() ? read(request, path, principal) : change(request, path, principal);
    }

    private static boolean isApi(List<String> path) {
        return path.size() > 2 && path.get(0).equals("api") && path.get(1).equals("v1");
    }

    private static List<String> parts(String path) {
        List<String> parts = new ArrayList<>(List.of(path.substring(1).split("/", -1)));
        return parts.equals(List.of("")) ? List.of() : parts;
    }

    private WebResponse read(WebRequest request, List<String> path, String principal) throws InterruptedException {
        String first = path.isEmpty() ? "" : path.get(0);
        return switch (path.size()) {
            case 0 -> fleetPage(request, principal);
            case 1 ->
                switch (first) {
                    case "machines" -> machinesPage(request, principal);
                    case "actions" -> actionsPage(request, principal);
                    case "live" -> stream();
                    default -> notFound(request, principal);
                };
            case 2 ->
                switch (first) {
                    case "machines" -> machinePage(request, id(path.get(1)), principal);
                    case "assets" -> assets.find(path.get(1), request).orElseGet(() -> notFound(request, principal));
                    default -> notFound(request, principal);
                };
            default -> notFound(request, principal);
        };
    }

    private WebResponse change(WebRequest request, List<String> path, String principal) throws InterruptedException {
        return actions.carryOut(path, principal, Channel.PAGE, form(request))
                .map(outcome -> seeOther(pageOf(path, outcome), outcome))
                .orElseGet(() -> notFound(request, principal));
    }

    /** Returns the way from what was posted to the page that shows it. */
    private static String pageOf(List<String> path, Outcome outcome) {
        if (!path.get(0).equals("machines")) {
            return "../".repeat(path.size() - 1);
        }
        boolean gone = outcome == Outcome.FORGOTTEN || outcome == Outcome.UNKNOWN;
        return gone ? "../../actions" : "../" + path.get(1);
    }

    private static Query form(WebRequest request) {
        String type = request.header("Content-Type").orElse("");
        if (!type.startsWith("application/x-www-form-urlencoded")) {
            throw new BadRequestException("the content must be a form: application/x-www-form-urlencoded");
        }
        return Query.parse(new String(request.body(), StandardCharsets.UTF_8));
    }

    /** The page that is shown then says what was done: a repeated look does nothing twice. */
    private static WebResponse seeOther(String where, Outcome outcome) {
        return WebResponse.of(303, "text/plain; charset=utf-8", new byte[0])
                .with("Location", where + "?" + Query.of(Map.of("done", outcome.word())));
    }

    static UUID id(String text) {
        try {
            UUID id = UUID.fromString(text);
            if (id.toString().equalsIgnoreCase(text)) {
                return id;
            }
        } catch (IllegalArgumentException e) {
            // Said below.
        }
        throw new BadRequestException("an id is 32 hexadecimal digits with dashes between");
    }

    private WebResponse fleetPage(WebRequest request, String principal) throws InterruptedException {
        Instant now = bmdb.now();
        byte[] page = Pages.fleet(
                frame(request, "Fleet", "fleet", principal, true),
                FleetPage.of(
                        watch.summary(),
                        fleet.samples(now.minus(DAY)),
                        operator.freezes(),
                        operator.rollouts(LAST_ROLLOUTS),
                        operator.pauses(),
                        shepherd.map(Shepherd::status),
                        operator.sessions(),
                        actions.may(principal, Verb.UNFREEZE, null),
                        pause -> actions.may(
                                principal, Verb.RESUME, pause.machineId().orElse(null)),
                        verb -> actions.may(principal, verb, null),
                        now));
        return html(200, page);
    }

    private WebResponse machinesPage(WebRequest request, String principal) throws InterruptedException {
        Query query = Query.parse(request.query());
        MachineFilter filter = MachineLinks.filter(query);
        @Nullable Place from = MachineLinks.place(query);
        MachinePage page = fleet.machines(filter, from, PAGE);
        return html(
                200,
                Pages.machines(
                        frame(request, "Machines", "machines", principal, true),
                        MachinesPage.of(filter, from, page, watch.summary(), new Say(bmdb.now()))));
    }

    /** Explains what the loops would do with a machine, those of its provider. */
    static Optional<Explanation> explain(Bmdb bmdb, RecoveryPolicies policies, UUID machineId)
            throws InterruptedException {
        RecoveryPolicy policy = bmdb.machine(machineId)
                .flatMap(MachineRecord::provided)
                .map(provided -> policies.of(provided.provider()))
                .orElseGet(policies::usual);
        return Operator.of(bmdb).explain(machineId, policy);
    }

    private WebResponse machinePage(WebRequest request, UUID machineId, String principal) throws InterruptedException {
        Optional<Explanation> explanation = explain(bmdb, policies, machineId);
        if (explanation.isEmpty()) {
            return failure(
                    request, principal, 404, "No such machine", "The database has no machine " + machineId + ".");
        }
        List<WorkHistoryEntry> history = bmdb.history(machineId, OneMachinePage.HISTORY + 1);
        List<OperatorAction> done = operator.actions(machineId, null, OneMachinePage.HISTORY);
        Optional<MachineDisruption> disruption = operator.disruption(machineId);
        boolean quarantined = operator.quarantine(machineId).isPresent();
        byte[] page = Pages.machine(
                frame(request, "Machine", "machines", principal, true),
                OneMachinePage.of(
                        explanation.get(),
                        fleet.machine(machineId),
                        operator.recovery(machineId),
                        disruption,
                        history,
                        done,
                        operator.hardwareReport(machineId),
                        operator.hardwareHistory(machineId, null, OneMachinePage.HISTORY),
                        actions.offered(principal, explanation.get().machine(), quarantined, disruption),
                        new Say(bmdb.now())));
        return html(200, page);
    }

    private WebResponse actionsPage(WebRequest request, String principal) throws InterruptedException {
        Optional<String> before = Query.parse(request.query()).get("before");
        List<OperatorAction> done =
                operator.actions(null, before.map(Routes::number).orElse(null), ActionsView.PAGE + 1);
        return html(
                200,
                Pages.actions(
                        frame(request, "Actions", "actions", principal, true),
                        ActionsView.of(done, new Say(bmdb.now()))));
    }

    static Long number(String text) {
        try {
            return Long.valueOf(text);
        } catch (NumberFormatException e) {
            throw new BadRequestException("before must be a number");
        }
    }

    /** Reads the number of a rollout; empty if it is none. */
    static Optional<Long> rollout(String text) {
        return text.matches("[0-9]{1,18}") ? Optional.of(Long.valueOf(text)) : Optional.empty();
    }

    private WebResponse stream() {
        if (!live.hasRoom()) {
            return WebResponse.of(
                            503,
                            "text/plain; charset=utf-8",
                            "Too many pages are open.\n".getBytes(StandardCharsets.US_ASCII))
                    .with("Retry-After", "30");
        }
        // Proxies that buffer would keep the events to themselves.
        return new WebResponse(
                200,
                Map.of("Content-Type", "text/event-stream", "X-Accel-Buffering", "no"),
                new byte[0],
                Optional.of(live::add));
    }

    private WebResponse notFound(WebRequest request, String principal) {
        return failure(request, principal, 404, "No such page", "There is nothing at this address.");
    }

    /** Makes an answer that says what went wrong: a page, or JSON from the API. */
    WebResponse failure(WebRequest request, String principal, int status, String title, String text) {
        if (isApi(parts(request.path()))) {
            return ApiRoutes.failure(status, text);
        }
        return html(status, Pages.message(frame(request, title, "", principal, false), text));
    }

    private static Frame frame(WebRequest request, String title, String here, String principal, boolean isLive) {
        // One step for each folder that the page is in.
        int depth = (int) request.path().chars().filter(c -> c == '/').count() - 1;
        Optional<Notice> notice = isLive
                ? Query.parse(request.query())
                        .get("done")
                        .flatMap(Outcome::ofWord)
                        .map(done -> new Notice(done.text(), done.changed()))
                : Optional.empty();
        return new Frame(title, "../".repeat(depth), here, Say.text(principal), isLive, notice);
    }

    private static WebResponse html(int status, byte[] page) {
        return WebResponse.of(status, "text/html; charset=utf-8", page);
    }
}
