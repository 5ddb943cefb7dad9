package dev.shepherd.manager.takeover;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.testkit.SshHost;
import dev.shepherd.testkit.TestAgent;
import java.nio.file.Path;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AgentTakeoverTest {

    private final Path folder;

    AgentTakeoverTest(@TempDir Path folder) {
        this.folder = folder;
    }

    @Test
    void takesAMachineOver() throws Exception {
        SshCredentials key = SshCredentials.generateIfAbsent(folder.resolve("key"));
        try (SshHost host = SshHost.builder()
                .authorizedKey(SshPublicKey.parse(key.publicKey().orElseThrow()).toPublicKey())
                .start()) {
            AgentTakeover takeover = AgentTakeover.builder()
                    .executable(TestAgent.write(folder.resolve("agent"), 20_000_000))
                    .endpoint("https://bmaas.example:8443")
                    .credentials(key)
                    .build();
            TakeoverTarget target = TakeoverTarget.builder(UUID.randomUUID(), host.address())
                    .port(host.port())
                    .name("equinix/1")
                    .build();

            TakeoverResult result = takeover.takeover(target);

            System.out.println(result);
            assertThat(result.agentKey()).hasSize(32);
            assertThat(result.hostKey()).isEqualTo(host.hostKey());
            System.out.println(host.executions() + " " + host.uploads());
        }
    }
}
