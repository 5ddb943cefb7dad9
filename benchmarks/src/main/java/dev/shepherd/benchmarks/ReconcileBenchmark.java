package dev.shepherd.benchmarks;

import dev.shepherd.api.Availability;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.Machine;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.MachineNotFoundException;
import dev.shepherd.api.MachineVisitor;
import dev.shepherd.api.NoCapacityException;
import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Session;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbConfig;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.manager.listing.UpdaterSettings;
import dev.shepherd.manager.provisioning.ProvisionerSettings;
import dev.shepherd.manager.provisioning.Reconciliation;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.IntStream;

/**
 * Reconciliations of a fleet in which nothing has changed, each beside a bare reading of the same two sides: the
 * provider's listing to its end, and the two columns that a reconciliation needs through JDBC, a few thousand rows at a
 * time. The provider makes its machines while it lists them, in another order than the database's; it costs as little
 * as a provider can, so that the comparison shows.
 */
final class ReconcileBenchmark implements Benchmark {

    private static final ProviderType TYPE = new ProviderType("fleet");
    private static final int INSERTED_AT_ONCE = 10_000;
    private static final int FETCH_SIZE = 5000;

    /** So long that no session is lost when the machine is busy with something else. */
    private static final Duration SESSION_INTERVAL = Duration.ofMinutes(2);

    private static final Duration SHORTEST_REST = Duration.ofSeconds(1);

    @Override
    public String name() {
        return "reconcile";
    }

    @Override
    public String description() {
        return "Reconciliations of a fleet in which nothing changed: how long, in how much memory, against reading both"
                + " sides.";
    }

    @Override
    public Map<String, Long> options() {
        Map<String, Long> options = new LinkedHashMap<>();
        options.put("machines", 1_000_000L);
        options.put("rounds", 5L);
        return options;
    }

    @Override
    public Figures run(Map<String, Long> options, Progress progress) throws Exception {
        int machines = Math.toIntExact(Benchmark.option(options, "machines"));
        int rounds = Math.toIntExact(Benchmark.option(options, "rounds"));
        progress.stage("starting a PostgreSQL that keeps what it commits");
        try (BenchmarkDatabase database = BenchmarkDatabase.start("reconcile")) {
            Bmdb.open(database.url()).close();
            Fleet fleet = new Fleet(machines);
            progress.stage("recording " + machines + " machines");
            fill(database, fleet);
            database.execute("select pg_stat_force_next_flush()");
            long writtenBefore = rowsWritten(database);
            Figures figures = measure(database, fleet, rounds, progress);
            database.awaitCounts();
            return figures.put("rows_written", rowsWritten(database) - writtenBefore)
                    .put("machines", machines)
                    .put("rounds", rounds)
                    .put("processors", Runtime.getRuntime().availableProcessors());
        }
    }

    private static Figures measure(BenchmarkDatabase database, Fleet fleet, int rounds, Progress progress)
            throws Exception {
        List<Double> reads = new ArrayList<>();
        List<Double> reconciliations = new ArrayList<>();
        List<Double> ratios = new ArrayList<>();
        List<Double> comparisons = new ArrayList<>();
        try (Bmdb bmdb = Bmdb.open(BmdbConfig.builder()
                        .jdbcUrl(database.url())
                        .sessionInterval(SESSION_INTERVAL)
                        .build());
                Shepherd shepherd = shepherd(bmdb, fleet);
                HeapPeak heap = new HeapPeak()) {
            progress.stage("warming up");
            read(database.connection(), fleet);
            reconcile(shepherd, fleet);
            for (int round = 1; round <= rounds; round++) {
                progress.stage("round " + round + " of " + rounds);
                // Who comes second finds the machine warmer: they take turns.
                double read = round % 2 == 0 ? 0 : read(database.connection(), fleet);
                double reconciled = reconcile(shepherd, fleet);
                read = round % 2 == 0 ? read(database.connection(), fleet) : read;
                reads.add(read);
                reconciliations.add(reconciled);
                ratios.add(reconciled / read);
            }
            double peak = heap.usedMegabytes();
            double live = heap.liveMegabytes();
            progress.stage("the updater compares the same fleet");
            for (int round = 1; round <= rounds; round++) {
                comparisons.add(compare(shepherd));
            }
            return new Figures()
                    .put("ratio_read", median(ratios), 2)
                    .put("seconds", median(reconciliations), 2)
                    .put("read_seconds", median(reads), 2)
                    .put("peak_heap_mb", peak, 0)
                    .put("live_heap_mb", live, 0)
                    .put("max_heap_mb", Runtime.getRuntime().maxMemory() / 1048576.0, 0)
                    .put("update_seconds", median(comparisons), 2)
                    .put("update_heap_mb", heap.usedMegabytes(), 0);
        }
    }

    private static Shepherd shepherd(Bmdb bmdb, Fleet fleet) {
        return Shepherd.builder()
                .bmdb(bmdb)
                .provider(fleet)
                .takeover(target -> {
                    throw new IllegalStateException("nothing is taken over here");
                })
                .provisioner(ProvisionerSettings.builder().maxCount(0).build())
                // So that it compares at each step.
                .updater(UpdaterSettings.builder().restInterval(SHORTEST_REST).build())
                .build();
    }

    private static double reconcile(Shepherd shepherd, Fleet fleet) throws InterruptedException {
        long startedAt = System.nanoTime();
        Reconciliation result = shepherd.provisioner(TYPE).step();
        double took = seconds(startedAt);
        if (result.listed() != fleet.size() || result.recorded() != fleet.size()) {
            throw new IllegalStateException("not both sides were read: " + result);
        }
        return took;
    }

