package dev.shepherd.agent.inventory;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** Programs of the machine that say what the kernel does not show as files. */
public interface Tools {

    /** A machine without any. */
    Tools NONE = (limit, command) -> Optional.empty();

    /**
     * Runs a program, if the machine has it, and returns what it wrote to its standard output, up to a MiB; empty if
     * the machine has no such program, or if it did not end in time.
     *
     * @param command the program's name and its arguments
     */
    Optional<String> run(Duration limit, List<String> command);

    /** Tells whether the machine has a program. */
    default boolean has(String program) {
        return false;
    }

    /** Returns those of the machine that this runs on, from where they are usually installed. */
    static Tools ofThisMachine() {
        return new Tools() {

            private static final int LONGEST = 1 << 20;
            private static final List<String> FOLDERS =
                    List.of("/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin");

            @Override
            public boolean has(String program) {
                return find(program).isPresent();
            }

            private static Optional<Path> find(String program) {
                return FOLDERS.stream()
                        .map(folder -> Path.of(folder, program))
                        .filter(Files::isExecutable)
                        .findFirst();
            }

            @Override
            public Optional<String> run(Duration limit, List<String> command) {
                Optional<Path> program = find(command.get(0));
                if (program.isEmpty()) {
                    return Optional.empty();
                }
                List<String> whole = new ArrayList<>(command);
                whole.set(0, program.get().toString());
                ProcessBuilder builder = new ProcessBuilder(whole)
                        .redirectInput(ProcessBuilder.Redirect.from(
                                Path.of("/dev/null").toFile()))
                        .redirectError(ProcessBuilder.Redirect.DISCARD);
                builder.environment().clear();
                builder.environment().put("LC_ALL", "C");
                builder.environment().put("PATH", String.join(":", FOLDERS));
                Process process;
                try {
                    process = builder.start();
                } catch (IOException e) {
                    return Optional.empty();
                }
                StringBuilder output = new StringBuilder();
                Thread reader = new Thread(() -> read(process, output), "shepherd-inventory-" + command.get(0));
                reader.setDaemon(true);
                reader.start();
                try {
                    reader.join(limit.toMillis());
                    if (reader.isAlive() || !process.waitFor(1, TimeUnit.SECONDS)) {
                        return Optional.empty();
                    }
                    return Optional.of(output.toString());
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                    return Optional.empty();
                } finally {
                    process.descendants().forEach(ProcessHandle::destroyForcibly);
                    process.destroyForcibly();
                }
            }

            private static void read(Process process, StringBuilder output) {
                try (InputStream in = process.getInputStream()) {
                    output.append(new String(in.readNBytes(LONGEST), StandardCharsets.UTF_8));
                } catch (IOException e) {
                    // It was ended: what it wrote until then is of no use.
                }
            }
        };
    }
}
