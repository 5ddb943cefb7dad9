package dev.shepherd.bmdb.hardware;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.agent.messages.hardware.Node;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbConfig;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.BmdbTransaction;
import dev.shepherd.bmdb.HookedDataSource;
import dev.shepherd.bmdb.Race;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.TestDatabase;
import dev.shepherd.bmdb.fleet.Fleet;
import dev.shepherd.bmdb.fleet.FleetSummary.HardwareSum;
import dev.shepherd.bmdb.operator.HardwareHistoryEntry;
import dev.shepherd.bmdb.operator.Operator;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Reports in the database: what is taken from them, and how they changed. */
class HardwareReportsTest {

    @RegisterExtension
    static final TestDatabase db = new TestDatabase();

    private static void put(UUID machine, byte[] raw) throws Exception {
        try (BmdbSession session = db.bmdb().startSession("test", "host")) {
            session.useTransaction(tx -> tx.putHardwareReport(machine, raw));
        }
    }

    private static List<String> history(UUID machine) throws Exception {
        return Operator.of(db.bmdb()).hardwareHistory(machine, null, 1000).stream()
                .map(entry -> entry.change().kind() + " " + entry.change().text())
                .toList();
    }

    private static String sums(UUID machine) throws Exception {
        List<String> rows = db.rows(
                "select hardware_readable, hardware_cpus, hardware_cores, hardware_threads, hardware_memory_bytes,"
                        + " hardware_disks, hardware_disk_bytes, hardware_failing_disks from machine_hardware"
                        + " where machine_id = ?",
                machine);
        return rows.isEmpty() ? "none" : rows.get(0);
    }

    @Test
    void aReportIsKeptAsItCameAndItsSumsWithIt() throws Exception {
        UUID machine = db.providedMachine();
        byte[] raw = Reports.bytes(Reports.node(), "no smartctl");

        put(machine, raw);

        assertThat(db.bmdb().machine(machine).orElseThrow().hardwareReport().orElseThrow())
                .isEqualTo(raw);
        assertThat(db.bmdb()
                        .machine(machine)
                        .orElseThrow()
                        .hardware()
                        .orElseThrow()
                        .product())
                .contains("AS-1114S");
        assertThat(sums(machine)).isEqualTo("t|1|24|48|137438953472|2|1920394248192|0");
        assertThat(history(machine)).isEmpty();

        byte[] other = "8 cores".getBytes(StandardCharsets.UTF_8);
        put(machine, other);

        assertThat(db.bmdb().machine(machine).orElseThrow().hardwareReport().orElseThrow())
                .isEqualTo(other);
        assertThat(db.bmdb()
                        .machine(machine)
                        .orElseThrow()
                        .hardware()
                        .orElseThrow()
                        .unreadable())
                .isPresent();
        assertThat(sums(machine)).isEqualTo("f|0|0|0|0|0|0|0");
        assertThat(history(machine)).hasSize(1).allMatch(change -> change.startsWith("REPORT_UNREADABLE"));

        try (BmdbSession session = db.bmdb().startSession("test", "host")) {
            session.useTransaction(tx -> tx.clearHardwareReport(machine));
        }
        assertThat(sums(machine)).isEqualTo("none");
        assertThat(db.bmdb().machine(machine).orElseThrow().hardware()).isEmpty();
    }

    @Test
    void whatChangedIsKeptWithTheNameOfTheMachine() throws Exception {
        UUID machine = db.providedMachine();
        put(machine, Reports.bytes(Reports.node()));
        put(machine, Reports.bytes(Reports.node().removeBlockDevice(0).setMemoryInstalledBytes(64L << 30)));
        put(machine, Reports.bytes(Reports.node().removeBlockDevice(0).setMemoryInstalledBytes(64L << 30)));

        List<HardwareHistoryEntry> history = Operator.of(db.bmdb()).hardwareHistory(machine, null, 10);

        assertThat(history)
                .extracting(entry -> entry.change().kind())
                .containsExactly(HardwareChange.Kind.DISK_GONE, HardwareChange.Kind.MEMORY_CHANGED);
        HardwareHistoryEntry last = history.get(0);
        assertThat(last.provider()).contains(TestDatabase.PROVIDER);
        assertThat(Operator.of(db.bmdb())
                        .hardwareHistory(
                                TestDatabase.PROVIDER, last.providerId().orElseThrow(), null, 1))
                .containsExactly(last);
        assertThat(Operator.of(db.bmdb()).hardwareHistory(machine, last.id(), 10))
                .containsExactly(history.get(1));
        assertThat(Operator.of(db.bmdb()).hardwareHistory(TestDatabase.PROVIDER, new ProviderID("another"), null, 1))
                .isEmpty();
    }

