package dev.shepherd.cli.settings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.manager.recovery.RecovererSettings;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a configuration file says, what is wrong with it, and what options make of it. */
class SettingsTest {

    @TempDir
    Path folder;

    private Path write(String text) throws Exception {
        Path file = Files.writeString(folder.resolve("shepherd.yaml"), text);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
        return file;
    }

    private Settings read(String text) throws Exception {
        return read(text, new Given(), Map.of());
    }

    private Settings read(String text, Given given, Map<String, String> environment) throws Exception {
        return Settings.of(write(text), given, environment);
    }

    /** Reads all that holds for every provider, and returns what is wrong, without the path of the file. */
    private List<String> problems(String text) throws Exception {
        return problems(text, Map.of());
    }

    private List<String> problems(String text, Map<String, String> environment) throws Exception {
        Settings settings = read(text, new Given(), environment);
        settings.process();
        settings.endpoint();
        settings.callback();
        settings.web(false);
        settings.recoverer(null);
        settings.provisioner((ProviderEntry) null);
        settings.initializer(null);
        settings.updater(null);
        WrongSettingsException wrong = catchThrowableOfType(WrongSettingsException.class, () -> {
            settings.database();
            settings.requireValid();
        });
        return wrong == null
                ? List.of()
                : wrong.problems().stream()
                        .map(problem -> problem.replace(folder + "/", ""))
                        .toList();
    }

    private static final String DATABASE = "database: {data: db}\n";

    @Test
    void valuesGetToTheBuilders() throws Exception {
        Settings settings = read("""
                recoverer: {parallelism: 7}
                recovery:
                  max-share: 0.25
                  cooldown: 90s
                  boot-time: 500ms
                  reinstall-allowed: true
                  backoff: {maximum: 2h}
                initializer:
                  backoff:
                    initial: 7s
                """);

        RecovererSettings recoverer = settings.recoverer(null).orElseThrow();
        RecoveryPolicy policy = recoverer.policy();
        assertThat(recoverer.parallelism()).isEqualTo(7);
        assertThat(policy.maxShare()).isEqualTo(0.25);
        assertThat(policy.cooldown()).isEqualTo(Duration.ofSeconds(90));
        assertThat(policy.bootTime()).isEqualTo(Duration.ofMillis(500));
        assertThat(policy.reinstallAllowed()).isTrue();
        // What is not said of a backoff is as where nothing is said of it.
        assertThat(policy.backoff().maximum()).isEqualTo(Duration.ofHours(2));
        assertThat(policy.backoff().initial())
                .isEqualTo(RecoveryPolicy.DEFAULT.backoff().initial());
        assertThat(settings.initializer(null).orElseThrow().backoff())
                .satisfies(backoff -> assertThat(backoff.initial()).isEqualTo(Duration.ofSeconds(7)))
                .satisfies(backoff -> assertThat(backoff.maximum()).isEqualTo(Duration.ofHours(4)));
        settings.requireValid();
    }

    private EndpointSettings endpoint(String text) throws Exception {
        return read("agent-endpoint: " + text + "\n").endpoint();
    }

    @Test
    void tlsIsSpokenWhereOthersReachTheEndpointUnlessPlainHttpIsAllowed() throws Exception {
        assertThat(endpoint("{}").hasTls()).isFalse();
        assertThat(endpoint("{address: '127.0.0.1:7834'}").hasTls()).isFalse();
        assertThat(endpoint("{address: '7834', tls: {folder: here}}").hasTls()).isTrue();
        assertThat(endpoint("{address: '10.0.0.1:7834'}").hasTls()).isTrue();
        assertThat(endpoint("{address: '10.0.0.1:7834', plain-http: true}").hasTls())
                .isFalse();
        assertThat(endpoint("{address: '10.0.0.1:7834'}").url()).isEqualTo("https://10.0.0.1:7834");
        EndpointSettings made = endpoint("{address: '10.0.0.1:7834', tls: {folder: authority}}");
        assertThat(folder.resolve("authority")).doesNotExist();
        assertThat(made.caCertificate()).isPresent();
        assertThat(folder.resolve("authority/ca.pem")).exists();
        assertThat(problems(DATABASE + "agent-endpoint: {plain-http: true, tls: {folder: here}}\n"))
                .singleElement()
                .asString()
                .contains("plain HTTP (--agent-plain-http) and TLS (agent-endpoint.tls) exclude each other");
        assertThat(problems(DATABASE + "agent-endpoint: {tls: {certificate: here}}\n"))
                .singleElement()
                .asString()
                .contains("key is not set");
    }

