package dev.shepherd.provider.staticlist.list;

import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.internal.Spans;
import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A list could not be read, for a known reason. The message follows on "cannot be read". */
final class UnreadableListException extends IOException {

    private static final long serialVersionUID = 1L;

    private final Reason reason;
    private final @Nullable Duration retryAfter;

    UnreadableListException(Reason reason, String message) {
        this(reason, message, null, null);
    }

    UnreadableListException(Reason reason, String message, @Nullable Duration retryAfter, @Nullable Throwable cause) {
        super(message, cause);
        this.reason = reason;
        this.retryAfter = retryAfter;
    }

    static UnreadableListException tooLarge(int maxBytes) {
        String what = maxBytes < ListSource.MOST_BYTES
                ? " bytes that the property \"max-size\" allows"
                : " bytes for which the process has memory; give it a larger heap (-Xmx)";
        return new UnreadableListException(Reason.PERMANENT, "it is larger than the " + maxBytes + what);
    }

    static UnreadableListException tooLate(Duration timeout) {
        return new UnreadableListException(Reason.TRANSIENT, "it did not arrive whole within " + Spans.text(timeout));
    }

    Reason reason() {
        return reason;
    }

    Optional<Duration> retryAfter() {
        return Optional.ofNullable(retryAfter);
    }
}
