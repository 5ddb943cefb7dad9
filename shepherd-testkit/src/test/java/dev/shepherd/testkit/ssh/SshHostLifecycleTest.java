package dev.shepherd.testkit.ssh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.shepherd.testkit.agent.Takeover;
import dev.shepherd.testkit.agent.TestAgent;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.KeyPair;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import org.apache.sshd.client.channel.ChannelExec;
import org.apache.sshd.client.channel.ClientChannelEvent;
import org.apache.sshd.client.session.ClientSession;
import org.apache.sshd.common.SshConstants;
import org.apache.sshd.common.util.buffer.Buffer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What hosts hold while they are open, and that nothing of it is left afterwards. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SshHostLifecycleTest {

    private static final byte[] INIT = Takeover.init("https://bmaas.example:443");
    private static final byte[] NOTHING = new byte[0];

    /** Unlikely enough to be found again among the processes of the system. */
    private static final String LONG = "98765.25";

    private final KeyPair key = SshHosts.newHostKey();

    @Test
    void nothingIsLeftOfAHostThatIsClosed(@TempDir Path folder) throws Exception {
        Path agent = TestAgent.write(folder.resolve("agent"));
        Set<String> threadsBefore = threads();
        Path root;
        InetSocketAddress address;
        List<ProcessHandle> children;
        try (Client client = new Client()) {
            SshHost host = builder().start();
            root = host.root();
            address = new InetSocketAddress(host.address(), host.port());
            ClientSession session = client.connect(host, key);
            Client.uploadBySftp(session, agent, "/root/agent");
            Client.run(session, "chmod 755 /root/agent", NOTHING);
            host.setMood(Mood.HANG_IN_AGENT);
            for (int i = 0; i < 3; i++) {
                ChannelExec channel = session.createExecChannel("/root/agent");
                channel.open().verify(Client.PATIENCE);
            }
            // Each is a script and the agent that it runs.
            await().until(() -> children(host).size() == 6);
            children = children(host);
            new Socket(host.address(), host.port()).getOutputStream().write(1);

            host.close();

            // What a script has left behind is dead, but there until the system has collected it.
            await().untilAsserted(() -> assertThat(children).noneMatch(ProcessHandle::isAlive));
            assertThat(host.openConnections()).isZero();
            assertThat(root).doesNotExist();
            host.close();
            assertThatThrownBy(() -> host.setMood(Mood.NORMAL)).isInstanceOf(IllegalStateException.class);
            assertThatThrownBy(host::reboot).isInstanceOf(IllegalStateException.class);
        }
        assertThatThrownBy(() -> new Socket(address.getAddress(), address.getPort()))
                .isInstanceOf(ConnectException.class);
        try (ServerSocket socket = new ServerSocket()) {
            socket.setReuseAddress(true);
            socket.bind(address);
        }
        await().untilAsserted(() -> assertThat(threads()).isSubsetOf(threadsBefore));
    }

    @Test
    void aHostThatRefusesConnectionsFreesItsPortToo() throws Exception {
        SshHost host = builder().mood(Mood.REFUSE).start();
        host.close();
        try (ServerSocket socket = new ServerSocket()) {
            socket.bind(new InetSocketAddress(host.address(), host.port()));
        }
    }

    @Test
    void closingTheSharedPartClosesTheHosts() throws Exception {
        Set<String> threadsBefore = threads();
        SshHosts hosts = SshHosts.start();
        SshHost one = builder().hosts(hosts).start();
        SshHost other = builder().hosts(hosts).start();
        one.close();
        assertThatThrownBy(() -> new Socket(one.address(), one.port())).isInstanceOf(ConnectException.class);
        new Socket(other.address(), other.port()).close();
        hosts.close();
        hosts.close();
        assertThatThrownBy(() -> new Socket(other.address(), other.port())).isInstanceOf(ConnectException.class);
        assertThat(other.root()).doesNotExist();
        assertThatThrownBy(() -> builder().hosts(hosts).start()).isInstanceOf(IllegalStateException.class);
        await().untilAsserted(() -> assertThat(threads()).isSubsetOf(threadsBefore));
    }

    @ParameterizedTest
    @ValueSource(strings = {"channel", "connection", "socket"})
    void aChildEndsWithItsClient(String what) throws Exception {
        try (SshHost host = builder().start();
                Client client = new Client();
                Relay relay = new Relay(host)) {
            ClientSession session = client.connect(relay.port(), key);
            // Neither the shell nor what it runs may be left, nor one that does not listen to SIGTERM.
            ChannelExec channel = session.createExecChannel("trap '' TERM; sleep " + LONG + " & sleep " + LONG);
            channel.open().verify(Client.PATIENCE);
            await().until(() -> children(host).size() == 3);
            List<ProcessHandle> children = children(host);
            switch (what) {
                case "channel" -> channel.close(false);
                case "connection" -> session.close(true);
                default -> relay.close();
            }
            await().untilAsserted(() -> assertThat(children).noneMatch(ProcessHandle::isAlive));
            await().until(() -> host.executions().get(0).exitCode().isPresent());
            assertThat(host.executions().get(0).exitCode().getAsInt()).isGreaterThan(128);
        }
    }

    @Test
    void aChildIsSignalled() throws Exception {
        try (SshHost host = builder().start();
                Client client = new Client();
                ClientSession session = client.connect(host, key)) {
            for (String signal : List.of("TERM", "KILL")) {
                ChannelExec channel = session.createExecChannel("sleep " + LONG);
                channel.open().verify(Client.PATIENCE);
                await().until(() -> !children(host).isEmpty());
                Buffer buffer = session.createBuffer(SshConstants.SSH_MSG_CHANNEL_REQUEST);
                buffer.putUInt(channel.getRecipient());
                buffer.putString("signal");
                buffer.putBoolean(false);
                buffer.putString(signal);
                session.writePacket(buffer);
                await().until(() -> channel.getExitStatus() != null);
                assertThat(channel.getExitStatus()).isGreaterThan(128);
            }
        }
    }

    @Test
    void aDaemonOutlivesItsCommandButNotAReboot() throws Exception {
        try (SshHost host = builder().start();
                Client client = new Client()) {
            ClientSession session = client.connect(host, key);
            String daemon = "(setsid sleep " + LONG + " </dev/null >/dev/null 2>&1 &) ; echo started";
            assertThat(Client.run(session, daemon, NOTHING).text()).isEqualTo("started\n");
            assertThat(marked(host)).hasSize(1);
            assertThat(Client.run(session, "echo more > /root/file", NOTHING).exitCode())
                    .isZero();
            assertThat(marked(host)).hasSize(1);

            host.reboot();

            assertThat(marked(host)).isEmpty();
            assertThat(host.openConnections()).isZero();
            await().until(session::isClosed);
            ClientSession again = client.connect(host, key);
            assertThat(Client.run(again, "cat /root/file", NOTHING).text()).isEqualTo("more\n");

            Client.run(again, daemon, NOTHING);
            assertThat(marked(host)).hasSize(1);
            host.close();
            assertThat(marked(host)).isEmpty();
        }
    }

    @Test
    void aProcessThatEndsWithoutClosingItsHostsLeavesNothing() throws Exception {
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:TieredStopAtLevel=1",
                        "-XX:+UseSerialGC",
                        "-Djava.io.tmpdir=" + System.getProperty("java.io.tmpdir"),
                        "-cp",
                        System.getProperty("java.class.path"),
                        Forgetful.class.getName())
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        List<String> said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8)
                .lines()
                .toList();
        assertThat(process.waitFor()).isZero();
        assertThat(said).hasSize(2);
        assertThat(Path.of(said.get(0))).doesNotExist();
        assertThat(ProcessHandle.of(Long.parseLong(said.get(1)))).isEmpty();
    }

    @Test
    void aReinstalledMachineHasNeitherItsFilesNorItsKey() throws Exception {
        try (SshHost host = builder().start();
                Client client = new Client()) {
            String hostKey = host.hostKey();
            ClientSession session = client.connect(host, key);
            Client.run(session, "mkdir -p /root/a/b && echo x > /root/a/b/c && ln -s /nowhere /root/link", NOTHING);
            assertThat(host.root().resolve("root/a/b/c")).exists();
            host.reinstall();
            assertThat(host.root().resolve("root")).isEmptyDirectory();
            assertThat(host.hostKey()).isNotEqualTo(hostKey);
            client.connect(host, key).close();
            assertThat(client.serverKey()).isEqualTo(host.hostKey());
        }
    }

    @Test
    void noMoreProcessesRunThanAllowedAndTheOthersWaitTheirTurn() throws Exception {
        try (SshHosts hosts = SshHosts.builder().maxProcesses(2).start();
                SshHost host = builder().hosts(hosts).start();
                Client client = new Client();
                ClientSession session = client.connect(host, key)) {
            List<ChannelExec> channels = new ArrayList<>();
            for (int i = 0; i < 5; i++) {
                ChannelExec channel = session.createExecChannel("echo " + i + " >> /order; exec cat");
                channel.open().verify(Client.PATIENCE);
                channels.add(channel);
            }
            Path order = host.root().resolve("order");
            await().until(() -> Files.exists(order) && Files.readAllLines(order).size() == 2);
            assertThat(children(host)).hasSize(2);
            // The third gives up before its turn.
            channels.get(2).close(false).await(Client.PATIENCE);
            for (int i : List.of(0, 1, 3)) {
                channels.get(i).getInvertedIn().close();
                await().until(() ->
                        children(host).size() <= 2 && channels.get(i).getExitStatus() != null);
            }
            channels.get(4).getInvertedIn().close();
            await().until(() -> channels.get(4).getExitStatus() != null);
            assertThat(Files.readAllLines(order)).hasSize(4).endsWith("3", "4");
            assertThat(host.executions().get(2).exitCode()).isEqualTo(OptionalInt.empty());
        }
    }

    @Test
    void aFileThatIsOpenForWritingStillIsRunAMomentLater() throws Exception {
        try (SshHost host = builder().start();
                Client client = new Client();
                ClientSession session = client.connect(host, key)) {
            Path tool = host.root().resolve("root/tool");
            Files.copy(Path.of("/bin/cat").toRealPath(), tool);
            ChannelExec channel = session.createExecChannel("/root/tool");
            try (OutputStream writer = Files.newOutputStream(tool, StandardOpenOption.APPEND)) {
                channel.setIn(new ByteArrayInputStream(INIT));
                channel.open().verify(Client.PATIENCE);
                assertThat(channel.waitFor(EnumSet.of(ClientChannelEvent.CLOSED), Duration.ofMillis(300)))
                        .contains(ClientChannelEvent.TIMEOUT);
                writer.write(NOTHING);
            }
            await().until(() -> channel.getExitStatus() != null);
            assertThat(channel.getExitStatus()).isZero();
        }
    }

    @Test
    void twoHundredHostsTakeFewThreadsAndLittleMemory(@TempDir Path folder) throws Exception {
        Path agent = TestAgent.write(folder.resolve("agent"));
        int hostCount = 200;
        int takeoverCount = 40;
        long heapBefore = usedHeap();
        List<SshHost> machines = new ArrayList<>();
        ExecutorService executor = Executors.newFixedThreadPool(20);
        try (SshHosts hosts = SshHosts.start();
                Client client = new Client()) {
            for (int i = 0; i < hostCount; i++) {
                // An agent that gets its answer wrong does not stay.
                machines.add(builder().hosts(hosts).mood(Mood.SHORT_KEY).start());
            }
            int idleThreads = threads("ssh-hosts").size();
            long idleHeap = usedHeap() - heapBefore;
            int peakThreads = 0;
            List<Future<?>> takeovers = new ArrayList<>();
            long started = System.nanoTime();
            for (SshHost host : machines.subList(0, takeoverCount)) {
                takeovers.add(executor.submit(() -> {
                    try (ClientSession session = client.connect(host, key)) {
                        Client.uploadByScp(session, agent, "/root/agent");
                        Client.Result result = Client.run(session, "/root/agent", INIT);
                        assertThat(Takeover.field(1, Takeover.only(1, result.out())))
                                .isEqualTo(INIT);
                    }
                    return null;
                }));
            }
            for (Future<?> takeover : takeovers) {
                takeover.get();
                peakThreads = Math.max(peakThreads, threads("ssh-hosts").size());
            }
            long seconds = (System.nanoTime() - started) / 1_000_000_000;
            long busyHeap = usedHeap() - heapBefore;
            System.out.printf(
                    "%d hosts: idle %d threads, %d KiB; %d taken over by 20 at once in %d s: at most %d threads,"
                            + " %d KiB after%n",
                    hostCount, idleThreads, idleHeap / 1024, takeoverCount, seconds, peakThreads, busyHeap / 1024);
            assertThat(idleThreads).isLessThan(20);
            // Each command has three, of the processes that may run at once; each upload has one.
            assertThat(peakThreads).isLessThan(60);
            assertThat(idleHeap).isLessThan(30_000_000);
            assertThat(machines.subList(0, takeoverCount))
                    .allMatch(host -> host.uploads().size() == 1);
        } finally {
            executor.shutdownNow();
        }
        await().untilAsserted(() -> assertThat(threads("ssh-hosts")).isEmpty());
    }

    private SshHost.Builder builder() {
        return SshHost.builder().authorizedKey(key.getPublic());
    }

    /** Returns the child processes of this JVM, and theirs, that are a host's. */
    private static List<ProcessHandle> children(SshHost host) {
        Set<Long> marked = marked(host);
        return ProcessHandle.current()
                .descendants()
                .filter(process -> marked.contains(process.pid()))
                .toList();
    }

    private static Set<Long> marked(SshHost host) {
        String mark = HostProcesses.VARIABLE + "=" + host.processes().mark();
        return ProcessHandle.allProcesses()
                .map(ProcessHandle::pid)
                .filter(pid -> environment(pid).orElse("").contains(mark))
                .collect(Collectors.toSet());
    }

    private static Optional<String> environment(long pid) {
        try {
            return Optional.of(Files.readString(Path.of("/proc/" + pid + "/environ"), StandardCharsets.ISO_8859_1));
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    private static Set<String> threads() {
        return threads("");
    }

    private static Set<String> threads(String prefix) {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(Thread::isAlive)
                .map(Thread::getName)
                // The JVM's own, which it keeps for a minute.
                .filter(name -> !name.equals("process reaper") && !name.startsWith("ForkJoinPool"))
                .filter(name -> !name.equals("awaitility-thread"))
                .filter(name -> name.startsWith(prefix))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    private static long usedHeap() {
        System.gc();
        return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
    }
}
