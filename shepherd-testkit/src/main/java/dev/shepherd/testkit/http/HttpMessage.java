package dev.shepherd.testkit.http;

import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * A request or an answer of HTTP/1.1, read as a whole. Chunks are put together when it is read; where it is written, it
 * has a {@code Content-Length}.
 *
 * <p>Heads are taken as ISO-8859-1, so that each of their bytes passes through as it is. Immutable.
 */
public final class HttpMessage {

    /** The largest body, in bytes. */
    public static final int MAX_BODY = 64 << 20;

    /** The largest head, in bytes. */
    public static final int MAX_HEAD = 64 << 10;

    private static final byte[] CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n".getBytes(StandardCharsets.US_ASCII);

    /** What was read is no message, or none that is accepted. */
    public static final class MalformedException extends IOException {
        private static final long serialVersionUID = 1;

        private final int status;

        MalformedException(int status, String message) {
            super(message);
            this.status = status;
        }

        /** Returns the status of the answer to such a request. */
        public int status() {
            return status;
        }
    }

    private final String startLine;
    private final List<Map.Entry<String, String>> headers;
    private final byte[] body;

    private HttpMessage(String startLine, List<Map.Entry<String, String>> headers, byte[] body) {
        this.startLine = startLine;
        this.headers = List.copyOf(headers);
        this.body = body;
    }

    /** Makes an answer with a body of JSON. */
    public static HttpMessage answer(int status, String reason, String json) {
        return new HttpMessage("HTTP/1.1 " + status + " " + reason, List.of(), new byte[0])
                .with("Content-Type", "application/json; charset=utf-8")
                .withBody(json.getBytes(StandardCharsets.UTF_8));
    }

    /**
     * Reads a request.
     *
     * @param in the connection
     * @param out where its sender is told to continue, if it waits for that before it sends the body
     * @throws MalformedException if it is none, or is too large
     * @throws EOFException if the connection ends before it does
     */
    public static HttpMessage readRequest(InputStream in, OutputStream out) throws IOException {
        HttpMessage head = readHead(in);
        if (head.startLine.split(" ").length != 3) {
            throw new MalformedException(400, "this is no request line: " + head.startLine);
        }
        if (head.header("Expect").filter("100-continue"::equalsIgnoreCase).isPresent()) {
            out.write(CONTINUE);
            out.flush();
        }
        return head.withBody(head.readBody(in, false));
    }

    /**
     * Reads an answer. Interim ones, such as {@code 100 Continue}, are passed over.
     *
     * @param in the connection
     * @param method of the request
     * @throws MalformedException if it is none, or is too large
     * @throws EOFException if the connection ends before it does
     */
    public static HttpMessage readAnswer(InputStream in, String method) throws IOException {
        HttpMessage head;
        do {
            head = readHead(in);
        } while (head.status() / 100 == 1);
        return head.hasNoBody(method) ? head : head.withBody(head.readBody(in, true));
    }

    private static HttpMessage readHead(InputStream in) throws IOException {
        int[] left = {MAX_HEAD};
        String startLine = readLine(in, left);
        if (startLine.isEmpty()) {
            startLine = readLine(in, left);
        }
        List<Map.Entry<String, String>> headers = new ArrayList<>();
        for (String line = readLine(in, left); !line.isEmpty(); line = readLine(in, left)) {
            int colon = line.indexOf(':');
            if (colon < 1) {
                throw new MalformedException(400, "this is no header: " + line);
            }
            headers.add(Map.entry(
                    line.substring(0, colon), line.substring(colon + 1).strip()));
        }
        return new HttpMessage(startLine, headers, new byte[0]);
    }

    private static String readLine(InputStream in, int[] left) throws IOException {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        for (int next = in.read(); next != '\n'; next = in.read()) {
            if (next < 0) {
                throw new EOFException("the connection ended within a head");
            }
            if (--left[0] < 0) {
                throw new MalformedException(431, "the head is larger than " + MAX_HEAD + " bytes");
            }
            line.write(next);
        }
        String text = line.toString(StandardCharsets.ISO_8859_1);
        return text.endsWith("\r") ? text.substring(0, text.length() - 1) : text;
    }

    private byte[] readBody(InputStream in, boolean untilEnd) throws IOException {
        if (header("Transfer-Encoding").isPresent()) {
            return readChunks(in);
        }
        Optional<String> length = header("Content-Length");
        if (length.isPresent()) {
            return readBytes(in, length(length.get(), 10));
        }
        if (!untilEnd) {
            return new byte[0];
        }
        byte[] bytes = in.readNBytes(MAX_BODY + 1);
        requireLength(bytes.length);
        return bytes;
    }

