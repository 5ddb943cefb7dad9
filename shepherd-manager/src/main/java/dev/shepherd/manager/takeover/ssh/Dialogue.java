package dev.shepherd.manager.takeover.ssh;

import net.schmizz.sshj.common.Buffer;
import net.schmizz.sshj.common.Message;
import net.schmizz.sshj.common.SSHPacket;
import net.schmizz.sshj.transport.TransportException;
import net.schmizz.sshj.userauth.UserAuthException;
import net.schmizz.sshj.userauth.method.AuthKeyboardInteractive;

/**
 * A dialogue ({@code keyboard-interactive}) with a server that asks little. The library makes room for as many prompts
 * as the server says there are, up to two billion.
 */
final class Dialogue extends AuthKeyboardInteractive {

    private static final int MAX_PROMPTS = 16;
    private static final int MAX_ROUNDS = 8;

    private int rounds;

    Dialogue(PasswordAnswers answers) {
        super(answers);
    }

    @Override
    public void handle(Message message, SSHPacket packet) throws UserAuthException, TransportException {
        if (message == Message.USERAUTH_60) {
            int start = packet.rpos();
            long prompts;
            try {
                // Its name, an instruction, and a language.
                packet.readString();
                packet.readString();
                packet.readString();
                prompts = packet.readUInt32();
            } catch (Buffer.BufferException e) {
                throw new UserAuthException(e);
            }
            if (prompts > MAX_PROMPTS || ++rounds > MAX_ROUNDS) {
                throw new UserAuthException("the host asks " + prompts + " questions, in round " + rounds
                        + " of a dialogue, over " + MAX_PROMPTS + " or " + MAX_ROUNDS);
            }
            packet.rpos(start);
        }
        super.handle(message, packet);
    }
}
