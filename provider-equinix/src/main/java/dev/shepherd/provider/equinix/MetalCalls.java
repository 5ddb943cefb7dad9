package dev.shepherd.provider.equinix;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderException.Scope;
import dev.shepherd.provider.equinix.client.ApiException;
import dev.shepherd.provider.support.CallGate;
import dev.shepherd.provider.support.CallThreads;
import dev.shepherd.provider.support.Excerpts;
import dev.shepherd.provider.support.HttpAnswer;
import dev.shepherd.provider.support.NoAnswerException;
import dev.shepherd.provider.support.Ticker;
import java.io.IOException;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Decides which calls of the generated client are repeated, and when: where that can help and does no harm. They only
 * fail with {@link ProviderException}.
 *
 * <p>A turn at the gate is held while a request is under way, and not while a repetition is waited for. Safe for use by
 * several threads.
 */
final class MetalCalls {

    private static final Logger log = LoggerFactory.getLogger(MetalCalls.class);

    /** What repeating a call may do. */
    enum Kind {
        /** Nothing, since it only reads. */
        READ(true, false),
        /** Nothing, since the second time changes nothing. */
        REPEATABLE_WRITE(true, false),
        /** Harm: it is repeated only where the first try surely did nothing. */
        CREATION(false, false),
        /** Harm likewise; but a conflict means that the device is in transition, and passes. */
        DEVICE_ACTION(false, true);

        private final boolean repeatable;
        private final boolean conflictPasses;

        Kind(boolean repeatable, boolean conflictPasses) {
            this.repeatable = repeatable;
            this.conflictPasses = conflictPasses;
        }
    }

    /** One request of the generated client. */
    @FunctionalInterface
    interface Request<T> {
        T send() throws ApiException;
    }

    /** What a failure is about, beyond what its reason says. */
    private enum Extent {
        /** What the reason says. */
        USUAL,
        /** The answer was 403. */
        FORBIDDEN,
        /** The API cannot be reached, for any machine. */
        UNREACHABLE
    }

    /** How an attempt failed, and what that says. */
    private record Failure(
            Reason reason,
            Extent extent,
            boolean passes,
            String words,
            Optional<Duration> retryAfter,
            @Nullable Throwable cause) {}

    /** Twenty minutes by default: 12,000 pages at the usual rate. */
    private static final int TIMEOUTS_OF_A_LISTING = 10;

    private final String name;
    private final CallSettings settings;
    private final CallThreads threads;
    private final ObjectMapper mapper;
    private final Excerpts excerpts;
    private final Ticker ticker;
    private final Clock clock;
    private final RandomGenerator random;
    private final Duration leastTime;
    private final CallGate gate;

    /**
     * Makes the calls of one provider.
     *
     * @param name what a message begins with
     * @param settings how they behave
     * @param threads what requests are sent on
     * @param mapper what reads the bodies of errors
     * @param excerpts shows what comes from outside, without secrets
     * @param ticker what is waited by
     * @param clock what dates in {@code Retry-After} are compared with
     * @param random what spreads the repetitions
     */
    MetalCalls(
            String name,
            CallSettings settings,
            CallThreads threads,
            ObjectMapper mapper,
            Excerpts excerpts,
            Ticker ticker,
            Clock clock,
            RandomGenerator random) {
        this.name = name;
        this.settings = settings;
        this.threads = threads;
        this.mapper = mapper;
        this.excerpts = excerpts;
        this.ticker = ticker;
        this.clock = clock;
        this.random = random;
        leastTime = shorter(settings.attemptTimeout(), settings.totalTimeout()).dividedBy(10);
        gate = CallGate.of(settings.maxConcurrentCalls(), settings.callsPerSecond(), ticker);
    }

    /** Returns when a call that begins now has to be over. */
    long deadline() {
        return ticker.nanos() + settings.totalTimeout().toNanos();
    }

    /** Returns when a listing that begins now has to be over, with all its pages. */
    long listingDeadline() {
        return ticker.nanos()
                + settings.totalTimeout().multipliedBy(TIMEOUTS_OF_A_LISTING).toNanos();
    }

    /**
     * Checks that a listing may go on: each page has a time of its own, and there may be thousands.
     *
     * @throws ProviderException with {@link Reason#TRANSIENT} if it may not
     */
    void requireTime(String what, int page, long deadline) {
        if (isOver(deadline)) {
            throw new ProviderException(
                    Reason.TRANSIENT,
                    name + ": listing " + what + " took more than " + TIMEOUTS_OF_A_LISTING
                            + " times \"total-timeout\", and was given up before page " + page);
        }
    }

    /** Returns the time on the clock that deadlines are measured by. */
    long now() {
        return ticker.nanos();
    }

    boolean isOver(long deadline) {
        return deadline - ticker.nanos() <= 0;
    }

    /**
     * Makes a call, with as many attempts as it needs until its time is over.
     *
     * @param what what it does, as the words of a message: {@code listing the devices}
     * @throws ProviderException as the last attempt failed; {@link Reason#TRANSIENT} says that a call that is not
     *     repeatable may have had its effect
     * @throws IllegalStateException if the provider is closed
     */
    <T> T call(String what, Kind kind, Request<T> request) throws InterruptedException {
        return call(what, kind, deadline(), request);
    }

