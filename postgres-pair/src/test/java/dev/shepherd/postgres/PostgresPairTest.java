package dev.shepherd.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import org.junit.jupiter.api.Test;

/** A primary and its standby. */
class PostgresPairTest {

    @Test
    void whatWasCommittedSurvivesTheLossOfOnePrimaryAfterTheOther() throws Exception {
        try (PostgresPair pair = PostgresPair.start()) {
            String url = pair.createDatabase("fleet");
            execute(url, "create table notes as select 'committed' as text");

            pair.crashPrimary();
            assertThatThrownBy(() -> query(url, "select text from notes")).isInstanceOf(SQLException.class);
            pair.promote();
            assertThat(pair.primary()).isEqualTo(1);
            await().ignoreExceptions()
                    .untilAsserted(() ->
                            assertThat(query(url, "select text from notes")).isEqualTo("committed"));

            pair.restoreStandby();
            assertThat(query(url, "select sync_state from pg_stat_replication")).isEqualTo("sync");
            execute(url, "update notes set text = 'committed again'");
            pair.stopPrimary();
            pair.promote();
            assertThat(pair.primary()).isZero();
            // The driver remembers for a while which server was the primary, and looks at the other after a failure.
            await().ignoreExceptions()
                    .untilAsserted(() ->
                            assertThat(query(url, "select text from notes")).isEqualTo("committed again"));
        }
    }

    /** The frozen one is the first in the URL, and would take a connection without ever answering it. */
    @Test
    void aConnectionIsMadePastAServerThatIsFrozen() throws SQLException {
        try (PostgresPair pair = PostgresPair.start()) {
            assertThat(pair.primary()).isZero();
            pair.freezePrimary();
            pair.promote();

            try (Connection connection = pair.connect("postgres");
                    Statement statement = connection.createStatement();
                    ResultSet row = statement.executeQuery("select pg_is_in_recovery()")) {
                row.next();
                assertThat(row.getBoolean(1)).isFalse();
            }
        }
    }

    @Test
    void thereAreNeverTwoPrimaries() {
        try (PostgresPair pair = PostgresPair.start()) {
            assertThatThrownBy(pair::promote).isInstanceOf(IllegalStateException.class);
        }
    }

    @Test
    void aPairThatIsClosedLeavesNothing() {
        PostgresPair pair = PostgresPair.start();
        String url = pair.jdbcUrl("postgres");
        pair.close();
        pair.close();

        assertThatThrownBy(() -> query(url, "select 1")).isInstanceOf(SQLException.class);
        assertThat(pair.folders()).noneMatch(folder -> folder.toFile().exists());
        assertThatThrownBy(pair::restoreStandby).isInstanceOf(IllegalStateException.class);
    }

    private static void execute(String url, String sql) throws SQLException {
        try (Connection connection = DriverManager.getConnection(url);
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    private static String query(String url, String sql) throws SQLException {
        try (Connection connection = DriverManager.getConnection(url);
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(sql)) {
            row.next();
            return row.getString(1);
        }
    }
}
