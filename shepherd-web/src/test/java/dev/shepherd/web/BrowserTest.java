package dev.shepherd.web;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.sun.net.httpserver.HttpServer;
import dev.shepherd.api.Availability;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.bmdb.operator.OperatorAction;
import dev.shepherd.bmdb.operator.OperatorActions;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.testkit.database.BmdbExtension;
import dev.shepherd.testkit.provider.FakeProvider;
import dev.shepherd.testkit.provider.FakeProvider.Operation;
import dev.shepherd.web.access.TokenFile;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.openqa.selenium.By;
import org.openqa.selenium.Keys;
import org.openqa.selenium.WebElement;

/** The page as people have it: in a browser, behind a servlet container, below a path. */
class BrowserTest {

    private static final ProviderType RACKS = new ProviderType("racks");

    private static final String SCRIPT = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
            + "</p><svg onload=alert(3)><a href=\"javascript:alert(4)\">";

    /** Where to write the pictures of the documentation; unset: nowhere. */
    private static final @Nullable String SCREENSHOTS = System.getProperty("shepherd.web.screenshots");

    @RegisterExtension
    static final BmdbExtension database = BmdbExtension.create();

    private static @Nullable Browser started;

    @TempDir
    Path folder;

    private final FakeProvider provider = FakeProvider.create(RACKS);
    private Browser browser;
    private Bmdb bmdb;
    private TestFleet fleet;
    private Shepherd shepherd;
    private WebConsole console;
    private TestJetty jetty;

    @BeforeAll
    static void startTheBrowser() {
        started = Browser.startOrSkip();
    }

    @AfterAll
    static void endTheBrowser() {
        if (started != null) {
            started.close();
        }
    }

    @BeforeEach
    void serve() throws Exception {
        browser = started;
        browser.reset();
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
        serve(builder().authenticator(request -> Optional.of("oncall")).authorizer((who, what, machine) -> true));
    }

    private WebConsole.Builder builder() {
        return WebConsole.builder().bmdb(bmdb).shepherd(shepherd).countInterval(Duration.ofSeconds(1));
    }

    private void serve(WebConsole.Builder builder) throws Exception {
        console = builder.build();
        console.start();
        jetty = new TestJetty(console);
    }

    private void stopServing() throws Exception {
        console.close();
        jetty.close();
    }

    @AfterEach
    void stop() throws Exception {
        List<String> complaints = browser.log();
        browser.reset();
        stopServing();
        shepherd.close();
        assertThat(complaints).as("what the browser complained about").isEmpty();
    }

    private UUID rebootable() throws Exception {
        provider.addMachine(new MachineInfo(
                new ProviderID("rack-1-7"),
                Optional.of(InetAddress.getByName("192.0.2.7")),
                Availability.KNOWN_USED,
                false,
                Optional.empty(),
                Optional.of("hall 1"),
                Optional.empty(),
                OptionalInt.empty(),
                Optional.empty(),
                Map.of()));
        return fleet.machine("rack-1-7", "hall 1");
    }

    private void open(String path) {
        browser.open(jetty.uri(path));
    }

    private void follow(String link) {
        browser.findAll("a").stream()
                .filter(one -> one.getText().equals(link))
                .findFirst()
                .orElseThrow(() -> new AssertionError("there is no link " + link + " on: " + browser.text()))
                .click();
    }

    private void act(String verb, String reason) {
        offered(verb);
        submit(verb, reason);
    }

    /** Opens the form of an action. */
    private WebElement offered(String verb) {
        WebElement form = form(verb);
        form.findElement(By.tagName("summary")).click();
        return form;
    }

    private void submit(String verb, String reason) {
        WebElement form = form(verb);
        form.findElement(By.name("reason")).sendKeys(reason);
        form.findElement(By.tagName("button")).click();
    }

    private WebElement form(String verb) {
        return browser.findAll("details").stream()
                .filter(one ->
                        one.findElement(By.tagName("summary")).getText().strip().equals(verb))
                .findFirst()
                .orElseThrow(() -> new AssertionError(verb + " is not offered on: " + browser.text()));
    }

    /** Waits for texts: an answer may take its time. */
    private void sees(String... texts) {
        await().atMost(Duration.ofSeconds(20))
                .untilAsserted(() -> assertThat(browser.text()).contains(texts));
    }

    private List<String> done(UUID machine) throws Exception {
        return Operator.of(bmdb).actions(machine, null, 10).stream()
                .map(BrowserTest::said)
                .toList();
    }

