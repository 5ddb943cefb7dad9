package dev.shepherd.web;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.disruption.DisruptionState;
import dev.shepherd.bmdb.fleet.FleetSummary;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.bmdb.operator.OperatorAction;
import dev.shepherd.bmdb.operator.Verb;
import dev.shepherd.testkit.agent.TestHardware;
import dev.shepherd.testkit.database.BmdbExtension;
import dev.shepherd.web.access.Authenticator;
import dev.shepherd.web.access.Authorizer;
import dev.shepherd.web.http.WebRequest;
import dev.shepherd.web.http.WebResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WebConsoleTest {

    private static final String SCRIPT = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>";

    @RegisterExtension
    static final BmdbExtension database = BmdbExtension.create();

    private Bmdb bmdb;
    private TestFleet fleet;
    private WebConsole console;

    @BeforeEach
    void open() throws Exception {
        bmdb = database.bmdb();
        fleet = new TestFleet(database.jdbcUrl());
        fleet.clear();
        console = console(Authorizer.READ_ONLY, Authenticator.ANONYMOUS);
    }

    private WebConsole console(Authorizer authorizer, Authenticator authenticator) {
        return WebConsole.builder()
                .bmdb(bmdb)
                .authorizer(authorizer)
                .authenticator(authenticator)
                .hosts(Set.of("localhost", "ops.example.com"))
                .build();
    }

    private WebConsole operators() {
        return console((principal, action, machine) -> true, request -> Optional.of("oncall"));
    }

    @AfterEach
    void close() {
        console.close();
    }

    private WebResponse get(String target) throws InterruptedException {
        return get(console, target, Map.of("Host", "localhost:8080"));
    }

    private static WebResponse get(WebConsole from, String target, Map<String, String> headers)
            throws InterruptedException {
        int mark = target.indexOf('?');
        String path = mark < 0 ? target : target.substring(0, mark);
        String query = mark < 0 ? "" : target.substring(mark + 1);
        return from.handle(new WebRequest("GET", path, query, headers, new byte[0], false));
    }

    private static WebResponse post(WebConsole to, String path, String form, Map<String, String> headers)
            throws InterruptedException {
        Map<String, String> all = new HashMap<>(Map.of(
                "Host", "localhost:8080",
                "Content-Type", "application/x-www-form-urlencoded"));
        all.putAll(headers);
        return to.handle(new WebRequest("POST", path, "", all, form.getBytes(StandardCharsets.UTF_8), false));
    }

    private static String text(WebResponse response) {
        return new String(response.body(), StandardCharsets.UTF_8);
    }

    /** What a monitoring system would read, with a word on what it accepts. */
    private static WebResponse numbers(String accept) {
        return WebResponse.of(200, "text/plain; version=0.0.4", ("for " + accept).getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void metricsAreForThoseWhoMayLookUnderItsOwnNamesAndAskTheDatabaseNothing() throws Exception {
        try (Bmdb closed = Bmdb.open(database.jdbcUrl());
                WebConsole measuring = WebConsole.builder()
                        .bmdb(closed)
                        .hosts(Set.of("ops.example.com"))
                        .authenticator(request -> request.header("X-Person"))
                        .authorizer(new Authorizer() {
                            @Override
                            public boolean mayAct(String principal, Verb action, @Nullable UUID machine) {
                                return false;
                            }

                            @Override
                            public boolean mayLook(String principal) {
                                return principal.equals("prometheus");
                            }
                        })
                        .metrics(WebConsoleTest::numbers)
                        .build()) {
            closed.close();
            Map<String, String> scraper = Map.of(
                    "Host", "ops.example.com:8443", "X-Person", "prometheus", "Accept", "application/openmetrics-text");
            WebResponse read = get(measuring, "/metrics", scraper);
            assertThat(read.status()).isEqualTo(200);
            assertThat(read.headers()).containsEntry("Content-Type", "text/plain; version=0.0.4");
            assertThat(text(read)).isEqualTo("for application/openmetrics-text");
            assertThat(measuring
                            .handle(new WebRequest("HEAD", "/metrics", "", scraper, new byte[0], false))
                            .status())
                    .isEqualTo(200);
            assertThat(measuring
                            .handle(new WebRequest("POST", "/metrics", "", scraper, new byte[0], false))
                            .status())
                    .isEqualTo(403);

            assertThat(get(measuring, "/metrics", Map.of("Host", "ops.example.com"))
                            .status())
                    .isEqualTo(401);
            assertThat(get(measuring, "/metrics", Map.of("Host", "ops.example.com", "X-Person", "stranger"))
                            .status())
                    .isEqualTo(403);
            assertThat(get(measuring, "/metrics", Map.of("Host", "attacker.example.com", "X-Person", "prometheus"))
                            .status())
                    .isEqualTo(421);
        }
    }

    @Test
    void aConsoleWithoutMetricsHasNone() throws Exception {
        assertThat(get("/metrics").status()).isEqualTo(404);
    }

    @Test
    void countsAreHandedOnAsOftenAsTheyAreRead() throws Exception {
        fleet.machine("rack-1-7", "rack 1");
        List<FleetSummary> told = new CopyOnWriteArrayList<>();
        try (WebConsole counting = WebConsole.builder()
                .bmdb(bmdb)
                .countInterval(Duration.ofSeconds(1))
                .onCount(told::add)
                .build()) {
            counting.start();

            await().atMost(Duration.ofSeconds(60))
                    .until(() -> told.stream()
                            .anyMatch(counts ->
                                    counts.countedAt().isAfter(told.get(0).countedAt())));
            assertThat(told.get(0).machines()).isEqualTo(1);
        }
    }

    private static final Map<String, String> SAME_ORIGIN =
            Map.of("Origin", "http://localhost:8080", "Sec-Fetch-Site", "same-origin");

    @Test
    void theThreePagesShowWhatThereIs() throws Exception {
        UUID machine = fleet.machine("rack-1-7", "rack 1");
        fleet.execute(
                "insert into machine_quarantine values (?, now(), 'recoverer', 'three reboots in vain')", machine);
        console.start();

        WebResponse list = get("/machines?state=quarantined");
        assertThat(list.status()).isEqualTo(200);
        assertThat(text(list))
                .contains("rack-1-7", "rack 1", "192.0.2.7", "three reboots in vain", "machines/" + machine);
        assertThat(text(get("/machines?state=up"))).contains("No machine fits").doesNotContain("rack-1-7");
        WebResponse one = get("/machines/" + machine);
        assertThat(one.status()).isEqualTo(200);
        assertThat(text(one)).contains("rack-1-7", "it was quarantined at", "ShepherdRecovery: not now");
        await().untilAsserted(() -> assertThat(text(get("/"))).contains("<b>1</b> <span>quarantined</span>"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"/", "/machines", "/machines/%s", "/actions", "/machines?text=%s"})
    void noTextOfOthersIsMarkup(String page) throws Exception {
        UUID machine = fleet.hostile(SCRIPT);
        String acting = SCRIPT + "\u202e\u001b[31m";
        fleet.hardware(machine, TestHardware.hostile(acting), acting);
        WebConsole all = operators();
        post(all, "/machines/" + machine + "/pause", "reason=%3Cscript%3Ealert(1)%3C/script%3E", SAME_ORIGIN);

        WebResponse response = get(
                all,
                page.formatted(page.contains("?") ? "%3Cscript%3Ealert(1)%3C/script%3E" : machine),
                Map.of("Host", "localhost"));

        assertThat(response.status()).isEqualTo(200);
        assertThat(text(response))
                .doesNotContain("<script>alert")
                .doesNotContain("<img src=x")
                .doesNotContain("\u202e")
                .doesNotContain("\u001b");
        // The attack arrived, so that its absence above means something.
        assertThat(text(response)).contains("&lt;script&gt;");
    }

    @Test
    void everyAnswerForbidsScriptsOfOthersAndFrames() throws Exception {
        for (String page : List.of(
                "/", "/machines", "/nothing", "/machines/x", "/api/v1/fleet", "/assets/shepherd.js", "/healthz")) {
            assertThat(get(page).headers())
                    .as(page)
                    .containsEntry("X-Frame-Options", "DENY")
                    .containsEntry("X-Content-Type-Options", "nosniff")
                    .hasEntrySatisfying(
                            "Content-Security-Policy",
                            policy -> assertThat(policy)
                                    .contains(
                                            "default-src 'none'",
                                            "script-src 'self'",
                                            "frame-ancestors 'none'",
                                            "base-uri 'none'")
                                    .doesNotContain("unsafe"));
        }
        assertThat(text(get("/")))
                .doesNotContain("style=")
                .doesNotContain("onclick")
                .doesNotContain("<style");
    }

    @Test
    void anotherHostNameIsRefused() throws Exception {
        assertThat(get(console, "/", Map.of("Host", "ops.example.com")).status())
                .isEqualTo(200);
        assertThat(get(console, "/", Map.of("Host", "OPS.example.com:8443")).status())
                .isEqualTo(200);
        WebResponse rebound = get(console, "/", Map.of("Host", "attacker.example"));
        assertThat(rebound.status()).isEqualTo(421);
        assertThat(text(rebound)).contains("attacker.example").doesNotContain("<");
        assertThat(get(console, "/", Map.of()).status()).isEqualTo(421);
        assertThat(get(console, "/", Map.of("Host", "localhost.attacker.example"))
                        .status())
                .isEqualTo(421);
        // Probes ask by address.
        assertThat(text(get(console, "/readyz", Map.of("Host", "10.1.2.3")))).isEqualTo("ready\n");
    }

    @Test
    void nothingChangesUnlessSomeoneIsAllowedTo() throws Exception {
        UUID machine = fleet.machine("m", "l");
        assertThat(post(console, "/machines/" + machine + "/quarantine", "reason=x", SAME_ORIGIN)
                        .status())
                .isEqualTo(403);
        // A name is needed, too: the record would name no one.
        WebConsole nameless = console((principal, action, on) -> true, Authenticator.ANONYMOUS);
        assertThat(post(nameless, "/machines/" + machine + "/quarantine", "reason=x", SAME_ORIGIN)
                        .status())
                .isEqualTo(403);
        WebConsole some = console((principal, action, on) -> action == Verb.PAUSE, request -> Optional.of("oncall"));
        assertThat(post(some, "/machines/" + machine + "/quarantine", "reason=x", SAME_ORIGIN)
                        .status())
                .isEqualTo(403);
        assertThat(text(get(some, "/machines/" + machine, Map.of("Host", "localhost"))))
                .contains("/pause\"")
                .doesNotContain("/quarantine\"");
        WebConsole none = console((principal, action, on) -> true, request -> Optional.empty());
        WebResponse unknown = get(none, "/", Map.of("Host", "localhost"));
        assertThat(unknown.status()).isEqualTo(401);
        assertThat(unknown.headers()).containsKey("WWW-Authenticate");
        assertThat(Operator.of(bmdb).quarantined()).isEmpty();
        assertThat(Operator.of(bmdb).actions(null, null, 10)).isEmpty();
    }

    @Test
    void whatIsDoneIsRecordedWithItsReason() throws Exception {
        UUID machine = fleet.machine("m", "l");
        WebConsole all = operators();

        WebResponse done = post(all, "/machines/" + machine + "/quarantine", "reason=it+burns", SAME_ORIGIN);
        assertThat(done.status()).isEqualTo(303);
        assertThat(done.headers()).containsEntry("Location", "../" + machine + "?done=quarantined");
        assertThat(text(get(all, "/machines/" + machine + "?done=quarantined", Map.of("Host", "localhost"))))
                .contains("It is quarantined.");
        WebResponse paused = post(all, "/machines/" + machine + "/pause", "reason=new+disk&minutes=30", SAME_ORIGIN);
        assertThat(paused.status()).isEqualTo(303);
        UUID pause = Operator.of(bmdb).pauses().get(0).id();
        assertThat(Operator.of(bmdb).pauses().get(0).until()).isPresent();
        assertThat(post(all, "/pauses/" + pause + "/end", "reason=done", SAME_ORIGIN)
                        .status())
                .isEqualTo(303);
        assertThat(post(all, "/machines/" + machine + "/release", "reason=out", SAME_ORIGIN)
                        .status())
                .isEqualTo(303);
        assertThat(post(all, "/machines/" + machine + "/forget", "reason=gone", SAME_ORIGIN)
                        .headers())
                .containsEntry("Location", "../../actions?done=forgotten");

        assertThat(Operator.of(bmdb).actions(null, null, 10))
                .extracting(OperatorAction::verb, OperatorAction::reason, OperatorAction::by, OperatorAction::channel)
                .extracting(Object::toString)
                .containsExactly(
                        "(\"Forget\", \"gone\", \"oncall\", the page)",
                        "(\"Release\", \"out\", \"oncall\", the page)",
                        "(\"Resume\", \"done\", \"oncall\", the page)",
                        "(\"Pause\", \"new disk\", \"oncall\", the page)",
                        "(\"Quarantine\", \"it burns\", \"oncall\", the page)");
        assertThat(text(get(all, "/actions", Map.of("Host", "localhost")))).contains("it burns", "oncall", "the page");
    }

    @Test
    void labelsAreSetAndTakenOffByThoseWhoMay() throws Exception {
        UUID machine = fleet.machine("m", "l");
        fleet.execute("insert into machine_labels values (?, 'rack', '7', 'Provider')", machine);
        String path = "/machines/" + machine + "/label";
        WebConsole all = operators();
        WebConsole some = console((principal, action, on) -> action == Verb.PAUSE, request -> Optional.of("oncall"));
        Map<String, String> host = Map.of("Host", "localhost");

        assertThat(post(some, path, "reason=x&labels=tier%3Ddb", SAME_ORIGIN).status())
                .isEqualTo(403);
        assertThat(text(get(some, "/machines/" + machine, host))).doesNotContain("/label\"");
        assertThat(text(get(all, "/machines/" + machine, host))).contains("/label\"", "name=\"labels\"");
        for (String form : List.of(
                "labels=tier%3Ddb",
                "reason=x",
                "reason=x&labels=+%2C+",
                "reason=x&labels=tier",
                "reason=x&labels=tier%3Da+tier%3Db",
                "reason=x&labels=tier%3Da+tier-",
                "reason=x&labels=tier%3D%3Cb%3E",
                "reason=x&labels=-bad-%3D1")) {
            WebResponse refused = post(all, path, form, SAME_ORIGIN);
            assertThat(refused.status()).as(form).isEqualTo(400);
            assertThat(text(refused)).as(form).doesNotContain("<b>");
        }
        assertThat(Operator.of(bmdb).actions(null, null, 10)).isEmpty();

        assertThat(post(all, path, "reason=it+joins&labels=tier%3Ddb%2C+raft-group%3D17%0D%0Aspare%3D", SAME_ORIGIN)
                        .headers())
                .containsEntry("Location", "../" + machine + "?done=labeled");
        assertThat(post(all, path, "reason=it+joins&labels=tier%3Ddb+rack-+nothing-", SAME_ORIGIN)
                        .headers())
                .as("as it is already, the provider's, and one that is not there")
                .containsEntry("Location", "../" + machine + "?done=not-labeled");
        assertThat(post(all, path, "reason=it+moves&labels=tier-+rack%3D8", SAME_ORIGIN)
                        .headers())
                .containsEntry("Location", "../" + machine + "?done=labeled");

        assertThat(bmdb.machine(machine).orElseThrow().labels())
                .hasToString("{rack=Label[value=8, source=OPERATOR], raft-group=Label[value=17, source=OPERATOR],"
                        + " spare=Label[value=, source=OPERATOR]}");
        assertThat(text(get(all, "/machines/" + machine + "?done=labeled", host)))
                .contains("Its labels were changed.", "Label raft-group", "17 (operator's)", "Label rack");
        assertThat(Operator.of(bmdb).actions(machine, null, 10))
                .extracting(action -> action.verb() + " by " + action.by() + " through " + action.channel() + ": "
                        + action.reason() + " (" + action.details().orElse("") + ")")
                .containsExactly(
                        "Label by oncall through the page: it moves (rack=8 (was 7), tier taken off (was db))",
                        "Label by oncall through the page: it joins (raft-group=17, spare=, tier=db)");

        post(all, "/machines/" + machine + "/forget", "reason=gone", SAME_ORIGIN);
        WebResponse stale = post(all, path, "reason=late&labels=tier%3Ddb", SAME_ORIGIN);
        assertThat(stale.status()).isEqualTo(409);
        assertThat(text(stale)).contains("there is no such machine");
    }

    @Test
    void theGatesAreAskedAgainByThoseWhoMay() throws Exception {
        UUID machine = fleet.machine("m", "l");
        UUID other = fleet.machine("other", "l");
        fleet.disruption(machine, "Refused", "cluster", "it is the last <voter>");
        String path = "/machines/" + machine + "/ask-again";
        Map<String, String> host = Map.of("Host", "localhost");
        WebConsole all = operators();
        WebConsole some = console((principal, action, on) -> action == Verb.PAUSE, request -> Optional.of("oncall"));

        assertThat(text(get(all, "/machines/" + machine, host)))
                .contains("Ask the gates again", "gate cluster refuses its reboot: it is the last &lt;voter&gt;");
        assertThat(text(get(all, "/machines/" + other, host))).doesNotContain("Ask the gates again");
        assertThat(text(get(some, "/machines/" + machine, host))).doesNotContain("Ask the gates again");
        assertThat(post(some, path, "reason=x", SAME_ORIGIN).status()).isEqualTo(403);
        assertThat(post(all, path, "reason=", SAME_ORIGIN).status()).isEqualTo(400);
        assertThat(post(all, path, "reason=x", Map.of("Origin", "http://attacker.example"))
                        .status())
                .isEqualTo(403);
        assertThat(Operator.of(bmdb).disruption(machine).orElseThrow().state()).isEqualTo(DisruptionState.REFUSED);

        assertThat(post(all, path, "reason=the+customer+agreed", SAME_ORIGIN).headers())
                .containsEntry("Location", "../" + machine + "?done=asked-again");
        assertThat(Operator.of(bmdb).disruption(machine).orElseThrow().state()).isEqualTo(DisruptionState.HELD_BACK);
        assertThat(text(get(all, "/machines/" + machine + "?done=asked-again", host)))
                .contains("The gates are asked again:");
        assertThat(Operator.of(bmdb).actions(machine, null, 10))
                .extracting(action -> action.verb() + " by " + action.by() + ": " + action.reason() + " ("
                        + action.details().orElse("") + ")")
                .containsExactly("AskAgain by oncall: the customer agreed (reboot, Refused)");

        // A page that has been open for a while: the machine goes down, or was never held back.
        fleet.execute("delete from machine_disruption where machine_id = ?", machine);
        fleet.disruption(machine, "UnderWay", null, "");
        assertThat(text(get(all, "/machines/" + machine, host)))
                .contains("its reboot is under way")
                .doesNotContain("Ask the gates again");
        for (UUID late : List.of(machine, other)) {
            assertThat(post(all, "/machines/" + late + "/ask-again", "reason=late", SAME_ORIGIN)
                            .headers())
                    .containsEntry("Location", "../" + late + "?done=not-asked");
        }
        assertThat(post(all, "/machines/" + UUID.randomUUID() + "/ask-again", "reason=late", SAME_ORIGIN)
                        .status())
                .isEqualTo(409);
        assertThat(Operator.of(bmdb).actions(null, null, 10)).hasSize(1);
    }

    @Test
    void theRolloutUnderWayIsShownAndCanBePausedResumedAndAbortedByThoseWhoMay() throws Exception {
        UUID bad = fleet.machine("bad", "l");
        UUID baking = fleet.machine("baking", "l");
        fleet.rollout("Stopped", "3 machine(s) failed", "2.1", bad, "Returned", "the new agent is silent for 10 min");
        long id = fleet.rollout("Running", null, "2.2", baking, "Baking", null);
        WebConsole all = operators();
        Map<String, String> host = Map.of("Host", "localhost");

        String page = text(get(all, "/", host));
        assertThat(page)
                .contains("Rollout " + id + " of agent 2.2", "to racks: running", "<b>25</b> done", "<b>1</b> watched")
                .contains("racks: stopped", "3 machine(s) failed", "the new agent is silent for 10 min")
                .contains("machines/" + bad, "rollouts/" + id + "/pause", "rollouts/" + id + "/abort")
                .doesNotContain("/resume");
        assertThat(text(get(all, "/api/v1/rollouts/" + id, host))).contains("\"state\":\"running\"", "\"done\":25");

        WebConsole some =
                console((principal, action, on) -> action == Verb.PAUSE_ROLLOUT, request -> Optional.of("oncall"));
        assertThat(text(get(some, "/", host))).contains("/pause\"").doesNotContain("/abort\"");
        assertThat(post(some, "/rollouts/" + id + "/abort", "reason=x", SAME_ORIGIN)
                        .status())
                .isEqualTo(403);
        assertThat(text(get(console, "/", host))).doesNotContain("rollouts/");
        assertThat(post(all, "/rollouts/" + id + "/pause", "reason=+", SAME_ORIGIN)
                        .status())
                .isEqualTo(400);
        assertThat(post(all, "/rollouts/" + id + "/explode", "reason=x", SAME_ORIGIN)
                        .status())
                .isEqualTo(400);
        assertThat(post(all, "/rollouts/x/pause", "reason=x", SAME_ORIGIN).status())
                .isEqualTo(400);

        WebResponse paused = post(all, "/rollouts/" + id + "/pause", "reason=a+look", SAME_ORIGIN);
        assertThat(paused.status()).isEqualTo(303);
        assertThat(paused.headers()).containsEntry("Location", "../../?done=rollout-paused");
        assertThat(post(all, "/rollouts/" + id + "/pause", "reason=again", SAME_ORIGIN)
                        .headers())
                .containsEntry("Location", "../../?done=rollout-not-running");
        assertThat(text(get(all, "/?done=rollout-paused", host)))
                .contains("The rollout is paused", "to racks: paused", "oncall: a look", "rollouts/" + id + "/resume");
        post(all, "/rollouts/" + id + "/resume", "reason=well", SAME_ORIGIN);
        post(all, "/rollouts/" + id + "/abort", "reason=enough", SAME_ORIGIN);
        assertThat(text(get(all, "/", host))).contains("to racks: aborted").doesNotContain("action=\"rollouts/");

        assertThat(Operator.of(bmdb).actions(null, null, 10))
                .extracting(OperatorAction::verb, OperatorAction::reason, OperatorAction::by, OperatorAction::channel)
                .extracting(Object::toString)
                .containsExactly(
                        "(\"AbortRollout\", \"enough\", \"oncall\", the page)",
                        "(\"ResumeRollout\", \"well\", \"oncall\", the page)",
                        "(\"PauseRollout\", \"a look\", \"oncall\", the page)");
    }

    @Test
    void aChangeWithoutAReasonIsRefused() throws Exception {
        UUID machine = fleet.machine("m", "l");
        WebResponse response = post(operators(), "/machines/" + machine + "/quarantine", "reason=+", SAME_ORIGIN);
        assertThat(response.status()).isEqualTo(400);
        assertThat(text(response)).contains("say why: reason is missing");
        assertThat(post(operators(), "/machines/" + machine + "/pause", "reason=x&minutes=-1", SAME_ORIGIN)
                        .status())
                .isEqualTo(400);
        assertThat(post(operators(), "/machines/" + machine + "/explode", "reason=x", SAME_ORIGIN)
                        .status())
                .isEqualTo(400);
        assertThat(Operator.of(bmdb).quarantined()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "Origin=http://attacker.example",
                "Origin=null",
                "Sec-Fetch-Site=cross-site",
                "Sec-Fetch-Site=same-site",
                "Origin=http://localhost:9090",
                "X-Nothing=at all"
            })
    void aRequestOfAnotherPageChangesNothing(String header) throws Exception {
        UUID machine = fleet.machine("m", "l");
        String[] pair = header.split("=");
        WebResponse response =
                post(operators(), "/machines/" + machine + "/quarantine", "reason=x", Map.of(pair[0], pair[1]));
        assertThat(response.status()).isEqualTo(403);
        assertThat(Operator.of(bmdb).quarantined()).isEmpty();
    }

    @Test
    void programsChangeThingsByTheApi() throws Exception {
        UUID machine = fleet.machine("m", "l");
        Map<String, String> headers = Map.of("Content-Type", "application/json", "X-Shepherd-Request", "yes");
        WebResponse response =
                post(operators(), "/api/v1/machines/" + machine + "/quarantine", "{\"reason\": \"it burns\"}", headers);
        assertThat(response.status()).isEqualTo(200);
        assertThat(text(response)).contains("\"outcome\":\"quarantined\"", "\"changed\":true");
        assertThat(text(get(operators(), "/api/v1/machines/" + machine + "/actions", Map.of("Host", "localhost"))))
                .contains("\"through\":\"API\"", "\"reason\":\"it burns\"");
        WebResponse form = post(operators(), "/api/v1/machines/" + machine + "/release", "reason=x", SAME_ORIGIN);
        assertThat(form.status()).isEqualTo(400);
        assertThat(text(form)).contains("{\"error\":\"the content must be JSON");
        assertThat(post(operators(), "/api/v1/machines/" + machine + "/release", "{", headers)
                        .status())
                .isEqualTo(400);
    }

    @Test
    void allUrlsAreRelative() throws Exception {
        UUID machine = fleet.machine("m", "l");
        for (String page : List.of("/", "/machines", "/machines/" + machine, "/actions", "/a/b/c")) {
            assertThat(text(get(page)))
                    .as(page)
                    .doesNotContain("href=\"/")
                    .doesNotContain("src=\"/")
                    .doesNotContain("action=\"/")
                    .doesNotContain("http://")
                    .doesNotContain("https://");
        }
        assertThat(text(get("/machines/" + machine))).contains("href=\"../assets/shepherd.css\"");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "/assets/../WebConsole.class",
                "/assets/..%2fWebConsole.class",
                "/assets//etc/passwd",
                "/assets/",
                "/machines/../../etc/passwd",
                "/nothing",
                "/api/v1",
                "/api/v1/nothing",
                "/live/x"
            })
    void whatIsNotThereIsNotFound(String path) throws Exception {
        assertThat(get(path).status()).isIn(404, 400);
        assertThat(text(get(path))).doesNotContain("root:").doesNotContain("CAFEBABE");
    }

    @Test
    void badParametersAreNamed() throws Exception {
        assertThat(text(get("/machines?state=burning"))).contains("state must be one of quarantined, missing");
        assertThat(get("/machines?state=burning").status()).isEqualTo(400);
        assertThat(get("/machines?text=" + "x".repeat(200)).status()).isEqualTo(400);
        assertThat(get("/machines?text=%").status()).isEqualTo(400);
        assertThat(get("/machines?selector=rack+7").status()).isEqualTo(400);
        assertThat(get("/machines?provider=No%20Such").status()).isEqualTo(400);
        assertThat(get("/machines?after=nowhere").status()).isEqualTo(400);
        assertThat(get("/machines/not-an-id").status()).isEqualTo(400);
        assertThat(get("/machines/" + UUID.randomUUID()).status()).isEqualTo(404);
        assertThat(get("/api/v1/machines?limit=0").status()).isEqualTo(400);
        // Nothing but what was done can be said through the URL.
        assertThat(text(get("/?done=Your+password+has+expired"))).doesNotContain("expired");
    }

    @Test
    void hostNamesAreChecked() {
        assertThatThrownBy(() -> WebConsole.builder().hosts(Set.of("localhost:8080")))
                .hasMessageContaining("has no port");
        assertThatThrownBy(() -> WebConsole.builder().hosts(Set.of("::1"))).hasMessageContaining("brackets");
        assertThatThrownBy(() -> WebConsole.builder().hosts(Set.of())).hasMessageContaining("must be a host");
    }

    @Test
    void noThreadExistsBeforeTheStartAndAfterTheClose() throws Exception {
        assertThat(threads()).isEmpty();
        console.start();
        console.start();
        assertThat(threads()).containsExactly("shepherd-web-watch");
        console.close();
        console.close();
        assertThat(threads()).isEmpty();
        assertThatThrownBy(console::start).isInstanceOf(IllegalStateException.class);
    }

    static List<String> threads() {
        return Thread.getAllStackTraces().keySet().stream()
                .map(Thread::getName)
                .filter(name -> name.startsWith("shepherd-web"))
                .sorted()
                .toList();
    }
}
