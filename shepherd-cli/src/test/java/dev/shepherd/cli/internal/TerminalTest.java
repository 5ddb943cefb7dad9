package dev.shepherd.cli.internal;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.Charset;
import org.junit.jupiter.api.Test;

class TerminalTest {

    private final ByteArrayOutputStream target = new ByteArrayOutputStream();
    private final PrintStream guarded = Terminal.guarded(target);

    @Test
    void whatATerminalWouldObeyIsShownInstead() {
        guarded.println("a\u001b[2J\u001b]0;title\u0007 \r \u009b31m \u202e \u200b");
        assertThat(shown()).isEqualTo("a\\u001b[2J\\u001b]0;title\\u0007 \\r \\u009b31m \\u202e \\u200b\n");
    }

    @Test
    void ordinaryTextAndStackTracesPassUnchanged() {
        guarded.print("Zürich 東京 🐑\n");
        new IllegalStateException("it is off").printStackTrace(guarded);
        assertThat(shown())
                .startsWith("Zürich 東京 🐑\njava.lang.IllegalStateException: it is off\n\tat ")
                .endsWith("\n");
    }

    @Test
    void charactersMayComeInPieces() {
        for (byte b : "ü🐑\u202e".getBytes(Charset.defaultCharset())) {
            guarded.write(b);
        }
        assertThat(shown()).isEqualTo("ü🐑\\u202e");
    }

    private String shown() {
        guarded.flush();
        return target.toString(Charset.defaultCharset());
    }
}