    @Test
    void aMachineThatFlapsPushesOutItsOwnChangesOnly() throws Exception {
        UUID quiet = db.machine();
        UUID flapping = db.machine();
        put(quiet, Reports.bytes(Reports.node()));
        put(quiet, Reports.bytes(Reports.node().removeBlockDevice(0)));
        Node.Builder full = Reports.node();
        for (int i = 0; i < 40; i++) {
            full.addBlockDevice(Reports.disk("F" + i));
        }

        for (int i = 0; i < 12; i++) {
            put(flapping, Reports.bytes(i % 2 == 0 ? full : Reports.node()));
        }

        assertThat(history(flapping)).hasSize(200);
        assertThat(history(flapping).get(0)).startsWith("DISK_GONE");
        assertThat(history(quiet)).hasSize(1);
        assertThat(db.number("select count(*) from hardware_history")).isEqualTo(201);
    }

    /**
     * Each report is compared with the one that it replaces, so the changes add up to the difference of first and last.
     */
    @Test
    void reportsThatComeAtOnceLeaveAHistoryThatAddsUp() throws Exception {
        UUID machine = db.machine();
        int most = 40;
        put(machine, Reports.bytes(withDisks(0)));
        BmdbSession session = db.session();

        Race.run(8, racer -> {
            Random random = new Random(racer);
            for (int i = 0; i < 10; i++) {
                byte[] raw = Reports.bytes(withDisks(random.nextInt(most)));
                session.useTransaction(tx -> tx.putHardwareReport(machine, raw));
            }
            return true;
        });

        int last = db.bmdb()
                .machine(machine)
                .orElseThrow()
                .hardware()
                .orElseThrow()
                .blockDevices()
                .size();
        assertThat(db.number("select hardware_disks from machine_hardware")).isEqualTo(last);
        // Only one kind of disk comes and goes, from the last on, and the newest of the history tell how it went on.
        Map<String, String> newest = new HashMap<>();
        for (String change : history(machine)) {
            String[] words = change.split(" ", 2);
            newest.putIfAbsent(words[1], words[0]);
        }
        newest.forEach((disk, kind) -> {
            int number = Integer.parseInt(disk.substring(disk.lastIndexOf('N') + 1));
            assertThat(kind).as(disk).isEqualTo(number < last ? "DISK_NEW" : "DISK_GONE");
        });
    }

    private static Node.Builder withDisks(int count) {
        Node.Builder node = Reports.node().clearBlockDevice();
        for (int i = 0; i < count; i++) {
            node.addBlockDevice(Reports.disk("N" + i));
        }
        return node;
    }

    @Test
    void theSumsOfAFleetAreThoseOfItsReports() throws Exception {
        Random random = new Random(7);
        String[] locations = {null, "rack 1", "rack 2"};
        Map<String, long[]> expected = new TreeMap<>();
        for (int i = 0; i < 60; i++) {
            String location = locations[random.nextInt(locations.length)];
            UUID machine = machine("m" + i, location);
            if (i % 10 == 9) {
                continue; // It has no report.
            }
            for (int rewrite = random.nextInt(3); rewrite > 0; rewrite--) {
                put(machine, randomReport(random));
            }
            byte[] raw = randomReport(random);
            put(machine, raw);
            Hardware hardware = Hardware.read(raw);
            long[] sum = expected.computeIfAbsent(location == null ? "" : location, any -> new long[9]);
            sum[0]++;
            sum[1] += hardware.unreadable().isPresent() ? 1 : 0;
            sum[2] += hardware.cpus().size();
            sum[3] += hardware.cores();
            sum[4] += hardware.threads();
            sum[5] += hardware.memoryBytes().orElse(0);
            sum[6] += hardware.blockDevices().size();
            sum[7] += hardware.capacityBytes();
            sum[8] += hardware.failingDevices();
        }

        assertThat(sumsOf(Fleet.of(db.bmdb(), RecoveryPolicy.DEFAULT))).isEqualTo(texts(expected));
    }

