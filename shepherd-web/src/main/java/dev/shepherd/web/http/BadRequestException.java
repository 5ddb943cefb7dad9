package dev.shepherd.web.http;

/** A request that says something wrong. Its message says what, for people; it is answered with 400. */
public final class BadRequestException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    public BadRequestException(String message) {
        super(message);
    }
}
