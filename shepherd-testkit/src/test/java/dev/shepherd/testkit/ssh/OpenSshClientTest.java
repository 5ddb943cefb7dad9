package dev.shepherd.testkit.ssh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.shepherd.testkit.agent.Takeover;
import dev.shepherd.testkit.agent.TestAgent;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.sshd.common.config.keys.writer.openssh.OpenSSHKeyPairResourceWriter;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The command-line clients of OpenSSH, where this machine has them. */
class OpenSshClientTest {

    private static final byte[] INIT = Takeover.init("https://bmaas.example:443");

    private final KeyPair key = SshHosts.newHostKey();
    private Path folder = Path.of("");
    private SshHost host = SshHost.builder().start();

    @BeforeEach
    void start(@TempDir Path folder) throws IOException, GeneralSecurityException {
        host.close();
        this.folder = folder;
        host = SshHost.builder().authorizedKey(key.getPublic()).start();
        Path keyFile = folder.resolve("key");
        Files.createFile(keyFile, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        try (OutputStream out = Files.newOutputStream(keyFile)) {
            OpenSSHKeyPairResourceWriter.INSTANCE.writePrivateKey(key, "", null, out);
        }
        Files.writeString(folder.resolve("known_hosts"), "[127.0.0.1]:" + host.port() + " " + host.hostKey() + "\n");
    }

    @AfterEach
    void close() {
        host.close();
    }

    @Test
    void sftpUploadsMakesExecutableAndRenamesOverAnExistingFile() throws Exception {
        Path agent = TestAgent.write(folder.resolve("agent"));
        Files.writeString(host.root().resolve("root/agent"), "an older one");
        Result sftp = client(
                "sftp",
                List.of("-b", "-", "127.0.0.1"),
                ("put " + agent
                                + " /root/.agent\nchmod 755 /root/.agent\nrename /root/.agent /root/agent\nls -l /root\n")
                        .getBytes(StandardCharsets.UTF_8));
        assertThat(sftp.exitCode()).as(sftp.toString()).isZero();
        assertThat(sftp.text()).contains("-rwxr-xr-x").contains("agent");
        assertThat(host.root().resolve("root/agent")).hasSameBinaryContentAs(agent);
        assertThat(host.uploads())
                .containsExactly(new SshHost.Upload("/root/agent", Files.size(agent), SshHost.Protocol.SFTP));
        assertTakeover();
    }

    @Test
    void scpUploadsOverSftp() throws Exception {
        Path agent = TestAgent.write(folder.resolve("agent"), 3_000_000);
        Result scp = client("scp", List.of("-p", agent.toString(), "127.0.0.1:/root/agent"), new byte[0]);
        assertThat(scp.exitCode()).as(scp.toString()).isZero();
        assertTakeover();
    }

    @Test
    void scpUploadsByItsOwnProtocolAndNewFilesGetTheModeThatWasSent() throws Exception {
        Path agent = TestAgent.write(folder.resolve("agent"), 3_000_000);
        Files.setPosixFilePermissions(agent, PosixFilePermissions.fromString("rwxrwxr-x"));
        Result scp = client("scp", List.of("-O", agent.toString(), "127.0.0.1:/root/agent"), new byte[0]);
        assumeTrue(!scp.err().contains("unknown option -- O"), "this scp has no option -O");
        assertThat(scp.exitCode()).as(scp.toString()).isZero();
        assertThat(host.uploads())
                .containsExactly(new SshHost.Upload("/root/agent", Files.size(agent), SshHost.Protocol.SCP));
        assertThat(PosixFilePermissions.toString(
                        Files.getPosixFilePermissions(host.root().resolve("root/agent"))))
                .isEqualTo("rwxr-xr-x");
        assertTakeover();

        Path back = folder.resolve("back");
        assertThat(client("scp", List.of("-O", "127.0.0.1:/root/agent", back.toString()), new byte[0])
                        .exitCode())
                .isZero();
        assertThat(back).hasSameBinaryContentAs(agent);
    }

    @Test
    void anUploadThroughTheStandardInputOfACommandWorksToo() throws Exception {
        Path agent = TestAgent.write(folder.resolve("agent"));
        Result cat = client(
                "ssh", List.of("127.0.0.1", "cat > /root/agent && chmod 755 /root/agent"), Files.readAllBytes(agent));
        assertThat(cat.exitCode()).as(cat.toString()).isZero();
        assertTakeover();
    }

    @Test
    void exitCodesAndBothStreamsArrive() throws Exception {
        Result result = client("ssh", List.of("127.0.0.1", "echo out; echo err >&2; exit 42"), new byte[0]);
        assertThat(result.exitCode()).isEqualTo(42);
        assertThat(result.text()).isEqualTo("out\n");
        assertThat(result.err()).contains("err\n");
    }

    @Test
    void aChangedHostKeyIsNoticed() throws Exception {
        host.changeHostKey();
        Result result = client("ssh", List.of("127.0.0.1", "true"), new byte[0]);
        assertThat(result.exitCode()).isEqualTo(255);
        assertThat(result.err()).contains("REMOTE HOST IDENTIFICATION HAS CHANGED");
        assertThat(host.executions()).isEmpty();
    }

    @Test
    void badMoodsAreWhatOpenSshTakesThemFor() throws Exception {
        assertThat(in(Mood.REFUSE).err()).contains("Connection refused");
        assertThat(in(Mood.DROP_BEFORE_AUTHENTICATION).err()).containsAnyOf("Connection closed", "Connection reset");
        assertThat(in(Mood.RESET).err()).contains("Connection reset");
        assertThat(in(Mood.REJECT_AUTHENTICATION).err()).contains("Permission denied");
        assertThat(in(Mood.REFUSE_ACCOUNT).err()).contains("Your account has expired", "Connection closed");
        assertThat(in(Mood.HANG_BEFORE_BANNER).err()).contains("timed out");
    }

    private Result in(Mood mood) throws IOException, InterruptedException {
        host.setMood(mood);
        Result result = client("ssh", List.of("-o", "ConnectTimeout=2", "127.0.0.1", "true"), new byte[0]);
        assertThat(result.exitCode()).as(mood.toString()).isEqualTo(255);
        return result;
    }

    private void assertTakeover() throws Exception {
        Result result = client("ssh", List.of("127.0.0.1", "/root/agent"), INIT);
        assertThat(result.exitCode()).as(result.toString()).isZero();
        byte[] success = Takeover.only(1, result.out());
        assertThat(Takeover.field(1, success)).isEqualTo(INIT);
        assertThat(Takeover.key(Takeover.field(2, success))).isNotNull();
    }

    private record Result(int exitCode, byte[] out, String err) {
        String text() {
            return new String(out, StandardCharsets.UTF_8);
        }

        @Override
        public String toString() {
            return "exit code " + exitCode + ", " + out.length + " bytes, " + err;
        }
    }

    private Result client(String program, List<String> arguments, byte[] input)
            throws IOException, InterruptedException {
        assumeTrue(
                Stream.of(System.getenv("PATH").split(":"))
                        .anyMatch(path -> Files.isExecutable(Path.of(path, program))),
                "this machine has no " + program);
        List<String> command = new ArrayList<>(List.of(program, "-F", "none"));
        command.addAll(List.of(program.equals("ssh") ? "-p" : "-P", Integer.toString(host.port())));
        command.addAll(List.of("-i", folder.resolve("key").toString()));
        for (String option : List.of(
                "User=root",
                "IdentitiesOnly=yes",
                "BatchMode=yes",
                "StrictHostKeyChecking=yes",
                "GlobalKnownHostsFile=/dev/null",
                "UserKnownHostsFile=" + folder.resolve("known_hosts"))) {
            command.addAll(List.of("-o", option));
        }
        command.addAll(arguments);
        Path err = folder.resolve("stderr");
        Path out = folder.resolve("stdout");
        Process process = new ProcessBuilder(command)
                .redirectOutput(out.toFile())
                .redirectError(err.toFile())
                .start();
        try (OutputStream in = process.getOutputStream()) {
            in.write(input);
        } catch (IOException e) {
            // It need not read it all.
        }
        try {
            assertThat(process.waitFor(60, TimeUnit.SECONDS))
                    .as("%s ended; it wrote: %s", command, Files.readString(err))
                    .isTrue();
        } finally {
            process.destroyForcibly();
        }
        return new Result(process.exitValue(), Files.readAllBytes(out), Files.readString(err));
    }
}
