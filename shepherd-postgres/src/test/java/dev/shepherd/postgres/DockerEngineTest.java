package dev.shepherd.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DockerEngineTest {

    private Path home;
    private Path socket;

    @BeforeEach
    void findAPlaceForTheSocket(@TempDir Path folder) throws IOException {
        home = folder;
        // Short, as the system asks for, wherever the temporary folder lies.
        socket = Path.of("target", "docker-" + ProcessHandle.current().pid() + ".sock");
        Files.createDirectories(Path.of("target"));
        Files.deleteIfExists(socket);
    }

    @AfterEach
    void removeTheSocket() throws IOException {
        Files.deleteIfExists(socket);
    }

    private ServerSocketChannel listen() throws IOException {
        ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        server.bind(UnixDomainSocketAddress.of(socket));
        return server;
    }

    private static void answer(ServerSocketChannel server, String answer) {
        Thread thread = new Thread(() -> {
            try (SocketChannel client = server.accept()) {
                client.read(ByteBuffer.allocate(1024));
                client.write(ByteBuffer.wrap(answer.getBytes(StandardCharsets.US_ASCII)));
            } catch (IOException e) {
                // The test is over.
            }
        });
        thread.setDaemon(true);
        thread.start();
    }

    @Test
    void anEngineThatAnswersAtItsSocketIsFound() throws IOException {
        try (ServerSocketChannel server = listen()) {
            answer(server, "HTTP/1.1 200 OK\r\n\r\nOK");

            assertThat(DockerEngine.find(Map.of(), home, socket)).hasValue(socket.toString());
        }
    }

    @Test
    void anEngineThatAnswersWhereTheEnvironmentSaysIsFound() throws IOException {
        try (ServerSocketChannel server = listen()) {
            answer(server, "HTTP/1.1 200 OK\r\n\r\nOK");

            assertThat(DockerEngine.find(Map.of("DOCKER_HOST", "unix://" + socket), home, home.resolve("none")))
                    .hasValue(socket.toString());
        }
    }

    @Test
    void anEngineThatIsNotWellIsNone() throws IOException {
        try (ServerSocketChannel server = listen()) {
            answer(server, "HTTP/1.1 503 Unavailable\r\n\r\n");

            assertThat(DockerEngine.find(Map.of(), home, socket)).isEmpty();
        }
    }

    @Test
    void anEngineThatNeverAnswersIsNoneAndCostsSeconds() throws IOException {
        try (ServerSocketChannel server = listen()) {
            long start = System.nanoTime();

            assertThat(DockerEngine.find(Map.of(), home, socket)).isEmpty();

            assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(30));
            assertThat(server.isOpen()).isTrue();
        }
    }

    @Test
    void aSocketThatNobodyListensAtIsNone() throws IOException {
        listen().close();

        assertThat(socket).exists();
        assertThat(DockerEngine.find(Map.of(), home, socket)).isEmpty();
        assertThat(DockerEngine.find(Map.of(), home, home.resolve("none"))).isEmpty();
    }

    @Test
    void whatOnlyTestcontainersCanFollowIsLeftToIt() throws IOException {
        Path none = home.resolve("none");

        assertThat(DockerEngine.find(Map.of("DOCKER_HOST", "tcp://docker:2375"), home, none))
                .hasValue("tcp://docker:2375");

        Files.writeString(home.resolve(".testcontainers.properties"), "docker.host=tcp\\://docker\\:2375\n");

        assertThat(DockerEngine.find(Map.of(), home, none)).isPresent();
    }
}
