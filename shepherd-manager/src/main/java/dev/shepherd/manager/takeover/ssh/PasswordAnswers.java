package dev.shepherd.manager.takeover.ssh;

import java.util.List;
import net.schmizz.sshj.userauth.method.ChallengeResponseProvider;
import net.schmizz.sshj.userauth.password.PasswordFinder;
import net.schmizz.sshj.userauth.password.Resource;

/**
 * Gives a password to a host that asks for it, in one connection: as a password, or as the answer to the first hidden
 * prompt of a dialogue, regardless of its wording. It is given once each way, so a server that refuses it ends there.
 */
final class PasswordAnswers implements PasswordFinder, ChallengeResponseProvider {

    private final char[] password;
    private boolean answered;

    PasswordAnswers(char[] password) {
        this.password = password;
    }

    @Override
    public char[] reqPassword(Resource<?> resource) {
        return password.clone();
    }

    @Override
    public boolean shouldRetry(Resource<?> resource) {
        return false;
    }

    @Override
    public List<String> getSubmethods() {
        return List.of();
    }

    @Override
    @SuppressWarnings("rawtypes")
    public void init(Resource resource, String name, String instruction) {}

    @Override
    public char[] getResponse(String prompt, boolean echo) {
        if (echo || answered) {
            return new char[0];
        }
        answered = true;
        return password.clone();
    }

    @Override
    public boolean shouldRetry() {
        return false;
    }
}
