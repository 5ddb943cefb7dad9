package dev.shepherd.postgres;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Runs a main class of the tests in a process of its own. */
final class Children {

    /** A child process whose main class has said what it has to say and now waits. */
    record Child(Process process, BufferedReader output) implements AutoCloseable {

        String line() throws IOException {
            String line = output.readLine();
            if (line == null) {
                throw new IOException("the child process ended without a word");
            }
            return line;
        }

        void kill() throws InterruptedException {
            process.destroyForcibly();
            if (!process.waitFor(30, TimeUnit.SECONDS)) {
                throw new IllegalStateException("the child process does not die");
            }
        }

        /** Lets the child process go on to its end. */
        void release() throws IOException, InterruptedException {
            process.getOutputStream().close();
            if (!process.waitFor(60, TimeUnit.SECONDS)) {
                throw new IllegalStateException("the child process does not end");
            }
        }

        @Override
        public void close() throws InterruptedException {
            kill();
        }
    }

    private Children() {}

    static Child start(Class<?> main, List<String> options, String... arguments) throws IOException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"));
        command.addAll(List.of("-cp", System.getProperty("java.class.path")));
        command.add("-Djava.io.tmpdir=" + System.getProperty("java.io.tmpdir"));
        command.add("-D" + TemporaryFolders.TMPDIR_PROPERTY + "=" + TemporaryFolders.parent());
        command.add("-D" + TemporaryFolders.DATADIR_PROPERTY + "="
                + System.getProperty(TemporaryFolders.DATADIR_PROPERTY, ""));
        command.add("-Dorg.slf4j.simpleLogger.defaultLogLevel=info");
        command.addAll(options);
        command.add(main.getName());
        command.addAll(List.of(arguments));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        return new Child(
                process, new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8)));
    }

    /** Says something and waits until the parent process lets go. */
    static void sayAndWait(String line) throws IOException {
        System.out.println(line);
        System.out.flush();
        while (System.in.read() >= 0) {
            // Whatever it says.
        }
    }

    static void execute(String url, String sql) throws java.sql.SQLException {
        try (var connection = java.sql.DriverManager.getConnection(url);
                var statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    static String query(String url, String sql) throws java.sql.SQLException {
        try (var connection = java.sql.DriverManager.getConnection(url);
                var statement = connection.createStatement();
                var row = statement.executeQuery(sql)) {
            row.next();
            return row.getString(1);
        }
    }

    /** Starts a server in a folder, commits a row and keeps the server running. */
    static final class Holder {
        public static void main(String[] arguments) throws Exception {
            PostgresServer server;
            try {
                server = PostgresServer.startIn(Path.of(arguments[0]));
            } catch (PostgresException e) {
                sayAndWait(e.reason().name());
                return;
            }
            execute(server.jdbcUrl(), "create table if not exists notes (text text)");
            execute(server.jdbcUrl(), "insert into notes values ('committed')");
            sayAndWait("holding " + server.process().pid());
        }
    }

    /** Starts a temporary server and leaves it to the JVM's end. */
    static final class Forgetful {
        public static void main(String[] arguments) throws Exception {
            PostgresServer server = PostgresServer.startTemporary();
            sayAndWait(server.process().pid() + " " + server.home());
        }
    }

    /** Makes a database for a test and leaves it to the JVM's end. */
    static final class Tester {
        public static void main(String[] arguments) throws Exception {
            sayAndWait(Databases.nameIn(TestPostgres.shared().freshDatabase()));
        }
    }
}
