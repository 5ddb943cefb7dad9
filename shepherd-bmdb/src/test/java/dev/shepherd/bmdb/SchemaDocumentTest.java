package dev.shepherd.bmdb;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Holds {@code docs/schema.md} to the schema. */
class SchemaDocumentTest {

    @RegisterExtension
    static final TestDatabase db = new TestDatabase();

    private static final Path DOCUMENT = Path.of("..", "docs", "schema.md");
    private static final Pattern SECTION = Pattern.compile("(?m)^### `(\\w+)`$");
    private static final Pattern COLUMN = Pattern.compile("(?m)^\\| `(\\w+)` \\|");
    private static final Pattern SQL = Pattern.compile("(?s)```sql\\n(.*?)```");

    @Test
    void everyTableAndColumnIsDescribed() throws Exception {
        List<String> described = new ArrayList<>();
        String text = text();
        Matcher section = SECTION.matcher(text);
        while (section.find()) {
            int end = text.indexOf("\n#", section.end());
            Matcher column = COLUMN.matcher(text.substring(section.end(), end < 0 ? text.length() : end));
            while (column.find()) {
                described.add(section.group(1) + "|" + column.group(1));
            }
        }

        assertThat(described)
                .hasSizeGreaterThan(50)
                .containsExactlyInAnyOrderElementsOf(
                        db.rows("select table_name, column_name from information_schema.columns"
                                + " where table_schema = 'public' and table_name <> 'shepherd_schema_history'"));
    }

    /** What changes a fleet is a command, which records who changed it. */
    @Test
    void everyStatementRunsAndChangesNothing() throws Exception {
        List<String> statements = new ArrayList<>();
        Matcher sql = SQL.matcher(text());
        while (sql.find()) {
            statements.add(sql.group(1));
        }

        assertThat(statements).hasSizeGreaterThan(8);
        Connection connection = db.transaction();
        TestDatabase.execute(connection, "set transaction read only");
        for (String statement : statements) {
            run(connection, statement);
        }
    }

    private static void run(Connection connection, String statement) {
        try {
            TestDatabase.execute(connection, statement);
        } catch (SQLException e) {
            throw new AssertionError(statement, e);
        }
    }

    private static String text() throws IOException {
        return Files.readString(DOCUMENT);
    }
}