    private static String said(OperatorAction action) {
        return action.verb() + " by " + action.by() + " through " + action.channel() + ": " + action.reason();
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void whatPeopleDoByClickingIsDoneAndRecorded(boolean withScripts) throws Exception {
        UUID machine = rebootable();
        browser.command("Emulation.setScriptExecutionDisabled", Map.of("value", !withScripts));
        open("");
        follow("Machines");
        follow("rack-1-7");
        assertThat(browser.address()).endsWith("/ops/fleet/machines/" + machine);

        act("Pause", "new disk");
        sees("It is paused.");
        act("Quarantine", "it burns");
        sees("It is quarantined.", "it burns");
        act("Release", "it is out");
        sees("It is released");
        act("Reboot", "hangs");
        sees("That cannot be done now", "paused");
        open("");
        act("End the pause", "disk is in");
        sees("The pause was ended.", "Nothing is paused.");
        open("machines/" + machine);
        act("Reboot", "hangs");
        sees("The provider agreed to reboot it.");
        offered("Install").findElement(By.name("request")).sendKeys("AQID");
        submit("Install", "for the new tenant");
        sees("The installation was requested");
        assertThat(bmdb.machine(machine)
                        .orElseThrow()
                        .installationRequest()
                        .orElseThrow()
                        .raw())
                .containsExactly(1, 2, 3);
        act("Take the installation back", "wrong machine");
        sees("The request was taken back.");
        offered("Label").findElement(By.name("labels")).sendKeys("tier=db raft-group=17");
        submit("Label", "it joins");
        sees("Its labels were changed.", "Label raft-group");
        follow("db (operator's)");
        assertThat(browser.address()).endsWith("/ops/fleet/machines?selector=tier%3Ddb");
        follow("rack-1-7");
        offered("Label").findElement(By.name("labels")).sendKeys("tier-");
        submit("Label", "it leaves");
        sees("Its labels were changed.");
        assertThat(browser.text()).doesNotContain("Label tier");
        fleet.disruption(machine, "Refused", "cluster", "it is the last voter");
        open("machines/" + machine);
        sees("gate cluster refuses its reboot: it is the last voter");
        act("Ask the gates again", "the customer agreed");
        sees("The gates are asked again:");

        assertThat(provider.calls(Operation.REBOOT)).isEqualTo(1);
        assertThat(done(machine))
                .containsExactly(
                        "AskAgain by oncall through the page: the customer agreed",
                        "Label by oncall through the page: it leaves",
                        "Label by oncall through the page: it joins",
                        "TakeBackInstallation by oncall through the page: wrong machine",
                        "Install by oncall through the page: for the new tenant",
                        "Reboot by oncall through the page: hangs",
                        "Resume by oncall through the page: disk is in",
                        "Release by oncall through the page: it is out",
                        "Quarantine by oncall through the page: it burns",
                        "Pause by oncall through the page: new disk");
        follow("Actions");
        sees("hangs", "disk is in", "it is out", "it burns", "new disk");
        refusedAnswers(1);
    }

    /** Takes complaints of refused requests out of the log, which a test has asked for. */
    private void refusedAnswers(int count) {
        assertThat(browser.log()).hasSize(count).allMatch(line -> line.contains("responded with a status of 4"));
    }

    @Test
    void withoutScriptsNoScriptRuns() {
        browser.command("Emulation.setScriptExecutionDisabled", Map.of("value", true));
        browser.show("<title>off</title><script>document.title='on'</script>");
        assertThat(browser.run("return document.title")).isEqualTo("off");
        browser.command("Emulation.setScriptExecutionDisabled", Map.of("value", false));
        browser.show("<title>off</title><script>document.title='on'</script>");
        assertThat(browser.run("return document.title")).isEqualTo("on");
    }

    @Test
    void allPagesObeyThePolicyAndAViolationWouldBeSeen() throws Exception {
        UUID machine = fleet.lively();
        for (String page : List.of("", "machines", "machines?text=nothing", "machines/" + machine, "actions")) {
            open(page);
            assertThat(browser.find("h1").isDisplayed()).isTrue();
            assertThat(browser.run("return getComputedStyle(document.querySelector('header')).display"))
                    .as("the style sheet is used")
                    .isEqualTo("flex");
            assertThat(browser.log()).as(page).isEmpty();
        }

        browser.run("const script = document.createElement('script'); script.textContent = 'window.ran = 1';"
                + " document.head.append(script);"
                + " document.querySelector('h1').setAttribute('style', 'color: red');");
        assertThat(browser.run("return window.ran")).isNull();
        assertThat(browser.log())
                .hasSizeGreaterThanOrEqualTo(2)
                .allMatch(line -> line.contains("Content Security Policy"));
    }

    @Test
    void aPathWithoutItsSlashLeadsToThePage() {
        String withSlash = jetty.uri("").toString();
        browser.open(URI.create(withSlash.substring(0, withSlash.length() - 1)));
        assertThat(browser.address()).isEqualTo(withSlash);
        follow("Machines");
        assertThat(browser.find("h1").getText()).isEqualTo("Machines");
    }

    @Test
    void anOpenPageShowsAChangeByItself() throws Exception {
        UUID machine = fleet.machine("rack-1-7", "hall 1");
        for (String page : List.of("machines/" + machine, "")) {
            open(page);
            browser.run("window.same = true");
            String reason = "switch " + UUID.randomUUID();
            assertThat(browser.text()).doesNotContain(reason);

            OperatorActions.of(bmdb, Actor.program("nightshift")).pause(machine, null, null, reason, null);

            await().atMost(Duration.ofSeconds(20)).until(() -> browser.text().contains(reason));
            assertThat(browser.run("return window.same"))
                    .as("it is the same page")
                    .isEqualTo(true);
        }
    }

    @Test
    void whoTypesIsNotDisturbed() throws Exception {
        UUID machine = fleet.machine("rack-1-7", "hall 1");
        open("machines/" + machine);
        WebElement form = browser.findAll("details").get(0);
        form.findElement(By.tagName("summary")).click();
        WebElement reason = form.findElement(By.name("reason"));
        reason.sendKeys("half a ");
        OperatorActions.of(bmdb, Actor.program("nightshift")).pause(machine, null, null, "meanwhile", null);
        open2nd(machine);
        reason.sendKeys("sentence");
        assertThat(reason.getAttribute("value")).isEqualTo("half a sentence");
    }

    /** Waits until a page that was open just as long, and in which no one types, would have been shown anew. */
    private void open2nd(UUID machine) {
        browser.run("window.heard = 0; new EventSource('../live').addEventListener('changed', () => window.heard++)");
        await().atMost(Duration.ofSeconds(20)).until(() -> !Long.valueOf(0).equals(browser.run("return window.heard")));
        long from = System.nanoTime();
        await().atMost(Duration.ofSeconds(20)).until(() -> System.nanoTime() - from > 5_000_000_000L);
        assertThat(browser.find("#main").getText()).doesNotContain("meanwhile");
    }

    @Test
    void noTextOfOthersRunsEvenWhereThePolicyIsOff() throws Exception {
        UUID machine = fleet.hostile(SCRIPT);
        browser.command("Page.setBypassCSP", Map.of("enabled", true));
        String query = URLEncoder.encode(SCRIPT, StandardCharsets.UTF_8);
        List<String> pages = new ArrayList<>(List.of("", "machines", "machines/" + machine, "actions"));
        for (String name :
                List.of("text", "location", "provider", "state", "after", "before", "done", "nowhere", query)) {
            pages.add("machines?" + name + "=" + query);
            pages.add("?" + name + "=" + query);
            pages.add("actions?" + name + "=" + query);
        }
        for (String page : pages) {
            open(page);
            assertThat(browser.hasAlert()).as(page).isFalse();
            assertThat(browser.run("return document.querySelectorAll("
                            + "'main script, main img, main svg[onload], a[href^=javascript]').length"))
                    .as(page)
                    .isEqualTo(0L);
        }
        assertThat(browser.log()).allMatch(line -> line.contains("responded with a status of 40"));

        browser.run("const at = document.createElement('div'); document.body.append(at);"
                + " at.innerHTML = '<img src=x onerror=alert(2)>'");
        await().until(browser::hasAlert);
        browser.log();
    }

    @Test
    void noPageOfAnotherSiteCanFrameItOrSendItsForms() throws Exception {
        UUID machine = fleet.machine("rack-1-7", "hall 1");
        HttpServer attacker = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
        String url = jetty.uri("machines/" + machine).toString();
        String page = "<iframe src='" + url + "'></iframe><iframe src='/plain'></iframe><form method=post action='"
                + url + "/quarantine'><input name=reason value=x><button>Win</button></form>";
        attacker.createContext("/", exchange -> {
            byte[] body = (exchange.getRequestURI().getPath().equals("/plain") ? "<p>Framed" : page)
                    .getBytes(StandardCharsets.UTF_8);
            exchange.getResponseHeaders().set("Content-Type", "text/html");
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        attacker.start();
        try {
            browser.open(URI.create("http://localhost:" + attacker.getAddress().getPort() + "/"));
            browser.frame(1);
            assertThat(browser.text()).as("a frame that is allowed").contains("Framed");
            browser.frame(-1);
            browser.frame(0);
            assertThat(browser.source()).doesNotContain("rack-1-7");
            browser.frame(-1);
            assertThat(browser.log()).anyMatch(line -> line.contains("frame-ancestors"));

            browser.find("button").click();

            sees("another site's page sent this");
            assertThat(Operator.of(bmdb).quarantined()).isEmpty();
            assertThat(done(machine)).isEmpty();
            refusedAnswers(1);
        } finally {
            attacker.stop(0);
        }
    }

    @Test
    void aPhoneShowsEverythingWithoutScrollingSideways() throws Exception {
        UUID machine = fleet.lively();
        fleet.hostile("x".repeat(128));
        awaitCounts();
        browser.size(400, 800);
        for (String page : List.of("", "machines", "machines/" + machine, "actions", "machines?text=xxxx")) {
            open(page);
            assertThat(browser.run(
                            "return [...document.querySelectorAll('body *')].filter(one => !one.closest('.scroll, .skip')"
                                    + " && one.checkVisibility() && one.getBoundingClientRect().right > 400)"
                                    + ".map(one => one.outerHTML.slice(0, 100))"))
                    .as("too wide on " + page)
                    .isEqualTo(List.of());
            assertThat(browser.run("return [innerWidth, document.documentElement.scrollWidth]"))
                    .as(page)
                    .isEqualTo(List.of(400L, 400L));
        }
    }

    private void awaitCounts() {
        await().until(() -> {
            open("");
            return browser.findAll(".tile").size() >= 8;
        });
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void textsCanBeReadInTheLightAndInTheDark(boolean dark) throws Exception {
        UUID machine = fleet.lively();
        fleet.execute("insert into recovery_freeze (provider, location, frozen_at, silent_since, freeze_evidence)"
                + " values ('metal', 'ams1', now(), now(), '31 of 80 agents fell silent within 2 min')");
        awaitCounts();
        browser.prefersDark(dark);
        for (String page : List.of("", "machines", "machines/" + machine + "?done=paused", "actions")) {
            open(page);
            browser.run("document.querySelectorAll('details').forEach(one => one.open = true)");
            @SuppressWarnings("unchecked")
            Map<String, Object> seen = (Map<String, Object>) browser.run(CONTRASTS);
            assertThat((Boolean) seen.get("dark")).isEqualTo(dark);
            assertThat(((Number) seen.get("texts")).intValue()).as(page).isGreaterThan(15);
            assertThat((List<?>) seen.get("hard")).as(page).isEqualTo(List.of());
        }
    }

    /** What WCAG 2.1 asks for: 4.5 to 1, for each text against what is behind it. */
    private static final String CONTRASTS = """
            const channels = color => color.match(/[\\d.]+/g).map(Number);
            const luminance = color => channels(color).slice(0, 3)
                .map(c => c / 255).map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
                .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
            const ground = one => {
                for (let at = one; at !== null; at = at.parentElement) {
                    const color = getComputedStyle(at).backgroundColor;
                    const alpha = channels(color)[3];
                    if (alpha === undefined || alpha > 0.99) { return color; }
                }
                return "rgb(255, 255, 255)";
            };
            const hard = [];
            let texts = 0;
            const look = (one, color) => {
                texts++;
                const [a, b] = [luminance(color), luminance(ground(one))];
                const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
                if (contrast < 4.5) { hard.push(contrast.toFixed(2) + " " + one.outerHTML.slice(0, 200)); }
            };
            for (const one of document.querySelectorAll("body *")) {
                if (!one.checkVisibility()) { continue; }
                const style = getComputedStyle(one);
                if (["INPUT", "SELECT"].includes(one.tagName)
                        || [...one.childNodes].some(n => n.nodeType === 3 && n.textContent.trim() !== "")) {
                    look(one, style.color);
                }
                if (one.placeholder) { look(one, getComputedStyle(one, "::placeholder").color); }
            }
            return { hard, texts, dark: luminance(getComputedStyle(document.body).backgroundColor) < 0.1 };
            """;

    @Test
    void everythingCanBeDoneWithTheKeyboard() throws Exception {
        UUID machine = fleet.machine("rack-1-7", "hall 1");
        open("machines");
        browser.press(Keys.TAB);
        assertThat(browser.run("return document.activeElement.className")).isEqualTo("skip");
        assertThat(browser.run("return document.activeElement.getBoundingClientRect().left >= 0"))
                .as("the link is seen when it has the focus")
                .isEqualTo(true);
        List<String> reached = new ArrayList<>();
        for (int i = 0; i < 40 && !reached.contains("A rack-1-7"); i++) {
            browser.press(Keys.TAB);
            @SuppressWarnings("unchecked")
            List<String> at = (List<String>) browser.run("const at = document.activeElement;"
                    + " const style = getComputedStyle(at);"
                    + " return [at.tagName + ' ' + (at.name || at.textContent.trim()),"
                    + " style.outlineStyle === 'none' || parseFloat(style.outlineWidth) < 2 ? 'unseen' : 'seen']");
            reached.add(at.get(0));
            assertThat(at.get(1)).as("the focus on " + at.get(0)).isEqualTo("seen");
        }
        assertThat(reached)
                .contains(
                        "A Fleet",
                        "A Machines",
                        "A Actions",
                        "INPUT text",
                        "SELECT provider",
                        "SELECT state",
                        "INPUT location",
                        "BUTTON Show",
                        "A rack-1-7");
        browser.press(Keys.ENTER);
        await().until(() -> browser.address().endsWith("/machines/" + machine));

        browser.press(Keys.TAB, Keys.ENTER);
        assertThat(browser.run("return document.activeElement.id")).isEqualTo("main");
        tabTo("SUMMARY", "Quarantine");
        browser.press(Keys.ENTER);
        tabTo("INPUT", "reason");
        browser.press("it burns", Keys.ENTER);

        await().untilAsserted(() ->
                assertThat(done(machine)).containsExactly("Quarantine by oncall through the page: it burns"));
    }

    private void tabTo(String tag, String name) {
        for (int i = 0; i < 60; i++) {
            browser.press(Keys.TAB);
            if (Boolean.TRUE.equals(browser.run(
                    "const at = document.activeElement;"
                            + " return at.tagName === arguments[0] && (at.name || at.textContent.trim()) === arguments[1]",
                    tag,
                    name))) {
                return;
            }
        }
        throw new AssertionError(tag + " " + name + " is not reached by Tab");
    }

    @Test
    void nameAndTokenOpenThePageAndKeepItLive() throws Exception {
        Path file = folder.resolve("tokens");
        Files.writeString(file, "oncall operator 7Jm2v0cQbV1yKq9r\n");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
        TokenFile tokens = TokenFile.read("--web-tokens", file);
        stopServing();
        serve(builder().authenticator(tokens).authorizer(tokens));
        UUID machine = fleet.machine("rack-1-7", "hall 1");

        String url = jetty.uri("machines/" + machine).toString();
        browser.open(URI.create(url.replace("//", "//oncall:7Jm2v0cQbV1yKq9r@")));
        assertThat(browser.find(".who").getText()).contains("oncall");
        OperatorActions.of(bmdb, Actor.program("nightshift")).pause(machine, null, null, "seen by itself", null);
        await().atMost(Duration.ofSeconds(20)).until(() -> browser.text().contains("seen by itself"));
        act("Quarantine", "it burns");
        sees("It is quarantined.");
        assertThat(done(machine).get(0)).isEqualTo("Quarantine by oncall through the page: it burns");
    }

    @Test
    void theFleetOfADayLooksAlive() throws Exception {
        UUID machine = fleet.lively();
        awaitCounts();
        sees(
                "metal",
                "racks",
                "static",
                "ams1",
                "hall 2",
                "the switch of row 4 is replaced",
                "Rollout",
                "to racks: running");
        assertThat(browser.findAll("polyline")).hasSizeGreaterThanOrEqualTo(4);
        browser.size(1280, 1560);
        picture("fleet");
        browser.size(1280, 900);
        open("machines");
        assertThat(browser.findAll("table.machines tbody tr")).hasSize(100);
        picture("machines");
        open("machines/" + machine);
        assertThat(browser.text().toLowerCase(Locale.ROOT))
                .contains("recovering", "new kernel", "no answer on port 22");
        browser.size(1280, 1250);
        picture("machine");
    }

    private void picture(String name) throws Exception {
        if (SCREENSHOTS != null) {
            Files.createDirectories(Path.of(SCREENSHOTS));
            browser.screenshot(Path.of(SCREENSHOTS, name + ".png"));
        }
    }
}
