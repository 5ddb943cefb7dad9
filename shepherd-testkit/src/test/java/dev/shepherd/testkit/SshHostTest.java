package dev.shepherd.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.security.KeyPair;
import java.util.OptionalInt;
import org.apache.sshd.client.session.ClientSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SshHostTest {

    private static final byte[] INIT = Takeover.init("machine-1", "https://bmaas.example:443", new byte[900]);

    private final KeyPair key = SshHosts.newHostKey();

    @Test
    void anUploadedAgentIsRunAndAnswersTheTakeover(@TempDir Path folder) throws Exception {
        Path agent = TestAgent.write(folder.resolve("agent"));
        try (SshHost host = SshHost.builder().authorizedKey(key.getPublic()).start();
                Client client = new Client();
                ClientSession session = client.connect(host, key)) {
            Client.uploadBySftp(session, agent, "/root/agent");
            assertThat(Client.run(session, "chmod 755 /root/agent", new byte[0]).exitCode())
                    .isZero();
            Client.Result result = Client.run(session, "/root/agent", INIT);

            assertThat(result.exitCode()).as(result.err()).isZero();
            byte[] success = Takeover.only(1, result.out());
            assertThat(Takeover.field(1, success)).isEqualTo(INIT);
            assertThat(Takeover.key(Takeover.field(2, success)).getAlgorithm()).isEqualTo("EdDSA");
            assertThat(client.serverKey()).isEqualTo(host.hostKey());
            assertThat(host.uploads()).hasSize(1);
            assertThat(host.executions())
                    .containsExactly(
                            new SshHost.Execution("chmod 755 /root/agent", OptionalInt.of(0)),
                            new SshHost.Execution("/root/agent", OptionalInt.of(0)));
        }
    }
}
