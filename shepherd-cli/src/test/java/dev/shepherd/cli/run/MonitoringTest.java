package dev.shepherd.cli.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import dev.shepherd.cli.CommandLineProcess;
import dev.shepherd.manager.takeover.SshCredentials;
import dev.shepherd.testkit.agent.TestAgent;
import dev.shepherd.testkit.database.BmdbExtension;
import dev.shepherd.testkit.ssh.Mood;
import dev.shepherd.testkit.ssh.SshHost;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/**
 * Holds the document, the alerts and the dashboard to what a running {@code shepherd run} exports, and the rules to
 * Prometheus' own tool.
 */
class MonitoringTest {

    private static final Duration LIMIT = Duration.ofMinutes(2);
    private static final String TOKEN = "u0HcT5qk2vWmR8sZ1xYb";
    private static final Path DOCUMENT = Path.of("..", "docs", "metrics.md");
    private static final Path MONITORING = Path.of("..", "docs", "monitoring");
    private static final Pattern METRIC = Pattern.compile("\\b(?:shepherd|jvm|process)_[a-z0-9_]+");
    private static final Pattern SELECTOR = Pattern.compile("([a-z][a-z0-9_]+)\\{([^}]*)\\}");
    private static final Pattern MATCHER = Pattern.compile("([a-z_]+)(=~|!~|!=|=)\"([^\"]*)\"");

    /** What Prometheus adds, and what has names that only a fleet knows. */
    private static final Set<String> OF_ANY_VALUE = Set.of("job", "instance", "provider");

    @RegisterExtension
    static final BmdbExtension database = BmdbExtension.create();

    @TempDir
    static Path folder;

    private static final HttpClient http = HttpClient.newHttpClient();
    private static SshHost good;
    private static SshHost refusing;
    private static CommandLineProcess process;
    private static String url;

    /** What the process shows once each part of it has done something. */
    private static String exported;

