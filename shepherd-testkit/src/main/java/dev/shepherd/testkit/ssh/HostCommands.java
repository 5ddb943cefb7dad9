package dev.shepherd.testkit.ssh;

import java.io.IOException;
import java.util.List;
import org.apache.sshd.scp.server.ScpCommandFactory;
import org.apache.sshd.server.channel.ChannelSession;
import org.apache.sshd.server.command.Command;
import org.apache.sshd.server.command.CommandFactory;

/** Takes each exec request to what serves it: the SCP of Apache MINA, or a process. */
final class HostCommands implements CommandFactory {

    private final SshHosts hosts;
    private final ScpCommandFactory scp;

    HostCommands(SshHosts hosts, ScpCommandFactory scp) {
        this.hosts = hosts;
        this.scp = scp;
    }

    @Override
    public Command createCommand(ChannelSession channel, String line) throws IOException {
        List<String> words = CommandLine.words(line);
        if (words != null && words.size() > 2 && words.get(0).equals("scp") && isServing(words)) {
            // MINA splits at blanks only and knows no quotes but those around the last word.
            String options = String.join(" ", words.subList(0, words.size() - 1));
            return scp.createCommand(channel, options + " '" + words.get(words.size() - 1) + "'");
        }
        return new HostCommand(hosts, HostSession.of(channel.getServerSession()).host(), line);
    }

    private static boolean isServing(List<String> words) {
        return words.stream().anyMatch(word -> word.matches("-[a-z]*[tf][a-z]*"));
    }
}
