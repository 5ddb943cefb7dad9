package dev.shepherd.postgres;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * A look at whether a Docker engine answers. Testcontainers would find out too, but takes long and logs errors where
 * there is none, which is common: the command line alone is often installed.
 */
final class DockerEngine {

    private static final Duration TIMEOUT = Duration.ofSeconds(3);

    private DockerEngine() {}

    /**
     * Returns where an engine answers, or where one is configured in a way that only Testcontainers can follow; empty
     * if there is none.
     *
     * @param environment the environment variables
     * @param home the user's home folder
     * @param standard where the engine's socket lies in most installations
     */
    static Optional<String> find(Map<String, String> environment, Path home, Path standard) {
        String host = environment.getOrDefault("DOCKER_HOST", "");
        if (host.startsWith("unix://")) {
            Path socket = Path.of(host.substring("unix://".length()));
            return answers(socket) ? Optional.of(socket.toString()) : Optional.empty();
        }
        if (!host.isEmpty()) {
            return Optional.of(host);
        }
        if (isConfigured(home.resolve(".testcontainers.properties"))) {
            return Optional.of("the host in .testcontainers.properties");
        }
        if (System.getProperty("os.name", "").startsWith("Windows")) {
            Path pipe = Path.of("\\\\.\\pipe\\docker_engine");
            return Files.exists(pipe) ? Optional.of(pipe.toString()) : Optional.empty();
        }
        List<Path> sockets = new ArrayList<>(List.of(standard));
        String runtime = environment.getOrDefault("XDG_RUNTIME_DIR", "");
        if (!runtime.isEmpty()) {
            sockets.add(Path.of(runtime, "docker.sock"));
        }
        sockets.add(home.resolve(".docker/run/docker.sock"));
        sockets.add(home.resolve(".docker/desktop/docker.sock"));
        return sockets.stream()
                .filter(DockerEngine::answers)
                .map(Path::toString)
                .findFirst();
    }

    private static boolean isConfigured(Path properties) {
        try {
            return Files.readAllLines(properties, StandardCharsets.ISO_8859_1).stream()
                    .map(String::strip)
                    .anyMatch(line -> line.startsWith("docker.host") || line.startsWith("tc.host"));
        } catch (IOException e) {
            return false;
        }
    }

    private static boolean answers(Path socket) {
        if (!Files.exists(socket)) {
            return false;
        }
        CompletableFuture<Boolean> answer = new CompletableFuture<>();
        try (SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            Thread asking = new Thread(() -> answer.complete(ask(channel, socket)), "shepherd-postgres-docker");
            asking.setDaemon(true);
            asking.start();
            return answer.get(TIMEOUT.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        } catch (IOException | UnsupportedOperationException | ExecutionException | TimeoutException e) {
            return false;
        }
    }

    private static boolean ask(SocketChannel channel, Path socket) {
        try {
            channel.connect(UnixDomainSocketAddress.of(socket));
            String request = "GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n";
            channel.write(ByteBuffer.wrap(request.getBytes(StandardCharsets.US_ASCII)));
            byte[] start = Channels.newInputStream(channel).readNBytes("HTTP/1.1 200".length());
            return new String(start, StandardCharsets.US_ASCII).matches("HTTP/1\\.[01] 200");
        } catch (IOException | RuntimeException e) {
            return false;
        }
    }
}
