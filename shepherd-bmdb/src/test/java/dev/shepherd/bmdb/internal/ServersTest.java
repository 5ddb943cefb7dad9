package dev.shepherd.bmdb.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.lang.reflect.Field;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.postgresql.ds.PGSimpleDataSource;
import org.slf4j.LoggerFactory;
import org.slf4j.simple.SimpleLogger;

class ServersTest {

    private final ByteArrayOutputStream printed = new ByteArrayOutputStream();
    private final PrintStream before = System.err;
    private int level;

    @BeforeEach
    void logWhatIsForDebugging() throws Exception {
        level = setLevel(0);
        System.setErr(new PrintStream(printed, true, StandardCharsets.UTF_8));
    }

    @AfterEach
    void logAsBefore() throws Exception {
        System.setErr(before);
        setLevel(level);
    }

    /** The level of a logger that exists cannot be set otherwise. */
    private static int setLevel(int level) throws Exception {
        SimpleLogger logger = (SimpleLogger) LoggerFactory.getLogger(Servers.class);
        Field field = SimpleLogger.class.getDeclaredField("currentLogLevel");
        field.setAccessible(true);
        int before = field.getInt(logger);
        field.setInt(logger, level);
        return before;
    }

    private String log() {
        return printed.toString(StandardCharsets.UTF_8);
    }

    private static PrimarySource source(Servers servers, int port, Duration patience) {
        PGSimpleDataSource all = new PGSimpleDataSource();
        all.setUrl("jdbc:postgresql://127.0.0.1:" + port + "/fleet?targetServerType=primary&loginTimeout=2");
        return new PrimarySource(servers, all, patience);
    }

    @Test
    void aSearchThatFindsNoPrimarySaysWhyButOneThatClosingEndsSaysNothing() throws Exception {
        try (ServerSocket silent = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            int refusing;
            try (ServerSocket closed = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
                refusing = closed.getLocalPort();
            }
            try (Servers servers = new Servers();
                    Servers.Call slow = servers.begin()) {
                servers.watch(source(servers, refusing, Duration.ZERO));
                await().until(() -> log().contains("There is no primary as yet"));
                assertThat(log()).contains("\tat ");
            }
            printed.reset();

            try (Servers servers = new Servers();
                    Servers.Call slow = servers.begin()) {
                servers.watch(source(servers, silent.getLocalPort(), Duration.ofMinutes(1)));
                await().until(() -> servers.looks() > 0);
                servers.close();
                assertThat(servers.awaitEnd(Duration.ofSeconds(30))).isTrue();
            }
            assertThat(log()).isEmpty();
        }
    }
}
