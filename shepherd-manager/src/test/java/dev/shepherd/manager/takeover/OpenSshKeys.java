package dev.shepherd.manager.takeover;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Keys that OpenSSH made, for where it is not at hand. */
final class OpenSshKeys {

    private OpenSshKeys() {}

    /** Writes an ed25519 key that was encrypted with a passphrase nobody remembers. */
    static Path encrypted(Path file) throws IOException {
        return Files.writeString(file, """
                -----BEGIN OPENSSH PRIVATE KEY-----
                b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABDwUIObr2
                a8MX5TLCaqzeeZAAAAEAAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIG1gRuPFXqqLGhXG
                vCseB2xKoXlDUOCNZ/UFa4+K8J1DAAAAkF1z5czOheL0MkfQ2edgQx+Hylesz1vTeJhKk9
                0UDsqbBhf3NsmWvNJevNVrtfpyhZlmjWrfBgM1bNKc/EgEOPO2spYObQoeyCG7SWS2IdSg
                Sx4mK7M6yG8o39jcISZmvHRuePJPwU+JDEFrz2RdXyoiVigq9DUi3eTQcIvnSSJzPRmbKT
                ynOxQyGcpmd4bpDQ==
                -----END OPENSSH PRIVATE KEY-----
                """);
    }
}