    private static Map<String, String> texts(Map<String, long[]> sums) {
        Map<String, String> texts = new TreeMap<>();
        sums.forEach((location, sum) -> texts.put(location, Arrays.toString(sum)));
        return texts;
    }

    private static Map<String, String> sumsOf(Fleet fleet) throws Exception {
        Map<String, String> sums = new TreeMap<>();
        for (HardwareSum sum : fleet.count(Duration.ZERO).orElseThrow().hardware()) {
            assertThat(sum.provider()).isEqualTo(new ProviderType("racks"));
            sums.put(sum.location(), Arrays.toString(new long[] {
                sum.machines(),
                sum.unreadable(),
                sum.cpus(),
                sum.cores(),
                sum.threads(),
                sum.memoryBytes().longValueExact(),
                sum.disks(),
                sum.diskBytes().longValueExact(),
                sum.failingDisks()
            }));
        }
        return sums;
    }

    private static UUID machine(String id, String location) throws Exception {
        UUID machineId = db.machine();
        db.execute(
                "insert into machine_provided (machine_id, provider, provider_id, provider_location)"
                        + " values (?, 'racks', ?, ?)",
                machineId,
                id,
                location);
        return machineId;
    }

    private static byte[] randomReport(Random random) {
        if (random.nextInt(6) == 0) {
            return ("report " + random.nextInt()).getBytes(StandardCharsets.UTF_8);
        }
        Node.Builder node = Reports.node().clearBlockDevice().setMemoryInstalledBytes(random.nextLong() >>> 20);
        for (int i = random.nextInt(5); i > 0; i--) {
            node.addBlockDevice(Reports.disk("R" + random.nextInt())
                    .setMediaErrors(random.nextInt(3) == 0 ? 2 : 0)
                    .setCapacityBytes(random.nextLong() >>> 24));
        }
        for (int i = random.nextInt(3); i > 0; i--) {
            node.addCpu(Reports.cpu().setCores(random.nextInt(100) - 20));
        }
        return Reports.bytes(node);
    }

    @Test
    void theLargestMachinesOfALargeFleetCanBeSummedUp() throws Exception {
        Node.Builder node = Node.newBuilder().setMemoryInstalledBytes(1L << 60);
        for (int i = 0; i < Hardware.MOST_BLOCK_DEVICES; i++) {
            node.addBlockDevice(Reports.disk("").setCapacityBytes(1L << 60));
        }
        for (int i = 0; i < 20; i++) {
            put(machine("m" + i, null), Reports.bytes(node));
        }

        HardwareSum sum = Fleet.of(db.bmdb(), RecoveryPolicy.DEFAULT)
                .count(Duration.ZERO)
                .orElseThrow()
                .hardware()
                .get(0);

        assertThat(sum.memoryBytes()).isEqualTo(BigInteger.ONE.shiftLeft(60).multiply(BigInteger.valueOf(20)));
        assertThat(sum.diskBytes()).isEqualTo(BigInteger.ONE.shiftLeft(72).multiply(BigInteger.valueOf(20)));
    }

    /** As an older version of the library writes them, or a person with psql. */
    @Test
    void reportsOfWritersThatMakeNoSumsAreReadWhenTheFleetIsCounted() throws Exception {
        List<UUID> machines = new ArrayList<>();
        for (int i = 0; i < 70; i++) {
            machines.add(machine("m" + i, null));
            db.execute(
                    "insert into machine_hardware_report (machine_id, hardware_report_raw) values (?, ?)",
                    machines.get(i),
                    Reports.bytes(Reports.node()));
        }
        Fleet fleet = Fleet.of(db.bmdb(), RecoveryPolicy.DEFAULT);

        assertThat(sumsOf(fleet).get("")).startsWith("[70, 0, 70, 1680, ");

        db.execute(
                "update machine_hardware_report set hardware_report_raw = ?, hardware_report_at = now() where machine_id = ?",
                Reports.bytes(Reports.node().addCpu(Reports.cpu())),
                machines.get(3));
        db.execute("update fleet_counted set counted_at = null");
        assertThat(sumsOf(fleet).get("")).startsWith("[70, 0, 71, 1704, ");
        assertThat(db.number("select count(*) from machine_hardware_report where hardware_read_at is null"))
                .isZero();
    }

