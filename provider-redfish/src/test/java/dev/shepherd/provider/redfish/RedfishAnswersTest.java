package dev.shepherd.provider.redfish;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.sun.net.httpserver.HttpServer;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderException.Scope;
import dev.shepherd.api.ProviderID;
import dev.shepherd.testkit.LogCapture;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** What BMCs are known to answer to a boot override, answer by answer; each test is named after it. */
class RedfishAnswersTest {

    @RegisterExtension
    final LogCapture log = LogCapture.of(RedfishProvider.class.getName());

    private record Answer(int status, String entityTag, String location, String body) {
        static Answer of(int status) {
            return new Answer(status, "", "", "");
        }

        static Answer of(String body) {
            return new Answer(200, "", "", body);
        }

        Answer tagged(String tag) {
            return new Answer(status, tag, location, body);
        }
    }

    /** What comes next at a method and a path; the last answer stays. */
    private final Map<String, Deque<Answer>> script = new HashMap<>();

    /** Each request: method and path, and of changes the entity tag and the body. */
    private final List<String> asked = new CopyOnWriteArrayList<>();

    private HttpServer server;
    private Rack rack;
    private ProviderID id;

    @BeforeEach
    void open(@TempDir Path folder) throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", exchange -> {
            String call = exchange.getRequestMethod() + " " + exchange.getRequestURI();
            String sent = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
            String tag = exchange.getRequestHeaders().getFirst("If-Match");
            asked.add((call + (tag == null ? "" : " if " + tag) + " " + sent).strip());
            Answer answer;
            synchronized (script) {
                Deque<Answer> left = script.getOrDefault(call, new ArrayDeque<>(List.of(Answer.of(404))));
                answer = left.size() > 1 ? left.remove() : left.element();
            }
            if (!answer.entityTag.isEmpty()) {
                exchange.getResponseHeaders().add("ETag", answer.entityTag);
            }
            if (!answer.location.isEmpty()) {
                exchange.getResponseHeaders().add("Location", answer.location);
            }
            byte[] body = answer.body.getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(answer.status, body.length == 0 ? -1 : body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.start();
        rack = new Rack(folder);
        id = rack.add(URI.create("http://127.0.0.1:" + server.getAddress().getPort()), "");
        says("GET /redfish/v1/", Answer.of("{\"Systems\": {\"@odata.id\": \"/all\"}}"));
        says("GET /all", Answer.of("{\"Members\": [{\"@odata.id\": \"/1\"}]}"));
        says("GET /1", system("Contoso"));
        says("PATCH /1", Answer.of(204));
        says("POST /reset", Answer.of(204));
    }

    @AfterEach
    void close() {
        rack.close();
        server.stop(0);
    }

    private void says(String call, Answer... answers) {
        synchronized (script) {
            script.put(call, new ArrayDeque<>(List.of(answers)));
        }
    }

    private static Answer system(String manufacturer) {
        return Answer.of("""
                {"Manufacturer": "%s", "PowerState": "On",
                 "Actions": {"#ComputerSystem.Reset": {"target": "/reset"}},
                 "Boot": {"BootSourceOverrideEnabled": "Disabled", "BootSourceOverrideMode": "UEFI"}}
                """.formatted(manufacturer));
    }

    private RedfishProvider provider() {
        return rack.provider("reinstall", "pxe", "allow-http", "true", "timeout", "20s");
    }

    private ProviderException failure() {
        RedfishProvider provider = provider();
        ProviderException failure = catchThrowableOfType(ProviderException.class, () -> provider.reinstallMachine(id));
        assertThat(failure).as("a ProviderException").isNotNull();
        assertThat(failure.scope()).isEqualTo(Scope.MACHINE);
        return failure;
    }

    private List<String> changes() {
        return asked.stream().filter(call -> !call.startsWith("GET")).toList();
    }

    private static final String ONCE =
            "{\"Boot\":{\"BootSourceOverrideEnabled\":\"Once\",\"BootSourceOverrideTarget\":\"Pxe\"}}";
    private static final String DISABLED = "{\"Boot\":{\"BootSourceOverrideEnabled\":\"Disabled\"}}";
    private static final String RESET = "POST /reset {\"ResetType\":\"ForceRestart\"}";

    // Tasks.

    @Test
    void anOverrideThatIsATaskIsFollowedToItsEndBeforeTheReset() throws Exception {
        says("PATCH /1", new Answer(202, "", "/monitor", ""));
        says("GET /monitor", Answer.of(202), Answer.of(202), Answer.of("{\"TaskState\": \"Completed\"}"));

        provider().reinstallMachine(id);

        assertThat(asked).endsWith("PATCH /1 " + ONCE, "GET /monitor", "GET /monitor", "GET /monitor", RESET);
    }

    @Test
    void aTaskWithoutAMonitorIsFollowedByItself() throws Exception {
        says("PATCH /1", new Answer(202, "", "", "{\"@odata.id\": \"/task\", \"TaskState\": \"New\"}"));
        says("GET /task", Answer.of("{\"TaskState\": \"Running\"}"), Answer.of("{\"TaskState\": \"Completed\"}"));

        provider().reinstallMachine(id);

        assertThat(asked).endsWith("PATCH /1 " + ONCE, "GET /task", "GET /task", RESET);
    }

