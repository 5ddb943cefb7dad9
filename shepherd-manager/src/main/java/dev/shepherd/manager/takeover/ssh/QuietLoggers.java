package dev.shepherd.manager.takeover.ssh;

import dev.shepherd.api.internal.Escaped;
import net.schmizz.sshj.common.LoggerFactory;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.Marker;
import org.slf4j.event.Level;
import org.slf4j.helpers.LegacyAbstractLogger;
import org.slf4j.helpers.MessageFormatter;

/**
 * The loggers of the SSH library, turned down. Every machine that goes away is an error with a stack trace to it,
 * and to us an everyday matter that an exception reports. So what it says from INFO up is DEBUG here, its DEBUG is
 * TRACE, and its TRACE is not shown at all: it prints packets, and in one of them is the password.
 */
final class QuietLoggers implements LoggerFactory {

    private static final int MAX_LENGTH = 4096;

    @Override
    public Logger getLogger(String name) {
        return new QuietLogger(org.slf4j.LoggerFactory.getLogger(name));
    }

    @Override
    public Logger getLogger(Class<?> type) {
        return getLogger(type.getName());
    }

    private static final class QuietLogger extends LegacyAbstractLogger {

        private static final long serialVersionUID = 1L;

        private final transient Logger target;

        private QuietLogger(Logger target) {
            this.target = target;
            this.name = target.getName();
        }

        @Override
        public boolean isTraceEnabled() {
            return false;
        }

        @Override
        public boolean isDebugEnabled() {
            return target.isTraceEnabled();
        }

        @Override
        public boolean isInfoEnabled() {
            return target.isDebugEnabled();
        }

        @Override
        public boolean isWarnEnabled() {
            return target.isDebugEnabled();
        }

        @Override
        public boolean isErrorEnabled() {
            return target.isDebugEnabled();
        }

        @Override
        protected @Nullable String getFullyQualifiedCallerName() {
            return null;
        }

        @Override
        protected void handleNormalizedLoggingCall(
                Level level,
                @Nullable Marker marker,
                String message,
                Object @Nullable [] arguments,
                @Nullable Throwable throwable) {
            String text = MessageFormatter.basicArrayFormat(message, arguments);
            target.atLevel(level == Level.DEBUG ? Level.TRACE : Level.DEBUG)
                    .setCause(Escaped.failure(throwable))
                    .log(Escaped.text(text, MAX_LENGTH));
        }
    }
}
