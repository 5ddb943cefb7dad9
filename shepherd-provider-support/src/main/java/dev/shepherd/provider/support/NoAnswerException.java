package dev.shepherd.provider.support;

import dev.shepherd.api.ProviderException;
import java.io.UncheckedIOException;
import java.net.ConnectException;
import java.net.NoRouteToHostException;
import java.net.ProtocolException;
import java.net.UnknownHostException;
import java.net.http.HttpConnectTimeoutException;
import java.net.http.HttpTimeoutException;
import java.nio.channels.UnresolvedAddressException;
import java.util.concurrent.CompletionException;
import java.util.stream.Stream;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLHandshakeException;
import org.jspecify.annotations.Nullable;

/**
 * An HTTP call got no whole answer. {@link ProviderException.Reason#TRANSIENT}, since what the other side did is unknown,
 * unless {@link Why#isSent()} is false.
 */
public final class NoAnswerException extends ProviderException {

    private static final long serialVersionUID = 1L;

    /** What went wrong. */
    public enum Why {

        /** The name of the host does not resolve. */
        UNRESOLVED(false),

        /** The host, or a port of it, does not let itself be connected to. */
        UNREACHABLE(false),

        /** There is no TLS with it: its certificate is not trusted, or the two sides have no version in common. */
        UNTRUSTED(false),

        /** The whole answer, head and body, was not there within the limit. */
        TOO_LATE(true),

        /** The body is longer than allowed. */
        TOO_LONG(true),

        /** What answers does not speak HTTP, or sends a head without end. */
        NOT_HTTP(true),

        /** The connection broke off. */
        BROKEN(true);

        private final boolean sent;

        Why(boolean sent) {
            this.sent = sent;
        }

        /** Tells whether the request may have reached the other side; false if it certainly did not. */
        public boolean isSent() {
            return sent;
        }

        /** Finds out what went wrong from what an HTTP client of the JDK threw. */
        public static Why of(Throwable failure) {
            if (isAny(failure, BoundedBody.TooLongException.class)) {
                return TOO_LONG;
            }
            if (isAny(failure, UnresolvedAddressException.class) || isAny(failure, UnknownHostException.class)) {
                return UNRESOLVED;
            }
            if (isAny(failure, HttpConnectTimeoutException.class)
                    || isAny(failure, ConnectException.class)
                    || isAny(failure, NoRouteToHostException.class)) {
                return UNREACHABLE;
            }
            if (isAny(failure, HttpTimeoutException.class)) {
                return TOO_LATE;
            }
            if (isAny(failure, SSLHandshakeException.class)) {
                return UNTRUSTED;
            }
            if (isAny(failure, SSLException.class)) {
                return BROKEN;
            }
            return repeatsTheAnswer(failure) ? NOT_HTTP : BROKEN;
        }

        /**
         * Tells whether a failure's text may repeat the answer, which may be an echo of the request: its first line, or
         * the URI of a redirection.
         */
        private static boolean repeatsTheAnswer(Throwable failure) {
            return causes(failure)
                    .anyMatch(cause -> cause instanceof ProtocolException
                            || (cause instanceof RuntimeException
                                    && !(cause instanceof CompletionException)
                                    && !(cause instanceof UncheckedIOException)));
        }

        private static boolean isAny(Throwable failure, Class<? extends Throwable> type) {
            return causes(failure).anyMatch(type::isInstance);
        }

        private static Stream<Throwable> causes(Throwable failure) {
            return Stream.iterate(failure, cause -> cause != null, Throwable::getCause)
                    .limit(50);
        }
    }

    private final Why why;
    private final Scope scope;

    NoAnswerException(Why why, String message, Scope scope, @Nullable Throwable cause) {
        super(Reason.TRANSIENT, message, cause);
        this.why = why;
        this.scope = scope;
    }

    /** Returns what went wrong. */
    public Why why() {
        return why;
    }

    /**
     * Returns what the failure concerns: where the request was not sent, what the calls were {@linkplain
     * HttpCalls.Builder#scope told}; otherwise the machine that was asked for.
     */
    @Override
    public Scope scope() {
        return scope;
    }
}
