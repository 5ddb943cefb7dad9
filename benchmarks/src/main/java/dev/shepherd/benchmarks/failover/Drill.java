package dev.shepherd.benchmarks.failover;

import dev.shepherd.api.Provider;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbConfig;
import dev.shepherd.bmdb.agent.AgentCallback;
import dev.shepherd.callback.AgentEndpoint;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.manager.status.LoopKind;
import dev.shepherd.manager.takeover.TakeoverResult;
import dev.shepherd.postgres.PostgresPair;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.security.GeneralSecurityException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;

/**
 * A manager at work over a pair of servers, whose primary is lost in one way or another. Ten machines at a time are taken
 * over, each in 100 ms, and agents send heartbeats by HTTP. Not safe for use by several threads.
 */
public final class Drill implements AutoCloseable {

    /** A key of RFC 8032. Nothing here is signed with it. */
    private static final byte[] AGENT_KEY =
            HexFormat.of().parseHex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");

    private static final String HOST_KEY =
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINBlBmySR7y4k4+w3yxIFPvGKTpOIBAU9c45AhDePg+w";

    private static final int MACHINES_A_ROUND = 8_000;
    private static final long TAKEOVER_MILLIS = 100;
    private static final long SETTLE_MILLIS = 4_000;
    private static final long LONGEST_MILLIS = 90_000;
    private static final String DATABASE = "fleet";

    private final PostgresPair pair;
    private final Provider provider;
    private final List<HostWire> wires = new ArrayList<>();
    private final List<HttpAgent> agents = new ArrayList<>();
    private final Bmdb bmdb;
    private final AgentCallback callback;
    private final AgentEndpoint endpoint;
    private final Shepherd shepherd;

    /** How the primary is lost. */
    public enum Loss {
        /** All its processes are killed, and its host says so to who connects. */
        KILL,
        /** Its host answers no packet any more. */
        HOST,
        /** All its processes are stopped; its host accepts connections for it. */
        FREEZE,
        /** It is stopped in an orderly way, and the standby is promoted at once. */
        SWITCHOVER
    }

    /**
     * What a loss cost, in milliseconds from the loss.
     *
     * @param database until a client with nothing but the driver had written something
     * @param takeovers until a machine was claimed and one was finished
     * @param full until machines are finished at half the rate of before
     * @param heartbeats until heartbeats of all agents were recorded
     */
    public record Gaps(long database, long takeovers, long full, long heartbeats) {}

