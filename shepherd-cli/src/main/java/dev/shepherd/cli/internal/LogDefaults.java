package dev.shepherd.cli.internal;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.encoder.PatternLayoutEncoder;
import ch.qos.logback.classic.spi.Configurator;
import ch.qos.logback.classic.spi.ConfiguratorRank;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.ConsoleAppender;
import ch.qos.logback.core.encoder.Encoder;
import ch.qos.logback.core.encoder.EncoderBase;
import ch.qos.logback.core.spi.ContextAwareBase;
import net.logstash.logback.encoder.LogstashEncoder;

/**
 * What the command line logs and how, unless a {@code logback.xml} or {@code -Dlogback.configurationFile} says: lines
 * of Shepherd on standard error, and warnings of libraries.
 */
@ConfiguratorRank(ConfiguratorRank.FALLBACK)
public final class LogDefaults extends ContextAwareBase implements Configurator {

    private static final String APPENDER = "stderr";
    private static final String IGNORED = "[ignore]";

    @Override
    public ExecutionStatus configure(LoggerContext context) {
        use(context, Logging.Format.TEXT);
        context.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME).setLevel(Level.WARN);
        context.getLogger("dev.shepherd").setLevel(Level.INFO);
        context.getLogger("dev.shepherd.testkit").setLevel(Level.WARN);
        return ExecutionStatus.DO_NOT_INVOKE_NEXT_IF_ANY;
    }

    /** Tells whether a context is configured by this, and not by a file. */
    static boolean apply(LoggerContext context) {
        return context.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME).getAppender(APPENDER) != null;
    }

    /** Has a context write in a format from now on. */
    static void use(LoggerContext context, Logging.Format format) {
        ConsoleAppender<ILoggingEvent> appender = new ConsoleAppender<>();
        appender.setContext(context);
        appender.setName(APPENDER);
        appender.setTarget("System.err");
        appender.setEncoder(encoder(context, format));
        appender.start();
        ch.qos.logback.classic.Logger root = context.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
        root.detachAppender(APPENDER);
        root.addAppender(appender);
    }

    private static Encoder<ILoggingEvent> encoder(LoggerContext context, Logging.Format format) {
        EncoderBase<ILoggingEvent> encoder = switch (format) {
            case TEXT -> text();
            case JSON -> json();
        };
        encoder.setContext(context);
        encoder.start();
        return encoder;
    }

    private static PatternLayoutEncoder text() {
        PatternLayoutEncoder encoder = new PatternLayoutEncoder();
        encoder.setPattern("%d{yyyy-MM-dd'T'HH:mm:ss.SSSXXX} %level %logger{0} - %msg%n");
        return encoder;
    }

    /** The fields of the MDC are beside the others, where they can be searched for. */
    private static LogstashEncoder json() {
        LogstashEncoder encoder = new LogstashEncoder();
        encoder.getFieldNames().setVersion(IGNORED);
        encoder.getFieldNames().setLevelValue(IGNORED);
        encoder.setIncludeContext(false);
        return encoder;
    }
}
