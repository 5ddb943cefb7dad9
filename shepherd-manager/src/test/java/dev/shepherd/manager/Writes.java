package dev.shepherd.manager;

import dev.shepherd.testkit.database.BmdbExtension;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;

/** What is written to a database, row by row, from when it was made: to any table but the heartbeats of sessions. */
public final class Writes {

    private final String url;

    public Writes(BmdbExtension database) throws SQLException {
        this.url = database.jdbcUrl();
        try (Connection connection = DriverManager.getConnection(url);
                Statement statement = connection.createStatement()) {
            statement.execute("create table writes (what text, id text)");
            statement.execute("create function note_write() returns trigger language plpgsql as $$ begin"
                    + " insert into writes values (tg_op || ' ' || tg_table_name,"
                    + " to_jsonb(case when tg_op = 'DELETE' then old else new end) ->> 'provider_id');"
                    + " return null; end $$");
            statement.execute("do $$ declare t text; begin for t in select tablename from pg_tables where"
                    + " schemaname = current_schema() and tablename not in ('writes', 'sessions') loop execute"
                    + " format('create trigger noted after insert or update or delete on %I for each row"
                    + " execute function note_write()', t); end loop; end $$");
        }
    }

    /** Returns each row that was written since the last call, as the statement, the table and the provider's id. */
    public List<String> taken() throws SQLException {
        List<String> rows = new ArrayList<>();
        try (Connection connection = DriverManager.getConnection(url);
                Statement statement = connection.createStatement();
                ResultSet row =
                        statement.executeQuery("delete from writes returning what || ' ' || coalesce(id, '')")) {
            while (row.next()) {
                rows.add(row.getString(1).strip());
            }
        }
        return rows;
    }
}
