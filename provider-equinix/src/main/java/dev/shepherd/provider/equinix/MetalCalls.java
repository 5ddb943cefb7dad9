package dev.shepherd.provider.equinix;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderException.Scope;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.provider.equinix.client.ApiException;
import java.io.IOException;
import java.net.ConnectException;
import java.net.http.HttpConnectTimeoutException;
import java.time.Clock;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.UnaryOperator;
import java.util.random.RandomGenerator;
import javax.net.ssl.SSLHandshakeException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes the calls of the generated client behave: bounded in time, repeated where that can help and do no harm, within
 * a rate and a number at once, and failing with nothing but {@link ProviderException}.
 *
 * <p>A place among the concurrent calls is held while a request is under way, and not while a repetition is waited for.
 * Safe for use by several threads.
 */
final class MetalCalls {

    private static final Logger log = LoggerFactory.getLogger(MetalCalls.class);

    /** Whoever is asked to stay away for longer may as well ask again then. */
    private static final Duration MOST_RETRY_AFTER = Duration.ofDays(1);

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
        /** The API cannot be reached, for whatever machine. */
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

    private final String name;
    private final CallSettings settings;
    private final CallThreads threads;
    private final ObjectMapper mapper;
    private final UnaryOperator<String> withoutSecrets;
    private final Ticker ticker;
    private final Clock clock;
    private final RandomGenerator random;
    private final Duration leastTime;
    private final Semaphore permits;
    private final TokenBucket rate;

    /**
     * Makes the calls of one provider.
     *
     * @param name what a message begins with
     * @param settings how they behave
     * @param threads what requests are sent on
     * @param mapper what reads the bodies of errors
     * @param withoutSecrets takes secrets out of what comes from outside
     * @param ticker what is waited by
     * @param clock what dates in {@code Retry-After} are compared with
     * @param random what spreads the repetitions
     */
    MetalCalls(
            String name,
            CallSettings settings,
            CallThreads threads,
            ObjectMapper mapper,
            UnaryOperator<String> withoutSecrets,
            Ticker ticker,
            Clock clock,
            RandomGenerator random) {
        this.name = name;
        this.settings = settings;
        this.threads = threads;
        this.mapper = mapper;
        this.withoutSecrets = withoutSecrets;
        this.ticker = ticker;
        this.clock = clock;
        this.random = random;
        leastTime = shorter(settings.attemptTimeout(), settings.totalTimeout()).dividedBy(10);
        permits = new Semaphore(settings.maxConcurrentCalls(), true);
        rate = new TokenBucket(settings.callsPerSecond(), settings.maxConcurrentCalls(), ticker);
    }

    /** Returns when a call that begins now has to be over. */
    long deadline() {
        return ticker.nanos() + settings.totalTimeout().toNanos();
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
                rate.pause(failure.retryAfter().get());
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
        if (!permits.tryAcquire(Math.max(0, deadline - ticker.nanos()), TimeUnit.NANOSECONDS)) {
            throw new ProviderException(
                    Reason.RATE_LIMITED,
                    String.format(
                            Locale.ROOT,
                            "%s: %s was not sent: %d other call(s) took all the time it had",
                            name,
                            what,
                            settings.maxConcurrentCalls()));
        }
        try {
            Optional<Duration> tooLong = rate.acquire(deadline);
            if (tooLong.isPresent()) {
                throw ProviderException.builder(
                                Reason.RATE_LIMITED,
                                String.format(
                                        Locale.ROOT,
                                        "%s: %s was not sent: its turn under the rate limit would not come for"
                                                + " another %d ms",
                                        name,
                                        what,
                                        tooLong.get().toMillis()))
                        .retryAfter(tooLong.get())
                        .build();
            }
            Duration left = Duration.ofNanos(Math.max(1, deadline - ticker.nanos()));
            Duration timeout = shorter(left, settings.attemptTimeout());
            try {
                return send(request, timeout);
            } catch (TimeoutException e) {
                throw new TimeoutException("no answer within " + timeout.toMillis() + " ms");
            }
        } finally {
            permits.release();
        }
    }

