package dev.shepherd.callback.grpc;

import dev.shepherd.callback.transport.Told;
import io.netty.handler.codec.http2.DefaultHttp2Headers;
import io.netty.handler.codec.http2.Http2Headers;
import java.nio.charset.StandardCharsets;
import java.util.Set;

/** How gRPC says what became of a call. */
final class GrpcStatus {

    /** What HTTP says of all answers to gRPC's clients. */
    static final String OK = "200";

    /** What it says to others: an unsupported media type. */
    static final String UNSUPPORTED = "415";

    /** What requests can be; messages are protocol buffers unless something else is said. */
    static final Set<String> CONTENT_TYPES = Set.of("application/grpc", "application/grpc+proto");

    private static final String HEX = "0123456789ABCDEF";

    private GrpcStatus() {}

    /** Returns the code (a number of {@code google.rpc.Code}). */
    static int code(int status) {
        return switch (status) {
            // The heartbeat is recorded. Agents of the original send a report again for as long as they are told of an
            // error, and so would never carry out the next request.
            case Told.OK, Told.OTHER_GENERATION -> 0;
            case Told.MALFORMED -> 3; // INVALID_ARGUMENT
            case 401 -> 16; // UNAUTHENTICATED
            case 403 -> 7; // PERMISSION_DENIED
            case 404 -> 5; // NOT_FOUND
            case Told.NO_METHOD -> 12; // UNIMPLEMENTED
            case 409 -> 9; // FAILED_PRECONDITION
            case 413, Told.TOO_MANY -> 8; // RESOURCE_EXHAUSTED
            case 504 -> 4; // DEADLINE_EXCEEDED
            default -> 14; // UNAVAILABLE
        };
    }

    /** Returns the headers of an answer. */
    static Http2Headers headers(String httpStatus) {
        return new DefaultHttp2Headers().status(httpStatus).set("content-type", "application/grpc");
    }

    /** Adds what an answer ends with. */
    static Http2Headers addTrailers(Http2Headers headers, int code, Told told) {
        headers.set("grpc-status", String.valueOf(code));
        if (told.status() != Told.OK) {
            headers.set("shepherd-reason", told.reason());
            if (code != 0) {
                headers.set("grpc-message", encoded(new String(told.body(), StandardCharsets.UTF_8).strip()));
            }
        }
        if (told.retryAfterMillis() > 0) {
            headers.set("grpc-retry-pushback-ms", String.valueOf(told.retryAfterMillis()));
        }
        return headers;
    }

    /** Returns a text as gRPC has it in headers: printable ASCII, and percent-encoded what is not. */
    static String encoded(String text) {
        StringBuilder encoded = new StringBuilder();
        for (byte b : text.getBytes(StandardCharsets.UTF_8)) {
            if (b >= ' ' && b <= '~' && b != '%') {
                encoded.append((char) b);
            } else {
                encoded.append('%').append(HEX.charAt(b >> 4 & 0xf)).append(HEX.charAt(b & 0xf));
            }
        }
        return encoded.toString();
    }
}