    @BeforeAll
    static void run() throws Exception {
        Path key = folder.resolve("id_ed25519");
        String publicKey = SshCredentials.generateIfAbsent(key).publicKey().orElseThrow();
        good = SshHost.builder().authorizedKey(publicKey).start();
        refusing = SshHost.builder()
                .authorizedKey(publicKey)
                .mood(Mood.REJECT_AUTHENTICATION)
                .start();
        Path list = Files.writeString(
                folder.resolve("machines.json"), "[%s,%s]".formatted(entry("good", good), entry("bad", refusing)));
        Path tokens = Files.createFile(
                folder.resolve("tokens"),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        Files.writeString(tokens, "prometheus viewer " + TOKEN + "\n");
        int port = freePort();
        url = "http://localhost:" + port + "/metrics";
        process = CommandLineProcess.start(
                folder,
                "run",
                "--provider",
                "static",
                "--type",
                "lab",
                "--property",
                "list=" + list.toUri(),
                "--database",
                database.jdbcUrl(),
                "--agent",
                TestAgent.write(folder.resolve("agent")).toString(),
                "--key",
                key.toString(),
                "--agent-listen",
                String.valueOf(freePort()),
                "--web-listen",
                String.valueOf(port),
                "--web-tokens",
                tokens.toString(),
                "--disruption-limit",
                "1 of raft-group",
                "--webhook",
                // Where no receiver is: its metrics are there all the same.
                "http://127.0.0.1:" + freePort() + "/",
                "--webhook-secret-file",
                Files.writeString(folder.resolve("webhook-secret"), "an-old-secret-of-the-receiver")
                        .toString());
        await().atMost(LIMIT).pollInterval(Duration.ofMillis(500)).until(() -> !process.isAlive() || isComplete());
        assertThat(process.isAlive()).as(process.log()).isTrue();
    }

    /** Whether a machine was taken over and heard, another one is backed off, and the fleet was counted since. */
    private static boolean isComplete() throws InterruptedException {
        try {
            exported = get(TOKEN, "").body();
        } catch (IOException e) {
            return false; // It does not listen yet.
        }
        return exported.contains("shepherd_fleet_backoffs{")
                && exported.contains("shepherd_fleet_machines{provider=\"lab\",state=\"up\"} 1.0")
                // The agent looks at its machine after its first heartbeat.
                && exported.contains("shepherd_fleet_hardware_disks_failing{")
                && exported.contains("jvm_gc_pause_seconds_count");
    }

    @AfterAll
    static void end() {
        for (AutoCloseable one : Arrays.asList(process, good, refusing)) {
            try {
                if (one != null) {
                    one.close();
                }
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        }
    }

    private static String entry(String id, SshHost host) {
        return "{\"ID\": \"%s\", \"Addr\": \"%s\", \"SSHPort\": %d}"
                .formatted(id, host.address().getHostAddress(), host.port());
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    private static HttpResponse<String> get(String token, String accept) throws IOException, InterruptedException {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url)).timeout(Duration.ofSeconds(20));
        if (!token.isEmpty()) {
            request.header("Authorization", "Bearer " + token);
        }
        if (!accept.isEmpty()) {
            request.header("Accept", accept);
        }
        return http.send(request.build(), HttpResponse.BodyHandlers.ofString());
    }

    private static String type(HttpResponse<String> response) {
        return response.headers().firstValue("Content-Type").orElse("");
    }

    /** A family of metrics: its type, and its labels with their values. */
    private record Family(String type, Map<String, Set<String>> labels) {}

    /** Returns what is exported; the longest of the last minutes goes with its histogram or summary. */
    private static Map<String, Family> families() {
        Map<String, Family> families = new TreeMap<>();
        for (MatchResult line : Pattern.compile("(?m)^# TYPE (\\S+) (\\S+)$")
                .matcher(exported)
                .results()
                .toList()) {
            families.put(line.group(1), new Family(line.group(2), new TreeMap<>()));
        }
        families.keySet()
                .removeIf(name -> name.endsWith("_max") && families.containsKey(name.substring(0, name.length() - 4)));
        for (String line : exported.lines().toList()) {
            Matcher sample = Pattern.compile("^([a-z0-9_]+)\\{(.*)\\} \\S+$").matcher(line);
            if (sample.matches()) {
                String name = sample.group(1);
                Family family = families.containsKey(name)
                        ? families.get(name)
                        : families.get(name.replaceFirst("_(bucket|count|sum|max)$", ""));
                for (MatchResult label :
                        MATCHER.matcher(sample.group(2)).results().toList()) {
                    if (!label.group(1).equals("le")) {
                        family.labels()
                                .computeIfAbsent(label.group(1), any -> new TreeSet<>())
                                .add(label.group(3));
                    }
                }
            }
        }
        return families;
    }

    /** The names of single series, such as that of the count of a histogram. */
    private static Set<String> series() {
        return exported.lines()
                .filter(line -> !line.startsWith("#"))
                .map(line -> line.replaceFirst("[{ ].*", ""))
                .collect(Collectors.toSet());
    }

    @Test
    void theDocumentHasEveryMetricWithItsTypeAndLabelsAndNoOther() throws Exception {
        Map<String, String> documented = new TreeMap<>();
        for (MatchResult row : Pattern.compile("(?m)^\\| `([a-z0-9_]+)` \\| (\\w+) \\|([^|]*)\\|([^|]+)\\|([^|]*)\\|$")
                .matcher(Files.readString(DOCUMENT))
                .results()
                .toList()) {
            Set<String> labels = Pattern.compile("`(\\w+)`")
                    .matcher(row.group(3))
                    .results()
                    .map(label -> label.group(1))
                    .collect(Collectors.toCollection(TreeSet::new));
            documented.put(row.group(1), row.group(2) + " " + labels);
        }
        Map<String, String> actual = new TreeMap<>();
        families()
                .forEach((name, family) ->
                        actual.put(name, family.type() + " " + family.labels().keySet()));

        assertThat(actual).hasSizeGreaterThan(60);
        assertThat(documented).isEqualTo(actual);
    }

    /** Of the labels whose values never change, each value is in the text of its metric. */
    @Test
    void theDocumentNamesTheValuesOfLabels() throws Exception {
        List<String> lines = Files.readAllLines(DOCUMENT);
        families().forEach((name, family) -> {
            if (!name.startsWith("shepherd_")) {
                return;
            }
            family.labels().forEach((label, values) -> {
                if (Set.of("provider", "version", "verb", "loop", "reason").contains(label)
                        || name.equals("shepherd_fleet_backoffs")
                        || name.equals("shepherd_agent_reports_total")
                        || name.equals("shepherd_agent_requests_total")
                        || label.equals("operation") && !name.equals("shepherd_provider_calls_seconds")
                        || label.equals("step") && !name.equals("shepherd_takeover_steps_seconds")
                        || label.equals("pool") && !name.equals("shepherd_database_pool_active")
                        || label.equals("queue") && !name.equals("shepherd_agent_queue_length")) {
                    return; // Said of another metric, or in another document.
                }
                String row = lines.stream()
                        .filter(line -> line.startsWith("| `" + name + "` |"))
                        .findFirst()
                        .orElseThrow();
                assertThat(values)
                        .as("%s of %s", label, name)
                        .allSatisfy(value -> assertThat(row).contains("`" + value + "`"));
            });
        });
    }

    @Test
    void onlyThoseWhoMayLookReadThemAsTextOrAsOpenMetrics() throws Exception {
        HttpResponse<String> text = get(TOKEN, "");
        assertThat(text.statusCode()).isEqualTo(200);
        assertThat(type(text)).isEqualTo("text/plain; version=0.0.4; charset=utf-8");
        HttpResponse<String> open =
                get(TOKEN, "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.4,*/*;q=0.1");
        assertThat(type(open)).isEqualTo("application/openmetrics-text; version=1.0.0; charset=utf-8");
        assertThat(open.body()).endsWith("# EOF\n");
        assertThat(type(get(TOKEN, "text/plain,application/openmetrics-text;q=0.5")))
                .startsWith("text/plain");
        assertThat(type(get(TOKEN, "application/openmetrics-text;q=0,*/*"))).startsWith("text/plain");
        assertThat(get("", "").statusCode()).isEqualTo(401);
        assertThat(get("another-token-of-20-chars", "").statusCode()).isEqualTo(401);
    }

    private static double value(String series) {
        return exported.lines()
                .filter(line -> line.startsWith(series + " "))
                .mapToDouble(line -> Double.parseDouble(line.substring(series.length() + 1)))
                .findFirst()
                .orElseThrow(() -> new AssertionError(series + " is not exported"));
    }

    @Test
    void theNumbersAreThoseOfWhatHappened() {
        assertThat(value("shepherd_fleet_machines{provider=\"lab\",state=\"failing\"}"))
                .isEqualTo(1);
        assertThat(value("shepherd_fleet_backoffs{kind=\"authentication_failed\",process=\"ShepherdAgentStart\","
                        + "provider=\"lab\"}"))
                .isEqualTo(1);
        assertThat(value("shepherd_takeovers_seconds_count{outcome=\"succeeded\",provider=\"lab\"}"))
                .isEqualTo(1);
        assertThat(value("shepherd_takeover_failures_total{kind=\"authentication_failed\",provider=\"lab\","
                        + "step=\"authenticate\"}"))
                .isEqualTo(1);
        assertThat(value("shepherd_provider_calls_seconds_count{operation=\"create\",outcome=\"ok\",provider=\"lab\"}"))
                .isEqualTo(2);
        assertThat(value("shepherd_agent_reports_total{outcome=\"ok\"}")).isPositive();
        assertThat(value("shepherd_sessions_held")).isPositive();
        assertThat(value("shepherd_database_wake_ups_connected")).isEqualTo(1);
        assertThat(value("process_cpu_seconds_total")).isBetween(0.1, 600.0);
    }

    @Test
    void aProcessWithoutLoopsShowsTheFleetAndTheDatabase() throws Exception {
        int port = freePort();
        try (CommandLineProcess serving = CommandLineProcess.start(
                folder, "serve", "--database", database.jdbcUrl(), "--web-listen", String.valueOf(port))) {
            HttpRequest request = HttpRequest.newBuilder(URI.create("http://localhost:" + port + "/metrics"))
                    .build();
            await().atMost(LIMIT).ignoreExceptions().untilAsserted(() -> {
                assertThat(serving.isAlive()).as(serving.log()).isTrue();
                assertThat(http.send(request, HttpResponse.BodyHandlers.ofString())
                                .body())
                        .contains("shepherd_fleet_machines{provider=\"lab\",state=\"up\"} 1.0")
                        .contains("shepherd_database_pool_limit{pool=\"shepherd\"}")
                        .doesNotContain("shepherd_loop_")
                        .doesNotContain("shepherd_agent_");
            });
        }
    }

    @Test
    void theToolOfPrometheusFindsNoFaultWithTheNames() throws Exception {
        assertThat(promtool(exported, "check", "metrics")).isEmpty();
    }

    @Test
    void theAlertsFireOnWhatTheyAreForAndStaySilentInAHealthyFleet() throws Exception {
        assertThat(promtool(
                        "", "check", "rules", MONITORING.resolve("alerts.yml").toString()))
                .contains("SUCCESS");
        assertThat(promtool(
                        "",
                        "test",
                        "rules",
                        MONITORING.resolve("alerts-test.yml").toString()))
                .contains("SUCCESS")
                .doesNotContain("FAILED");
    }

    private static List<String> alerts() throws IOException {
        return List.of(Files.readString(MONITORING.resolve("alerts.yml")).split("(?m)^ +- alert: ", -1));
    }

    @Test
    void eachAlertSaysWhatToDoAndIsProvedToFireAndToStaySilent() throws Exception {
        String tests = Files.readString(MONITORING.resolve("alerts-test.yml"));
        Set<String> sections = Files.readAllLines(DOCUMENT).stream()
                .filter(line -> line.startsWith("## "))
                .map(line -> line.substring(3).toLowerCase(Locale.ROOT).replace(' ', '-'))
                .collect(Collectors.toSet());
        List<String> alerts = alerts();
        assertThat(alerts).hasSizeGreaterThan(25);
        for (String alert : alerts.subList(1, alerts.size())) {
            String name = alert.substring(0, alert.indexOf('\n'));
            assertThat(alert)
                    .as(name)
                    .containsPattern("\n +severity: (critical|warning|info)\n")
                    .containsPattern("\n +summary: >-\n")
                    .containsPattern("\n +description: >-\n");
            Matcher documentation =
                    Pattern.compile("documentation: docs/metrics\\.md#(\\S+)").matcher(alert);
            assertThat(documentation.find()).as(name).isTrue();
            assertThat(sections).as(name).contains(documentation.group(1));
            assertThat(tests)
                    .as("%s fires in a test", name)
                    .containsPattern("alertname: " + name + "\n +exp_alerts:\n +- exp_labels");
            assertThat(tests).as("%s is silent in a test", name).contains("alertname: " + name + ", exp_alerts: []}");
        }
    }

    /** The expressions of the dashboard, as Prometheus gets them. */
    private static List<String> dashboard() throws IOException {
        List<String> expressions = new ArrayList<>();
        try (JsonParser json = new JsonFactory()
                .createParser(MONITORING.resolve("dashboard.json").toFile())) {
            while (json.nextToken() != null) {
                if (json.currentToken() == JsonToken.VALUE_STRING && "expr".equals(json.currentName())) {
                    expressions.add(json.getText());
                }
            }
        }
        return expressions.stream()
                .map(expression -> expression
                        .replace("$__rate_interval", "5m")
                        .replace("$provider", ".*")
                        .replace("$instance", ".*"))
                .toList();
    }

    @Test
    void theExpressionsOfTheDashboardAreThoseOfPrometheus() throws Exception {
        List<String> expressions = dashboard();
        assertThat(expressions).hasSizeGreaterThan(40).noneMatch(expression -> expression.contains("$"));
        StringBuilder rules = new StringBuilder("groups:\n  - name: dashboard\n    rules:\n");
        for (int i = 0; i < expressions.size(); i++) {
            rules.append("      - record: panel:")
                    .append(i)
                    .append("\n        expr: >-\n          ")
                    .append(expressions.get(i))
                    .append('\n');
        }
        Path file = Files.writeString(folder.resolve("dashboard.yml"), rules);

        assertThat(promtool("", "check", "rules", file.toString()))
                .contains("SUCCESS: " + expressions.size() + " rules found");
    }

    @Test
    void alertsAndDashboardNameNothingThatIsNotExported() throws Exception {
        List<String> texts = new ArrayList<>(dashboard());
        texts.addAll(alerts());
        Set<String> series = series();
        Map<String, Set<String>> known = new HashMap<>();
        families()
                .forEach((name, family) ->
                        family.labels().forEach((label, values) -> known.put(name + " " + label, values)));
        Set<String> named = new HashSet<>();
        for (String text : texts) {
            METRIC.matcher(text).results().map(MatchResult::group).forEach(name -> {
                assertThat(series).as(text).contains(name);
                named.add(name);
            });
            for (MatchResult selector : SELECTOR.matcher(text).results().toList()) {
                String family = selector.group(1).replaceFirst("_(bucket|count|sum)$", "");
                for (MatchResult matcher :
                        MATCHER.matcher(selector.group(2)).results().toList()) {
                    if (!OF_ANY_VALUE.contains(matcher.group(1))) {
                        assertThat(known.get(family + " " + matcher.group(1)))
                                .as("%s in %s", matcher.group(), text)
                                .isNotNull()
                                .containsAll(List.of(matcher.group(3).split("\\|", -1)));
                    }
                }
            }
        }
        assertThat(named).hasSizeGreaterThan(40);
    }

    /** Runs the tool. Returns what it prints. */
    private static String promtool(String input, String... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of("promtool"));
        command.addAll(List.of(arguments));
        Path in = Files.writeString(Files.createTempFile(folder, "in", ".txt"), input);
        Path out = Files.createTempFile(folder, "out", ".txt");
        Process tool;
        try {
            tool = new ProcessBuilder(command)
                    .redirectInput(in.toFile())
                    .redirectErrorStream(true)
                    .redirectOutput(out.toFile())
                    .start();
        } catch (IOException e) {
            assumeThat(e)
                    .as("promtool of Debian's package prometheus is not installed, so nothing tries the rules: %s", e)
                    .isNull();
            throw e;
        }
        try {
            assertThat(tool.waitFor(60, TimeUnit.SECONDS))
                    .as("promtool has ended")
                    .isTrue();
            String printed = Files.readString(out);
            assertThat(tool.exitValue()).as(printed).isZero();
            return printed;
        } finally {
            tool.destroyForcibly();
        }
    }
}
