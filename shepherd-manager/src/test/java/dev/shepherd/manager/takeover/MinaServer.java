package dev.shepherd.manager.takeover;

import java.io.IOException;
import java.net.InetAddress;
import java.security.KeyPair;
import java.security.PublicKey;
import java.util.List;
import java.util.function.Consumer;
import org.apache.sshd.common.config.keys.KeyUtils;
import org.apache.sshd.common.config.keys.PublicKeyEntry;
import org.apache.sshd.common.keyprovider.KeyPairProvider;
import org.apache.sshd.server.SshServer;
import org.apache.sshd.server.shell.ProcessShellCommandFactory;
import org.apache.sshd.sftp.server.SftpSubsystemFactory;

/** An SSH server that works on this machine's own files, for what no {@code SshHost} does: each test says how it differs. */
final class MinaServer implements AutoCloseable {

    private final SshServer server;
    private final KeyPair hostKey;

    MinaServer(PublicKey client, Consumer<SshServer> differences) throws Exception {
        hostKey = KeyUtils.generateKeyPair(KeyPairProvider.SSH_ED25519, 256);
        server = SshServer.setUpDefaultServer();
        server.setHost("127.0.0.1");
        server.setPort(0);
        server.setKeyPairProvider(KeyPairProvider.wrap(hostKey));
        server.setPublickeyAuthenticator((user, key, session) -> KeyUtils.compareKeys(key, client));
        server.setSubsystemFactories(List.of(new SftpSubsystemFactory()));
        server.setCommandFactory(ProcessShellCommandFactory.INSTANCE);
        differences.accept(server);
        server.start();
    }

    TakeoverTarget target() {
        return TakeoverFixture.target(InetAddress.getLoopbackAddress(), server.getPort())
                .build();
    }

    String hostKey() {
        return PublicKeyEntry.toString(hostKey.getPublic());
    }

    @Override
    public void close() throws IOException {
        server.stop(true);
    }
}