    @Test
    void machinesWithFailingDisksAreFound() throws Exception {
        UUID failing = db.machine();
        put(db.machine(), Reports.bytes(Reports.node()));
        put(
                failing,
                Reports.bytes(Reports.node().addBlockDevice(Reports.disk("X").setCriticalWarning(true))));

        assertThat(Fleet.of(db.bmdb(), RecoveryPolicy.DEFAULT).machinesWithFailingDisks(10))
                .containsExactly(failing);
    }

    @Test
    void aReportCostsAStatementMoreOnlyIfSomethingChanged() throws Exception {
        UUID machine = db.machine();
        HookedDataSource source = new HookedDataSource(db.url());
        try (Bmdb bmdb = Bmdb.open(BmdbConfig.builder()
                        .dataSource(source.dataSource())
                        .sessionInterval(Duration.ofMinutes(1))
                        .build());
                BmdbSession session = bmdb.startSession("test", "host")) {
            int none = statements(source, session, tx -> {});
            byte[] first = Reports.bytes(Reports.node());

            assertThat(statements(source, session, tx -> tx.putHardwareReport(machine, first)) - none)
                    .as("of a first report: is it there, write it")
                    .isEqualTo(2);
            assertThat(statements(source, session, tx -> tx.putHardwareReport(machine, first)) - none)
                    .as("of the same once more: is it there")
                    .isEqualTo(1);
            byte[] same = Reports.bytes(Reports.node(), "a warning");
            assertThat(statements(source, session, tx -> tx.putHardwareReport(machine, same)) - none)
                    .as("of one that differs, about the same hardware")
                    .isEqualTo(2);
            byte[] other = Reports.bytes(Reports.node().removeBlockDevice(0).removeBlockDevice(0));
            assertThat(statements(source, session, tx -> tx.putHardwareReport(machine, other)) - none)
                    .as("of one that says of changes: the machine's lock, those, what they push out, and the event")
                    .isEqualTo(6);
        }
    }

    /** Counts the statements that this thread runs in a transaction. */
    private static int statements(HookedDataSource source, BmdbSession session, Consumer<BmdbTransaction> body)
            throws Exception {
        Thread self = Thread.currentThread();
        AtomicInteger statements = new AtomicInteger();
        count(source, self, statements);
        session.useTransaction(body::accept);
        source.onNextOfAny("none", (connection, original) -> original.call());
        return statements.get();
    }

    private static void count(HookedDataSource source, Thread thread, AtomicInteger statements) {
        source.onNextOfAny("prepareStatement", (connection, original) -> {
            count(source, thread, statements);
            if (Thread.currentThread() == thread) {
                statements.incrementAndGet();
            }
            return original.call();
        });
    }

    @Test
    void noQueryOnHardwareReadsAWholeTable() throws Exception {
        db.providedMachines(3000);
        db.execute("insert into machine_hardware_report (machine_id, hardware_report_raw, hardware_read_at)"
                + " select machine_id, '', now() from machines");
        db.execute("insert into machine_hardware select machine_id, true, 1, 1, 1, 1, 1, 1, 0 from machines");
        db.execute("insert into hardware_history (machine_id, provider, provider_id, changed_at, kind, change)"
                + " select machine_id, provider, provider_id, now(), 'DISK_GONE', 'x' from machine_provided,"
                + " generate_series(1, 5)");
        UUID machine = UUID.fromString(
                db.rows("select machine_id from machines limit 1").get(0));
        db.execute("analyze");
        BmdbSession session = db.session();
        db.execute("select pg_stat_force_next_flush()");
        db.execute("select pg_stat_reset()");

        session.useTransaction(tx -> tx.putHardwareReport(machine, Reports.bytes(Reports.node())));
        session.useTransaction(
                tx -> tx.putHardwareReport(machine, Reports.bytes(Reports.node().removeBlockDevice(0))));
        assertThat(history(machine)).hasSizeGreaterThan(5);
        Operator.of(db.bmdb()).hardwareHistory(TestDatabase.PROVIDER, new ProviderID("x"), null, 5);
        Fleet.of(db.bmdb(), RecoveryPolicy.DEFAULT).machinesWithFailingDisks(10);
        db.bmdb().machine(machine).orElseThrow().hardware();
        session.useTransaction(tx -> tx.dsl().execute("select pg_stat_force_next_flush()"));

        assertThat(db.rows("select relname, seq_scan from pg_stat_user_tables"
                        + " where seq_scan > 0 and relname like '%hardware%'"))
                .isEmpty();
    }
}