    @Test
    void overGrpcTlsIsAlwaysSpokenAndAgentsAreToldHostAndPort() throws Exception {
        EndpointSettings alone = endpoint("{grpc-address: '10.0.0.1:7835'}");
        assertThat(alone.listens()).isTrue();
        assertThat(alone.hasTls()).isTrue();
        assertThat(alone.url()).isEqualTo("10.0.0.1:7835");
        assertThat(alone.places()).isEqualTo("10.0.0.1:7835 (gRPC)");
        EndpointSettings both = endpoint("{address: '7834', grpc-address: '[::1]:7835'}");
        assertThat(both.hasTls()).as("on the loopback interface, too").isTrue();
        assertThat(both.url()).isEqualTo("https://127.0.0.1:7834");
        assertThat(both.places()).isEqualTo("https://127.0.0.1:7834 and [0:0:0:0:0:0:0:1]:7835 (gRPC)");
        assertThat(endpoint("{}").listens()).isFalse();
        assertThat(endpoint("{grpc-address: '0.0.0.0:7835'}").isNameless()).isTrue();
        assertThat(problems(DATABASE + "agent-endpoint: {plain-http: true, grpc-address: '7835'}\n"))
                .singleElement()
                .asString()
                .contains("plain HTTP (--agent-plain-http) and gRPC (--agent-grpc-listen), which needs TLS");
    }

