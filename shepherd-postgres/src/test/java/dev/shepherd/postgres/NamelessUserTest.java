package dev.shepherd.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Servers of a user id that the system has no name for, as in OpenShift. Only root can become one. */
class NamelessUserTest {

    private static final String USER_ID = "123456";
    private static final List<String> BECOME =
            List.of("setpriv", "--reuid=" + USER_ID, "--regid=" + USER_ID, "--clear-groups");

    @TempDir
    Path folder;

    private Path work;

    /** Starts a server and says so. */
    static final class Main {
        public static void main(String[] arguments) {
            try (PostgresServer server = PostgresServer.startTemporary()) {
                System.out.println("started " + server);
            } catch (PostgresException e) {
                System.out.println(e.getMessage());
            }
        }
    }

    @BeforeEach
    void openAFolder() throws Exception {
        assumeTrue(
                Files.exists(Path.of("/proc/self"))
                        && Files.getAttribute(Path.of("/proc/self"), "unix:uid").equals(0),
                "only root can become another user");
        Folders.setPermissions(folder, "rwxr-xr-x");
        work = Files.createDirectory(folder.resolve("work"));
        Folders.setPermissions(work, "rwxrwxrwx");
        assumeTrue(as(Map.of(), "sh", "-c", "test -w " + work + " && ! id -un").startsWith("0 "), "setpriv is missing");
    }

    @Test
    void aServerStartsInAUserNamespaceAndTheFolderHasTheUserIdInItsName() throws Exception {
        assumeTrue(as(Map.of(), "unshare", "-U", "id", "-un").startsWith("0 "), "there are no user namespaces here");

        assertThat(java(Map.of())).contains("started PostgreSQL", "shepherd-postgres-" + USER_ID);
    }

    @Test
    void whereThereIsNoUserNamespaceItSaysWhatToDo() throws Exception {
        assertThat(java(Map.of("PATH", "/nowhere")))
                .contains("could not look up effective user ID", "a line in /etc/passwd", "a PostgreSQL of your own");
    }

    /** Runs it from a copy of the class path, since that of the tests may not be for everybody's eyes. */
    private String java(Map<String, String> environment) throws Exception {
        List<String> classPath = new ArrayList<>();
        for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
            Path copy = folder.resolve("classes")
                    .resolve(classPath.size() + "-" + Path.of(entry).getFileName());
            copy(Path.of(entry), copy);
            classPath.add(copy.toString());
        }
        return as(
                environment,
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-Djava.io.tmpdir=" + work,
                "-cp",
                String.join(File.pathSeparator, classPath),
                Main.class.getName());
    }

    private static void copy(Path from, Path to) throws IOException {
        if (!Files.exists(from)) {
            return;
        }
        Files.createDirectories(to.getParent());
        try (Stream<Path> files = Files.walk(from)) {
            for (Path file : files.toList()) {
                Path copy = to.resolve(from.relativize(file).toString());
                Path target = file.equals(from) ? to : copy;
                Files.copy(file, target);
                Folders.setPermissions(target, Files.isDirectory(file) ? "rwxr-xr-x" : "rw-r--r--");
            }
        }
    }

    /** Returns exit code and output. */
    private String as(Map<String, String> environment, String... command) throws IOException, InterruptedException {
        List<String> whole = new ArrayList<>(BECOME);
        if (!environment.isEmpty()) {
            whole.add("env");
            environment.forEach((name, value) -> whole.add(name + "=" + value));
        }
        whole.addAll(List.of(command));
        Path output = Files.createTempFile(folder, "output", ".txt");
        Process process;
        try {
            process = new ProcessBuilder(whole)
                    .directory(work.toFile())
                    .redirectErrorStream(true)
                    .redirectOutput(output.toFile())
                    .start();
        } catch (IOException e) {
            return "127 " + e.getMessage();
        }
        try {
            assertThat(process.waitFor(120, TimeUnit.SECONDS)).as("ended").isTrue();
        } finally {
            process.descendants().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly();
        }
        return process.exitValue() + " " + Files.readString(output);
    }
}