    private static byte[] readChunks(InputStream in) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        while (true) {
            String size = readLine(in, new int[] {MAX_HEAD}).split(";", 2)[0].strip();
            int length = length(size, 16);
            if (length == 0) {
                break;
            }
            requireLength((long) bytes.size() + length);
            bytes.write(readBytes(in, length));
            readLine(in, new int[] {MAX_HEAD});
        }
        int[] left = {MAX_HEAD};
        while (!readLine(in, left).isEmpty()) {
            // A trailer, which is left out.
        }
        return bytes.toByteArray();
    }

    private static int length(String text, int radix) throws MalformedException {
        long length;
        try {
            length = Long.parseLong(text, radix);
        } catch (NumberFormatException e) {
            length = -1;
        }
        if (length < 0) {
            throw new MalformedException(400, "this is no length of a body: " + text);
        }
        requireLength(length);
        return (int) length;
    }

    private static void requireLength(long length) throws MalformedException {
        if (length > MAX_BODY) {
            throw new MalformedException(413, "the body is larger than " + (MAX_BODY >> 20) + " MiB");
        }
    }

    private static byte[] readBytes(InputStream in, int length) throws IOException {
        byte[] bytes = in.readNBytes(length);
        if (bytes.length < length) {
            throw new EOFException("the connection ended after " + bytes.length + " of " + length + " bytes of a body");
        }
        return bytes;
    }

    /** Returns the first line: of a request the method, target and version, of an answer the version, status and reason. */
    public String startLine() {
        return startLine;
    }

    /** Returns the method of a request. */
    public String method() {
        return startLine.split(" ")[0];
    }

    /** Returns the target of a request: the path and the query as they were sent, without scheme and host. */
    public String target() {
        String target = startLine.split(" ")[1];
        if (!target.toLowerCase(Locale.ROOT).matches("https?://.*")) {
            return target;
        }
        int path = target.indexOf('/', target.indexOf("//") + 2);
        return path < 0 ? "/" : target.substring(path);
    }

    /**
     * Returns the status of an answer.
     *
     * @throws MalformedException if there is none
     */
    public int status() throws MalformedException {
        String[] parts = startLine.split(" ", 3);
        if (parts.length < 2 || !parts[0].startsWith("HTTP/1.") || !parts[1].matches("[1-5][0-9]{2}")) {
            throw new MalformedException(502, "this is no status line: " + startLine);
        }
        return Integer.parseInt(parts[1]);
    }

    /** Tells whether its sender wants to use the connection for more. */
    public boolean keepsAlive() {
        return startLine.endsWith("HTTP/1.1")
                && header("Connection").filter(HttpMessage::isClose).isEmpty();
    }

    private static boolean isClose(String connection) {
        return Arrays.stream(connection.split(","))
                .anyMatch(part -> part.strip().equalsIgnoreCase("close"));
    }

    /** Tells whether this answer has no body, whatever its headers say. */
    public boolean hasNoBody(String method) throws MalformedException {
        return method.equals("HEAD") || status() == 204 || status() == 304;
    }

    /** Returns the headers, in the order in which they were sent. */
    public List<Map.Entry<String, String>> headers() {
        return headers;
    }

    /** Returns the values of a header, joined by commas. */
    public Optional<String> header(String name) {
        return headers.stream()
                .filter(header -> header.getKey().equalsIgnoreCase(name))
                .map(Map.Entry::getValue)
                .reduce((first, second) -> first + ", " + second);
    }

    /** Returns the same with a header in place of all of its name. */
    public HttpMessage with(String name, String value) {
        List<Map.Entry<String, String>> changed = new ArrayList<>(without(name).headers);
        changed.add(Map.entry(name, value));
        return new HttpMessage(startLine, changed, body);
    }

    /** Returns the same without some headers. */
    public HttpMessage without(String... names) {
        List<Map.Entry<String, String>> kept = headers.stream()
                .filter(header -> Arrays.stream(names).noneMatch(header.getKey()::equalsIgnoreCase))
                .toList();
        return new HttpMessage(startLine, kept, body);
    }

    /** Returns the same with other headers. */
    HttpMessage withHeaders(List<Map.Entry<String, String>> others) {
        return new HttpMessage(startLine, others, body);
    }

    /** Returns the same with another target. */
    HttpMessage withTarget(String target) {
        return new HttpMessage("%s %s HTTP/1.1".formatted(method(), target), headers, body);
    }

    /** Returns the same with another body. */
    public HttpMessage withBody(byte[] other) {
        return new HttpMessage(startLine, headers, other.clone());
    }

    /** Returns the body; empty if there is none. */
    public byte[] body() {
        return body.clone();
    }

    /** Returns the body as UTF-8. */
    public String text() {
        return new String(body, StandardCharsets.UTF_8);
    }

    /** Returns the same with the length of its body, as a request or an answer that has a body. */
    public HttpMessage withLength() {
        return without("Transfer-Encoding").with("Content-Length", Integer.toString(body.length));
    }

    /** Returns the head as it is written, up to the empty line and with it. */
    public byte[] head() {
        StringBuilder head = new StringBuilder(startLine).append("\r\n");
        headers.forEach(header -> head.append(header.getKey())
                .append(": ")
                .append(header.getValue())
                .append("\r\n"));
        return head.append("\r\n").toString().getBytes(StandardCharsets.ISO_8859_1);
    }

    /** Returns the first line; headers and bodies may hold secrets. */
    @Override
    public String toString() {
        return startLine;
    }
}
