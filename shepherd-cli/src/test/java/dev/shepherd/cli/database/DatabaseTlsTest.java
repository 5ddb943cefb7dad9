package dev.shepherd.cli.database;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.cli.CommandLineRun;
import dev.shepherd.postgres.PostgresServer;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.KeyStore;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** The parameters of a URL that {@code docs/database.md} names, against a PostgreSQL that speaks TLS. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class DatabaseTlsTest {

    private static final String PASSWORD = "changeit";

    @TempDir
    static Path folder;

    private final PostgresServer server = PostgresServer.startTemporary();
    private String hostAndPort = "";

    @BeforeAll
    void haveTheServerSpeakTls() throws Exception {
        authority("ca");
        authority("other-ca");
        signed("server", "ca", "san=dns:localhost");
        signed("client", "ca", "san=dns:client");
        String url = server.createDatabase("fleet");
        hostAndPort = url.replaceFirst("jdbc:postgresql://([^/]*)/.*", "$1");
        try (Connection connection = DriverManager.getConnection(url);
                Statement statement = connection.createStatement()) {
            Path data = Path.of(one(statement, "show data_directory"));
            Path rules = Path.of(one(statement, "show hba_file"));
            Files.copy(folder.resolve("server.pem"), data.resolve("server.crt"));
            Files.copy(folder.resolve("ca.pem"), data.resolve("ca.crt"));
            Files.copy(folder.resolve("server-key.pem"), data.resolve("server.key"));
            Files.setPosixFilePermissions(data.resolve("server.key"), PosixFilePermissions.fromString("rw-------"));
            statement.execute("create role shepherd login password 'secret'");
            statement.execute("create role client login");
            statement.execute("alter database fleet owner to shepherd");
            Files.writeString(
                    rules,
                    "hostssl fleet client 127.0.0.1/32 cert\nhostssl fleet shepherd 127.0.0.1/32 scram-sha-256\n"
                            + "hostnossl fleet shepherd 127.0.0.1/32 reject\n" + Files.readString(rules));
            statement.execute("alter system set ssl_cert_file = 'server.crt'");
            statement.execute("alter system set ssl_key_file = 'server.key'");
            statement.execute("alter system set ssl_ca_file = 'ca.crt'");
            statement.execute("alter system set ssl = on");
            statement.execute("select pg_reload_conf()");
        }
    }

    @AfterAll
    void close() {
        server.close();
    }

    private static String one(Statement statement, String sql) throws Exception {
        try (ResultSet rows = statement.executeQuery(sql)) {
            rows.next();
            return rows.getString(1);
        }
    }

    private void keytool(String... arguments) throws Exception {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString(), "-storepass", PASSWORD));
        command.addAll(List.of(arguments));
        Process process = new ProcessBuilder(command)
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
        assertThat(process.exitValue()).as(said).isZero();
    }

    private void authority(String name) throws Exception {
        keytool(
                "-genkeypair",
                "-alias",
                name,
                "-keyalg",
                "EC",
                "-dname",
                "CN=" + name,
                "-ext",
                "bc:c",
                "-keystore",
                name + ".p12");
        keytool("-exportcert", "-rfc", "-alias", name, "-keystore", name + ".p12", "-file", name + ".pem");
    }

    /** Makes a key and its certificate, in the forms that PostgreSQL and the driver want. */
    private void signed(String name, String authority, String extension) throws Exception {
        String store = name + ".p12";
        keytool("-genkeypair", "-alias", "user", "-keyalg", "EC", "-dname", "CN=" + name, "-keystore", store);
        keytool("-certreq", "-alias", "user", "-keystore", store, "-file", name + ".csr");
        keytool(
                "-gencert",
                "-rfc",
                "-alias",
                authority,
                "-ext",
                extension,
                "-keystore",
                authority + ".p12",
                "-infile",
                name + ".csr",
                "-outfile",
                name + ".pem");
        keytool("-importcert", "-noprompt", "-alias", "ca", "-file", authority + ".pem", "-keystore", store);
        keytool("-importcert", "-noprompt", "-alias", "user", "-file", name + ".pem", "-keystore", store);
        KeyStore keys = KeyStore.getInstance("PKCS12");
        try (InputStream in = Files.newInputStream(folder.resolve(store))) {
            keys.load(in, PASSWORD.toCharArray());
        }
        byte[] key = keys.getKey("user", PASSWORD.toCharArray()).getEncoded();
        Path pk8 = Files.write(folder.resolve(name + ".pk8"), key);
        Files.setPosixFilePermissions(pk8, PosixFilePermissions.fromString("rw-------"));
        Files.writeString(
                folder.resolve(name + "-key.pem"),
                "-----BEGIN PRIVATE KEY-----\n"
                        + Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(key)
                        + "\n-----END PRIVATE KEY-----\n");
    }

    /** Asks a database that has no fleet: it says so where it can be reached. */
    private String ask(String host, String parameters) throws IOException {
        CommandLineRun run = CommandLineRun.of(
                "sessions",
                "--database",
                "jdbc:postgresql://" + hostAndPort.replaceFirst("^[^:]*", host) + "/fleet?connectTimeout=5&"
                        + parameters);
        assertThat(run.exitCode()).isNotZero();
        assertThat(run.err()).doesNotContain("secret", "\tat ");
        return run.err();
    }

    private String file(String name) {
        return folder.resolve(name).toString();
    }

    @Test
    void theRightAuthorityAndNameAreAccepted() throws Exception {
        assertThat(ask("localhost", "user=shepherd&password=secret&sslmode=verify-full&sslrootcert=" + file("ca.pem")))
                .contains("there is no fleet in the database");
    }

    @Test
    void anotherAuthorityIsRefused() throws Exception {
        assertThat(ask(
                        "localhost",
                        "user=shepherd&password=secret&sslmode=verify-full&sslrootcert=" + file("other-ca.pem")))
                .contains("cannot be reached", "unable to find valid certification path");
    }

    @Test
    void anotherNameIsRefusedByVerifyFullAlone() throws Exception {
        String parameters = "user=shepherd&password=secret&sslrootcert=" + file("ca.pem");

        assertThat(ask("127.0.0.1", parameters + "&sslmode=verify-full"))
                .contains("cannot be reached", "The hostname 127.0.0.1 could not be verified");
        assertThat(ask("127.0.0.1", parameters + "&sslmode=verify-ca")).contains("there is no fleet in the database");
    }

    @Test
    void withoutTlsTheServerRefuses() throws Exception {
        assertThat(ask("localhost", "user=shepherd&password=secret&sslmode=disable"))
                .contains("pg_hba.conf");
    }

    @Test
    void aClientsCertificateStandsForAPassword() throws Exception {
        String parameters = "user=client&sslmode=verify-full&sslrootcert=" + file("ca.pem");
        String certificate = "&sslcert=" + file("client.pem") + "&sslkey=";

        assertThat(ask("localhost", parameters)).contains("connection requires a valid client certificate");
        assertThat(ask("localhost", parameters + certificate + file("client.pk8")))
                .contains("there is no fleet in the database");
        Path open = Files.copy(folder.resolve("client.pk8"), folder.resolve("open.pk8"));
        Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rw-r--r--"));
        assertThat(ask("localhost", parameters + certificate + open)).contains("has group or world access");
        assertThat(ask("localhost", parameters + "&sslkey=" + file("client.p12") + "&sslpassword=" + PASSWORD))
                .contains("there is no fleet in the database");
    }
}
