package dev.shepherd.provider.redfish;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.testkit.LogCapture;
import dev.shepherd.testkit.bmc.BmcMood;
import dev.shepherd.testkit.bmc.FakeBmc;
import dev.shepherd.testkit.http.TestCertificate;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** 10,000 machines, of which 200 have a BMC that says nothing: the others are not held up. */
@Tag("slow")
class RedfishLargeRackTest {

    /** The console, before the log is kept off it. */
    private static final PrintStream CONSOLE = System.out;

    private static final int MACHINES = 10_000;
    private static final int SILENT = 200;
    private static final int FINE = 100;

    @RegisterExtension
    final LogCapture log = LogCapture.of(RedfishProvider.class.getName());

    private final List<FakeBmc> bmcs = new ArrayList<>();
    private final ExecutorService callers = Executors.newCachedThreadPool();

    @AfterEach
    void close() {
        callers.shutdownNow();
        bmcs.forEach(FakeBmc::close);
    }

    @Test
    void silentBmcsHoldUpNeitherListingsNorReboots(@TempDir Path folder) throws Exception {
        TestCertificate certificate = TestCertificate.create();
        for (int i = 0; i < SILENT + FINE; i++) {
            bmcs.add(Rack.bmc().certificate(certificate).start());
        }
        bmcs.subList(0, SILENT).forEach(bmc -> bmc.mood(BmcMood.silent()));
        Rack rack = new Rack(folder);
        List<String> entries = new ArrayList<>();
        for (int i = 0; i < MACHINES; i++) {
            String bmc = i < bmcs.size() ? bmcs.get(i).uri().toString() : "https://10.99." + i / 250 + "." + i % 250;
            entries.add("{\"ID\": \"rack-1-%d\", \"Addr\": \"10.1.%d.%d\", \"BMC\": \"%s\", \"Fingerprint\": \"%s\"}"
                    .formatted(i + 1, i / 250, i % 250, bmc, certificate.fingerprint()));
        }
        rack.write("[" + String.join(",\n", entries) + "]");
        RedfishProvider provider = rack.provider("max-concurrent-calls", "256", "status-timeout", "60s");

        Duration firstListing = timed(() -> assertThat(provider.listMachines()).hasSize(MACHINES));
        List<Future<ProviderStatus>> looks = new ArrayList<>();
        for (int i = 1; i <= SILENT; i++) {
            ProviderID id = Rack.id(i);
            looks.add(callers.submit(() -> provider.getMachine(id).status().orElseThrow()));
        }
        await().atMost(Duration.ofMinutes(1))
                .until(() -> bmcs.subList(0, SILENT).stream()
                        .noneMatch(bmc -> bmc.calls().isEmpty()));
        Duration listing = timed(() -> assertThat(provider.listMachines()).hasSize(MACHINES));
        List<Long> untilSent = new ArrayList<>();
        for (int i = SILENT; i < SILENT + FINE; i++) {
            long decided = System.nanoTime();
            provider.rebootMachine(Rack.id(i + 1));
            untilSent.add(bmcs.get(i).calls().stream()
                            .filter(call -> call.method().equals("POST"))
                            .findFirst()
                            .orElseThrow()
                            .arrivedNanos()
                    - decided);
        }
        long waiting = looks.stream().filter(look -> !look.isDone()).count();
        long threads = Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getThreadGroup() != null)
                .filter(thread -> thread.getThreadGroup().getName().equals("shepherd-provider-racks"))
                .count();
        long sockets = sockets();
        untilSent.sort(null);
        Duration p99 = Duration.ofNanos(untilSent.get(FINE * 99 / 100 - 1));
        CONSOLE.printf(
                "%d machines, %d silent BMCs: first listing %d ms, listing meanwhile %d ms; reboot until its reset is sent:"
                        + " p50 %d ms, p99 %d ms, most %d ms; %d threads of the provider, %d sockets of the process with"
                        + " both ends%n",
                MACHINES,
                SILENT,
                firstListing.toMillis(),
                listing.toMillis(),
                untilSent.get(FINE / 2) / 1_000_000,
                p99.toMillis(),
                untilSent.get(FINE - 1) / 1_000_000,
                threads,
                sockets);
        rack.close();

        assertThat(waiting).as("looks that still wait").isEqualTo(SILENT);
        assertThat(listing).isLessThan(Duration.ofSeconds(1));
        assertThat(p99).isLessThan(Duration.ofSeconds(5));
        assertThat(threads).as("a thread for each call that waits, and a few").isLessThan(SILENT + 50L);
        assertThat(bmcs).allSatisfy(bmc -> assertThat(bmc.mostConcurrentCalls()).isLessThanOrEqualTo(1));
    }

    private interface Call {
        void run() throws Exception;
    }

    private static Duration timed(Call call) throws Exception {
        long start = System.nanoTime();
        call.run();
        return Duration.ofNanos(System.nanoTime() - start);
    }

    /** Counts the sockets of this process, where the system shows them. */
    private static long sockets() throws IOException {
        Path open = Path.of("/proc/self/fd");
        if (!Files.isDirectory(open)) {
            return -1;
        }
        try (Stream<Path> all = Files.list(open)) {
            return all.filter(RedfishLargeRackTest::isSocket).count();
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
