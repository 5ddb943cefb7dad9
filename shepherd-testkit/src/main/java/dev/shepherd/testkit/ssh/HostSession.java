package dev.shepherd.testkit.ssh;

import java.security.KeyPair;
import org.apache.sshd.common.io.IoSession;
import org.apache.sshd.common.session.SessionContext;
import org.apache.sshd.server.ServerFactoryManager;
import org.apache.sshd.server.session.ServerSessionImpl;

/** A session of Apache MINA that knows which host it is on. */
final class HostSession extends ServerSessionImpl {

    private final SshHost host;
    private final KeyPair hostKey;
    private final boolean resets;

    HostSession(ServerFactoryManager server, IoSession connection, SshHost host) throws Exception {
        super(server, connection);
        this.host = host;
        this.hostKey = host.hostKeyPair();
        this.resets = host.mood() == Mood.RESET;
    }

    /** Called when this side has all it needs for the keys. The client has yet to say that it has, and that is cut off. */
    @Override
    protected void checkKeys() {
        super.checkKeys();
        if (resets) {
            Connections.reset(getIoSession());
        }
    }

    static HostSession of(SessionContext session) {
        return (HostSession) session;
    }

    SshHost host() {
        return host;
    }

    /** Returns the host key as it was when this session began, which later key exchanges must not contradict. */
    KeyPair hostKey() {
        return hostKey;
    }
}
