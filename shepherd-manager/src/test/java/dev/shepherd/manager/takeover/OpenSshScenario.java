package dev.shepherd.manager.takeover;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** Takeovers of a machine that runs OpenSSH's own server. */
abstract class OpenSshScenario {

    static final String SFTP = "Subsystem sftp internal-sftp";

    final Path folder;
    final TakeoverFixture fixture;
    final Path remote;

    OpenSshScenario(Path folder) throws IOException {
        this.folder = folder;
        fixture = new TakeoverFixture(folder);
        remote = Files.createDirectory(folder.resolve("remote"));
    }

    OpenSshServer server(String... lines) throws Exception {
        return new OpenSshServer(folder, List.of(fixture.key.publicKey().orElseThrow()), lines);
    }

    AgentTakeover.Builder settings() {
        return fixture.settings()
                .user(OpenSshServer.USER)
                .remotePath(remote.resolve("agent").toString());
    }

    List<String> names() throws IOException {
        try (Stream<Path> files = Files.list(remote)) {
            return files.map(file -> file.getFileName().toString()).toList();
        }
    }
}
