package dev.shepherd.benchmarks;

import dev.shepherd.agent.messages.takeover.TakeoverInit;
import dev.shepherd.agent.messages.takeover.TakeoverResponse;
import dev.shepherd.benchmarks.SshMachines.Machine;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Path;
import java.security.PublicKey;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import net.schmizz.sshj.Config;
import net.schmizz.sshj.DefaultConfig;
import net.schmizz.sshj.SSHClient;
import net.schmizz.sshj.connection.channel.direct.Session;
import net.schmizz.sshj.sftp.SFTPClient;
import net.schmizz.sshj.transport.verification.HostKeyVerifier;
import net.schmizz.sshj.userauth.keyprovider.KeyProvider;
import net.schmizz.sshj.xfer.FileSystemFile;

/**
 * Takeovers by the SSH library alone, with its default settings, as one would write them in an afternoon: threads, a
 * connection for each machine, an upload to the agent's own name, a call. No database, no deadline, no backoff.
 */
final class BareSshj {

    private static final long LONGEST_SECONDS = 600;

    private final SshMachines machines;
    private final Path agent;
    private final Config config = new DefaultConfig();
    private final KeyProvider key;

    BareSshj(SshMachines machines, Path agent) throws IOException {
        this.machines = machines;
        this.agent = agent;
        try (SSHClient client = new SSHClient(config)) {
            this.key = client.loadKeys(machines.keyFile().toString());
        }
    }

    /** Takes all machines over. Returns how long it took, in seconds. */
    double run(int parallelism) throws Exception {
        Map<Integer, PublicKey> hostKeys = new ConcurrentHashMap<>();
        ExecutorService threads = Executors.newFixedThreadPool(parallelism);
        try {
            long startedAt = System.nanoTime();
            List<Future<Boolean>> all = new ArrayList<>();
            for (Machine machine : machines.machines()) {
                all.add(threads.submit(() -> {
                    takeOver(machine, hostKeys);
                    return true;
                }));
            }
            for (Future<Boolean> one : all) {
                one.get(LONGEST_SECONDS, TimeUnit.SECONDS);
            }
            return (System.nanoTime() - startedAt) / 1e9;
        } finally {
            threads.shutdownNow();
        }
    }

    private void takeOver(Machine machine, Map<Integer, PublicKey> hostKeys) throws IOException {
        TakeoverInit init = LightAgent.init(UUID.randomUUID());
        byte[] answer;
        try (SSHClient client = new SSHClient(config)) {
            client.addHostKeyVerifier(new FirstUse(hostKeys));
            client.connect("127.0.0.1", machine.port());
            client.authPublickey(machines.user(), key);
            try (SFTPClient sftp = client.newSFTPClient()) {
                sftp.put(new FileSystemFile(agent.toFile()), machine.agent().toString());
                // The library takes every file for one that is not executable.
                sftp.chmod(machine.agent().toString(), 0755);
            }
            try (Session session = client.startSession();
                    Session.Command command = session.exec(machine.agent().toString())) {
                try (OutputStream stdin = command.getOutputStream()) {
                    init.writeTo(stdin);
                }
                answer = command.getInputStream().readAllBytes();
                command.join();
                if (!Integer.valueOf(0).equals(command.getExitStatus())) {
                    throw new IOException("the agent ended with " + command.getExitStatus());
                }
            }
        }
        if (!TakeoverResponse.parseFrom(answer).equals(LightAgent.answer(init))) {
            throw new IOException("the agent answered something else");
        }
    }

    /** Trusts the first key that a port shows, and no other after that. */
    private record FirstUse(Map<Integer, PublicKey> known) implements HostKeyVerifier {

        @Override
        public boolean verify(String hostname, int port, PublicKey shown) {
            PublicKey first = known.putIfAbsent(port, shown);
            return first == null || first.equals(shown);
        }

        @Override
        public List<String> findExistingAlgorithms(String hostname, int port) {
            return List.of();
        }
    }
}