    @Test
    void aMonitorThatIsGoneIsTheEndOfItsTask() throws Exception {
        says("PATCH /1", new Answer(202, "", "/monitor", ""));
        says("GET /monitor", Answer.of(202), Answer.of(404));

        provider().reinstallMachine(id);

        assertThat(changes()).containsExactly("PATCH /1 " + ONCE, RESET);
    }

    @Test
    void anOverrideWhoseTaskFailsIsTakenBackAndNothingIsReset() {
        for (String state : List.of("Exception", "Killed", "Cancelled")) {
            asked.clear();
            says("PATCH /1", new Answer(202, "", "/monitor", ""), Answer.of(204));
            says("GET /monitor", Answer.of(202), Answer.of("{\"TaskState\": \"" + state + "\"}"));

            assertThat(failure())
                    .hasMessageContaining("setting the boot source ended as " + state)
                    .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.TRANSIENT));
            assertThat(changes()).containsExactly("PATCH /1 " + ONCE, "PATCH /1 " + DISABLED);
        }
    }

    // Entity tags.

    @Test
    void anEntityTagThatHasChangedIsReadAgain() throws Exception {
        says("GET /1", system("Contoso").tagged("\"1\""), system("Contoso").tagged("\"2\""));
        says("PATCH /1", Answer.of(412), Answer.of(204));

        provider().reinstallMachine(id);

        assertThat(changes()).containsExactly("PATCH /1 if \"1\" " + ONCE, "PATCH /1 if \"2\" " + ONCE, RESET);
    }

    @Test
    void anEntityTagThatChangesAgainIsAConflictAndNothingIsReset() {
        says("GET /1", system("Contoso").tagged("\"1\""), system("Contoso").tagged("\"2\""));
        says("PATCH /1", Answer.of(412));

        assertThat(failure().reason()).isEqualTo(Reason.CONFLICT);

        assertThat(changes()).containsExactly("PATCH /1 if \"1\" " + ONCE, "PATCH /1 if \"2\" " + ONCE);
    }

    // Boot modes.

    @Test
    void aSupermicroThatIsNotToldItsBootModeBootsByLegacySoItIsTold() throws Exception {
        says("GET /1", system("Supermicro"));

        provider().reinstallMachine(id);

        assertThat(changes())
                .containsExactly(
                        "PATCH /1 {\"Boot\":{\"BootSourceOverrideEnabled\":\"Once\",\"BootSourceOverrideTarget\":\"Pxe\","
                                + "\"BootSourceOverrideMode\":\"UEFI\"}}",
                        RESET);
    }

    @Test
    void othersRefuseABootModeSoTheyAreSentNone() throws Exception {
        provider().reinstallMachine(id);

        assertThat(changes()).containsExactly("PATCH /1 " + ONCE, RESET);
    }

    // What is longer than that of any BMC.

    @Test
    void linksAndEntityTagsAreKeptAndSentBackSoTheyAreShort() {
        says("GET /1", system("Contoso").tagged("\"" + "1".repeat(2_047) + "\""));
        assertThat(failure()).hasMessageContaining("/1 has an entity tag that cannot be sent back");

        says("GET /all", Answer.of("{\"Members\": [{\"@odata.id\": \"/" + "1".repeat(2_048) + "\"}]}"));
        assertThat(failure()).hasMessageContaining("/all has a link of 2049 characters");
        assertThat(changes()).isEmpty();
    }

    @Test
    void anAnswerOfMoreTokensThanItsLengthAccountsForIsNotRead() {
        says("GET /1", Answer.of("{\"Oem\": [" + "{},".repeat(70_000) + "0]}"));

        assertThat(failure())
                .hasMessageContaining("the answer cannot be read (StreamConstraintsException)")
                .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.TRANSIENT));
    }

    @Test
    void moreSystemsThanAnyChassisHasAreNotCollected() {
        StringBuilder members = new StringBuilder("{\"Members\": [{\"@odata.id\": \"/0\"}");
        for (int i = 1; i <= 10_000; i++) {
            members.append(",{\"@odata.id\": \"/").append(i).append("\"}");
        }
        says("GET /all", Answer.of(members + "]}"));

        assertThat(failure()).hasMessageContaining("/all goes on after 10000 systems or pages, or long paths");
    }

    @Test
    void ofManySystemsAMessageNamesTheFirst() {
        StringBuilder members = new StringBuilder("{\"Members\": [{\"@odata.id\": \"/0\"}");
        for (int i = 1; i < 500; i++) {
            members.append(",{\"@odata.id\": \"/").append(i).append("\"}");
        }
        says("GET /all", Answer.of(members + "]}"));

        assertThat(failure())
                .hasMessageContaining("it manages 500 systems")
                .hasMessageEndingWith("/18, /19 and 480 more");
    }
}
