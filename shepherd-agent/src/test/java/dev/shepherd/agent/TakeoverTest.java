package dev.shepherd.agent;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import dev.shepherd.agent.messages.takeover.TakeoverInit;
import dev.shepherd.agent.messages.takeover.TakeoverResponse;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a takeover refuses, and what is kept of one. A whole takeover, with a process that goes on, is tried where it is packed. */
class TakeoverTest {

    private static final String MACHINE = "0b6f2a37-8c5e-4a1e-9a63-0d7f0c5d2b11";

    @TempDir
    Path folder;

    private TakeoverResponse answer(byte[] init) throws Exception {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        assertThat(Takeover.answer(new Home(folder), new ByteArrayInputStream(init), out))
                .isZero();
        return TakeoverResponse.parseFrom(out.toByteArray());
    }

    private static TakeoverInit.Builder init(String machine, String endpoint) {
        return TakeoverInit.newBuilder().setMachineId(machine).setBmaasEndpoint(endpoint);
    }

    @ParameterizedTest
    @CsvSource({
        MACHINE + ", ftp://example.com, the endpoint is no URL",
        MACHINE + ", http:///path, the endpoint is no URL",
        MACHINE + ", https://example.com?q, the endpoint is no URL",
        MACHINE + ", '', the endpoint is no URL",
        "m1, https://example.com, no UUID",
        "0B6F2A37-8C5E-4A1E-9A63-0D7F0C5D2B11, https://example.com, no UUID"
    })
    void whatAnAgentCouldNotReportWithIsRefusedAndNothingIsKept(String machine, String endpoint, String why)
            throws Exception {
        TakeoverResponse response = answer(init(machine, endpoint).build().toByteArray());

        assertThat(response.getError().getMessage()).contains(why);
        assertThat(folder).isEmptyDirectory();
    }

    @Test
    void aCertificateThatIsNoneIsRefused() throws Exception {
        TakeoverResponse response = answer(init(MACHINE, "https://example.com")
                .setCaCertificate(ByteString.copyFromUtf8("-----BEGIN NONSENSE-----"))
                .build()
                .toByteArray());

        assertThat(response.getError().getMessage()).contains("certificate of the authority cannot be read");
    }

    @Test
    void whatIsNoMessageIsRefused() throws Exception {
        assertThat(answer(new byte[] {(byte) 0xff, 1, 2}).hasError()).isTrue();
        assertThat(answer(new byte[(1 << 20) + 1]).getError().getMessage()).contains("more than 1048576 bytes");
    }

    @Test
    void anIdentityIsKeptForItsOwnerOnlyAndIsReadAsItWas() throws Exception {
        Home home = new Home(folder);
        Identity identity =
                Identity.of(init(MACHINE, "https://example.com:7834").build());

        identity.write(home);

        Identity read = Identity.read(home).orElseThrow();
        assertThat(read.init()).isEqualTo(identity.init());
        assertThat(read.name()).isEqualTo(identity.name());
        assertThat(read.keys().getPrivate()).isEqualTo(identity.keys().getPrivate());
        assertThat(read.endpoint()).hasToString("https://example.com:7834/v1/agent");
        assertThat(Files.getPosixFilePermissions(folder.resolve("identity")))
                .isEqualTo(PosixFilePermissions.fromString("rw-------"));
        assertThat(Identity.read(new Home(folder.resolve("none")))).isEmpty();
    }
}
