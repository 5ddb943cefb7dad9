package dev.shepherd.cli.bmc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderConfig;
import dev.shepherd.api.ProviderFactory;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.manager.recovery.RecovererSettings;
import dev.shepherd.manager.status.LoopKind;
import dev.shepherd.provider.redfish.RedfishProviderFactory;
import dev.shepherd.testkit.bmc.BmcMood;
import dev.shepherd.testkit.bmc.FakeBmc;
import dev.shepherd.testkit.database.BmdbExtension;
import dev.shepherd.testkit.http.TestCertificate;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** 10,000 machines, of which 200 have a BMC that says nothing: the others are rebooted as soon as that is decided. */
@Tag("slow")
class LargeRackRecoveryTest {

    /** The console, before anything else writes to it. */
    private static final PrintStream CONSOLE = System.out;

    private static final ProviderType TYPE = new ProviderType("racks");
    private static final int MACHINES = 10_000;
    private static final int SILENT = 200;
    private static final int FINE = 100;
    private static final int BLADES = 100;
    private static final Duration LIMIT = Duration.ofMinutes(2);

    @RegisterExtension
    final BmdbExtension database = BmdbExtension.create();

    private final List<FakeBmc> bmcs = new ArrayList<>();

    @AfterEach
    void close() {
        bmcs.forEach(FakeBmc::close);
    }

    @Test
    void silentBmcsDoNotHoldUpRebootsThatAreDecided(@TempDir Path folder) throws Exception {
        ProviderFactory factory = new RedfishProviderFactory();
        Map<String, String> properties = new HashMap<>();
        properties.put("list", list(folder).toUri().toString());
        properties.put("credentials", credentials(folder).toString());
        record();
        List<FakeBmc> silent = bmcs.subList(0, SILENT);
        List<FakeBmc> fine = bmcs.subList(SILENT, SILENT + FINE);
        Instant dueAt;
        Map<String, Instant> decided;
        long questions;
        long threads;
        long sockets;
        // All settings but the limits are the defaults, so it is 16 calls of the provider at once, and 5 reboots.
        try (Provider provider = factory.create(ProviderConfig.of(factory, TYPE, properties));
                Shepherd shepherd = Shepherd.builder()
                        .bmdb(database.bmdb())
                        .provider(provider)
                        .takeover(target -> {
                            throw new IllegalStateException("nothing is taken over here");
                        })
                        .loops(EnumSet.of(LoopKind.RECOVERER, LoopKind.UPDATER))
                        .recoverer(RecovererSettings.builder()
                                .pollInterval(Duration.ofMillis(500))
                                .policy(RecoveryPolicy.builder()
                                        .silentAfterHeartbeat(Duration.ofMinutes(15))
                                        .maxShare(1)
                                        .maxPerProvider(MACHINES)
                                        .maxPerLocation(MACHINES)
                                        .freezeReleaseAfter(Duration.ofSeconds(1))
                                        .build())
                                .build())
                        .build()) {
            shepherd.start();
            await().atMost(LIMIT).until(() -> asked(silent) >= provider.maxConcurrentCalls() / 2);
            execute("update machine_agent_heartbeat h set agent_heartbeat_at = now() - interval '20 min'"
                    + " from machine_provided p where p.machine_id = h.machine_id"
                    + " and substr(p.provider_id, 3)::int between " + SILENT + " and " + (SILENT + FINE - 1));
            dueAt = Instant.now();
            await().atMost(LIMIT).until(() -> fine.stream().allMatch(bmc -> reset(bmc) != 0));
            questions = asked(silent);
            threads = Thread.getAllStackTraces().keySet().stream()
                    .filter(thread -> thread.getName().startsWith("shepherd"))
                    .count();
            sockets = sockets();
            decided = decided();
        }

        assertThat(decided).hasSize(FINE);
        // What the database and this process call now is the same clock.
        long zero = System.nanoTime();
        Instant now = Instant.now();
        List<Long> untilSent = new ArrayList<>();
        List<Long> untilDecided = new ArrayList<>();
        for (int i = 0; i < FINE; i++) {
            Instant at = Objects.requireNonNull(decided.get(id(SILENT + i)));
            Instant sentAt = now.plusNanos(reset(fine.get(i)) - zero);
            untilSent.add(Duration.between(at, sentAt).toMillis());
            untilDecided.add(Duration.between(dueAt, at).toMillis());
        }
        untilSent.sort(null);
        untilDecided.sort(null);
        CONSOLE.printf(
                "%d machines, %d silent BMCs, of which %d had been asked in vain: from the decision to the reset at the BMC p50"
                        + " %d ms, p99 %d ms, most %d ms; from the silence of %d agents to the decision p50 %d ms, p99 %d ms;"
                        + " %d threads of shepherd, %d sockets of the process with both ends%n",
                MACHINES,
                SILENT,
                questions,
                untilSent.get(FINE / 2),
                untilSent.get(FINE * 99 / 100 - 1),
                untilSent.get(FINE - 1),
                FINE,
                untilDecided.get(FINE / 2),
                untilDecided.get(FINE * 99 / 100 - 1),
                threads,
                sockets);
        assertThat(questions).as("status questions to silent BMCs").isPositive();
        assertThat(untilSent.get(FINE * 99 / 100 - 1)).as("p99 in ms").isLessThan(5_000);
        assertThat(bmcs).allSatisfy(bmc -> assertThat(bmc.mostConcurrentCalls()).isLessThanOrEqualTo(1));
    }

