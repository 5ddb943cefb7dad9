package dev.shepherd.testkit;

import org.apache.sshd.common.io.IoSession;
import org.apache.sshd.common.session.SessionContext;
import org.apache.sshd.server.ServerFactoryManager;
import org.apache.sshd.server.session.ServerSessionImpl;

/** A session of Apache MINA that knows which host it is on. */
final class HostSession extends ServerSessionImpl {

    private final SshHost host;

    HostSession(ServerFactoryManager server, IoSession connection, SshHost host) throws Exception {
        super(server, connection);
        this.host = host;
    }

    static HostSession of(SessionContext session) {
        return (HostSession) session;
    }

    SshHost host() {
        return host;
    }
}
