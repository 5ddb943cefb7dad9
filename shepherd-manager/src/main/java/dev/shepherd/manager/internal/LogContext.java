package dev.shepherd.manager.internal;

import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Work;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.MDC;

/**
 * What the lines that a thread logs are about, as SLF4J's MDC: {@code provider}, {@code loop}, {@code process}, {@code
 * machine}, {@code session}. Closing it puts back what was there before, since threads may be an embedder's.
 */
public final class LogContext implements AutoCloseable {

    private static final String MACHINE = "machine";
    private static final String PROCESS = "process";
    private static final String PROVIDER = "provider";
    private static final String SESSION = "session";
    private static final String LOOP = "loop";

    private final @Nullable Map<String, String> before = MDC.getCopyOfContextMap();

    private LogContext() {}

    /** Begins lines of a loop. */
    static LogContext ofLoop(LoopMonitor monitor) {
        LogContext context = new LogContext();
        MDC.put(PROVIDER, monitor.provider().name());
        MDC.put(LOOP, monitor.name());
        return context;
    }

    /** Begins lines about work on a machine. */
    public static LogContext ofWork(ProviderType provider, Work work) {
        LogContext context = new LogContext();
        MDC.put(PROVIDER, provider.name());
        MDC.put(MACHINE, work.machineId().toString());
        MDC.put(PROCESS, work.process().name());
        MDC.put(SESSION, work.session().id().toString());
        return context;
    }

    /** Begins lines of a loop about a machine that it does not hold. */
    public static LogContext ofMachine(UUID machineId) {
        LogContext context = new LogContext();
        MDC.put(MACHINE, machineId.toString());
        return context;
    }

    /** Notes the session that the current thread's loop has from now on. A caller's own thread is left as it is. */
    static void session(UUID sessionId) {
        if (MDC.get(LOOP) != null) {
            MDC.put(SESSION, sessionId.toString());
        }
    }

    /** Returns the same task with the lines of the current thread's context, for another thread. */
    public static Runnable here(Runnable task) {
        Map<String, String> here = MDC.getCopyOfContextMap();
        if (here == null) {
            return task;
        }
        return () -> {
            try (LogContext context = new LogContext()) {
                MDC.setContextMap(here);
                task.run();
            }
        };
    }

    @Override
    public void close() {
        if (before == null) {
            MDC.clear();
        } else {
            MDC.setContextMap(before);
        }
    }
}