    private static String id(int number) {
        return "m-" + number;
    }

    /** Returns how many BMCs have been asked; silent ones do not answer. */
    private static long asked(List<FakeBmc> silent) {
        return silent.stream().filter(bmc -> !bmc.calls().isEmpty()).count();
    }

    /** Returns when a BMC got its reset; zero if it did not. */
    private static long reset(FakeBmc bmc) {
        return bmc.calls().stream()
                .filter(call -> call.method().equals("POST"))
                .findFirst()
                .map(FakeBmc.Call::arrivedNanos)
                .orElse(0L);
    }

    /** Writes the list: machines with silent BMCs, with BMCs of their own, and those that share the BMC of a chassis. */
    private Path list(Path folder) throws IOException {
        TestCertificate certificate = TestCertificate.create();
        List<String> entries = new ArrayList<>();
        for (int i = 0; i < MACHINES; i++) {
            boolean isBlade = i >= SILENT + FINE;
            int blade = (i - SILENT - FINE) % BLADES;
            if (!isBlade || blade == 0) {
                bmcs.add(FakeBmc.builder()
                        .certificate(certificate)
                        .systems(isBlade ? BLADES : 1)
                        .start());
            }
            FakeBmc bmc = bmcs.get(bmcs.size() - 1);
            String system =
                    isBlade ? ", \"System\": \"" + bmc.systems().get(blade).path() + "\"" : "";
            entries.add(
                    "{\"ID\": \"%s\", \"Addr\": \"10.1.%d.%d\", \"Location\": \"hall\", \"BMC\": \"%s\", \"Fingerprint\": \"%s\"%s}"
                            .formatted(id(i), i / 250, i % 250, bmc.uri(), certificate.fingerprint(), system));
        }
        bmcs.subList(0, SILENT).forEach(bmc -> bmc.mood(BmcMood.silent()));
        return Files.writeString(folder.resolve("machines.json"), "[" + String.join(",\n", entries) + "]");
    }

    private static Path credentials(Path folder) throws IOException {
        Path file = Files.writeString(folder.resolve("credentials"), "default admin password\n");
        return Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
    }

    /** Records all machines, with an agent that was heard just now. */
    private void record() throws SQLException {
        execute("insert into machines (machine_id) select gen_random_uuid() from generate_series(1, " + MACHINES + ")");
        execute(
                "insert into machine_provided (machine_id, provider, provider_id, provider_ip_address, provider_location)"
                        + " select machine_id, '" + TYPE.name() + "', 'm-' || i, '10.1.' || i / 250 || '.' || i % 250,"
                        + " 'hall'"
                        + " from (select machine_id, row_number() over () - 1 as i from machines) m");
        execute("insert into machine_agent_started (machine_id, agent_started_at, agent_public_key)"
                + " select machine_id, now() - interval '1 day', sha256(machine_id::text::bytea) from machines");
        execute("insert into machine_agent_heartbeat (machine_id, agent_heartbeat_at)"
                + " select machine_id, now() from machines");
        execute("analyze");
    }

    private void execute(String sql) throws SQLException {
        try (Connection connection = DriverManager.getConnection(database.jdbcUrl());
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    /** Returns when each machine was claimed to be rebooted. The attempt is recorded after that, and before the call. */
    private Map<String, Instant> decided() throws SQLException {
        Map<String, Instant> decided = new HashMap<>();
        try (Connection connection = DriverManager.getConnection(database.jdbcUrl());
                Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(
                        "select p.provider_id, h.timestamp from work_history h join machine_provided p"
                                + " using (machine_id) where h.process = 'ShepherdRecovery' and h.event = 'Started'")) {
            while (rows.next()) {
                decided.put(
                        rows.getString(1),
                        rows.getObject(2, OffsetDateTime.class).toInstant());
            }
        }
        return decided;
    }

    /** Counts the sockets of this process, where the system shows them. */
    private static long sockets() throws IOException {
        Path open = Path.of("/proc/self/fd");
        if (!Files.isDirectory(open)) {
            return -1;
        }
        try (Stream<Path> all = Files.list(open)) {
            return all.filter(LargeRackRecoveryTest::isSocket).count();
        }
    }

    private static boolean isSocket(Path descriptor) {
        try {
            return Files.readSymbolicLink(descriptor).toString().startsWith("socket:");
        } catch (IOException e) {
            return false;
        }
    }
}
