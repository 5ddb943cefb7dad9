package dev.shepherd.callback;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.bmdb.agent.AgentCallback;
import dev.shepherd.callback.TestMachine.Connection;
import dev.shepherd.callback.tls.ServerTls;
import dev.shepherd.testkit.database.BmdbExtension;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.KeyPair;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.stream.Stream;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLSocket;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** Where the endpoint's certificate comes from, and how it gets another one. */
class AgentTlsTest {

    @RegisterExtension
    static final BmdbExtension database = BmdbExtension.create();

    private static final InetSocketAddress ANY_PORT = new InetSocketAddress("127.0.0.1", 0);
    private static final Duration LIMIT = Duration.ofSeconds(30);

    @TempDir
    Path folder;

    /** Makes the authorities of folders, one after another: what other processes run here. */
    static final class Maker {
        private Maker() {}

        public static void main(String[] folders) throws Exception {
            System.out.println("ready");
            System.in.read();
            for (String folder : folders) {
                System.out.println(Base64.getEncoder().encodeToString(authority(Path.of(folder))));
            }
        }
    }

    private static byte[] authority(Path folder) {
        return AgentTls.builder().folder(folder).build().caCertificate().orElseThrow();
    }

    private static X509Certificate certificate(byte[] der) throws Exception {
        return (X509Certificate)
                CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(der));
    }

    private static Process maker(List<String> folders) throws Exception {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                Maker.class.getName()));
        command.addAll(folders);
        Process process = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        assertThat(process.inputReader().readLine()).isEqualTo("ready");
        return process;
    }

    private List<String> folders(int count) {
        return Stream.iterate(0, i -> i + 1)
                .limit(count)
                .map(i -> folder.resolve("deployment-" + i).toString())
                .toList();
    }

    @Test
    void processesThatBeginAtOnceHaveOneAuthority() throws Exception {
        List<String> folders = folders(20);
        List<Process> processes = List.of(maker(folders), maker(folders), maker(folders));
        for (Process process : processes) {
            process.outputWriter().append('\n').close();
        }
        List<List<String>> said = new ArrayList<>();
        for (Process process : processes) {
            said.add(process.inputReader().lines().toList());
            assertThat(process.waitFor()).isZero();
        }
        assertThat(said.get(0)).hasSize(20).doesNotHaveDuplicates();
        assertThat(said).allSatisfy(one -> assertThat(one).isEqualTo(said.get(0)));
        for (String one : folders) {
            try (Stream<Path> files = Files.list(Path.of(one))) {
                assertThat(files.map(file -> file.getFileName().toString()))
                        .containsExactlyInAnyOrder("ca.pem", "ca-certificate.pem");
            }
        }
    }

    @Test
    void aProcessThatIsKilledLeavesAllOfAnAuthorityOrNothing() throws Exception {
        int whole = 0;
        for (int round = 0; round < 4; round++) {
            int number = round;
            List<String> folders =
                    folders(100).stream().map(one -> one + "-" + number).toList();
            Process process = maker(folders);
            process.outputWriter().append('\n').flush();
            for (int i = 0; i <= round; i++) {
                process.inputReader().readLine();
            }
            process.destroyForcibly().waitFor();
            for (String one : folders) {
                Path file = Path.of(one, "ca.pem");
                if (Files.exists(file)) {
                    assertThat(Files.readString(file)).endsWith("-----END PRIVATE KEY-----\n");
                    whole++;
                }
            }
            // The next one goes on with what there is.
            Path last = Path.of(folders.get(round));
            assertThat(authority(last)).isEqualTo(authority(last));
        }
        assertThat(whole).isGreaterThanOrEqualTo(10);
    }

    @Test
    void theAuthorityIsForItsOwnerAloneAndItsCertificateForAll() throws Exception {
        Path place = folder.resolve("state").resolve("tls");
        X509Certificate made = certificate(authority(place));
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(place)))
                .isEqualTo("rwx------");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(place.resolve("ca.pem"))))
                .isEqualTo("rw-------");
        assertThat(Files.readString(place.resolve("ca-certificate.pem"))).doesNotContain("PRIVATE");
        assertThat(made.getBasicConstraints()).isZero();
        assertThat(made.getKeyUsage()[5]).isTrue();
        assertThat(Duration.between(Instant.now(), made.getNotAfter().toInstant()))
                .isBetween(Duration.ofDays(3649), Duration.ofDays(3650));
        made.verify(made.getPublicKey());

        // A copy of the file is the same authority.
        Path copy = Files.createDirectory(folder.resolve("copy"));
        Files.copy(place.resolve("ca.pem"), copy.resolve("ca.pem"), StandardCopyOption.COPY_ATTRIBUTES);
        Files.setPosixFilePermissions(copy, PosixFilePermissions.fromString("rwxr-xr-x"));
        assertThat(authority(copy)).isEqualTo(made.getEncoded());

        Files.setPosixFilePermissions(copy.resolve("ca.pem"), PosixFilePermissions.fromString("rw-r-----"));
        assertThatThrownBy(() -> authority(copy))
                .isInstanceOf(ConfigurationException.class)
                .hasMessageContaining("run: chmod 600 " + copy.resolve("ca.pem"));
        Files.setPosixFilePermissions(copy, PosixFilePermissions.fromString("rwxrwx---"));
        assertThatThrownBy(() -> authority(copy)).hasMessageContaining("run: chmod 700 " + copy);
    }

    @Test
    void whatAKilledProcessLeftIsRemovedOnceItIsOld() throws Exception {
        Path old = Files.createDirectories(folder.resolve("tls")).resolve("a.unfinished");
        Path recent = folder.resolve("tls").resolve("b.unfinished");
        Files.setLastModifiedTime(
                Files.writeString(old, "half"), FileTime.from(Instant.now().minusSeconds(3600)));
        Files.writeString(recent, "another process writes it");
        Files.setPosixFilePermissions(folder.resolve("tls"), PosixFilePermissions.fromString("rwx------"));
        authority(folder.resolve("tls"));
        assertThat(old).doesNotExist();
        assertThat(recent).exists();
    }

    private static final class MovingClock extends Clock {
        private volatile Instant now = Instant.now();

        @Override
        public ZoneId getZone() {
            return ZoneOffset.UTC;
        }

        @Override
        public Clock withZone(ZoneId zone) {
            return this;
        }

        @Override
        public Instant instant() {
            return now;
        }

        void forward(Duration span) {
            now = now.plus(span);
        }
    }

    private X509Certificate shown(AgentEndpoint endpoint, byte[] authority) throws Exception {
        try (SSLSocket socket = ClientKeys.connect(
                ClientKeys.context(null, authority),
                "127.0.0.1",
                endpoint.address().getPort())) {
            socket.startHandshake();
            return ClientKeys.shownBy(socket);
        }
    }

    @Test
    void aCertificateThatWasMadeIsRenewedInTimeAndConnectionsGoOn() throws Exception {
        MovingClock clock = new MovingClock();
        // Clients do not have this clock.
        clock.forward(Duration.ofDays(-61));
        ServerTls.authority("folder", folder.resolve("tls"), clock);
        AgentTls tls = AgentTls.builder()
                .folder(folder.resolve("tls"))
                .names(List.of("shepherd.example.com", "2001:db8::1"))
                .build();
        byte[] authority = tls.caCertificate().orElseThrow();
        ClientKeys client = ClientKeys.make(folder, "Ed25519", "-startdate", "-100d", "-validity", "3650");
        TestMachine machine = TestMachine.recorded(database, "127.0.0.1", client.keys());
        byte[] beat = TestMachine.request("Host: x\r\nShepherd-Machine: " + machine.id() + "\r\n", new byte[0]);
        try (AgentCallback callback = AgentCallback.of(database.bmdb());
                AgentEndpoint endpoint = AgentEndpoint.builder()
                        .callback(callback)
                        .address(ANY_PORT)
                        .tls(tls)
                        .clock(clock)
                        .build()) {
            callback.start();
            endpoint.start();
            X509Certificate first = shown(endpoint, authority);
            assertThat(first.getSubjectAlternativeNames())
                    .containsExactlyInAnyOrder(
                            List.of(2, "shepherd.example.com"),
                            List.of(7, "2001:db8:0:0:0:0:0:1"),
                            List.of(7, "127.0.0.1"));
            assertThat(first.getExtendedKeyUsage()).containsExactly("1.3.6.1.5.5.7.3.1");
            assertThat(Duration.between(clock.instant(), first.getNotAfter().toInstant()))
                    .isBetween(Duration.ofDays(89), Duration.ofDays(90));
            try (SSLSocket open = ClientKeys.connect(
                            ClientKeys.context(client, authority),
                            "127.0.0.1",
                            endpoint.address().getPort());
                    Connection kept = new Connection(open)) {
                assertThat(kept.send(beat).read().status()).isEqualTo(200);
                ServerTls server = endpoint.serverTls();
                clock.forward(Duration.ofDays(59));
                server.look();
                assertThat(server.certificate()).isEqualTo(first);
                clock.forward(Duration.ofDays(2));
                // The endpoint looks on its own.
                await().atMost(LIMIT).until(() -> !server.certificate().equals(first));
                assertThat(kept.send(beat).read().status()).isEqualTo(200);
            }
            X509Certificate second = shown(endpoint, authority);
            assertThat(second.getNotAfter()).isAfter(first.getNotAfter());
            assertThat(endpoint.status().certificateEnd())
                    .contains(second.getNotAfter().toInstant());
            second.verify(certificate(authority).getPublicKey());
        }
    }

    @Test
    void aCertificateEndsNoLaterThanItsAuthorityWhichIsSaidOnceAndAnEndedOneIsRefused() throws Exception {
        MovingClock clock = new MovingClock();
        Path place = folder.resolve("tls");
        byte[] authority = authority(place);
        Instant end = certificate(authority).getNotAfter().toInstant();
        clock.forward(Duration.ofDays(3600));
        ServerTls server = ServerTls.ofAuthority(ServerTls.authority("folder", place, clock), List.of("here"), clock);
        assertThat(server.certificate().getNotAfter().toInstant()).isEqualTo(end);
        X509Certificate before = server.certificate();
        clock.forward(Duration.ofDays(45));
        String said = errors(() -> {
            server.look();
            server.look();
        });
        assertThat(server.certificate()).isEqualTo(before);
        assertThat(said).containsOnlyOnce("The certificate authority of the agents' endpoint ends on " + end);
        clock.forward(Duration.ofDays(10));
        assertThatThrownBy(() -> ServerTls.authority("folder", place, clock))
                .hasMessageContaining("ended on " + end)
                .hasMessageContaining("take over all agents again");
    }

    /** Returns what is logged meanwhile. */
    private static String errors(Runnable run) {
        PrintStream before = System.err;
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        System.setErr(new PrintStream(out, true, StandardCharsets.UTF_8));
        try {
            run.run();
        } finally {
            System.setErr(before);
        }
        return out.toString(StandardCharsets.UTF_8);
    }

    private static String pem(String kind, byte[] content) {
        return "-----BEGIN " + kind + "-----\n" + Base64.getMimeEncoder().encodeToString(content) + "\n-----END " + kind
                + "-----\n";
    }

    private void write(ClientKeys keys, Path certificate, Path key) throws Exception {
        KeyPair pair = keys.keys();
        replace(certificate, pem("CERTIFICATE", keys.certificate().getEncoded()));
        replace(key, pem("PRIVATE KEY", pair.getPrivate().getEncoded()));
    }

    private static void replace(Path file, String content) throws Exception {
        Path next = file.resolveSibling(file.getFileName() + ".next");
        Files.deleteIfExists(next);
        Files.createFile(next, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        Files.writeString(next, content);
        Files.move(next, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    @Test
    void filesThatAreReplacedAreTakenUpAndBrokenOnesAreNot() throws Exception {
        Path certificate = folder.resolve("server.crt");
        Path key = folder.resolve("server.key");
        String[] names = {"-ext", "san=ip:127.0.0.1"};
        ClientKeys first = ClientKeys.make(folder, "EC", names);
        ClientKeys second = ClientKeys.make(folder, "RSA", names);
        write(first, certificate, key);
        AgentTls tls = AgentTls.builder().certificate(certificate).key(key).build();
        assertThat(tls.caCertificate()).isEmpty();
        try (AgentCallback callback = AgentCallback.of(database.bmdb());
                AgentEndpoint endpoint = AgentEndpoint.builder()
                        .callback(callback)
                        .address(ANY_PORT)
                        .tls(tls)
                        .build()) {
            callback.start();
            endpoint.start();
            assertThat(shown(endpoint, first.certificate().getEncoded())).isEqualTo(first.certificate());

            write(second, certificate, key);
            await().atMost(LIMIT).until(() -> endpoint.serverTls().certificate().equals(second.certificate()));
            assertThat(shown(endpoint, second.certificate().getEncoded())).isEqualTo(second.certificate());
            assertThatThrownBy(() -> shown(endpoint, first.certificate().getEncoded()))
                    .isInstanceOf(SSLException.class);
        }

        ServerTls server = ServerTls.ofFiles("certificate", certificate, "key", key, Clock.systemUTC());
        replace(certificate, "no certificate");
        String said = errors(() -> {
            for (int i = 0; i < 5; i++) {
                server.look();
            }
        });
        assertThat(said)
                .containsOnlyOnce("keeps its certificate. The new one cannot be used: ")
                .contains(certificate + " has no certificate (PEM)");
        assertThat(server.certificate()).isEqualTo(second.certificate());
        // Half of a replacement.
        replace(certificate, pem("CERTIFICATE", first.certificate().getEncoded()));
        assertThat(errors(() -> {
                    server.look();
                    server.look();
                    server.look();
                }))
                .containsOnlyOnce(key + " is not the key of the first certificate of " + certificate);
        assertThat(server.certificate()).isEqualTo(second.certificate());
        write(first, certificate, key);
        server.look();
        server.look();
        assertThat(server.certificate()).isEqualTo(first.certificate());
        Files.delete(key);
        server.look();
        server.look();
        assertThat(server.certificate()).isEqualTo(first.certificate());
    }

    @Test
    void settingsThatDoNotGoTogetherAreRefused() {
        Path file = folder.resolve("file");
        assertThatThrownBy(() -> AgentTls.builder().build()).hasMessageContaining("needs a certificate and its key");
        assertThatThrownBy(() -> AgentTls.builder().certificate(file).build()).hasMessageContaining("key is not set");
        assertThatThrownBy(() -> AgentTls.builder().key(file).build()).hasMessageContaining("certificate is not set");
        assertThatThrownBy(() -> AgentTls.builder()
                        .certificate(file)
                        .key(file)
                        .folder(folder)
                        .build())
                .hasMessageContaining("exclude a folder");
        assertThatThrownBy(() -> AgentTls.builder()
                        .certificate(file)
                        .key(file)
                        .names(List.of("name"))
                        .build())
                .hasMessageContaining("names goes with folder");
        for (String name : List.of("https://host", "[::1]", "", "two words")) {
            assertThatThrownBy(() -> AgentTls.builder()
                            .folder(folder)
                            .names(List.of(name))
                            .build())
                    .isInstanceOf(ConfigurationException.class);
        }
    }
}
