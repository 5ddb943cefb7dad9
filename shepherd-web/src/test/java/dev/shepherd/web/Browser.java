package dev.shepherd.web;

import java.io.File;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.openqa.selenium.By;
import org.openqa.selenium.NoAlertPresentException;
import org.openqa.selenium.OutputType;
import org.openqa.selenium.UnexpectedAlertBehaviour;
import org.openqa.selenium.WebElement;
import org.openqa.selenium.chrome.ChromeDriver;
import org.openqa.selenium.chrome.ChromeDriverService;
import org.openqa.selenium.chrome.ChromeOptions;
import org.openqa.selenium.interactions.Actions;
import org.openqa.selenium.logging.LogEntry;
import org.openqa.selenium.logging.LogType;
import org.openqa.selenium.logging.LoggingPreferences;

/** The Chromium of this system, without a window. */
final class Browser implements AutoCloseable {

    /** A logger is forgotten, with its level, unless something refers to it. */
    private static final Logger SELENIUM = Logger.getLogger("org.openqa.selenium");

    private static final List<String> BROWSERS =
            List.of("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome");
    private static final List<String> DRIVERS = List.of("/usr/bin/chromedriver", "/usr/lib/chromium/chromedriver");

    private final ChromeDriver driver;

    private Browser(ChromeDriver driver) {
        this.driver = driver;
    }

    /** Starts it, or skips the test where there is none. */
    static Browser startOrSkip() {
        Optional<File> browser = first(BROWSERS);
        Optional<File> program = first(DRIVERS);
        Assumptions.assumeTrue(
                browser.isPresent() && program.isPresent(),
                "the page is not tried in a browser: there is no Chromium with its driver here"
                        + " (Debian's packages chromium and chromium-driver)");
        // It would like classes for this very version of Chromium, which are not needed here.
        SELENIUM.setLevel(Level.SEVERE);
        LoggingPreferences logs = new LoggingPreferences();
        logs.enable(LogType.BROWSER, Level.ALL);
        ChromeOptions options = new ChromeOptions();
        options.setBinary(browser.orElseThrow());
        // As root it has no sandbox, and in a container little shared memory.
        options.addArguments(
                "--headless=new",
                "--no-sandbox",
                "--disable-dev-shm-usage",
                "--disable-gpu",
                "--disable-background-networking",
                "--no-first-run",
                "--no-proxy-server",
                "--lang=en");
        options.setUnhandledPromptBehaviour(UnexpectedAlertBehaviour.IGNORE);
        options.setCapability("goog:loggingPrefs", logs);
        ChromeDriverService service = new ChromeDriverService.Builder()
                .usingDriverExecutable(program.orElseThrow())
                .build();
        return new Browser(new ChromeDriver(service, options));
    }

    private static Optional<File> first(List<String> paths) {
        return Stream.of(paths)
                .flatMap(List::stream)
                .map(File::new)
                .filter(File::canExecute)
                .findFirst();
    }

    /** Makes it as it was at first, except for what it remembers of sites. */
    void reset() {
        for (int i = 0; i < 10 && hasAlert(); i++) {
            // A page may put up another one.
        }
        command("Emulation.setScriptExecutionDisabled", Map.of("value", false));
        command("Emulation.setEmulatedMedia", Map.of("features", List.of()));
        command("Page.setBypassCSP", Map.of("enabled", false));
        command("Emulation.setScrollbarsHidden", Map.of("hidden", true));
        size(1280, 900);
        driver.get("about:blank");
        log();
    }

    void command(String name, Map<String, Object> parameters) {
        driver.executeCdpCommand(name, parameters);
    }

    void size(int width, int height) {
        command(
                "Emulation.setDeviceMetricsOverride",
                Map.of("width", width, "height", height, "deviceScaleFactor", 1, "mobile", width < 600));
    }

    void prefersDark(boolean dark) {
        command(
                "Emulation.setEmulatedMedia",
                Map.of("features", List.of(Map.of("name", "prefers-color-scheme", "value", dark ? "dark" : "light"))));
    }

    void open(URI uri) {
        driver.get(uri.toString());
    }

    /** Shows a page of our own. */
    void show(String html) {
        driver.get("data:text/html,"
                + URLEncoder.encode(html, StandardCharsets.UTF_8).replace("+", "%20"));
    }

    String address() {
        return String.valueOf(driver.getCurrentUrl());
    }

    String text() {
        return find("body").getText();
    }

    String source() {
        return String.valueOf(driver.getPageSource());
    }

    WebElement find(String css) {
        return driver.findElement(By.cssSelector(css));
    }

    List<WebElement> findAll(String css) {
        return driver.findElements(By.cssSelector(css));
    }

    Object run(String script, Object... arguments) {
        return driver.executeScript(script, arguments);
    }

    /** Goes into a frame of the page, or out of all. */
    void frame(int number) {
        if (number < 0) {
            driver.switchTo().defaultContent();
        } else {
            driver.switchTo().frame(number);
        }
    }

    void press(CharSequence... keys) {
        new Actions(driver).sendKeys(keys).perform();
    }

    /** Tells whether a page has put up a message, and takes it away. */
    boolean hasAlert() {
        try {
            driver.switchTo().alert().dismiss();
            return true;
        } catch (NoAlertPresentException e) {
            return false;
        }
    }

    /** Returns what it has complained about since it was asked last; not that a site has no picture for its plain texts. */
    List<String> log() {
        return driver.manage().logs().get(LogType.BROWSER).getAll().stream()
                .map(LogEntry::toString)
                .filter(line -> !line.contains("/favicon.ico "))
                .toList();
    }

    void screenshot(Path file) throws Exception {
        Files.write(file, driver.getScreenshotAs(OutputType.BYTES));
    }

    @Override
    public void close() {
        driver.quit();
    }
}
