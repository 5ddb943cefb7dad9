package dev.shepherd.testkit.ssh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.shepherd.testkit.agent.Takeover;
import dev.shepherd.testkit.agent.TestAgent;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.spec.PKCS8EncodedKeySpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.List;
import java.util.OptionalInt;
import java.util.Random;
import org.apache.sshd.client.session.ClientSession;
import org.apache.sshd.common.SshException;
import org.apache.sshd.common.config.keys.PublicKeyEntry;
import org.apache.sshd.common.util.security.SecurityUtils;
import org.apache.sshd.sftp.client.SftpClient;
import org.apache.sshd.sftp.client.SftpClientFactory;
import org.apache.sshd.sftp.client.extensions.openssh.OpenSSHPosixRenameExtension;
import org.apache.sshd.sftp.common.SftpConstants;
import org.apache.sshd.sftp.common.SftpException;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What a host does in a good mood. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SshHostTest {

    private static final byte[] INIT = Takeover.init("https://bmaas.example:443");
    private static final byte[] NOTHING = new byte[0];

    private final KeyPair key = SshHosts.newHostKey();
    private final SshHosts hosts = SshHosts.start();
    private final Client client = new Client();

    @AfterAll
    void close() {
        client.close();
        hosts.close();
    }

    private SshHost start() {
        return builder().start();
    }

    private SshHost.Builder builder() {
        return SshHost.builder().hosts(hosts).authorizedKey(key.getPublic());
    }

    @ParameterizedTest
    @EnumSource
    void anUploadedAgentIsRunAndAnswersTheTakeover(SshHost.Protocol protocol, @TempDir Path folder) throws Exception {
        Path agent = TestAgent.write(folder.resolve("agent"));
        try (SshHost host = start();
                ClientSession session = client.connect(host, key)) {
            if (protocol == SshHost.Protocol.SFTP) {
                Client.uploadBySftp(session, agent, "/root/agent");
                assertThat(Client.run(session, "chmod 755 /root/agent", NOTHING).exitCode())
                        .isZero();
            } else {
                Client.uploadByScp(session, agent, "/root/agent");
            }
            assertThat(host.root().resolve("root/agent")).hasSameBinaryContentAs(agent);
            Client.Result result = Client.run(session, "/root/agent", INIT);

            assertThat(result.exitCode()).as(result.err()).isZero();
            byte[] success = Takeover.only(1, result.out());
            assertThat(Takeover.field(1, success)).isEqualTo(INIT);
            assertThat(Takeover.key(Takeover.field(2, success)).getAlgorithm()).isEqualTo("EdDSA");
            assertThat(client.serverKey()).isEqualTo(host.hostKey()).startsWith("ssh-ed25519 AAAA");
            assertThat(host.uploads()).containsExactly(new SshHost.Upload("/root/agent", Files.size(agent), protocol));
            assertThat(host.executions()).last().isEqualTo(new SshHost.Execution("/root/agent", OptionalInt.of(0)));
            assertThat(host.connections()).isEqualTo(1);
            assertThat(host.openConnections()).isEqualTo(1);
        }
    }

    @Test
    void aFileIsUploadedUnderAnotherNameMadeExecutableAndMovedOverTheOneThatRuns(@TempDir Path folder)
            throws Exception {
        try (SshHost host = start();
                ClientSession session = client.connect(host, key);
                SftpClient sftp = SftpClientFactory.instance().createSftpClient(session)) {
            assertThat(sftp.getVersion()).isEqualTo(3);
            // A binary, since the kernel refuses to write to a running one.
            Files.copy(Path.of("/bin/sleep").toRealPath(), host.root().resolve("root/agent"));
            Path running = host.root().resolve("root/agent");
            try (var channel = session.createExecChannel("/root/agent 1000")) {
                channel.open().verify(Client.PATIENCE);
                await().until(() -> ProcessHandle.allProcesses()
                        .anyMatch(process -> process.info()
                                .command()
                                .filter(running.toString()::equals)
                                .isPresent()));

                Path next = TestAgent.write(folder.resolve("agent"));
                sftp.put(next, "/root/.agent.new");
                SftpClient.Attributes attributes = new SftpClient.Attributes().perms(0755);
                sftp.setStat("/root/.agent.new", attributes);
                assertThatThrownBy(() -> sftp.rename("/root/.agent.new", "/root/agent"))
                        .as("a plain rename does not replace, as with OpenSSH")
                        .isInstanceOf(SftpException.class);
                OpenSSHPosixRenameExtension rename = sftp.getExtension(OpenSSHPosixRenameExtension.class);
                assertThat(rename.isSupported()).isTrue();
                rename.posixRename("/root/.agent.new", "/root/agent");

                assertThat(running).hasSameBinaryContentAs(next);
                assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(running)))
                        .isEqualTo("rwxr-xr-x");
                assertThat(Client.run(session, "/root/agent", INIT).exitCode()).isZero();
                assertThat(host.uploads()).extracting(SshHost.Upload::path).containsExactly("/root/agent");
            }
        }
    }

    @Test
    void aLargeUploadIsStreamed(@TempDir Path folder) throws Exception {
        long size = 100_000_000;
        Path agent = TestAgent.write(folder.resolve("agent"), size);
        try (SshHost host = start();
                ClientSession session = client.connect(host, key)) {
            long before = usedHeap();
            HeapPeak peak = new HeapPeak();
            Client.uploadBySftp(session, agent, "/root/agent");
            long used = peak.stop() - before;
            assertThat(host.root().resolve("root/agent")).hasSize(Files.size(agent));
            // Both ends are in this JVM.
            assertThat(used).isLessThan(size / 2);
            assertThat(Client.run(session, "chmod +x /root/agent; /root/agent", INIT)
                            .exitCode())
                    .isZero();
        }
    }

    private static long usedHeap() {
        System.gc();
        return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
    }

    /** Looks at what survives collections while something goes on. */
    private static final class HeapPeak {
        private final Thread thread = new Thread(this::watch);
        private volatile boolean done;
        private volatile long peak;

        HeapPeak() {
            thread.start();
        }

        private void watch() {
            try {
                while (!done) {
                    peak = Math.max(peak, usedHeap());
                    Thread.sleep(200);
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }

        long stop() throws InterruptedException {
            done = true;
            thread.join();
            return peak;
        }
    }

    @Test
    void hostsDoNotSeeEachOthersFiles() throws Exception {
        try (SshHost one = start();
                SshHost other = start();
                ClientSession toOne = client.connect(one, key);
                ClientSession toOther = client.connect(other, key)) {
            assertThat(Client.run(toOne, "echo mine > /root/file && cat /root/file", NOTHING)
                            .text())
                    .isEqualTo("mine\n");
            assertThat(Client.run(toOther, "cat /root/file", NOTHING).exitCode())
                    .isNotZero();
            try (SftpClient sftp = SftpClientFactory.instance().createSftpClient(toOther)) {
                assertThatThrownBy(() -> sftp.stat("/root/file"))
                        .isInstanceOfSatisfying(
                                SftpException.class,
                                e -> assertThat(e.getStatus()).isEqualTo(SftpConstants.SSH_FX_NO_SUCH_FILE));
            }
        }
    }

    @Test
    void noPathLeadsOutOfTheRoot(@TempDir Path folder) throws Exception {
        Path outside = Files.writeString(folder.resolve("outside"), "secret");
        Path root = Files.createDirectory(folder.resolve("machine"));
        try (SshHost host = builder().directory(root).start();
                ClientSession session = client.connect(host, key);
                SftpClient sftp = SftpClientFactory.instance().createSftpClient(session)) {
            for (String path : List.of("/../outside", "../outside", "/root/../../outside", outside.toString())) {
                assertThatThrownBy(() -> sftp.stat(path)).as(path).isInstanceOf(SftpException.class);
                assertThatThrownBy(
                                () -> sftp.open(path, SftpClient.OpenMode.Read).close())
                        .as(path)
                        .isInstanceOf(SftpException.class);
            }
            assertThat(sftp.canonicalPath("../..")).isEqualTo("/");
            try (var handle = sftp.open("/../written", SftpClient.OpenMode.Create, SftpClient.OpenMode.Write)) {
                sftp.write(handle, 0, new byte[] {1});
            }
            assertThat(root.resolve("written")).exists();
            assertThat(folder.resolve("written")).doesNotExist();
            assertThatThrownBy(() -> Client.uploadByScp(session, outside, "/root/../../../nowhere/file"))
                    .isInstanceOf(IOException.class);
            Client.uploadByScp(session, outside, "/../../by-scp");
            assertThat(root.resolve("by-scp")).exists();
        }
        assertThat(root.resolve("written")).as("a folder that was given stays").exists();
    }

    @Test
    void linksDoNotLeadOutOfTheRoot(@TempDir Path folder) throws Exception {
        Files.writeString(folder.resolve("outside"), "secret");
        Path root = Files.createDirectory(folder.resolve("machine"));
        try (SshHost host = builder().directory(root).start();
                ClientSession session = client.connect(host, key);
                SftpClient sftp = SftpClientFactory.instance().createSftpClient(session)) {
            for (String target : List.of("../outside", folder.resolve("outside").toString())) {
                try {
                    sftp.symLink("/link", target);
                } catch (SftpException refused) {
                    continue;
                }
                assertThatThrownBy(() ->
                                sftp.open("/link", SftpClient.OpenMode.Read).close())
                        .as(target)
                        .isInstanceOf(SftpException.class);
                sftp.remove("/link");
            }
        }
    }

    @Test
    void aCommandHasItsStreamsItsExitCodeAndAnEnvironmentOfItsOwn() throws Exception {
        try (SshHost host = start();
                ClientSession session = client.connect(host, key)) {
            Client.Result result =
                    Client.run(session, "cat; echo oops >&2; exit 7", "in".getBytes(StandardCharsets.UTF_8));
            assertThat(result.text()).isEqualTo("in");
            assertThat(result.err()).isEqualTo("oops\n");
            assertThat(result.exitCode()).isEqualTo(7);
            assertThat(Client.run(session, "echo $JAVA_HOME; command -v java", NOTHING)
                            .text())
                    .isEqualTo("%1$s\n%1$s/bin/java\n".formatted(System.getProperty("java.home")));
            assertThat(Client.run(session, "echo $USER; pwd; echo $HOME", NOTHING)
                            .text())
                    .isEqualTo("root\n%1$s\n%1$s\n".formatted(host.root()));
            assertThat(Client.run(session, "kill -9 $$", NOTHING).exitCode()).isEqualTo(128 + 9);
            assertThat(Client.run(session, "env", NOTHING).text().lines().map(line -> line.split("=")[0]))
                    .as("nothing of this JVM's own")
                    .containsExactlyInAnyOrder(
                            "HOME",
                            "JAVA_HOME",
                            "LOGNAME",
                            "PATH",
                            "PWD",
                            "SHELL",
                            "SHEPHERD_TEST_AGENT_INTERVAL_MILLIS",
                            "SHEPHERD_TEST_AGENT_MOOD",
                            "SHEPHERD_TEST_HOST",
                            "SSH_CONNECTION",
                            "USER");
        }
    }

    @Test
    void aCommandThatCannotBeRunSaysSoAsAShellDoes() throws Exception {
        try (SshHost host = start();
                ClientSession session = client.connect(host, key)) {
            Client.Result missing = Client.run(session, "/root/agent --now", NOTHING);
            assertThat(missing.exitCode()).isEqualTo(127);
            assertThat(missing.err()).isEqualTo("sh: /root/agent: not found\n");
            Files.writeString(host.root().resolve("root/agent"), "echo $0 \"$@\"\n");
            Client.Result forbidden = Client.run(session, "/root/agent", NOTHING);
            assertThat(forbidden.exitCode()).isEqualTo(126);
            assertThat(forbidden.err()).isEqualTo("sh: /root/agent: Permission denied\n");
            Client.run(session, "chmod +x /root/agent", NOTHING);
            assertThat(Client.run(session, "/root/agent 'a b'", NOTHING).text())
                    .as("a script without a first line that names its interpreter")
                    .isEqualTo(host.root() + "/root/agent a b\n");
            assertThat(Client.run(session, "nonsense-command", NOTHING).exitCode())
                    .isEqualTo(127);
            assertThat(Client.run(session, "/root/\0agent", NOTHING).exitCode()).isNotZero();
        }
    }

    @Test
    void muchInputAndOutputFlowsThroughACommand() throws Exception {
        byte[] much = new byte[20_000_000];
        new Random(1).nextBytes(much);
        try (SshHost host = start();
                ClientSession session = client.connect(host, key)) {
            assertThat(Client.run(session, "cat", much).out()).isEqualTo(much);
            assertThat(Client.run(session, "head -c 3", much).out())
                    .as("a command need not read all its input")
                    .hasSize(3);
        }
    }

    @Test
    void whoeverHasNeitherKeyNorPasswordIsKeptOut() throws Exception {
        KeyPair another = SshHosts.newHostKey();
        try (SshHost host = builder().password("admin", "s3cret").start()) {
            assertThatThrownBy(() -> client.connect(host, another)).isInstanceOf(SshException.class);
            assertThat(host.authenticationsFailed()).isPositive();
            assertThatThrownBy(() -> client.login(host, "admin", "wrong")).isInstanceOf(SshException.class);
            assertThatThrownBy(() -> client.login(host, "root", "s3cret")).isInstanceOf(SshException.class);
            int failed = host.authenticationsFailed();
            try (ClientSession session = client.login(host, "admin", "s3cret")) {
                assertThat(Client.run(session, "echo $LOGNAME", NOTHING).text()).isEqualTo("admin\n");
            }
            client.connect(host, key).close();
            assertThat(host.authenticationsFailed()).isEqualTo(failed);
            await().until(() -> host.openConnections() == 0);
        }
        try (SshHost host = SshHost.builder().hosts(hosts).start()) {
            assertThatThrownBy(() -> client.connect(host, key)).isInstanceOf(SshException.class);
        }
    }

    @Test
    void aKeyIsTakenAsALineOfAnAuthorizedKeysFile() throws Exception {
        String line = PublicKeyEntry.toString(key.getPublic());
        try (SshHost host = SshHost.builder()
                .hosts(hosts)
                .authorizedKey(line + " somebody@somewhere")
                .start()) {
            client.connect(host, key).close();
        }
        for (String wrong : List.of("", "ssh-ed25519", "ssh-ed25519 AAAA", "# comment", "no-such-type AAAA")) {
            assertThatThrownBy(() -> SshHost.builder().authorizedKey(wrong))
                    .as(wrong)
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("public key");
        }
    }

    @Test
    void keysOfEveryKindAreTaken() throws Exception {
        KeyPair ofTheJdk = KeyPairGenerator.getInstance("Ed25519").generateKeyPair();
        KeyPair rsa = KeyPairGenerator.getInstance("RSA").generateKeyPair();
        KeyPairGenerator ec = KeyPairGenerator.getInstance("EC");
        ec.initialize(256);
        KeyPair ecdsa = ec.generateKeyPair();
        // The same key, as the client's library has it.
        PrivateKey asTheClientHasIt = SecurityUtils.getKeyFactory("EdDSA")
                .generatePrivate(new PKCS8EncodedKeySpec(ofTheJdk.getPrivate().getEncoded()));
        PublicKey publicAsTheClientHasIt = SecurityUtils.getKeyFactory("EdDSA")
                .generatePublic(new X509EncodedKeySpec(ofTheJdk.getPublic().getEncoded()));
        try (SshHost host = SshHost.builder()
                .hosts(hosts)
                .authorizedKey(ofTheJdk.getPublic())
                .authorizedKey(rsa.getPublic())
                .authorizedKey(ecdsa.getPublic())
                .start()) {
            client.connect(host, new KeyPair(publicAsTheClientHasIt, asTheClientHasIt))
                    .close();
            client.connect(host, rsa).close();
            client.connect(host, ecdsa).close();
            assertThat(host.authenticationsFailed()).isZero();
        }
    }

    @Test
    void aChangedHostKeyIsShownToNewConnections() throws Exception {
        try (SshHost host = start();
                ClientSession before = client.connect(host, key)) {
            String first = host.hostKey();
            assertThat(client.serverKey()).isEqualTo(first);
            host.changeHostKey();
            assertThat(host.hostKey()).isNotEqualTo(first);
            before.reExchangeKeys().verify(Client.PATIENCE);
            assertThat(client.serverKey())
                    .as("an open connection keeps its key")
                    .isEqualTo(first);
            client.connect(host, key).close();
            assertThat(client.serverKey()).isEqualTo(host.hostKey());
        }
    }

    @Test
    void severalHostsHaveTheSamePortOnDifferentAddresses() throws Exception {
        try (SshHost one = start();
                SshHost other = builder()
                        .address(InetAddress.getByName("127.0.0.2"))
                        .port(one.port())
                        .start();
                ClientSession session = client.connect(other, key)) {
            assertThat(other.port()).isEqualTo(one.port());
            assertThat(client.serverKey()).isEqualTo(other.hostKey()).isNotEqualTo(one.hostKey());
            assertThat(Client.run(session, "echo $SSH_CONNECTION", NOTHING).text())
                    .endsWith(" 127.0.0.2 " + other.port() + "\n");
        }
    }

    @Test
    void whatMakesNoSenseIsRefused() throws Exception {
        assertThatThrownBy(() -> SshHost.builder().address(InetAddress.getByName("192.0.2.1")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("loopback");
        assertThatThrownBy(() -> SshHost.builder().port(65536)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> SshHosts.builder().maxProcesses(0)).isInstanceOf(IllegalArgumentException.class);
        try (SshHost host = start()) {
            assertThatThrownBy(() -> builder().port(host.port()).start())
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining(Integer.toString(host.port()));
            assertThatThrownBy(() -> SshHost.builder().port(host.port()).start())
                    .isInstanceOf(UncheckedIOException.class)
                    .hasMessageContaining(Integer.toString(host.port()));
        }
    }
}