    /**
     * Starts all of it.
     *
     * @param agentCount how many agents send heartbeats
     */
    public Drill(Provider provider, int agentCount) throws IOException, SQLException, GeneralSecurityException {
        this.provider = provider;
        pair = PostgresPair.start();
        pair.createDatabase(DATABASE);
        List<Integer> ports = new ArrayList<>();
        for (int server : pair.ports()) {
            HostWire wire = new HostWire(server);
            wires.add(wire);
            ports.add(wire.port());
        }
        // What an operator would write: the pair's own URL asks for the primary, which the product is to do by itself.
        bmdb = Bmdb.open(BmdbConfig.builder()
                .jdbcUrl(pair.jdbcUrl(ports, DATABASE).replace("&targetServerType=primary", ""))
                .build());
        callback = AgentCallback.of(bmdb);
        callback.start();
        endpoint = AgentEndpoint.builder()
                .callback(callback)
                .address(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
                .build();
        endpoint.start();
        shepherd = Shepherd.builder()
                .bmdb(bmdb)
                .provider(provider)
                .takeover(target -> {
                    LockSupport.parkNanos(TAKEOVER_MILLIS * 1_000_000);
                    return new TakeoverResult(target.machineId(), AGENT_KEY, HOST_KEY, List.of(), Map.of());
                })
                .loops(Set.of(LoopKind.INITIALIZER))
                .build();
        shepherd.start();
        execute("create table probe (at timestamptz not null default clock_timestamp())");
        for (int i = 0; i < agentCount; i++) {
            HttpAgent agent = new HttpAgent();
            record(agent);
            agents.add(agent);
            agent.start(endpoint.url());
        }
    }

    /**
     * Loses the primary, waits, makes the standby the primary, waits until all is as before, and mends the pair.
     *
     * @param gapMillis how long to wait; nothing is waited for at a switchover
     */
    public Gaps lose(Loss loss, long gapMillis) throws IOException, SQLException, InterruptedException {
        execute("with made as (insert into machines select gen_random_uuid() from generate_series(1, "
                + MACHINES_A_ROUND
                + ") returning machine_id) insert into machine_provided (machine_id, provider, provider_id)"
                + " select machine_id, '" + provider.type().name() + "', 'm-' || machine_id from made");
        Thread.sleep(SETTLE_MILLIS);
        long before = finished(System.currentTimeMillis() - 1000).size();
        int lost = pair.primary();
        try (Probe probe = new Probe(List.of(pair.jdbcUrl(pair.ports().subList(1 - lost, 2 - lost), DATABASE)))) {
            long lostAt = System.currentTimeMillis();
            switch (loss) {
                case KILL -> pair.crashPrimary();
                case HOST -> wires.get(lost).die();
                case FREEZE -> pair.freezePrimary();
                case SWITCHOVER -> pair.stopPrimary();
            }
            long downAt = System.currentTimeMillis();
            if (loss != Loss.SWITCHOVER) {
                Thread.sleep(gapMillis);
            }
            if (loss == Loss.HOST) {
                pair.crashPrimary(); // No server is told of that.
                // What was under way to the standby when the host died is no claim of afterwards.
                downAt = System.currentTimeMillis();
            }
            pair.promote();
            Gaps gaps = await(probe, lostAt, downAt, before);
            if (loss == Loss.HOST) {
                wires.get(lost).revive();
            }
            pair.restoreStandby();
            return gaps;
        }
    }

    private Gaps await(Probe probe, long lostAt, long downAt, long before) throws SQLException, InterruptedException {
        while (System.currentTimeMillis() - lostAt < LONGEST_MILLIS) {
            Thread.sleep(250);
            long database = probe.wroteAt();
            long heartbeats = 0;
            for (HttpAgent agent : agents) {
                long recorded = agent.recordedSince(downAt);
                heartbeats = recorded == 0 ? Long.MAX_VALUE : Math.max(heartbeats, recorded);
            }
            if (database == 0 || heartbeats == Long.MAX_VALUE) {
                continue;
            }
            List<Long> started = events("Started", downAt);
            List<Long> finished = finished(downAt);
            long full = full(finished, before / 2);
            if (!started.isEmpty() && full != 0) {
                return new Gaps(
                        database - lostAt,
                        Math.max(started.get(0), finished.get(0)) - lostAt,
                        full - lostAt,
                        heartbeats - lostAt);
            }
        }
        throw new IllegalStateException("not all is as before " + LONGEST_MILLIS + " ms after the loss of the primary");
    }

    /** Returns from when on so many machines were finished within a second; 0 if they have not been yet. */
    private static long full(List<Long> finished, long count) {
        int several = Math.toIntExact(Math.max(1, count));
        for (int i = 0; i + several <= finished.size(); i++) {
            if (finished.get(i + several - 1) - finished.get(i) <= 1000) {
                return finished.get(i);
            }
        }
        return 0;
    }

    private List<Long> finished(long sinceMillis) throws SQLException {
        return events("Finished", sinceMillis);
    }

    /** Returns when what happened since a moment, by the database's clock, which is this host's too. */
    private List<Long> events(String event, long sinceMillis) throws SQLException {
        List<Long> events = new ArrayList<>();
        try (Connection connection = pair.connect(DATABASE);
                PreparedStatement query = connection.prepareStatement(
                        "select at from (select (extract(epoch from \"timestamp\") * 1000)::bigint as at from work_history"
                                + " where event = ?) as events where at >= ? order by at")) {
            query.setString(1, event);
            query.setLong(2, sinceMillis);
            try (ResultSet rows = query.executeQuery()) {
                while (rows.next()) {
                    events.add(rows.getLong(1));
                }
            }
        }
        return events;
    }

    private void record(HttpAgent agent) throws SQLException {
        try (Connection connection = pair.connect(DATABASE);
                PreparedStatement insert = connection.prepareStatement(
                        "with made as (insert into machines (machine_id) values (?) returning machine_id)"
                                + " insert into machine_agent_started select machine_id, now(), ? from made")) {
            insert.setObject(1, agent.machine());
            insert.setBytes(2, agent.key());
            insert.execute();
        }
    }

    private void execute(String sql) throws SQLException {
        try (Connection connection = pair.connect(DATABASE);
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    @Override
    public void close() throws IOException {
        agents.forEach(HttpAgent::close);
        shepherd.close();
        endpoint.close();
        callback.close();
        bmdb.close();
        for (HostWire wire : wires) {
            wire.close();
        }
        pair.close();
    }
}
