package dev.shepherd.cli.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.cli.CommandLineProcess;
import dev.shepherd.cli.CommandLineRun;
import dev.shepherd.testkit.database.BmdbExtension;
import dev.shepherd.testkit.http.Json;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509ExtendedTrustManager;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

class FakeBmcCommandTest {

    private static final Duration LIMIT = Duration.ofMinutes(2);

    @RegisterExtension
    final BmdbExtension database = BmdbExtension.create();

    @TempDir
    Path folder;

    @Test
    void machinesGoOffAndOnByTheBmcsThatTheListNames() throws Exception {
        try (CommandLineProcess rack = CommandLineProcess.start(
                folder, "fake-bmc", "--machines", "4", "--power-delay", "0", "--refuse-resets", "1")) {
            await().atMost(LIMIT).until(() -> rack.log().contains("Ctrl-C") || !rack.isAlive());
            assertThat(rack.log()).contains("4 fake BMCs are on 127.0.0.1, with 4 machines behind them");
            Path data = folder.resolve(".shepherd/fake-bmc");
            List<Map<String, @Nullable Object>> entries = entries(data.resolve("machines.json"));
            assertThat(entries)
                    .hasSize(4)
                    .extracting(entry -> entry.get("ID"))
                    .containsExactly("rack-1-1", "rack-1-2", "rack-1-3", "rack-1-4");
            assertThat(entries)
                    .allSatisfy(entry -> assertThat(entry)
                            .containsOnlyKeys("ID", "Addr", "SSHPort", "Location", "BMC", "Fingerprint")
                            .containsEntry("Addr", "127.0.0.1")
                            .containsEntry("Location", "rack 1"));
            List<String> words = List.of(Files.readString(data.resolve("credentials"))
                    .lines()
                    .filter(line -> !line.startsWith("#"))
                    .findFirst()
                    .orElseThrow()
                    .split(" "));
            assertThat(words.subList(0, 2)).containsExactly("default", "root");
            String password = words.get(2);

            Map<String, @Nullable Object> third = entries.get(2);
            assertThat(banner(third)).startsWith("SSH-2.0-");
            assertThat(reset(third, password, "ForceOff")).isEqualTo(204);
            assertThatIOException().isThrownBy(() -> banner(third));
            assertThat(reset(third, password, "On")).isEqualTo(204);
            assertThat(banner(third)).startsWith("SSH-2.0-");
            assertThat(reset(third, "other", "ForceOff")).isEqualTo(401);
            assertThat(reset(entries.get(3), password, "ForceOff")).isEqualTo(403);
            assertThat(banner(entries.get(3))).startsWith("SSH-2.0-");
            await().untilAsserted(() -> assertThat(rack.log().lines().filter(line -> line.contains("was reset")))
                    .containsExactly("rack-1-3 was reset: ForceOff", "rack-1-3 was reset: On"));

            rack.askToEnd();
            assertThat(rack.endsWithin(Duration.ofSeconds(30)))
                    .as("ended after SIGTERM")
                    .isTrue();
            assertThat(rack.log()).doesNotContain(password).doesNotContain("\tat ");
        }
    }

