package dev.shepherd.bmdb.internal;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.postgresql.PGConnection;
import org.postgresql.ds.PGSimpleDataSource;

/** Tells which settings of connections make a failover take longer than necessary. */
public final class SlowFailover {

    /** What a host that is there needs at most to accept a connection, and so what one that is gone may cost. */
    private static final int LONGEST_CONNECT_SECONDS = 10;

    private SlowFailover() {}

    /** Looks at what a URL says of the driver; what it does not say is set well. */
    public static List<String> reasons(PGSimpleDataSource driver, Duration socketTimeout) {
        List<String> reasons = new ArrayList<>();
        if (socketTimeout.isZero()) {
            reasons.add("socketTimeout is 0, so the driver waits forever for an answer of a host that is gone: set 30");
        }
        if (driver.getServerNames().length > 1 && !wantsPrimary(driver)) {
            reasons.add("targetServerType is " + driver.getTargetServerType()
                    + ", so connections may lead to a standby: leave it out, or set primary");
        }
        if (driver.getConnectTimeout() == 0 || driver.getConnectTimeout() > LONGEST_CONNECT_SECONDS) {
            reasons.add("connectTimeout is " + driver.getConnectTimeout()
                    + ", so an attempt may wait that long for a host that is gone: set 2");
        }
        return reasons;
    }

    /** Looks at a connection of an embedder's own. Finds nothing where it is not the driver's, or does not tell. */
    public static List<String> reasons(Connection connection) throws SQLException {
        if (!connection.isWrapperFor(PGConnection.class)) {
            return List.of();
        }
        PGSimpleDataSource driver = new PGSimpleDataSource();
        driver.setUrl(connection.getMetaData().getURL());
        List<String> reasons = new ArrayList<>(reasons(driver, Duration.ofMillis(connection.getNetworkTimeout())));
        int login = driver.getLoginTimeout();
        if (driver.getServerNames().length > 1 && login > 0 && login <= driver.getConnectTimeout()) {
            reasons.add("loginTimeout is " + login + " and connectTimeout " + driver.getConnectTimeout()
                    + ", so a first host that is gone leaves no time for the next: set connectTimeout to 2");
        }
        return reasons;
    }

    static boolean wantsPrimary(PGSimpleDataSource driver) {
        String wanted = String.valueOf(driver.getTargetServerType());
        return wanted.equals("primary") || wanted.equals("master");
    }
}
