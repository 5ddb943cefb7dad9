package dev.shepherd.cli.internal;

import dev.shepherd.api.internal.Escaped;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.Charset;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;

/**
 * What stands between this process and a terminal. Each line escapes the text of others where it is put in; this is the
 * net under that, for what libraries log and for stack traces: nothing gets through that a terminal would obey rather
 * than show. Only the ends of lines and the tabs of stack traces do.
 */
public final class Terminal {

    private static final PrintStream BARE = System.out;
    private static final PrintStream BARE_ERROR = System.err;

    private Terminal() {}

    /** Guards standard output and standard error of the process. */
    public static void guard() {
        System.setOut(guarded(System.out));
        System.setErr(guarded(System.err));
    }

    /** Returns standard output as it was, for a line that is drawn again and holds no text of others. */
    public static PrintStream bare() {
        return BARE;
    }

    /** Returns standard error as it was, for the same. */
    public static PrintStream bareError() {
        return BARE_ERROR;
    }

    public static PrintStream guarded(OutputStream target) {
        Charset charset = Charset.defaultCharset();
        return new PrintStream(new Guard(target, charset), true, charset);
    }

    /** Reads what is written as text, which may come in pieces of characters. */
    private static final class Guard extends OutputStream {
        private final OutputStream target;
        private final Charset charset;
        private final CharsetDecoder decoder;
        private ByteBuffer left = ByteBuffer.allocate(0);
        private char high;

        Guard(OutputStream target, Charset charset) {
            this.target = target;
            this.charset = charset;
            this.decoder = charset.newDecoder()
                    .onMalformedInput(CodingErrorAction.REPLACE)
                    .onUnmappableCharacter(CodingErrorAction.REPLACE);
        }

        @Override
        public synchronized void write(int b) throws IOException {
            write(new byte[] {(byte) b}, 0, 1);
        }

        @Override
        public synchronized void write(byte[] bytes, int from, int length) throws IOException {
            ByteBuffer in = ByteBuffer.allocate(left.remaining() + length);
            in.put(left).put(bytes, from, length).flip();
            CharBuffer text = CharBuffer.allocate((int) Math.ceil(in.remaining() * decoder.maxCharsPerByte()) + 1);
            decoder.decode(in, text, false);
            left = in;
            text.flip();
            StringBuilder shown = new StringBuilder(text.remaining() + 16);
            while (text.hasRemaining()) {
                show(text.get(), shown);
            }
            target.write(shown.toString().getBytes(charset));
        }

        private void show(char c, StringBuilder shown) {
            if (high != 0 && Character.isLowSurrogate(c)) {
                Escaped.append(shown, Character.toCodePoint(high, c));
                high = 0;
                return;
            }
            if (high != 0) {
                Escaped.append(shown, high);
                high = 0;
            }
            if (Character.isHighSurrogate(c)) {
                high = c;
            } else if (c == '\n' || c == '\t') {
                shown.append(c);
            } else {
                Escaped.append(shown, c);
            }
        }

        @Override
        public synchronized void flush() throws IOException {
            target.flush();
        }
    }
}
