package dev.shepherd.manager.internal;

import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbSession;
import java.net.InetAddress;
import java.net.UnknownHostException;
import org.jspecify.annotations.Nullable;

/** The session of one loop: the same one for as long as it lives, then a new one. */
public final class SessionSource implements AutoCloseable {

    private final Bmdb bmdb;
    private final String component;
    private final String runtimeInfo;
    private final Object lock = new Object();
    private @Nullable BmdbSession session;
    private boolean closed;

    public SessionSource(Bmdb bmdb, String component, String runtimeInfo) {
        this.bmdb = bmdb;
        this.component = component;
        this.runtimeInfo = runtimeInfo;
    }

    /** Says where this runs, for people: the host's name and the process id. */
    public static String thisProcess() {
        String host;
        try {
            host = InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException e) {
            host = "unknown host";
        }
        return host + ", process " + ProcessHandle.current().pid();
    }

    /** Returns a session that was alive a moment ago. */
    public BmdbSession current() throws InterruptedException {
        synchronized (lock) {
            if (closed) {
                throw new IllegalStateException("the loop of " + component + " is closed");
            }
            BmdbSession current = session;
            if (current == null || !current.isAlive()) {
                current = bmdb.startSession(component, runtimeInfo);
                session = current;
            }
            LogContext.session(current.id());
            return current;
        }
    }

    /** Ends the session, which releases what it still holds. */
    @Override
    public void close() {
        BmdbSession ending;
        synchronized (lock) {
            closed = true;
            ending = session;
            session = null;
        }
        if (ending != null) {
            ending.close();
        }
    }
}
