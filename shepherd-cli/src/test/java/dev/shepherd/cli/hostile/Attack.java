package dev.shepherd.cli.hostile;

import dev.shepherd.testkit.http.HttpListener;
import dev.shepherd.testkit.http.HttpMessage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.AtomicLong;
import java.util.zip.GZIPOutputStream;
import org.jspecify.annotations.Nullable;

/** What a server of HTTP sends without end, or as much of as it can, at each place where a count or a length stands. */
enum Attack {
    // The framing of HTTP; each begins with some bytes and goes on with others until the client hangs up.
    FIRST_LINE("HTTP/1.1 200 ", "b".repeat(1000)),
    HEADERS("HTTP/1.1 200 OK\r\n", headers()),
    ONE_HEADER("HTTP/1.1 200 OK\r\nX-A: ", "b".repeat(1000)),
    SHORT_HEADERS("HTTP/1.1 200 OK\r\n", "a:\r\n".repeat(250)),
    PRELIMINARIES("", "HTTP/1.1 103 Early Hints\r\nX-A: b\r\n\r\n".repeat(20)),
    BLANK_LINES("", "\r\n".repeat(500)),
    BODY("HTTP/1.1 200 OK\r\n\r\n", " ".repeat(10_000)),
    BODY_OF_A_LENGTH("HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\n", " ".repeat(10_000)),
    CHUNKS("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "2710\r\n" + " ".repeat(10_000) + "\r\n"),
    CHUNKS_OF_ONE("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\n \r\n".repeat(200)),
    A_CHUNKS_LENGTH("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "0".repeat(1000)),
    A_CHUNKS_EXTENSION("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;a=", "b".repeat(1000)),
    TRAILERS("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", headers()),
    ERROR("HTTP/1.1 500 No\r\n\r\n", "a\r\n\u001b[2J".repeat(1000)),
    ERROR_IN_CHUNKS("HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n", "2710\r\n" + "b".repeat(10_000) + "\r\n"),
    LOGIN("HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\n\r\n", "who are you? ".repeat(800)),

    // Whole answers.
    REDIRECTIONS(null, null),
    A_LONG_REDIRECTION(null, null),
    COMPRESSED(null, null),

    // Documents that are as large as the client lets them be.
    ARRAYS_IN_ARRAYS("[", "]"),
    OBJECTS_IN_OBJECTS("{\"a\":", "}"),
    EMPTY_ARRAYS("[],", null),
    EMPTY_OBJECTS("{},", null),
    SMALL_OBJECTS("{\"a\":0},", null),
    NULLS("null,", null),
    A_NUMBER("7", null),
    DECIMALS("1.5e300,", null),
    A_TEXT("b", null),
    CONTROL_CHARACTERS("\\u001b", null),
    NAMES(null, null),
    A_NAME("b", null),

    // Listings.
    PAGES(null, null),
    PAGES_IN_A_CIRCLE(null, null),
    COUNTS(null, null),
    ITEMS(null, null),
    LONG_ITEMS(null, null);

    private final @Nullable String first;
    private final @Nullable String again;

    Attack(@Nullable String first, @Nullable String again) {
        this.first = first;
        this.again = again;
    }

    private static String headers() {
        StringBuilder headers = new StringBuilder();
        for (int i = 0; i < 50; i++) {
            headers.append("X-").append(i).append(": b\r\n");
        }
        return headers.toString();
    }

    /** Tells whether it is about HTTP alone, whatever is asked for by it. */
    boolean isFraming() {
        return ordinal() <= COMPRESSED.ordinal();
    }

    /** Tells whether it is about the size of one document. */
    boolean isDocument() {
        return !isFraming() && ordinal() < PAGES.ordinal();
    }

    /** Answers a request by a framing. */
    boolean frame(HttpMessage request, HttpListener.Connection connection) throws IOException {
        switch (this) {
            case REDIRECTIONS -> redirect(connection, request.target().replaceFirst("\\?.*", "") + "?" + next());
            case A_LONG_REDIRECTION -> redirect(connection, "/" + "b".repeat(300_000));
            case COMPRESSED -> {
                byte[] body = zipped();
                connection.send(
                        bytes("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: " + body.length
                                + "\r\n\r\n"),
                        body);
            }
            default -> {
                connection.send(bytes(String.valueOf(first)));
                byte[] more = bytes(String.valueOf(again));
                while (true) {
                    connection.send(more);
                }
            }
        }
        return true;
    }

    private static final AtomicLong COUNT = new AtomicLong();

    static long next() {
        return COUNT.incrementAndGet();
    }

    private static void redirect(HttpListener.Connection connection, String where) throws IOException {
        connection.send(bytes("HTTP/1.1 302 Found\r\nLocation: " + where + "\r\nContent-Length: 0\r\n\r\n"));
    }

    /** 64 MiB of blanks. */
    private static byte[] zipped() throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (GZIPOutputStream out = new GZIPOutputStream(bytes)) {
            byte[] blanks = " ".repeat(1 << 20).getBytes(StandardCharsets.US_ASCII);
            for (int i = 0; i < 64; i++) {
                out.write(blanks);
            }
        }
        return bytes.toByteArray();
    }

    /** Makes a value of JSON that takes about so many bytes. */
    String value(int size) {
        String unit = String.valueOf(first);
        return switch (this) {
            // None of them is closed where that would take as much again: the reader is not to come that far.
            case ARRAYS_IN_ARRAYS, OBJECTS_IN_OBJECTS -> unit.repeat(size / unit.length());
            case EMPTY_ARRAYS, EMPTY_OBJECTS, SMALL_OBJECTS, NULLS, DECIMALS ->
                "[" + unit.repeat(size / unit.length()) + "0]";
            case A_NUMBER -> unit.repeat(size);
            case A_TEXT, CONTROL_CHARACTERS -> "\"" + unit.repeat(size / unit.length()) + "\"";
            case A_NAME -> "{\"" + unit.repeat(size) + "\":0}";
            case NAMES -> {
                StringBuilder names = new StringBuilder("{");
                while (names.length() < size) {
                    names.append("\"n").append(next()).append("\":0,");
                }
                yield names.append("\"\":0}").toString();
            }
            default -> throw new IllegalStateException(name());
        };
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
