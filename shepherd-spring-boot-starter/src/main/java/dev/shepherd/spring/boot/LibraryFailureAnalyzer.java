package dev.shepherd.spring.boot;

import org.jspecify.annotations.Nullable;
import org.springframework.boot.diagnostics.AbstractFailureAnalyzer;
import org.springframework.boot.diagnostics.FailureAnalysis;

/** Says what to do about a library of the wrong version, where that is found out by a class that cannot be loaded. */
final class LibraryFailureAnalyzer extends AbstractFailureAnalyzer<LinkageError> {

    @Override
    protected @Nullable FailureAnalysis analyze(Throwable rootFailure, LinkageError cause) {
        String message = String.valueOf(cause.getMessage());
        if (message.contains("org/jooq/") || message.contains("org.jooq.")) {
            return new FailureAnalysis(message, Libraries.JOOQ_ADVICE + ".", cause);
        }
        if (message.contains("io/netty/") || message.contains("io.netty.")) {
            return new FailureAnalysis(message, Libraries.NETTY_ADVICE + ".", cause);
        }
        return null;
    }
}
