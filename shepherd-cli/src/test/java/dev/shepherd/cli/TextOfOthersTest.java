package dev.shepherd.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import dev.shepherd.api.Availability;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.Machine;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.MachineNotFoundException;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Recoverer;
import dev.shepherd.api.Session;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.ProvidedMachine;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.operator.OperatorActions;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.manager.provisioning.ProvisionerSettings;
import dev.shepherd.manager.takeover.AgentTakeover;
import dev.shepherd.manager.takeover.MachineTakeover;
import dev.shepherd.manager.takeover.SshCredentials;
import dev.shepherd.manager.takeover.TakeoverResult;
import dev.shepherd.testkit.LogCapture;
import dev.shepherd.testkit.agent.TestAgent;
import dev.shepherd.testkit.agent.TestHardware;
import dev.shepherd.testkit.database.BmdbExtension;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.LoggerFactory;

/**
 * A fleet in which all who can say something mean ill: the provider, the hosts, the agents, an operator, and whatever
 * else writes to the database. Nothing of it may reach a log or a terminal but as text within its line. The net under
 * the process's streams, {@link Terminal}, is not there in this test.
 */
class TextOfOthersTest {

    private static final ProviderType TYPE = new ProviderType("static");

    /** A key of RFC 8032. */
    private static final byte[] AGENT_KEY =
            HexFormat.of().parseHex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");

    private static final String HOST_KEY =
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINBlBmySR7y4k4+w3yxIFPvGKTpOIBAU9c45AhDePg+w";

    /** What an id and a location may have: marks that turn text around and hide. */
    private static final String HIDING = "x\u202ey\u200bz\u2066\ufeff";

    private static final String HOSTILE =
            "all is well\nforged 12:00 ERROR\rforged\u001b[2J\u001b]0;t\u0007\u009b31m\t\u2028forged" + HIDING;

    /** Lines of debugging tell the most of what others say. */
    private static void level(Level level) {
        ((Logger) LoggerFactory.getLogger("dev.shepherd")).setLevel(level);
    }

    @RegisterExtension
    final BmdbExtension database = BmdbExtension.create();

    private final LogCapture log = LogCapture.of("dev.shepherd");

    @TempDir
    Path folder;

    private HostileHost host;

    @BeforeEach
    void start() throws Exception {
        host = new HostileHost();
        level(Level.DEBUG);
        log.start();
    }

    @AfterEach
    void stop() throws Exception {
        log.stop();
        host.close();
        level(Level.INFO);
    }

    @Test
    void nothingOfItReachesTheLogOrTheTerminalButAsText() throws Exception {
        Bmdb bmdb = database.bmdb();
        HostileProvider provider = new HostileProvider(host.port());
        AgentTakeover bySsh = AgentTakeover.builder()
                .executable(TestAgent.write(folder.resolve("agent")))
                .endpoint("http://here")
                .credentials(SshCredentials.generateIfAbsent(folder.resolve("key")))
                .build();
        MachineTakeover takeover = target -> switch (provider.nameOf(target.port())) {
            case "banner" -> bySsh.takeover(target);
            case "warns" -> new TakeoverResult(target.machineId(), AGENT_KEY, HOST_KEY, List.of(HOSTILE), Map.of());
            default -> throw new IllegalStateException(HOSTILE, new IOException(HOSTILE));
        };
        try (Shepherd shepherd = Shepherd.builder()
                .bmdb(bmdb)
                .provider(provider)
                .takeover(takeover)
                .provisioner(ProvisionerSettings.builder()
                        .creationInterval(Duration.ZERO)
                        .build())
                .build()) {
            shepherd.start();
            await().atMost(Duration.ofMinutes(1))
                    .until(() -> log.text().contains("the agent warns")
                            && log.text().contains("failed unexpectedly")
                            && log.text().contains("takeover failed")
                            && log.text().contains("creating candidate")
                            && log.text().contains("passed over"));
            UUID warns = machine("warns").machineId();
            assertThatThrownBy(() -> shepherd.reboot(warns, Actor.program("al" + HIDING), "because" + HIDING, false))
                    .isInstanceOf(ProviderException.class)
                    .satisfies(failure -> assertThatNothingActs(String.valueOf(failure.getMessage())))
                    .satisfies(failure -> assertThatNothingActs(String.valueOf(failure.getCause())));
            for (var loop : shepherd.status().loops()) {
                assertThatNothingActs(loop.waitingFor());
                loop.lastError().ifPresent(error -> assertThatNothingActs(error.message()));
            }
        }
        operate(bmdb);
        report(bmdb);
        writeToTheDatabase();
        List<String> shown = runEveryCommand();
        log.stop();

        assertThat(shown).allSatisfy(TextOfOthersTest::assertThatNothingActs);
        assertThat(log.text()).contains("all is well\\nforged", "x\\u202ey\\u200bz");
        assertThatNothingActs(log.text());
    }

