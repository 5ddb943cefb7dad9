package dev.shepherd.web.access;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.bmdb.operator.Verb;
import dev.shepherd.web.http.WebRequest;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Base64;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TokenFileTest {

    private static final String ONCALL = "7Jm2v0cQbV1yKq9r";
    private static final String BOARD = "Vh3kq8ZcW0dEr5Ty";

    @TempDir
    Path folder;

    private TokenFile read(String text) throws IOException {
        return read(text, "rw-------");
    }

    private TokenFile read(String text, String permissions) throws IOException {
        Path file = folder.resolve("tokens");
        Files.deleteIfExists(file);
        Files.writeString(file, text);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString(permissions));
        return TokenFile.read("--web-tokens", file);
    }

    private TokenFile two() throws IOException {
        return read("# who may\n\noncall operator " + ONCALL + "\n  board\tviewer   " + BOARD + "  \r\n");
    }

    private static Optional<String> who(TokenFile tokens, String credentials) {
        return tokens.authenticate(
                new WebRequest("GET", "/", "", Map.of("Authorization", credentials), new byte[0], false));
    }

    private static String basic(String pair) {
        return "Basic " + Base64.getEncoder().encodeToString(pair.getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void aPersonIsKnownByTheToken() throws Exception {
        TokenFile tokens = two();
        assertThat(who(tokens, "Bearer " + ONCALL)).contains("oncall");
        assertThat(who(tokens, "bearer  " + BOARD + " ")).contains("board");
        assertThat(who(tokens, basic("oncall:" + ONCALL))).contains("oncall");
        assertThat(who(tokens, basic("board:" + BOARD).replace("Basic", "BASIC")))
                .contains("board");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "Bearer",
                "Bearer ",
                "Bearer oncall",
                "Bearer 7Jm2v0cQbV1yKq9",
                "Bearer 7Jm2v0cQbV1yKq9rr",
                "Bearer 7jm2v0cqbv1ykq9r",
                "Bearer 7Jm2v0cQbV1yKq9r, Bearer Vh3kq8ZcW0dEr5Ty",
                "Basic",
                "Basic ???",
                "Digest 7Jm2v0cQbV1yKq9r",
                "7Jm2v0cQbV1yKq9r"
            })
    void otherCredentialsAreNoOnes(String credentials) throws Exception {
        assertThat(who(two(), credentials)).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({
        "board:7Jm2v0cQbV1yKq9r",
        "Oncall:7Jm2v0cQbV1yKq9r",
        ":7Jm2v0cQbV1yKq9r",
        "7Jm2v0cQbV1yKq9r",
        "oncall:",
        "oncall: "
    })
    void aTokenIsThatOfItsNameOnly(String pair) throws Exception {
        assertThat(who(two(), basic(pair))).isEmpty();
    }

    @Test
    void aRequestWithoutCredentialsIsAskedForThem() throws Exception {
        TokenFile tokens = two();
        assertThat(tokens.authenticate(new WebRequest("GET", "/", "", Map.of(), new byte[0], false)))
                .isEmpty();
        assertThat(tokens.challenge()).startsWith("Basic realm=");
    }

    @Test
    void operatorsActAndViewersLook() throws Exception {
        TokenFile tokens = two();
        for (Verb verb : Verb.values()) {
            assertThat(tokens.mayAct("oncall", verb, UUID.randomUUID())).isTrue();
            assertThat(tokens.mayAct("board", verb, UUID.randomUUID())).isFalse();
            assertThat(tokens.mayAct("board", verb, null)).isFalse();
            assertThat(tokens.mayAct("nightshift", verb, null)).isFalse();
            assertThat(tokens.mayAct("", verb, null)).isFalse();
        }
        assertThat(tokens.mayLook("board")).isTrue();
    }

    @ParameterizedTest
    @ValueSource(strings = {"rw-r-----", "rw----r--", "rw--w----", "rw-----w-", "rwx--x---", "rw------x"})
    void aFileThatIsOpenToOthersIsRefused(String permissions) {
        assertThatThrownBy(() -> read("oncall operator " + ONCALL, permissions))
                .isInstanceOf(ConfigurationException.class)
                .hasMessageContaining("tokens holds tokens and is open to others than its owner; run: chmod 600 ")
                .hasMessageNotContaining(ONCALL);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "oncall operator | must be NAME ROLE TOKEN",
                "oncall operator 7Jm2v0cQbV1yKq9r today | must be NAME ROLE TOKEN",
                "7Jm2v0cQbV1yKq9r | must be NAME ROLE TOKEN",
                "oncall 7Jm2v0cQbV1yKq9r operator | must be viewer or operator",
                "7Jm2v0cQbV1yKq9r oncall operator | must be viewer or operator",
                "oncall Operator 7Jm2v0cQbV1yKq9r | must be viewer or operator",
                "oncall operator 7Jm2v0cQbV1yKq9 | at least 16 characters",
                "nightshift viewer Vh3kq8ZcW0dEr5Ty | the token is that of another line"
            })
    void aLineThatMakesNoSenseIsNamedByItsNumberAndShowsNoToken(String line, String why) {
        ConfigurationException failure = catchThrowableOfType(
                ConfigurationException.class, () -> read("# first\nboard viewer " + BOARD + "\n" + line + "\n"));
        assertThat(failure)
                .hasMessageContaining("tokens, line 3: ")
                .hasMessageContaining(why)
                .hasMessageNotContaining("7Jm2v0cQbV1yKq9")
                .hasMessageNotContaining(BOARD);
        assertThat(failure.property()).contains("--web-tokens");
    }

    @Test
    void aNameWithAControlCharacterIsRefused() {
        assertThatThrownBy(() -> read("k\u0007im operator " + ONCALL))
                .isInstanceOf(ConfigurationException.class)
                .hasMessageContaining("line 1: the name: ")
                .hasMessageNotContaining(ONCALL)
                .hasMessageNotContaining("\u0007");
    }

    @Test
    void aFileThatCannotBeUsedIsNamed() throws Exception {
        assertThatThrownBy(() -> read("# nothing\n\n"))
                .isInstanceOf(ConfigurationException.class)
                .hasMessageContaining("so that all requests would be refused");
        assertThatThrownBy(() -> TokenFile.read("--web-tokens", folder.resolve("absent")))
                .isInstanceOf(ConfigurationException.class)
                .hasMessageContaining("absent cannot be read");
        assertThatThrownBy(() -> read("#".repeat(1024 * 1024 + 1)))
                .isInstanceOf(ConfigurationException.class)
                .hasMessageContaining("larger than 1 MiB");
        Path binary = folder.resolve("binary");
        Files.write(binary, new byte[] {'k', (byte) 0xff, '\n'});
        Files.setPosixFilePermissions(binary, PosixFilePermissions.fromString("rw-------"));
        assertThatThrownBy(() -> TokenFile.read("--web-tokens", binary)).isInstanceOf(ConfigurationException.class);
    }
}