    private static double compare(Shepherd shepherd) throws InterruptedException {
        Thread.sleep(2 * SHORTEST_REST.toMillis());
        long startedAt = System.nanoTime();
        int changed = shepherd.updater(TYPE).step();
        if (changed != 0) {
            throw new IllegalStateException("the updater found " + changed + " changes where there are none");
        }
        return seconds(startedAt);
    }

    /** Just reads both sides. */
    private static double read(Connection connection, Fleet fleet) throws SQLException, InterruptedException {
        long startedAt = System.nanoTime();
        long[] seen = new long[2];
        connection.setAutoCommit(false);
        try (PreparedStatement statement = connection.prepareStatement(
                "select provider_id, provider_status is not distinct from 'Provisioning' from machine_provided"
                        + " where provider = ?")) {
            statement.setFetchSize(FETCH_SIZE);
            statement.setString(1, TYPE.name());
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    seen[0] += rows.getString(1).isEmpty() || rows.getBoolean(2) ? 0 : 1;
                }
            }
        } finally {
            connection.rollback();
            connection.setAutoCommit(true);
        }
        fleet.forEachMachine(machine -> seen[1] += machine.id().isValid() ? 1 : 0);
        double took = seconds(startedAt);
        if (seen[0] != fleet.size() || seen[1] != fleet.size()) {
            throw new IllegalStateException("not both sides were read: " + seen[0] + " and " + seen[1]);
        }
        return took;
    }

    private static double seconds(long startedAt) {
        return (System.nanoTime() - startedAt) / 1e9;
    }

    private static double median(List<Double> values) {
        List<Double> sorted = values.stream().sorted().toList();
        int middle = sorted.size() / 2;
        return sorted.size() % 2 == 1 ? sorted.get(middle) : (sorted.get(middle - 1) + sorted.get(middle)) / 2;
    }

    /** The machines as a comparison by the updater leaves them: at rest. */
    private static void fill(BenchmarkDatabase database, Fleet fleet) throws SQLException {
        Connection connection = database.connection();
        connection.setAutoCommit(false);
        try (PreparedStatement statement =
                connection.prepareStatement("with fleet as (select gen_random_uuid() as uuid,"
                        + " id, ?::int + (row_number() over ())::int - 1 as n from unnest(?::text[]) as id),"
                        + " made as (insert into machines select uuid from fleet)"
                        + " insert into machine_provided (machine_id, provider, provider_id, provider_ip_address,"
                        + " provider_location, provider_status, provider_check_at)"
                        + " select uuid, ?, id, concat_ws('.', 10, n >> 16 & 255, n >> 8 & 255, n & 255), 'rack-' || n / 20,"
                        + " 'Running', '9999-01-01 00:00:00+00' from fleet")) {
            for (int from = 0; from < fleet.size(); from += INSERTED_AT_ONCE) {
                String[] ids = IntStream.range(from, Math.min(fleet.size(), from + INSERTED_AT_ONCE))
                        .mapToObj(Fleet::id)
                        .toArray(String[]::new);
                statement.setInt(1, from);
                statement.setArray(2, connection.createArrayOf("text", ids));
                statement.setString(3, TYPE.name());
                statement.executeUpdate();
            }
        }
        connection.commit();
        connection.setAutoCommit(true);
        database.execute("vacuum analyze");
    }

    /** Rows that were written by anything but the heartbeats of sessions. */
    private static long rowsWritten(BenchmarkDatabase database) throws SQLException {
        return database.number("select coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0) from pg_stat_user_tables"
                + " where relname <> 'sessions'");
    }

    /** A provider that makes up its machines while it lists them, always the same ones. */
    private static final class Fleet implements Provider {
        /** A prime, which leads through all numbers below another that is not a multiple of it. */
        private static final long STRIDE = 611_953;

        private final int size;

        Fleet(int size) {
            this.size = size;
        }

        int size() {
            return size;
        }

        /** Looks like a random UUID; always the same for a number, and never for two. */
        static String id(int number) {
            return new UUID(number * 0x9e3779b97f4a7c15L, ~number * 0xc2b2ae3d27d4eb4fL).toString();
        }

        @Override
        public ProviderType type() {
            return TYPE;
        }

        @Override
        public boolean isListingCheap() {
            return true;
        }

        @Override
        public void forEachMachine(MachineVisitor visitor) throws InterruptedException {
            for (long i = 0; i < size; i++) {
                visitor.visit(machine((int) (i * STRIDE % size)));
            }
        }

        private static MachineInfo machine(int number) {
            byte[] address = {10, (byte) (number >> 16), (byte) (number >> 8), (byte) number};
            try {
                return MachineInfo.builder(new ProviderID(id(number)), Availability.KNOWN_USED)
                        .address(InetAddress.getByAddress(address))
                        .location("rack-" + number / 20)
                        .status(ProviderStatus.RUNNING)
                        .build();
            } catch (UnknownHostException e) {
                throw new IllegalStateException(e);
            }
        }

        @Override
        public List<MachineInfo> listMachines() {
            return IntStream.range(0, size).mapToObj(Fleet::machine).toList();
        }

        @Override
        public Machine getMachine(ProviderID id) {
            throw new MachineNotFoundException("there is no machine " + id);
        }

        @Override
        public Machine createMachine(Session session, CreateMachineRequest request) {
            throw new NoCapacityException("there are no free machines");
        }
    }
}