    private ProvidedMachine machine(String name) throws InterruptedException {
        return database.bmdb().providedMachines(TYPE).stream()
                .filter(machine -> machine.providerId().value().startsWith(name))
                .findFirst()
                .orElseThrow();
    }

    /** What an operator may say is checked; what hides in it is shown. */
    private void operate(Bmdb bmdb) throws Exception {
        OperatorActions operator = OperatorActions.of(bmdb, Actor.program("al" + HIDING));
        UUID machine = machine("broken").machineId();
        for (String wrong : new String[] {HOSTILE, "a\0b", "a\ud800b", "x".repeat(1001), " "}) {
            assertThatThrownBy(() -> operator.pause(machine, null, null, wrong, null))
                    .isInstanceOf(IllegalArgumentException.class)
                    .satisfies(failure -> assertThatNothingActs(String.valueOf(failure.getMessage())));
            assertThatThrownBy(() -> operator.quarantine(machine, wrong)).isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> operator.release(machine, wrong)).isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> operator.forget(machine, wrong)).isInstanceOf(IllegalArgumentException.class);
        }
        for (String wrong : new String[] {HOSTILE, "a\0b", "a\ud800b", "x".repeat(129), " "}) {
            assertThatThrownBy(() -> Actor.program(wrong)).isInstanceOf(IllegalArgumentException.class);
        }
        operator.pause(machine, null, null, "because" + HIDING, null);
        operator.quarantine(machine, "because" + HIDING);
    }

    /** What an agent may say of its machine. */
    private void report(Bmdb bmdb) throws InterruptedException {
        UUID machine = machine("warns").machineId();
        try (BmdbSession session = bmdb.startSession("test", "host")) {
            for (byte[] report : List.of(TestHardware.server("S1"), TestHardware.hostile(HOSTILE))) {
                session.useTransaction(tx -> tx.putHardwareReport(machine, report));
            }
        }
    }

    /** What another program, or an older version of this one, may have left there. */
    private void writeToTheDatabase() throws SQLException {
        for (String update : new String[] {
            "update pauses set paused_by = ?, pause_reason = ?",
            "update machine_quarantine set quarantined_by = ?, quarantine_cause = ?",
            "update work_backoff set cause = ? || ?",
            "update work_history set failed_cause = ? || ?",
            "update sessions set session_component_name = ?, session_runtime_info = ?",
            "insert into operator_actions (acted_at, acted_by, channel, verb, reason, subject, details)"
                    + " values (now(), ?, 'Page', 'Future', ?, 'a' || chr(10) || 'forged', chr(27) || '[2J')",
            "update machine_provided set provider_location = substr(? || ?, 1, 100)",
            "insert into recovery_freeze (provider, location, frozen_at, silent_since, freeze_evidence) "
                    + "values ('static', substr(?, 1, 100), now(), now(), ?) on conflict do nothing"
        }) {
            try (Connection connection = DriverManager.getConnection(database.jdbcUrl());
                    PreparedStatement statement = connection.prepareStatement(update)) {
                statement.setString(1, HOSTILE);
                statement.setString(2, HOSTILE);
                statement.executeUpdate();
            }
        }
    }

    private List<String> runEveryCommand() throws InterruptedException {
        String broken = machine("broken").machineId().toString();
        String warns = machine("warns").machineId().toString();
        List<String> shown = new ArrayList<>();
        for (String[] command : new String[][] {
            {"machines"},
            {"explain", broken},
            {"explain", warns},
            {"explain", HOSTILE},
            {"history", warns},
            {"history", HOSTILE},
            {"history", broken, "--type", HOSTILE},
            {"plan"},
            {"plan", "--type", HOSTILE},
            {"pauses"},
            {"pause", "--machine", warns, "--reason", "because" + HIDING, "--by", "al" + HIDING},
            {"pause", "--all", "--reason", HOSTILE},
            {"pause", "--all", "--reason", "r", "--by", HOSTILE},
            {"quarantine", warns, "--reason", "because" + HIDING},
            {"quarantine", warns, "--reason", HOSTILE},
            {"queue", "verify"},
            {"release", warns, "--reason", "r"},
            {"release", "--freeze", "--reason", "because" + HIDING},
            {"release", warns, "--reason", "r", "--by", HOSTILE},
            {"resume", UUID.randomUUID().toString(), "--reason", "r"},
            {"forget", HOSTILE, "--reason", "r"},
            {"sessions"},
            {"end-session", UUID.randomUUID().toString(), "--reason", "r"},
            {"backoffs"},
            {"backoffs", "--type", HOSTILE},
            {"backoffs", "--process", HOSTILE},
            {"retry", HOSTILE, "--reason", "r"},
            {"retry", "--all", "--cause", "forged", "--reason", "because" + HIDING},
            {"retry", "--all", "--cause", HOSTILE, "--reason", "r"},
            {"trust", broken, "--reason", "because" + HIDING},
            {"restart-agent", warns, "--reason", "because" + HIDING},
            {"install", warns, "--take-back", "--reason", "because" + HIDING},
            {"install", warns, "--file", "none", "--reason", "r"},
            {"hardware", warns},
            {"hardware", warns, "--json"},
            {"hardware", "--failing"},
            {"history"},
            {"reboot", warns, "--provider", HOSTILE, "--reason", "r"},
            {"reboot", warns, "--provider", "static", "--property", HOSTILE + "=x", "--reason", "r"},
            {"reboot", warns, "--provider", "static", "--property", "list=file:none", "--reason", HOSTILE}
        }) {
            List<String> args = new ArrayList<>(List.of(command));
            args.addAll(List.of("--database", database.jdbcUrl()));
            CommandLineRun run = CommandLineRun.of(args.toArray(String[]::new));
            assertThat(run.out() + run.err())
                    .as(String.join(" ", command))
                    .isNotBlank()
                    .doesNotContain("\tat ");
            shown.add(run.out());
            shown.add(run.err());
        }
        shown.add(CommandLineRun.of("providers").out());
        assertThat(String.join("", shown)).contains("because x".strip().substring(0, 7), "\\u202e", "\\nforged");
        return shown;
    }

    private static void assertThatNothingActs(String text) {
        text.lines().forEach(line -> {
            assertThat(line).doesNotStartWith("forged");
            // Tabs begin the lines of stack traces.
            line.replaceFirst("^\t+", "").codePoints().forEach(c -> {
                int type = Character.getType(c);
                assertThat(Character.isISOControl(c)
                                || type == Character.FORMAT
                                || type == Character.LINE_SEPARATOR
                                || type == Character.PARAGRAPH_SEPARATOR
                                || type == Character.SURROGATE)
                        .as("U+%04X in: %s", c, line)
                        .isFalse();
            });
        });
    }

    /** A host that says something else than what an SSH server says. */
    private static final class HostileHost implements AutoCloseable {
        private final ServerSocket listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());

        HostileHost() throws IOException {
            Thread thread = new Thread(this::serve, "hostile-host");
            thread.setDaemon(true);
            thread.start();
        }

        int port() {
            return listener.getLocalPort();
        }

        private void serve() {
            while (!listener.isClosed()) {
                try (Socket socket = listener.accept();
                        OutputStream out = socket.getOutputStream()) {
                    out.write((HOSTILE + "\r\n" + HOSTILE + "\r\n").getBytes(StandardCharsets.UTF_8));
                    out.flush();
                } catch (IOException e) {
                    // It is closed, or the client was the first to go.
                }
            }
        }

        @Override
        public void close() throws IOException {
            listener.close();
        }
    }

    /** What can be wrong with the texts of a provider, one kind for each machine. */
    private static final class HostileProvider implements Recoverer {
        private final Map<ProviderID, MachineInfo> used = new ConcurrentHashMap<>();
        private final int sshPort;

        HostileProvider(int sshPort) {
            this.sshPort = sshPort;
        }

        String nameOf(int port) {
            return port == sshPort ? "banner" : port == 2 ? "warns" : "broken";
        }

        @Override
        public ProviderType type() {
            return TYPE;
        }

        private MachineInfo info(String name, Availability availability) {
            try {
                return MachineInfo.builder(new ProviderID(name + HIDING), availability)
                        .address(InetAddress.getByAddress("host" + HOSTILE, new byte[] {127, 0, 0, 1}))
                        .location("Berlin" + HIDING)
                        .sshPort(name.equals("banner") ? sshPort : name.equals("warns") ? 2 : 3)
                        .build();
            } catch (UnknownHostException e) {
                throw new IllegalStateException(e);
            }
        }

        @Override
        public List<? extends Machine> listMachines() {
            List<Machine> all = new ArrayList<>(used.values());
            for (String name : List.of("banner", "warns", "broken", "refused", "crashes")) {
                MachineInfo free = info(name, Availability.POSSIBLY_USED);
                if (!used.containsKey(free.id())) {
                    all.add(free);
                }
            }
            all.add(new Raw(new ProviderID("nul" + HIDING), () -> "Berlin\0" + HOSTILE));
            all.add(new Raw(new ProviderID("throws" + HIDING), () -> {
                throw new IllegalStateException(HOSTILE);
            }));
            return all;
        }

        @Override
        public Machine getMachine(ProviderID id) {
            MachineInfo machine = used.get(id);
            if (machine == null) {
                throw new MachineNotFoundException(HOSTILE);
            }
            return machine;
        }

        @Override
        public Machine createMachine(Session session, CreateMachineRequest request) throws InterruptedException {
            ProviderID id = request.machine().orElseThrow().id();
            String name = id.value();
            if (name.startsWith("refused")) {
                throw new ProviderException(Reason.TRANSIENT, HOSTILE, new IOException(HOSTILE));
            }
            if (name.startsWith("crashes")) {
                throw new IllegalStateException(HOSTILE);
            }
            MachineInfo machine = info(name.replace(HIDING, ""), Availability.KNOWN_USED).toBuilder()
                    .intentId(request.intentId())
                    .build();
            session.inTransaction(tx -> tx.recordMachine(TYPE, request, machine));
            used.put(id, machine);
            return machine;
        }

        @Override
        public void rebootMachine(ProviderID id) {
            throw new ProviderException(Reason.PERMANENT, HOSTILE, new IOException(HOSTILE));
        }

        @Override
        public void close() {}
    }

    /** A machine that no constructor has checked. */
    private record Raw(ProviderID id, java.util.function.Supplier<String> where) implements Machine {
        @Override
        public Optional<InetAddress> address() {
            return Optional.of(InetAddress.getLoopbackAddress());
        }

        @Override
        public Availability availability() {
            return Availability.POSSIBLY_USED;
        }

        @Override
        public Optional<String> location() {
            return Optional.of(where.get());
        }
    }
}
