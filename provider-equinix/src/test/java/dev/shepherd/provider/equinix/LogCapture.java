package dev.shepherd.provider.equinix;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/** Holds what a test logs, by standing in for the stream that slf4j-simple writes to. */
final class LogCapture implements BeforeEachCallback, AfterEachCallback {

    private final ByteArrayOutputStream written = new ByteArrayOutputStream();
    private PrintStream console = System.err;

    @Override
    public void beforeEach(ExtensionContext context) {
        console = System.err;
        System.setErr(new PrintStream(written, true, StandardCharsets.UTF_8));
    }

    @Override
    public void afterEach(ExtensionContext context) {
        System.setErr(console);
    }

    String text() {
        return written.toString(StandardCharsets.UTF_8);
    }

    /** The messages of the provider at a level so far, in their order. */
    List<String> at(String level) {
        String mark = " " + level + " " + EquinixProvider.class.getPackageName() + ".";
        return text().lines()
                .filter(line -> line.contains(mark))
                .map(line -> line.substring(line.indexOf(" - ", line.indexOf(mark)) + 3))
                .toList();
    }
}
