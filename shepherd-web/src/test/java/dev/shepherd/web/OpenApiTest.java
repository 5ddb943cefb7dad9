package dev.shepherd.web;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import com.networknt.schema.Schema;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import dev.shepherd.api.Availability;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.fleet.MachineState;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.bmdb.operator.Verb;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.testkit.agent.TestHardware;
import dev.shepherd.testkit.database.BmdbExtension;
import dev.shepherd.testkit.provider.FakeProvider;
import dev.shepherd.web.http.WebRequest;
import dev.shepherd.web.http.WebResponse;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Holds the answers of the HTTP API to its description, and the description to the answers. */
class OpenApiTest {

    private static final JsonNode DESCRIPTION = description();

    @RegisterExtension
    static final BmdbExtension database = BmdbExtension.create();

    private final FakeProvider provider = FakeProvider.create(new ProviderType("racks"));

    /** The properties of the description that an answer had, as {@code Schema.property}. */
    private final Set<String> seen = new TreeSet<>();

    private Bmdb bmdb;
    private TestFleet fleet;
    private Shepherd shepherd;
    private WebConsole console;

    private static JsonNode description() {
        try (InputStream in = WebConsole.class.getResourceAsStream("openapi.yaml")) {
            return new YAMLMapper().readTree(in);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    @BeforeEach
    void open() throws Exception {
        bmdb = database.bmdb();
        fleet = new TestFleet(database.jdbcUrl());
        fleet.clear();
        shepherd = Shepherd.builder()
                .bmdb(bmdb)
                .provider(provider)
                .takeover(target -> {
                    throw new IllegalStateException("no loop runs here");
                })
                .build();
        console = WebConsole.builder()
                .bmdb(bmdb)
                .shepherd(shepherd)
                .countInterval(Duration.ofSeconds(1))
                .authenticator(request -> Optional.of("oncall"))
                .authorizer((principal, action, machine) -> true)
                .build();
    }

    @AfterEach
    void close() {
        console.close();
        shepherd.close();
    }

    private WebResponse request(String method, String path, String query, String body) throws InterruptedException {
        return console.handle(new WebRequest(
                method,
                "/api/v1" + path,
                query,
                Map.of("Host", "localhost", "Content-Type", "application/json", "X-Shepherd-Request", "1"),
                body.getBytes(StandardCharsets.UTF_8),
                false));
    }

    /** Returns an answer after it was held to the description of its path. */
    private JsonNode answer(String method, String template, String path, String query, String body) throws Exception {
        WebResponse response = request(method, path, query, body);
        JsonNode said = DESCRIPTION.path("paths").path(template).path(method.toLowerCase(java.util.Locale.ROOT));
        assertThat(said.isObject())
                .as(method + " " + template + " is described")
                .isTrue();
        JsonNode described = resolve(said.path("responses").path(String.valueOf(response.status())));
        String text = new String(response.body(), StandardCharsets.UTF_8);
        assertThat(described.isObject())
                .as("%s %s may answer %s: %s", method, template, response.status(), text)
                .isTrue();
        assertThat(response.headers()).containsEntry("Content-Type", "application/json");
        JsonNode schema = described.path("content").path("application/json").path("schema");
        JsonNode json = new ObjectMapper().readTree(text);
        assertThat(validator(schema).validate(json))
                .as(method + " " + path + ": " + text)
                .isEmpty();
        note(schema, json, template);
        return json;
    }

    private JsonNode get(String template, String path) throws Exception {
        return answer("GET", template, path, "", "");
    }

    private static JsonNode resolve(JsonNode node) {
        return node.has("$ref") ? DESCRIPTION.at(node.get("$ref").asText().substring(1)) : node;
    }

    private static Schema validator(JsonNode schema) {
        ObjectNode whole = new ObjectMapper().createObjectNode();
        whole.set("components", DESCRIPTION.get("components"));
        whole.putArray("allOf").add(schema);
        return SchemaRegistry.withDefaultDialect(
                        SpecificationVersion.DRAFT_2020_12,
                        registry -> registry.schemaRegistryConfig(com.networknt.schema.SchemaRegistryConfig.builder()
                                .formatAssertionsEnabled(true)
                                .build()))
                .getSchema(whole);
    }

    /** Notes which of the described properties an answer has. */
    private void note(JsonNode reference, JsonNode json, String at) {
        JsonNode schema = resolve(reference);
        String name = reference.has("$ref") ? reference.get("$ref").asText().replaceFirst(".*/", "") : at;
        if (json.isArray()) {
            json.forEach(item -> note(schema.path("items"), item, name));
        }
        json.properties().forEach(property -> {
            seen.add(name + "." + property.getKey());
            note(
                    schema.path("properties").path(property.getKey()),
                    property.getValue(),
                    name + "." + property.getKey());
        });
    }

    /** Lists all properties that answers may have, as {@link #note} does. */
    private static void described(JsonNode schema, String at, Set<String> all) {
        schema.path("properties").properties().forEach(property -> {
            all.add(at + "." + property.getKey());
            JsonNode value = property.getValue();
            described(value, at + "." + property.getKey(), all);
            if (!value.path("items").has("$ref")) {
                described(value.path("items"), at + "." + property.getKey(), all);
            }
        });
    }

    @Test
    void theValidatorFindsWhatDiffers() throws Exception {
        Schema error = validator(DESCRIPTION.at("/components/responses/Error/content/application~1json/schema"));
        ObjectMapper mapper = new ObjectMapper();
        assertThat(error.validate(mapper.readTree("{\"error\":\"x\"}"))).isEmpty();
        assertThat(error.validate(mapper.readTree("{\"error\":1}"))).isNotEmpty();
        assertThat(error.validate(mapper.readTree("{}"))).isNotEmpty();
        assertThat(error.validate(mapper.readTree("{\"error\":\"x\",\"more\":1}")))
                .isNotEmpty();
        Schema machine = validator(mapper.readTree("{\"$ref\":\"#/components/schemas/Pauses\"}"));
        String pause = "{\"pauses\":[{\"id\":\"%s\",\"by\":\"oncall\",\"reason\":\"r\",\"since\":\"%s\"}]}";
        UUID id = UUID.randomUUID();
        assertThat(machine.validate(mapper.readTree(pause.formatted(id, "2030-01-01T00:00:00Z"))))
                .isEmpty();
        assertThat(machine.validate(mapper.readTree(pause.formatted(id, "yesterday"))))
                .isNotEmpty();
        assertThat(machine.validate(mapper.readTree(pause.formatted("x", "2030-01-01T00:00:00Z"))))
                .isNotEmpty();
    }

    @Test
    void anEmptyFleetIsAnsweredAsDescribed() throws Exception {
        for (String path : List.of("/fleet", "/machines", "/actions", "/pauses", "/sessions", "/rollouts")) {
            get(path, path);
        }
        UUID absent = UUID.randomUUID();
        assertThat(get("/machines/{machine}", "/machines/" + absent).has("error"))
                .isTrue();
        get("/machines/{machine}/history", "/machines/" + absent + "/history");
        get("/machines/{machine}/actions", "/machines/" + absent + "/actions");
        assertThat(get("/machines/{machine}/hardware", "/machines/" + absent + "/hardware"))
                .hasToString("{\"changes\":[]}");
    }

    @Test
    void everyPropertyThatIsDescribedIsInAnAnswerAndNoOther() throws Exception {
        UUID bare = fleet.machine("bare", null);
        fleet.execute(
                "update machine_provided set provider_status = null, provider_ip_address = null"
                        + " where machine_id = ?",
                bare);
        UUID hostile = fleet.hostile("<b>\u202e");
        UUID lively = fleet.lively();
        fleet.execute("update machine_provided set provider_ssh_port = 2222 where machine_id = ?", lively);
        fleet.execute(
                "insert into work_backoff (machine_id, process, until, cause, last_interval_seconds)"
                        + " values (?, 'ShepherdRecovery', now() + interval '1 hour', 'refused', 60)",
                lively);
        fleet.execute("update machine_agent_started set agent_sha256 = sha256('a'), agent_version = '2.0'");
        fleet.execute("insert into machine_os_installation_request values (?, 2, '')", lively);
        fleet.execute("insert into machine_os_installation_report values (?, 1, 'Error', '')", lively);
        fleet.execute(
                "insert into pauses values (gen_random_uuid(), null, 'racks', 'ShepherdRecovery', 'oncall', 'r', now(),"
                        + " now() + interval '1 hour')");
        fleet.execute("insert into machine_labels values (?, 'rack', '7', 'Operator')", lively);
        fleet.execute("insert into pauses (pause_id, paused_by, pause_reason, paused_at, pause_selector)"
                + " values (gen_random_uuid(), 'oncall', 'r', now(), 'rack=6')");
        fleet.disruption(lively, "HeldBack", "windows", "it is day");
        fleet.disruption(bare, "Draining", null, "");
        fleet.execute("update work_history set session_id = gen_random_uuid()");
        // Not by a session, whose process would end those that were written here.
        fleet.hardware(lively, TestHardware.withFailingDisk("S1"), "a disk: critical warning");
        fleet.hardware(hostile, new byte[] {1}, "it is empty");
        for (int i = 0; i < 30; i++) {
            fleet.execute(
                    "insert into operator_actions (acted_at, acted_by, channel, verb, reason) select now(), 'oncall', c,"
                            + " 'Quarantine', 'r' from unnest(array['Page', 'CommandLine', 'API', 'Program']) c");
        }
        console.start();
        await().untilAsserted(() ->
                assertThat(get("/fleet", "/fleet").path("machines").asInt()).isEqualTo(414));

        for (MachineState state : MachineState.values()) {
            assertThat(answer("GET", "/machines", "/machines", "limit=1000&state=" + state.word(), "")
                            .path("machines"))
                    .as(state.word())
                    .isNotEmpty();
        }
        JsonNode page = answer("GET", "/machines", "/machines", "limit=100", "");
        answer(
                "GET",
                "/machines",
                "/machines",
                "limit=100&after=" + encoded(page.path("after").asText()),
                "");
        answer("GET", "/machines", "/machines", "limit=ten", "");
        assertThat(answer("GET", "/machines", "/machines", "selector=" + encoded("rack in (6,7),tier!=db"), "")
                        .at("/machines/0/labels/0/value")
                        .asText())
                .isEqualTo("7");
        assertThat(answer("GET", "/machines", "/machines", "selector=" + encoded("rack=7,"), "")
                        .path("error")
                        .asText())
                .contains("at character 8 of the selector");
        List<UUID> machines = new ArrayList<>(List.of(bare, hostile, lively));
        for (String state : List.of("takeover", "failing", "up", "quarantined")) {
            answer("GET", "/machines", "/machines", "limit=1000&state=" + state, "")
                    .path("machines")
                    .forEach(one -> machines.add(UUID.fromString(one.path("id").asText())));
        }
        for (UUID machine : machines.subList(0, Math.min(40, machines.size()))) {
            get("/machines/{machine}", "/machines/" + machine);
            get("/machines/{machine}/history", "/machines/" + machine + "/history");
            get("/machines/{machine}/actions", "/machines/" + machine + "/actions");
        }
        for (UUID machine : List.of(bare, hostile, lively)) {
            get("/machines/{machine}/hardware", "/machines/" + machine + "/hardware");
        }
        for (String path : List.of("/actions", "/pauses", "/sessions")) {
            get(path, path);
        }
        JsonNode rollouts = get("/rollouts", "/rollouts").path("rollouts");
        assertThat(rollouts.findValuesAsText("state")).containsExactly("running", "stopped", "stopped");
        for (JsonNode rollout : rollouts) {
            get("/rollouts/{rollout}", "/rollouts/" + rollout.path("id").asText());
        }

        Set<String> all = new TreeSet<>();
        DESCRIPTION.at("/components/schemas").properties().forEach(one -> described(one.getValue(), one.getKey(), all));
        all.removeIf(name -> name.startsWith("Outcome."));
        // Of loops that have run; those of this test do not.
        all.removeIf(name -> name.matches("Fleet\\.loops\\.(last|next).*"));
        seen.removeIf(name -> name.startsWith("/"));
        assertThat(seen).containsExactlyElementsOf(all);
    }

    private static String encoded(String text) {
        return java.net.URLEncoder.encode(text, StandardCharsets.UTF_8);
    }

    @Test
    void loopsThatHaveRunAndFailedAreAnsweredAsDescribed() throws Exception {
        provider.failAll(FakeProvider.Operation.LIST, new IllegalStateException("it is on fire"));
        shepherd.start();
        await().atMost(Duration.ofSeconds(30))
                .until(() -> get("/fleet", "/fleet").path("loops").findValue("lastError") != null
                        && seen.contains("Fleet.loops.lastRunTook"));
        assertThat(seen).contains("Fleet.loops.lastRunAt", "Fleet.loops.lastError.at", "Fleet.loops.lastError.current");
    }

    @Test
    void everyActionIsAnsweredAsDescribedAndLeavesWhatIsDescribed() throws Exception {
        provider.onReinstall(id -> {});
        Set<String> outcomes = new HashSet<>();
        List<String> verbs = new ArrayList<>();
        List<UUID> installed = new ArrayList<>();
        JsonNode post = DESCRIPTION.at("/paths/~1machines~1{machine}~1{verb}/post");
        post.path("parameters").forEach(parameter -> {
            if (parameter.path("name").asText().equals("verb")) {
                parameter.path("schema").path("enum").forEach(verb -> verbs.add(verb.asText()));
            }
        });
        assertThat(verbs).hasSize(13);
        for (String verb : verbs) {
            UUID machine = rebootable("rack-" + verb);
            fleet.execute("insert into machine_ssh_host_key values (?, 'ssh-ed25519 AAAA', now())", machine);
            if (verb.equals("release")) {
                fleet.execute("insert into machine_quarantine values (?, now(), 'recoverer', 'in vain')", machine);
            }
            if (verb.equals("restart-agent")) {
                fleet.execute("insert into machine_agent_started values (?, now(), '')", machine);
            }
            if (verb.equals("take-back-installation")) {
                fleet.execute("insert into machine_os_installation_request values (?, 2, '')", machine);
            }
            if (verb.equals("install")) {
                installed.add(machine);
            }
            if (verb.equals("ask-again")) {
                fleet.disruption(machine, "Draining", null, "");
            }
            if (verb.equals("retry")) {
                fleet.execute(
                        "insert into work_backoff (machine_id, process, until, cause, last_interval_seconds)"
                                + " values (?, 'ShepherdAgentStart', now() + interval '1 hour', 'refused', 60)",
                        machine);
            }
            for (int i = 0; i < 2; i++) {
                JsonNode done = answer(
                        "POST",
                        "/machines/{machine}/{verb}",
                        "/machines/" + machine + "/" + verb,
                        "",
                        "{\"reason\": \"a test\", \"force\": true, \"minutes\": 5, \"request\": \"AQID\","
                                + " \"labels\": \"rack=7 tier-\"}");
                outcomes.add(done.path("outcome").asText());
                get("/machines/{machine}", "/machines/" + machine);
                get("/machines/{machine}/actions", "/machines/" + machine + "/actions");
                get("/machines/{machine}/history", "/machines/" + machine + "/history");
            }
        }
        assertThat(installed)
                .singleElement()
                .satisfies(machine -> assertThat(bmdb.machine(machine)
                                .orElseThrow()
                                .installationRequest()
                                .orElseThrow()
                                .raw())
                        .containsExactly(1, 2, 3));
        UUID pause = Operator.of(bmdb).pauses().get(0).id();
        fleet.execute("insert into recovery_freeze (provider, location, frozen_at, silent_since, freeze_evidence)"
                + " values ('racks', '', now(), now(), 'many')");
        for (int i = 0; i < 2; i++) {
            outcomes.add(answer("POST", "/pauses/{pause}/end", "/pauses/" + pause + "/end", "", "{\"reason\": \"r\"}")
                    .path("outcome")
                    .asText());
            outcomes.add(answer(
                            "POST",
                            "/freezes/release",
                            "/freezes/release",
                            "",
                            "{\"reason\": \"r\", \"provider\":\"racks\"}")
                    .path("outcome")
                    .asText());
        }
        long rollout = fleet.rollout("Running", null, "2.2", rebootable("baking"), "Baking", null);
        for (String verb : List.of("pause", "pause", "resume", "resume", "abort", "abort")) {
            outcomes.add(answer(
                            "POST",
                            "/rollouts/{rollout}/{verb}",
                            "/rollouts/" + rollout + "/" + verb,
                            "",
                            "{\"reason\": \"r\"}")
                    .path("outcome")
                    .asText());
        }
        assertThat(outcomes)
                .contains(
                        "rollout-paused",
                        "rollout-not-running",
                        "rollout-resumed",
                        "rollout-not-paused",
                        "rollout-aborted",
                        "rollout-ended-before");
        assertThat(outcomes)
                .contains(
                        "paused",
                        "quarantined",
                        "released",
                        "trusted",
                        "rebooted",
                        "reinstalled",
                        "forgotten",
                        "resumed")
                .contains(
                        "agent-forgotten",
                        "no-agent",
                        "installation-requested",
                        "installation-taken-back",
                        "not-requested")
                .contains("labeled", "not-labeled", "asked-again")
                .contains("unfrozen", "not-frozen", "not-paused", "unknown", "not-backed-off", "retried");
        assertThat(outcomes)
                .isSubsetOf(Stream.of(Outcome.values()).map(Outcome::word).toList());
        for (String path : List.of("/fleet", "/machines", "/actions", "/pauses", "/sessions", "/rollouts")) {
            get(path, path);
        }
    }

    @Test
    void whatIsRefusedIsAnsweredAsDescribed() throws Exception {
        UUID machine = rebootable("rack-1-7");
        String path = "/machines/" + machine + "/";
        String template = "/machines/{machine}/{verb}";
        assertThat(answer("POST", template, path + "pause", "", "{}").has("error"))
                .isTrue();
        assertThat(answer("POST", template, path + "pause", "", "[]").has("error"))
                .isTrue();
        assertThat(answer("POST", template, path + "explode", "", "{\"reason\": \"r\"}")
                        .has("error"))
                .isTrue();
        assertThat(answer("POST", "/pauses/{pause}/end", "/pauses/x/end", "", "{\"reason\": \"r\"}")
                        .has("error"))
                .isTrue();
        assertThat(answer("POST", "/freezes/release", "/freezes/release", "", "{}")
                        .has("error"))
                .isTrue();
        for (String refused : List.of("/rollouts/1/explode", "/rollouts/x/pause")) {
            assertThat(answer("POST", "/rollouts/{rollout}/{verb}", refused, "", "{\"reason\": \"r\"}")
                            .has("error"))
                    .as(refused)
                    .isTrue();
        }
        assertThat(get("/rollouts/{rollout}", "/rollouts/99").has("error")).isTrue();
        assertThat(answer("GET", "/rollouts", "/rollouts", "limit=101", "").has("error"))
                .isTrue();
        answer("POST", template, path + "pause", "", "{\"reason\": \"r\"}");
        assertThat(answer("POST", template, path + "reboot", "", "{\"reason\": \"r\"}")
                        .path("error")
                        .asText())
                .contains("paused");
        for (String get :
                List.of("/machines/{machine}", "/machines/{machine}/history", "/machines/{machine}/actions")) {
            assertThat(get(get, get.replace("{machine}", "x")).has("error"))
                    .as(get)
                    .isTrue();
        }
        for (String list :
                List.of("/actions", "/machines/" + machine + "/history", "/machines/" + machine + "/actions")) {
            String described = list.replace(machine.toString(), "{machine}");
            assertThat(answer("GET", described, list, "limit=0", "").has("error"))
                    .as(list)
                    .isTrue();
        }
        provider.failNext(FakeProvider.Operation.REBOOT, new IllegalStateException("down"));
        UUID another = rebootable("rack-1-8");
        console.close();
        console = WebConsole.builder()
                .bmdb(bmdb)
                .authenticator(request -> Optional.of("oncall"))
                .authorizer((principal, action, on) -> action == Verb.REBOOT)
                .build();
        assertThat(answer("POST", template, "/machines/" + another + "/reboot", "", "{\"reason\": \"r\"}")
                        .path("error")
                        .asText())
                .contains("runs no loops");
        assertThat(answer("POST", template, path + "pause", "", "{\"reason\": \"r\"}")
                        .path("error")
                        .asText())
                .contains("may not");
        answer("POST", "/pauses/{pause}/end", "/pauses/" + UUID.randomUUID() + "/end", "", "{\"reason\": \"r\"}");
        answer("POST", "/freezes/release", "/freezes/release", "", "{\"reason\": \"r\"}");
        assertThat(answer("POST", "/rollouts/{rollout}/{verb}", "/rollouts/1/abort", "", "{\"reason\": \"r\"}")
                        .path("error")
                        .asText())
                .contains("may not");
    }

    private UUID rebootable(String id) throws Exception {
        provider.addMachine(new MachineInfo(
                new ProviderID(id),
                Optional.of(InetAddress.getByName("192.0.2.7")),
                Availability.KNOWN_USED,
                false,
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                OptionalInt.empty(),
                Optional.empty(),
                Map.of()));
        return fleet.machine(id, "hall 1");
    }

    /** Paths of the API are not listed anywhere but in its code, so what is not described is looked for by guessing. */
    @Test
    void whatIsNotDescribedIsNotThere() throws Exception {
        UUID machine = fleet.machine("m", "l");
        List<String> words = List.of(
                "fleet",
                "machines",
                "actions",
                "pauses",
                "sessions",
                "rollouts",
                "history",
                "freezes",
                "loops",
                "hardware",
                "explain",
                "backoffs",
                "quarantined",
                "live",
                "metrics",
                "release",
                "end",
                "reboot",
                "openapi.yaml",
                "");
        Set<String> templates = new HashSet<>();
        DESCRIPTION.path("paths").fieldNames().forEachRemaining(templates::add);
        for (String first : words) {
            List<String> paths = new ArrayList<>(List.of("/" + first, "/" + first + "/" + machine));
            words.forEach(word -> paths.add("/" + first + "/" + machine + "/" + word));
            for (String path : paths) {
                int status = request("GET", path, "", "").status();
                boolean described = path.equals("/openapi.yaml")
                        || DESCRIPTION
                                .path("paths")
                                .path(path.replace(
                                        machine.toString(), first.equals("pauses") ? "{pause}" : "{machine}"))
                                .has("get");
                assertThat(status).as("GET " + path).isEqualTo(described ? 200 : 404);
            }
        }
        assertThat(templates).hasSizeGreaterThanOrEqualTo(10);
    }
}
