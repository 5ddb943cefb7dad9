package dev.shepherd.testkit.ssh;

import java.io.IOException;
import org.apache.sshd.common.SshConstants;
import org.apache.sshd.common.util.buffer.Buffer;
import org.apache.sshd.server.auth.UserAuth;
import org.apache.sshd.server.auth.UserAuthFactory;
import org.apache.sshd.server.session.ServerSession;
import org.jspecify.annotations.Nullable;

/** One way to log in, where what has proved to be right may still not be let in: the host's mood has the last word. */
final class HostLogin implements UserAuth {

    /** What OpenSSH's PAM says of an account that has expired, with OpenSSH's own line end. */
    private static final String BANNER = "Your account has expired; please contact your system administrator.\n";

    private final UserAuth proof;

    private HostLogin(UserAuth proof) {
        this.proof = proof;
    }

    static UserAuthFactory factory(UserAuthFactory proofs) {
        return new UserAuthFactory() {
            @Override
            public String getName() {
                return proofs.getName();
            }

            @Override
            public UserAuth createUserAuth(ServerSession session) throws IOException {
                return new HostLogin(proofs.createUserAuth(session));
            }
        };
    }

    @Override
    public @Nullable Boolean auth(ServerSession session, String user, String service, Buffer request) throws Exception {
        return decide(session, proof.auth(session, user, service, request));
    }

    @Override
    public @Nullable Boolean next(Buffer request) throws Exception {
        return decide(proof.getServerSession(), proof.next(request));
    }

    /** Returns null where nothing is to be answered: while the client has yet to go on, and in these moods. */
    private static @Nullable Boolean decide(ServerSession session, @Nullable Boolean proved) throws IOException {
        if (!Boolean.TRUE.equals(proved)) {
            return proved;
        }
        return switch (HostSession.of(session).host().mood()) {
            case HANG_IN_AUTHENTICATION -> null;
            case REFUSE_ACCOUNT -> {
                Buffer banner = session.createBuffer(SshConstants.SSH_MSG_USERAUTH_BANNER);
                banner.putString(BANNER);
                banner.putString("");
                session.writePacket(banner).addListener(written -> session.close(true));
                yield null;
            }
            default -> true;
        };
    }

    @Override
    public void destroy() {
        proof.destroy();
    }

    @Override
    public ServerSession getServerSession() {
        return proof.getServerSession();
    }

    @Override
    public ServerSession getSession() {
        return proof.getSession();
    }

    @Override
    public String getUsername() {
        return proof.getUsername();
    }

    @Override
    public String getName() {
        return proof.getName();
    }
}