    /** Makes a call that is over by a deadline. */
    <T> T call(String what, Kind kind, long deadline, Request<T> request) throws InterruptedException {
        Failure before = null;
        for (int attempt = 1; ; attempt++) {
            Failure failure;
            try {
                return attempt(what, deadline, request);
            } catch (ApiException e) {
                failure = failure(kind, e);
            } catch (TimeoutException e) {
                if (before != null && kind.repeatable && isOver(deadline)) {
                    // The last attempt had hardly any time left. What is wrong is what kept the others from succeeding.
                    throw exception(what, before, attempt);
                }
                failure = new Failure(
                        Reason.TRANSIENT,
                        Extent.USUAL,
                        kind.repeatable,
                        String.valueOf(e.getMessage()),
                        Optional.empty(),
                        null);
            } catch (ProviderException notSent) {
                throw before == null ? notSent : exception(what, before, attempt - 1);
            }
            before = failure;
            Duration wait = backoff(attempt);
            if (failure.retryAfter().isPresent()) {
                gate.pause(failure.retryAfter().get());
                wait = longer(wait, failure.retryAfter().get());
            }
            // A request with hardly any time would only fail, and leave it unknown whether a device is rebooted.
            boolean inTime = ticker.nanos() + wait.toNanos() + leastTime.toNanos() - deadline < 0;
            if (!failure.passes() || !inTime) {
                throw exception(what, failure, attempt);
            }
            log.debug("{}: {}: {}; attempt {} in {} ms", name, what, failure.words(), attempt + 1, wait.toMillis());
            ticker.sleep(wait);
        }
    }

    /** Waits before a repetition that the caller decides on. */
    void backOff(int attempt) throws InterruptedException {
        ticker.sleep(backoff(attempt));
    }

    /** Anything from nothing to a bound that doubles: so that many who failed together do not come back together. */
    private Duration backoff(int attempt) {
        long bound = settings.backoffInitial().toNanos() << Math.min(attempt - 1, 20);
        bound = bound <= 0 ? Long.MAX_VALUE : bound;
        return Duration.ofNanos(
                random.nextLong(Math.min(bound, settings.backoffMaximum().toNanos()) + 1));
    }

    private <T> T attempt(String what, long deadline, Request<T> request)
            throws InterruptedException, ApiException, TimeoutException {
        Duration left = Duration.ofNanos(Math.max(0, deadline - ticker.nanos()));
        try (CallGate.Turn turn = gate.enter(name + ": " + what, left)) {
            Duration rest = Duration.ofNanos(Math.max(1, deadline - ticker.nanos()));
            return send(request, shorter(rest, settings.attemptTimeout()));
        }
    }

    private <T> T send(Request<T> request, Duration timeout)
            throws InterruptedException, ApiException, TimeoutException {
        try {
            return threads.call(request::send, timeout);
        } catch (TimeoutException e) {
            throw new TimeoutException("no answer within " + timeout.toMillis() + " ms");
        } catch (CancellationException e) {
            throw new IllegalStateException(name + " is closed", e);
        } catch (ExecutionException e) {
            Throwable cause = e.getCause();
            if (cause instanceof ApiException failed) {
                throw failed;
            }
            if (cause instanceof RuntimeException unexpected) {
                throw unexpected;
            }
            if (cause instanceof java.lang.Error error) {
                throw error;
            }
            throw new IllegalStateException(cause);
        }
    }

    private Failure failure(Kind kind, ApiException e) {
        int status = e.getCode();
        if (status == 0) {
            return failedToAnswer(kind, Objects.requireNonNullElse(e.getCause(), e));
        }
        boolean passes = switch (status) {
            // The API did not take the request at all.
            case 408, 425, 429 -> true;
            case 409 -> kind.conflictPasses;
            default -> status >= 500 && kind.repeatable;
        };
        return new Failure(
                HttpAnswer.reason(status),
                status == 403 ? Extent.FORBIDDEN : Extent.USUAL,
                passes,
                "the API answers " + status + ": " + text(e.getResponseBody()),
                e.getResponseHeaders() == null
                        ? Optional.empty()
                        : HttpAnswer.retryAfter(status, e.getResponseHeaders(), clock),
                null);
    }

    private Failure failedToAnswer(Kind kind, Throwable cause) {
        boolean sent = NoAnswerException.Why.of(cause).isSent();
        return new Failure(
                Reason.TRANSIENT,
                sent ? Extent.USUAL : Extent.UNREACHABLE,
                !sent || kind.repeatable,
                (sent ? "the API gave no whole answer: " : "the API cannot be reached: ") + excerpts.of(cause),
                Optional.empty(),
                // What a JSON library says of a value that it does not like repeats the value.
                cause instanceof JsonProcessingException ? null : cause);
    }

    /** What the API itself has to say. */
    private String text(@Nullable String body) {
        if (body == null || body.isBlank()) {
            return "nothing more";
        }
        String text = body;
        try {
            dev.shepherd.provider.equinix.client.Error error =
                    mapper.readValue(body, dev.shepherd.provider.equinix.client.Error.class);
            List<String> errors = error.getErrors();
            if (errors != null && !errors.isEmpty()) {
                text = String.join("; ", errors);
            } else if (error.getError() != null) {
                text = error.getError();
            }
        } catch (IOException e) {
            // A proxy on the way, perhaps: then the body is shown as it is.
        }
        return excerpts.of(text);
    }

    private ProviderException exception(String what, Failure failure, int attempts) {
        String message = name + ": " + what + " failed" + (attempts == 1 ? "" : " " + attempts + " times") + ": "
                + failure.words();
        if (failure.extent() == Extent.FORBIDDEN) {
            return new ForbiddenException(message);
        }
        ProviderException.Builder exception = ProviderException.builder(failure.reason(), message)
                .retryAfter(failure.retryAfter().orElse(null))
                .cause(failure.cause());
        return failure.extent() == Extent.UNREACHABLE
                ? exception.scope(Scope.PROVIDER).build()
                : exception.build();
    }

    private static Duration shorter(Duration a, Duration b) {
        return a.compareTo(b) <= 0 ? a : b;
    }

    private static Duration longer(Duration a, Duration b) {
        return a.compareTo(b) >= 0 ? a : b;
    }
}