    @Test
    void itEndsAfterItsTimeAndPrintsACommandWithTheFilesThatItWrote() throws Exception {
        Path list = folder.resolve("list.json");
        CommandLineRun run = CommandLineRun.of(
                "fake-bmc",
                "--machines",
                "3",
                "--systems",
                "2",
                "--vendor",
                "ilo",
                "--list",
                list.toString(),
                "--data",
                folder.resolve("data").toString(),
                "--hang-every",
                "1",
                "--for",
                "2");
        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out())
                .contains("2 fake BMCs", "It ends with Ctrl-C, or after 2 s.", "rack-1-1 hangs")
                .contains("--property list=" + list.toUri() + " ")
                .contains("--property credentials=" + folder.resolve("data/credentials") + " ")
                .contains("--ssh-password-file " + folder.resolve("data/ssh-password") + " ")
                .contains("--agent " + folder.resolve("data/agent") + " ");
        assertThat(entries(list))
                .extracting(entry -> entry.get("System"))
                .containsExactly("/redfish/v1/Systems/1", "/redfish/v1/Systems/2", null);
        for (String secret : List.of("credentials", "ssh-password")) {
            Path file = folder.resolve("data").resolve(secret);
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                    .isEqualTo("rw-------");
        }
    }

    @Test
    void theCommandThatItPrintsTakesTheMachinesOver() throws Exception {
        assumeTrue(
                CommandLineRun.of("providers").out().contains("redfish"), "this command line has no provider redfish");
        try (CommandLineProcess rack = CommandLineProcess.start(folder, "fake-bmc", "--machines", "3")) {
            await().atMost(LIMIT).until(() -> rack.log().contains("Ctrl-C") || !rack.isAlive());
            String text = rack.log();
            int begin = text.indexOf("./shepherd ") + "./shepherd ".length();
            String command = text.substring(begin, text.indexOf("\n\n", begin)).replace("\\\n", " ");
            List<String> arguments = new ArrayList<>(List.of(command.strip().split("\\s+")));
            // A database and a port of the test's own; all else as it is printed.
            arguments.replaceAll(argument -> argument.equals("7834") ? String.valueOf(freePort()) : argument);
            arguments.addAll(List.of("--database", database.jdbcUrl(), "--creation-interval", "0"));
            try (CommandLineProcess run = CommandLineProcess.start(folder, arguments.toArray(String[]::new))) {
                Operator operator = Operator.of(database.bmdb());
                StringBuilder processes = new StringBuilder();
                await().atMost(LIMIT).until(() -> {
                    processes.append(CommandLineProcess.all());
                    return operator.statistics().agentStarted() == 3 || !run.isAlive();
                });
                assertThat(operator.statistics().agentStarted()).as(run.log()).isEqualTo(3);
                String password = Files.readString(folder.resolve(".shepherd/fake-bmc/ssh-password"))
                        .strip();
                assertThat(processes).contains("dev.shepherd.cli.Main");
                assertThat(run.log() + rack.log() + processes).doesNotContain(password);
            }
        }
    }

    private static int freePort() {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void anOptionOutOfItsRangeIsExplained() {
        CommandLineRun run = CommandLineRun.of("fake-bmc", "--machines", "0");
        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err()).contains("--machines is from 1 to 1000, not 0");
        assertThat(CommandLineRun.of("fake-bmc", "--machines", "4", "--systems", "2", "--refuse-resets", "3")
                        .err())
                .contains("--refuse-resets is from 0 to 2, not 3");
        assertThat(CommandLineRun.of("fake-bmc", "--vendor", "abacus").exitCode())
                .isEqualTo(2);
    }

    private static List<Map<String, @Nullable Object>> entries(Path list) throws IOException {
        List<Map<String, @Nullable Object>> entries = new ArrayList<>();
        for (String line : Files.readString(list).lines().toList()) {
            if (line.contains("{")) {
                entries.add(Json.readObject(line.replaceAll("},$", "}")));
            }
        }
        return entries;
    }

    private static String banner(Map<String, @Nullable Object> entry) throws IOException {
        try (Socket socket = new Socket("127.0.0.1", (Integer) Objects.requireNonNull(entry.get("SSHPort")))) {
            return String.valueOf(
                    new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.US_ASCII))
                            .readLine());
        }
    }

    /** Returns the status of the answer. */
    private static int reset(Map<String, @Nullable Object> entry, String password, String type) throws Exception {
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, new TrustManager[] {new Pinned(String.valueOf(entry.get("Fingerprint")))}, null);
        HttpClient http = HttpClient.newBuilder().sslContext(context).build();
        String systems = send(http, entry, "GET", "/redfish/v1/Systems", password, "")[1];
        if (systems.contains("error")) {
            return Integer.parseInt(send(http, entry, "GET", "/redfish/v1/Systems", password, "")[0]);
        }
        Map<?, ?> member = (Map<?, ?>)
                ((List<?>) Objects.requireNonNull(Json.readObject(systems).get("Members"))).get(0);
        String path = member.get("@odata.id") + "/Actions/ComputerSystem.Reset";
        return Integer.parseInt(send(http, entry, "POST", path, password, "{\"ResetType\": \"" + type + "\"}")[0]);
    }

    private static String[] send(
            HttpClient http,
            Map<String, @Nullable Object> entry,
            String method,
            String path,
            String password,
            String body)
            throws Exception {
        String login = Base64.getEncoder().encodeToString(("root:" + password).getBytes(StandardCharsets.UTF_8));
        var answer = http.send(
                HttpRequest.newBuilder(URI.create(entry.get("BMC") + path))
                        .header("Authorization", "Basic " + login)
                        .method(method, HttpRequest.BodyPublishers.ofString(body))
                        .build(),
                BodyHandlers.ofString());
        return new String[] {Integer.toString(answer.statusCode()), answer.body()};
    }

    /** Trusts one certificate, by its fingerprint. */
    private static final class Pinned extends X509ExtendedTrustManager {
        private final String fingerprint;

        private Pinned(String fingerprint) {
            this.fingerprint = fingerprint;
        }

        private void check(X509Certificate[] chain) throws CertificateException {
            try {
                byte[] hash = MessageDigest.getInstance("SHA-256").digest(chain[0].getEncoded());
                if (!HexFormat.of().formatHex(hash).equals(fingerprint)) {
                    throw new CertificateException("another certificate");
                }
            } catch (NoSuchAlgorithmException e) {
                throw new CertificateException(e);
            }
        }

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type) throws CertificateException {
            check(chain);
        }

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type) throws CertificateException {
            check(chain);
        }

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type, Socket socket)
                throws CertificateException {
            check(chain);
        }

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type, Socket socket)
                throws CertificateException {
            check(chain);
        }

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type, SSLEngine engine)
                throws CertificateException {
            check(chain);
        }

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type, SSLEngine engine)
                throws CertificateException {
            check(chain);
        }

        @Override
        public X509Certificate[] getAcceptedIssuers() {
            return new X509Certificate[0];
        }
    }
}