    @ParameterizedTest
    @CsvSource({
        "https://shepherd.example.com:7834, shepherd.example.com",
        "shepherd.example.com:7835, shepherd.example.com",
        "10.0.0.1:7835, 10.0.0.1",
        "[2001:db8::1]:7835, 2001:db8::1",
        "https://[2001:db8::1]:7834, 2001:db8::1",
        "of my own, ",
        "shepherd.example.com, ",
    })
    void theCertificateIsForTheHostThatAgentsAreTold(String told, @Nullable String host) {
        assertThat(EndpointSettings.host(told)).isEqualTo(Optional.ofNullable(host));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                address: '10.0.0.1:7834'                                | http://10.0.0.1:7834  | say https://
                address: '10.0.0.1:7834'                                | https://10.0.0.1:7834 | ''
                address: '10.0.0.1:7834', limits: {proxies: [10.0.0.9]} | http://10.0.0.9       | ''
                address: '127.0.0.1:7834'                               | https://10.0.0.1:7834 | plain HTTP is spoken at
                address: '127.0.0.1:7834'                               | http://127.0.0.1:7834 | ''
                address: '10.0.0.1:7834', plain-http: true              | https://10.0.0.1:7834 | plain HTTP is spoken at
                address: '10.0.0.1:7834', plain-http: true, limits: {proxies: [10.0.0.9]} | https://10.0.0.9 | ''
                address: '10.0.0.1:7834'                                | of my own             | ''
                max-clock-skew: 1m                                      | http://10.0.0.1:7834  | ''
                """)
    void agentsAreToldTheSchemeThatTheEndpointSpeaks(String endpoint, String told, String problem) throws Exception {
        Settings settings =
                read("agent-endpoint: {" + endpoint + "}\nagent: {endpoint: '" + told + "', executable: absent}\n");
        settings.agent(null, settings.endpoint(), Optional.empty(), Optional::empty);
        WrongSettingsException wrong = catchThrowableOfType(WrongSettingsException.class, settings::requireValid);
        if (problem.isEmpty()) {
            assertThat(wrong.problems()).noneMatch(one -> one.contains("endpoint"));
        } else {
            assertThat(wrong.problems()).anyMatch(one -> one.contains("yaml:2:") && one.contains(problem));
        }
        assertThat(settings.endpointNames(settings.endpoint()))
                .isEqualTo(
                        problem.isEmpty() && told.contains("//")
                                ? Set.of(told.replaceAll(".*//|:\\d+$", ""))
                                : Set.of());
    }

    @Test
    void whatAProviderHasOfItsOwnComesBeforeWhatHoldsForAllAndOptionsBeforeBoth() throws Exception {
        String text = """
                recovery: {max-share: 0.1, max-per-provider: 4, cooldown: 20m}
                providers:
                - {kind: static, type: rack, recovery: {max-share: 0.5, cooldown: 30m}}
                - {kind: static}
                """;
        Given given = new Given();
        given.putSpan("recovery.cooldown", "--cooldown", "40m");

        Settings plain = read(text);
        Settings overlaid = read(text, given, Map.of());

        RecoveryPolicy rack = plain.recovery(new ProviderType("rack"));
        assertThat(rack.maxShare()).isEqualTo(0.5);
        assertThat(rack.maxPerProvider()).isEqualTo(4);
        assertThat(rack.cooldown()).isEqualTo(Duration.ofMinutes(30));
        assertThat(plain.recovery(new ProviderType("static")).maxShare()).isEqualTo(0.1);
        assertThat(plain.recovery(new ProviderType("other")).maxShare()).isEqualTo(0.1);
        assertThat(overlaid.recovery(new ProviderType("rack")))
                .satisfies(policy -> assertThat(policy.cooldown()).isEqualTo(Duration.ofMinutes(40)))
                .satisfies(policy -> assertThat(policy.maxShare()).isEqualTo(0.5));
    }

    @Test
    void allThatIsWrongIsToldAtOnceEachWithItsPlace() throws Exception {
        assertThat(problems("""
                databse: {}
                database:
                  data: db
                  pool-size: many
                  max-losses: 1
                loops: [provisoner, updater]
                recovery:
                  max-shar: 0.1
                  cooldown: 15
                  max-reboots: -1
                  reinstall-allowed: yes
                  backoff: 5m
                web: 8080
                providers:
                - type: rack
                - {kind: static, propertis: {}}
                """))
                .containsExactly(
                        "shepherd.yaml:1:1: a configuration file has no \"databse\"; did you mean database?"
                                + " Known here: plugins, loops, runtime-info, database, provisioner, initializer,"
                                + " recoverer, recovery, disruptions, updater, agent, agent-endpoint, agent-callback, web, webhook, providers",
                        "shepherd.yaml:4:14: database.pool-size must be a whole number, not \"many\"",
                        "shepherd.yaml:5:15: database.max-losses must be from 2 to 1000, not 1",
                        "shepherd.yaml:6:9: loops must be one of provisioner, initializer, recoverer, updater, roller, not"
                                + " \"provisoner\"",
                        problem(
                                "shepherd.yaml:8:3: recovery has no \"max-shar\"; did you mean max-share? Known here: "),
                        "shepherd.yaml:9:13: recovery.cooldown must be a span of time such as 500ms, 90s, 15m, 2h or 1d,"
                                + " not \"15\"",
                        "shepherd.yaml:10:16: recovery.max-reboots must be from 0 to 1000000, not -1",
                        "shepherd.yaml:11:22: recovery.reinstall-allowed must be true or false, not \"yes\"",
                        "shepherd.yaml:12:12: recovery.backoff has keys of its own, and is not a single value",
                        "shepherd.yaml:13:6: web has keys of its own, and is not a single value",
                        "shepherd.yaml:15:3: the provider's kind is missing; 'shepherd providers' lists them",
                        "shepherd.yaml:16:18: a provider has no \"propertis\"; did you mean properties? Known here: kind,"
                                + " type, properties, provisioner, initializer, recoverer, recovery, updater, agent");
    }

    /** The keys that are known stand in one place, and not here again. */
    private static String problem(String start) {
        return start + String.join(", ", Sections.OF_RECOVERY.ownKeys());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "a: b: c | 1:5: this is not YAML",
                "'a: [' | this is not YAML",
                "- 1 | 1:1: a configuration file has keys and values",
                "text | 1:1: a configuration file has keys and values",
                "'a: &x 1\nb: *x' | 2:4: aliases (*name) are not supported",
                "'a: 1\n---\nb: 2' | 2:1: a configuration file is a single document",
                "'\ta: 1' | this is not YAML"
            })
    void whatIsNoFileOfSettingsIsToldWithItsPlace(String text, String why) throws Exception {
        ConfigurationException refused = catchThrowableOfType(ConfigurationException.class, () -> read(text));

        assertThat(refused).hasMessageContaining("shepherd.yaml:").hasMessageContaining(why);
    }

    @Test
    void aFileThatIsNestedWithoutEndOrTooBigIsRefused() throws Exception {
        String deep = "a: " + "[".repeat(100_000);

        assertThat(catchThrowableOfType(ConfigurationException.class, () -> read(deep)))
                .hasMessageContaining("nested more than 20 deep");
        assertThat(catchThrowableOfType(ConfigurationException.class, () -> read("#".repeat((1 << 20) + 1))))
                .hasMessageContaining("too big");
    }

    @Test
    void aTagMakesNoObject() throws Exception {
        assertThat(problems("database: {data: !!java.net.URL [\"http://127.0.0.1:1\"]}"))
                .singleElement()
                .asString()
                .contains("database.data must be a path, not a list");
    }

    @Test
    void aKeyThatIsGivenTwiceOrHasNoValueIsRefused() throws Exception {
        assertThat(problems(DATABASE + "recovery:\n  cooldown: 15m\n  cooldown: 16m\nweb:\n"))
                .contains("shepherd.yaml:4:3: \"cooldown\" is given twice; first in line 3")
                .anySatisfy(problem -> assertThat(problem).contains("shepherd.yaml:5:", "a value is missing"));
    }

    @Test
    void aDatabaseMustBeNamedAndOnlyOnce() throws Exception {
        assertThat(problems("recovery: {}")).singleElement().asString().contains("database.jdbc-url is missing");
        assertThat(problems("database: {data: db, jdbc-url: 'jdbc:postgresql://x/y'}"))
                .singleElement()
                .asString()
                .contains("1:18: database.data: a database is named by its URL or by the folder");
    }

    @ParameterizedTest
    @ValueSource(strings = {"${env:SECRET}", "${file:secret}", "${credential:secret}"})
    void secretsComeFromElsewhere(String reference) throws Exception {
        Files.writeString(folder.resolve("secret"), "hunter2\n");
        Path file = write("database: {jdbc-url: 'jdbc:postgresql://h/d', password: '" + reference + "'}");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r--r--"));
        Map<String, String> environment = Map.of("SECRET", "hunter2", "CREDENTIALS_DIRECTORY", folder.toString());

        Settings settings = Settings.of(file, new Given(), environment);
        settings.database();
        settings.requireValid();

        StringWriter out = new StringWriter();
        settings.report(new PrintWriter(out));
        assertThat(out.toString()).contains("password: " + reference).doesNotContain("hunter2");
    }

    @Test
    void aSecretInClearIsRefusedWhereOthersCanReadIt() throws Exception {
        for (String text : List.of(
                "database: {jdbc-url: 'jdbc:postgresql://h/d', password: hunter2}",
                "database: {jdbc-url: 'jdbc:postgresql://h/d?password=hunter2'}")) {
            assertThat(problems(text)).isEmpty();
            Path file = write(text);
            Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r-----"));
            Settings settings = Settings.of(file, new Given(), Map.of());
            settings.database();

            StringWriter out = new StringWriter();
            settings.report(new PrintWriter(out));
            assertThat(out.toString()).contains("***").doesNotContain("hunter2");
            assertThat(catchThrowableOfType(WrongSettingsException.class, settings::requireValid))
                    .hasMessageContaining("is a secret, and others can read this file (rw-r-----)")
                    .hasMessageContaining("${file:PATH}")
                    .hasMessageNotContaining("hunter2");
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "${env:NONE} | the environment variable is not set",
                "${env:EMPTY} | the environment variable is empty",
                "${file:none} | does not exist",
                "${credential:x} | there are no credentials",
                "${vault:x} | write ${env:NAME}, ${file:PATH} or ${credential:NAME}",
                "${env:SECRET | write ${env:NAME}"
            })
    void aReferenceThatLeadsNowhereIsToldWithoutASecret(String reference, String why) throws Exception {
        assertThat(problems(
                        "database: {jdbc-url: 'jdbc:postgresql://h/d', username: '" + reference + "'}",
                        Map.of("EMPTY", "", "SECRET", "hunter2")))
                .singleElement()
                .asString()
                .contains("shepherd.yaml:1:57: database.username", why)
                .doesNotContain("hunter2");
    }

    @Test
    void aValueThatAReferenceStandsForIsNotShown() throws Exception {
        assertThat(problems(DATABASE + "recovery: {cooldown: '${env:SECRET}'}", Map.of("SECRET", "hunter2")))
                .singleElement()
                .asString()
                .contains("recovery.cooldown must be a span of time")
                .doesNotContain("hunter2");
    }

    @Test
    void twoDollarsAreOne() throws Exception {
        Settings settings = read("runtime-info: 'costs $${5}, and $6'");

        assertThat(settings.process().runtimeInfo()).contains("costs ${5}, and $6");
    }

    @Test
    void relativePathsAreRelativeToTheFile() throws Exception {
        Files.createDirectories(folder.resolve("extra"));
        Settings settings = read("""
                plugins: extra
                database: {data: db}
                """);

        assertThat(settings.process().plugins())
                .contains(folder.toAbsolutePath().resolve("extra"));
        assertThat(settings.database().folder())
                .isEqualTo(folder.toAbsolutePath().resolve("db"));
    }

    @Test
    void anOptionThatNamesADatabaseTakesNothingAlongOfTheFiles() throws Exception {
        Given given = new Given();
        List.of("jdbc-url", "data", "username", "password").forEach(key -> given.replace("database." + key));
        given.put("database.data", "--data", "elsewhere");
        Settings settings = read(
                "database: {jdbc-url: 'jdbc:postgresql://h/d', username: u, password: p, pool-size: 3}",
                given,
                Map.of());

        assertThat(settings.database().jdbcUrl()).isEmpty();
        assertThat(settings.database().folder()).isEqualTo(Path.of("elsewhere"));
        assertThat(settings.database().poolSize()).hasValue(3);
        settings.requireValid();
    }

    @Test
    void theReportIsAFileOfTheSameSettings() throws Exception {
        String text = """
                database: {data: db, loss-backoff: {jitter: 0.5}}
                loops: [updater]
                recovery: {cooldown: 20m}
                """;
        Settings settings = read(text);
        String first = report(settings);

        String second = report(read(first));

        assertThat(second.replaceAll(" *#.*", "")).isEqualTo(first.replaceAll(" *#.*", ""));
        assertThat(first)
                .contains("  cooldown: 20m  ", "/shepherd.yaml:3:22\n")
                .contains("  max-share: 0.2  ", "# default\n")
                .contains("loops: [updater]");
    }

    private static String report(Settings settings) {
        settings.process();
        settings.database();
        settings.recoverer(null);
        StringWriter out = new StringWriter();
        settings.report(new PrintWriter(out));
        return Objects.requireNonNull(out.toString());
    }

    @Test
    void aHostileKeyIsShownAsText() throws Exception {
        assertThat(problems(DATABASE + "\"\\e[31mred\\u202e\": 1\n"))
                .singleElement()
                .asString()
                .doesNotContain("\u001b", "\u202e");
    }
}
