package dev.shepherd.cli.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderConfig;
import dev.shepherd.api.ProviderFactory;
import dev.shepherd.api.ProviderProperty;
import dev.shepherd.api.ProviderProperty.Type;
import dev.shepherd.api.ProviderType;
import dev.shepherd.cli.CommandLineRun;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;
import picocli.CommandLine.Command;

class PropertyOptionsTest {

    @TempDir
    Path folder;

    @Command
    private static final class Holder {
        @CommandLine.Mixin
        private PropertyOptions properties = new PropertyOptions();
    }

    /** A provider that takes a few properties, and is never made. */
    private static final class Racks implements ProviderFactory {
        @Override
        public String kind() {
            return "racks";
        }

        @Override
        public String description() {
            return "Racks.";
        }

        @Override
        public List<ProviderProperty> properties() {
            return List.of(
                    ProviderProperty.optional("api-token", Type.STRING, null, "The token.")
                            .asSecret(),
                    ProviderProperty.optional("list", Type.URI, null, "The list.")
                            .asSecret(),
                    ProviderProperty.optional("call.limit", Type.INTEGER, null, "The limit."));
        }

        @Override
        public Provider create(ProviderConfig config) {
            throw new AssertionError("only its properties are asked for");
        }
    }

    private static ProviderConfig config(Map<String, String> environment, String... args) {
        Holder holder = CommandLine.populateCommand(new Holder(), args);
        return holder.properties.config(FoundProvider.of(new Racks(), "here"), new ProviderType("racks"), environment);
    }

    private static String token(Map<String, String> environment, String... args) {
        return config(environment, args).string("api-token").orElse("none");
    }

    @Test
    void anOptionComesBeforeAFileAndAFileBeforeTheEnvironment() throws Exception {
        Path file = Files.writeString(folder.resolve("p"), "# mine\napi-token = of the file\n");
        Map<String, String> environment =
                Map.of("SHEPHERD_PROPERTY_API_TOKEN", "of the variable", "SHEPHERD_PROPERTY_CALL_LIMIT", "7");

        assertThat(token(environment)).isEqualTo("of the variable");
        assertThat(token(environment, "--property-file=" + file)).isEqualTo("of the file");
        assertThat(token(environment, "--property-file=" + file, "--property", "api-token=mine"))
                .isEqualTo("mine");
        assertThat(config(environment, "--property-file=" + file).integer("call.limit"))
                .contains(7);
    }

    @Test
    void anEmptyVariableIsNone() {
        assertThat(token(Map.of("SHEPHERD_PROPERTY_API_TOKEN", ""))).isEqualTo("none");
    }

    @Test
    void anAtTakesTheContentOfAFileAndTwoStandForOne() throws Exception {
        Path token = Files.writeString(folder.resolve("token"), "two\nlines \n");
        Path file = Files.writeString(folder.resolve("p"), "api-token=@literal\n");

        assertThat(token(Map.of(), "--property", "api-token=@" + token)).isEqualTo("two\nlines ");
        assertThat(token(Map.of(), "--property", "api-token=@@home")).isEqualTo("@home");
        assertThat(token(Map.of(), "--property", "api-token=a@b")).isEqualTo("a@b");
        assertThat(token(Map.of(), "--property-file", file.toString())).isEqualTo("@literal");
    }

    @Test
    void whatIsWrongIsToldWithItsOptionFileAndProperty() throws Exception {
        Path latin1 = Files.write(folder.resolve("latin1"), "p\u00e4ss\n".getBytes(StandardCharsets.ISO_8859_1));
        Path empty = Files.writeString(folder.resolve("empty"), "\n");
        Path unknown = Files.writeString(folder.resolve("unknown"), "tokn=x\n");
        Path broken = Files.writeString(folder.resolve("broken"), "api-token=\\u12\n");
        Path missing = folder.resolve("missing");

        assertRefused("--property api-token: " + missing + " does not exist", "--property=api-token=@" + missing);
        assertRefused("--property api-token: " + latin1 + " is not in UTF-8", "--property=api-token=@" + latin1);
        assertRefused("--property api-token: " + empty + " is empty", "--property=api-token=@" + empty);
        assertRefused("--property api-token: the name of a file is missing after @", "--property=api-token=@");
        assertRefused("--property-file: " + folder + " cannot be read: it is a", "--property-file=" + folder);
        assertRefused(
                "--property-file: " + unknown + ": provider racks has no property \"tokn\"",
                "--property-file=" + unknown);
        assertRefused("--property-file: " + broken + ": Malformed \\uxxxx encoding", "--property-file=" + broken);
        assertRefused("--property: the property \"call.limit\" of provider racks is not", "--property=call.limit=x");
        assertThatExceptionOfType(ConfigurationException.class)
                .isThrownBy(() -> config(Map.of("SHEPHERD_PROPERTY_CALL_LIMIT", "x")))
                .withMessageStartingWith("SHEPHERD_PROPERTY_CALL_LIMIT: the property \"call.limit\"");
    }

    private static void assertRefused(String why, String... args) {
        assertThatExceptionOfType(ConfigurationException.class)
                .isThrownBy(() -> config(Map.of(), args))
                .withMessageStartingWith(why);
    }

    @Test
    void aSecretOnTheCommandLineIsWarnedOf() throws Exception {
        Path token = Files.writeString(folder.resolve("token"), "hunter2\n");
        Path file = Files.writeString(folder.resolve("p"), "api-token=hunter2\n");

        assertThat(said("--property", "api-token=hunter2"))
                .contains("the property api-token is a secret", "api-token=@FILE", "SHEPHERD_PROPERTY_API_TOKEN")
                .doesNotContain("hunter2");
        assertThat(said("--property", "api-token=@@hunter2")).contains("is a secret");
        assertThat(said("--property", "list=https://u:p@racks.example/list")).contains("is a secret");
        assertThat(said("--property", "list=file:///machines.json")).isEmpty();
        assertThat(said("--property", "api-token=@" + token)).isEmpty();
        assertThat(said("--property-file", file.toString())).isEmpty();
        assertThat(said("--property", "call.limit=5")).isEmpty();
    }

    @Test
    void aVariableThatNoPropertyBelongsToIsTold() {
        Map<String, String> environment = Map.of(
                "SHEPHERD_PROPERTY_API_TOKN", "hunter2", "SHEPHERD_PROPERTY_CALL_LIMIT", "7", "SHEPHERD_HOME", "/x");

        assertThat(said(environment))
                .contains("provider racks has no property for the environment variable SHEPHERD_PROPERTY_API_TOKN")
                .contains("it has: SHEPHERD_PROPERTY_API_TOKEN, SHEPHERD_PROPERTY_CALL_LIMIT, SHEPHERD_PROPERTY_LIST")
                .doesNotContain("hunter2", "SHEPHERD_HOME")
                .hasLineCount(1);
    }

    private static String said(String... args) {
        return said(Map.of(), args);
    }

    private static String said(Map<String, String> environment, String... args) {
        synchronized (CommandLineRun.class) {
            PrintStream real = System.err;
            ByteArrayOutputStream err = new ByteArrayOutputStream();
            System.setErr(new PrintStream(err, true, StandardCharsets.UTF_8));
            try {
                config(environment, args);
            } finally {
                System.setErr(real);
            }
            return err.toString(StandardCharsets.UTF_8);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"run", "plan", "reboot", "reinstall"})
    void allCommandsWithAProviderTakeThem(String command) {
        assertThat(CommandLineRun.of(command, "--help").out())
                .contains("--property=NAME=VALUE", "--property-file=FILE");
    }
}
