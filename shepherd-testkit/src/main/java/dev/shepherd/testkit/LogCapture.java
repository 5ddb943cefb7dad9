package dev.shepherd.testkit;

import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * Holds what a test writes to {@link System#out} and {@link System#err}, where SLF4J's simple logger, among others,
 * writes its lines. Registered as an extension it does so during each test.
 *
 * <pre>{@code
 * @RegisterExtension
 * final LogCapture log = LogCapture.of("com.example");
 * }</pre>
 *
 * <p>Both streams belong to the whole process: tests that use it do not run at the same time as others. A logging
 * backend that remembers the stream of the time when it was started writes past it.
 */
public final class LogCapture implements BeforeEachCallback, AfterEachCallback {

    private final String loggers;
    private final ByteArrayOutputStream written = new ByteArrayOutputStream();
    private @Nullable PrintStream out;
    private @Nullable PrintStream err;

    private LogCapture(String loggers) {
        this.loggers = loggers;
    }

    /**
     * Makes a capture that is not started.
     *
     * @param loggers what the names of the loggers begin with that {@link #at} tells of
     */
    public static LogCapture of(String loggers) {
        return new LogCapture(loggers);
    }

    /** Begins to hold what is written. */
    public void start() {
        out = System.out;
        err = System.err;
        PrintStream capture = new PrintStream(new Synchronized(written), true, StandardCharsets.UTF_8);
        System.setOut(capture);
        System.setErr(capture);
    }

    /** Gives the streams back; what was held stays. Does nothing if it was not started. */
    public void stop() {
        if (out != null && err != null) {
            System.setOut(out);
            System.setErr(err);
            out = null;
            err = null;
        }
    }

    @Override
    public void beforeEach(ExtensionContext context) {
        start();
    }

    @Override
    public void afterEach(ExtensionContext context) {
        stop();
    }

    /** Returns all that was written so far. */
    public String text() {
        synchronized (written) {
            return written.toString(StandardCharsets.UTF_8);
        }
    }

    /** Returns the messages that the simple logger wrote at a level, such as {@code WARN}, so far, in their order. */
    public List<String> at(String level) {
        String mark = " " + level + " " + loggers;
        return text().lines()
                .filter(line -> line.contains(mark))
                .map(line -> line.substring(line.indexOf(" - ", line.indexOf(mark)) + 3))
                .toList();
    }

    /** Several threads write, and one reads meanwhile. */
    private static final class Synchronized extends OutputStream {
        private final ByteArrayOutputStream target;

        Synchronized(ByteArrayOutputStream target) {
            this.target = target;
        }

        @Override
        public void write(int b) {
            synchronized (target) {
                target.write(b);
            }
        }

        @Override
        public void write(byte[] bytes, int offset, int length) {
            synchronized (target) {
                target.write(bytes, offset, length);
            }
        }
    }
}