    private <T> T send(Request<T> request, Duration timeout)
            throws InterruptedException, ApiException, TimeoutException {
        FutureTask<T> task = threads.submit(request::send);
        try {
            return task.get(timeout.toNanos(), TimeUnit.NANOSECONDS);
        } catch (ExecutionException e) {
            if (threads.isClosed()) {
                throw new IllegalStateException(name + " is closed", e);
            }
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
        } catch (CancellationException e) {
            throw new IllegalStateException(name + " is closed", e);
        } finally {
            task.cancel(true);
        }
    }

    private Failure failure(Kind kind, ApiException e) {
        int status = e.getCode();
        if (status == 0) {
            return failedToAnswer(kind, Objects.requireNonNullElse(e.getCause(), e));
        }
        // With any other status nobody is asked to come back.
        boolean comeBack = status == 408 || status == 425 || status == 429 || status >= 500;
        Optional<Duration> retryAfter = comeBack ? retryAfter(e) : Optional.empty();
        String words = "the API answers " + status + ": " + text(e.getResponseBody());
        Reason reason;
        boolean passes;
        switch (status) {
            case 401, 403 -> {
                reason = Reason.UNAUTHENTICATED;
                passes = false;
            }
            case 404 -> {
                reason = Reason.NOT_FOUND;
                passes = false;
            }
            case 408, 425 -> {
                // The API did not take the request at all.
                reason = Reason.TRANSIENT;
                passes = true;
            }
            case 409 -> {
                reason = Reason.CONFLICT;
                passes = kind.conflictPasses;
            }
            case 429 -> {
                reason = Reason.RATE_LIMITED;
                passes = true;
            }
            default -> {
                boolean itsOwnFault = status >= 500;
                reason = itsOwnFault ? Reason.TRANSIENT : Reason.PERMANENT;
                passes = itsOwnFault && kind.repeatable;
            }
        }
        Extent extent = status == 403 ? Extent.FORBIDDEN : Extent.USUAL;
        return new Failure(reason, extent, passes, words, retryAfter, null);
    }

    private Failure failedToAnswer(Kind kind, Throwable cause) {
        boolean notSent = cause instanceof ConnectException
                || cause instanceof HttpConnectTimeoutException
                || cause instanceof SSLHandshakeException;
        return new Failure(
                Reason.TRANSIENT,
                notSent ? Extent.UNREACHABLE : Extent.USUAL,
                notSent || kind.repeatable,
                (notSent ? "the API cannot be reached: " : "the API gave no whole answer: ") + describe(cause),
                Optional.empty(),
                // What a JSON library says of a value that it does not like repeats the value.
                cause instanceof JsonProcessingException ? null : cause);
    }

    /** How much is shown of what the API has to say of an error, in characters. */
    private static final int LONGEST_EXCERPT = 500;

    /** Names the failure even where the outermost exception has no message, as is common among sockets. */
    private String describe(Throwable failure) {
        String message = null;
        for (Throwable cause = failure; cause != null && message == null; cause = cause.getCause()) {
            message = cause.getMessage();
        }
        String type = failure.getClass().getSimpleName();
        return message == null
                ? type
                : type + ": " + Escaped.text(withoutSecrets.apply(message).strip(), LONGEST_EXCERPT);
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
        return Escaped.text(withoutSecrets.apply(text).strip(), LONGEST_EXCERPT);
    }

    private Optional<Duration> retryAfter(ApiException e) {
        if (e.getResponseHeaders() == null) {
            return Optional.empty();
        }
        return e.getResponseHeaders().firstValue("Retry-After").flatMap(this::parseRetryAfter);
    }

    private Optional<Duration> parseRetryAfter(String text) {
        Duration asked;
        try {
            asked = text.strip().matches("[0-9]{1,9}")
                    ? Duration.ofSeconds(Long.parseLong(text.strip()))
                    : Duration.between(
                            clock.instant(), Instant.from(DateTimeFormatter.RFC_1123_DATE_TIME.parse(text.strip())));
        } catch (DateTimeException e) {
            return Optional.empty();
        }
        return Optional.of(asked.isNegative() ? Duration.ZERO : shorter(asked, MOST_RETRY_AFTER));
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
