package dev.shepherd.benchmarks;

import dev.shepherd.benchmarks.SshMachines.Machine;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Takeovers by Ansible, as its documentation would have them done: a playbook that copies the agent and runs it with
 * the same input. All is left as it is by default, but for where its files are. Whether the answer is a good one is not
 * looked at.
 */
final class Ansible {

    private static final long LONGEST_SECONDS = 900;
    private static final int SHOWN = 2000;

    private final SshMachines machines;
    private final Path program;
    private final Path folder;
    private final Path playbook;

    private Ansible(SshMachines machines, Path program, Path folder, Path playbook) {
        this.machines = machines;
        this.program = program;
        this.folder = folder;
        this.playbook = playbook;
    }

    /** Finds {@code ansible-playbook} on the path. */
    static Optional<Path> program() {
        return Stream.of(Optional.ofNullable(System.getenv("PATH")).orElse("").split(File.pathSeparator))
                .map(directory -> Path.of(directory, "ansible-playbook"))
                .filter(Files::isExecutable)
                .findFirst();
    }

    static Ansible prepare(Path program, SshMachines machines, Path agent, int forks) throws IOException {
        Path folder = Files.createDirectory(machines.folder().resolve("ansible"));
        Files.writeString(
                folder.resolve("inventory"),
                machines.machines().stream()
                        .map(Ansible::line)
                        .collect(Collectors.joining("\n", "[machines]\n", "\n")));
        Files.writeString(
                folder.resolve("ansible.cfg"),
                String.format(Locale.ROOT, """
                [defaults]
                inventory = %1$s/inventory
                forks = %2$d
                remote_user = %3$s
                private_key_file = %4$s
                local_tmp = %1$s/local
                remote_tmp = %1$s/remote
                [ssh_connection]
                control_path_dir = %1$s/masters
                ssh_common_args = -F /dev/null -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile=%1$s/known_hosts
                """, folder, forks, machines.user(), machines.keyFile()));
        Path playbook = folder.resolve("playbook.yaml");
        Files.writeString(playbook, """
                - hosts: machines
                  gather_facts: false
                  tasks:
                    - ansible.builtin.copy:
                        src: %s
                        dest: "{{ agent }}"
                        mode: "0755"
                    - ansible.builtin.command:
                        cmd: "{{ agent }}"
                        stdin: "%s"
                        stdin_add_newline: false
                """.formatted(agent, init()));
        return new Ansible(machines, program, folder, playbook);
    }

    private static String line(Machine machine) {
        return String.format(
                Locale.ROOT,
                "machine-%1$d ansible_host=127.0.0.1 ansible_port=%1$d agent=%2$s machine_id=%3$s",
                machine.port(),
                machine.agent(),
                UUID.randomUUID());
    }

    /** Returns the init message as text of YAML, with a variable in the place of the machine's id. */
    private static String init() {
        UUID id = new UUID(1, 2);
        String message = LightAgent.init(id).toByteString().toString(StandardCharsets.ISO_8859_1);
        return message.chars()
                .mapToObj(c -> c < ' ' ? String.format(Locale.ROOT, "\\x%02x", c) : Character.toString(c))
                .collect(Collectors.joining())
                .replace(id.toString(), "{{ machine_id }}");
    }

    /** Takes all machines over. Returns how long it took, in seconds, from the program's start to its end. */
    double run() throws IOException, InterruptedException {
        Files.deleteIfExists(folder.resolve("known_hosts"));
        Path output = folder.resolve("output");
        ProcessBuilder builder = new ProcessBuilder(List.of(program.toString(), playbook.toString()))
                .redirectErrorStream(true)
                .redirectOutput(output.toFile());
        builder.environment()
                .put("ANSIBLE_CONFIG", folder.resolve("ansible.cfg").toString());
        // It refuses to run with another encoding.
        builder.environment().put("LC_ALL", "C.UTF-8");
        long startedAt = System.nanoTime();
        Process process = machines.own(builder.start());
        process.getOutputStream().close();
        boolean done = process.waitFor(LONGEST_SECONDS, TimeUnit.SECONDS);
        double took = (System.nanoTime() - startedAt) / 1e9;
        if (!done || process.exitValue() != 0) {
            String said = Files.readString(output);
            throw new IllegalStateException(
                    "ansible-playbook " + (done ? "ended with " + process.exitValue() : "does not end") + ": "
                            + said.substring(Math.max(0, said.length() - SHOWN)));
        }
        return took;
    }
}
