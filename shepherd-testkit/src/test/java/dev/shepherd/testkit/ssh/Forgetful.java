package dev.shepherd.testkit.ssh;

import java.io.IOException;
import java.nio.file.Path;
import java.security.KeyPair;
import org.apache.sshd.client.channel.ChannelExec;
import org.apache.sshd.client.session.ClientSession;

/** The program of a process that ends without closing its host: prints the host's folder and its child's id. */
final class Forgetful {

    private Forgetful() {}

    public static void main(String[] args) throws IOException, InterruptedException {
        KeyPair key = SshHosts.newHostKey();
        SshHost host = SshHost.builder().authorizedKey(key.getPublic()).start();
        ClientSession session = new Client().connect(host, key);
        ChannelExec channel = session.createExecChannel("echo $$; exec sleep 98765.5");
        channel.open().verify(Client.PATIENCE);
        Path root = host.root();
        StringBuilder child = new StringBuilder();
        for (int c = channel.getInvertedOut().read();
                c != '\n';
                c = channel.getInvertedOut().read()) {
            child.append((char) c);
        }
        System.out.println(root);
        System.out.println(child);
        System.out.flush();
        System.exit(0);
    }
}
