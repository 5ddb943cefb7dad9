package dev.shepherd.cli.hostile;

import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderConfig;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderFactory;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Recoverer;
import dev.shepherd.provider.redfish.RedfishProvider;
import dev.shepherd.provider.support.CallThreads;
import dev.shepherd.provider.support.HttpCalls;
import dev.shepherd.provider.support.Pages;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.lang.management.MemoryUsage;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Asks all hostile servers, and a fleet of good BMCs meanwhile. A program of its own: its heap is what is attacked. */
final class Victim {

    /** How many attacks of a kind go on at once: a process asks 16 BMCs by default, and has a list and a project. */
    private static final Map<String, Integer> AT_ONCE =
            Map.of("REDFISH", 12, "IPMI", 4, "LIST", 1, "EQUINIX", 2, "CALLS", 4);

    private final RedfishProvider racks;

    private Victim(RedfishProvider racks) {
        this.racks = racks;
    }

    /** @param arguments the folder of the list and the files, how many machines of it are good, and the attacks */
    public static void main(String[] arguments) {
        int status = 1;
        try {
            run(arguments);
            status = 0;
        } catch (Exception e) {
            e.printStackTrace();
        }
        System.exit(status);
    }

    private static void run(String[] arguments) throws Exception {
        Path folder = Path.of(arguments[0]);
        int good = Integer.parseInt(arguments[1]);
        Map<String, String> properties = new HashMap<>();
        properties.put("list", folder.resolve("machines.json").toUri().toString());
        properties.put("credentials", folder.resolve("credentials").toString());
        properties.put("ipmitool", folder.resolve("ipmitool").toString());
        properties.put("allow-http", "true");
        properties.put("reinstall", "pxe");
        properties.put("timeout", "20s");
        properties.put("status-timeout", "20s");
        Map<String, ExecutorService> attacked = new HashMap<>();
        AT_ONCE.forEach((kind, count) -> attacked.put(kind, Executors.newFixedThreadPool(count)));
        ExecutorService watching = Executors.newSingleThreadExecutor();
        try (RedfishProvider racks = (RedfishProvider) provider("redfish", properties)) {
            Victim victim = new Victim(racks);
            Future<long[]> heap = watching.submit(Victim::watchHeap);
            List<Future<String>> outcomes = new ArrayList<>();
            // Before anything else, while nothing of the process is warm.
            victim.rebootAll(good);
            for (String attack : Files.readAllLines(folder.resolve("attacks"))) {
                String[] words = attack.split(" ");
                outcomes.add(attacked.get(words[0]).submit(() -> victim.meet(words)));
            }
            attacked.values().forEach(ExecutorService::shutdown);
            int rounds = 0;
            long slowest = 0;
            while (rounds < 3 || !attacked.values().stream().allMatch(ExecutorService::isTerminated)) {
                slowest = Math.max(slowest, victim.rebootAll(good));
                rounds++;
            }
            watching.shutdownNow();
            long[] peaks = heap.get();
            System.out.println();
            for (Future<String> outcome : outcomes) {
                System.out.println(outcome.get());
            }
            System.out.printf(
                    "rebooted: %d machines %d times, the slowest in %d ms%n", good, rounds, slowest / 1_000_000);
            outcomes.clear();
            System.gc();
            System.out.printf(
                    "heap: %d MiB at most, %d MiB after a collection, %d MiB in the end%n",
                    peaks[0] >> 20,
                    peaks[1] >> 20,
                    ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed() >> 20);
        }
    }

    /** Looks at each good machine and reboots it. Returns how long that took at most for one, in nanoseconds. */
    private long rebootAll(int good) throws InterruptedException {
        long slowest = 0;
        for (int i = 0; i < good; i++) {
            ProviderID id = new ProviderID("good-" + i);
            long since = System.nanoTime();
            if (!racks.getMachine(id).status().equals(Optional.of(ProviderStatus.RUNNING))) {
                throw new IllegalStateException(id + " is not seen to run");
            }
            racks.rebootMachine(id);
            slowest = Math.max(slowest, System.nanoTime() - since);
        }
        return slowest;
    }

    /** Returns the most that was used of the heap, and the most that was left after collections. */
    private static long[] watchHeap() {
        long[] peaks = new long[2];
        try {
            while (true) {
                peaks[0] = Math.max(
                        peaks[0],
                        ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed());
                long left = 0;
                for (MemoryPoolMXBean pool : ManagementFactory.getMemoryPoolMXBeans()) {
                    MemoryUsage usage = pool.getType() == MemoryType.HEAP ? pool.getCollectionUsage() : null;
                    left += usage == null ? 0 : usage.getUsed();
                }
                peaks[1] = Math.max(peaks[1], left);
                Thread.sleep(5);
            }
        } catch (InterruptedException e) {
            return peaks;
        }
    }

    private static Provider provider(String kind, Map<String, String> properties) throws InterruptedException {
        ProviderFactory factory = ServiceLoader.load(ProviderFactory.class).stream()
                .map(ServiceLoader.Provider::get)
                .filter(found -> found.kind().equals(kind))
                .findFirst()
                .orElseThrow();
        return factory.create(ProviderConfig.of(factory, new ProviderType(kind), properties));
    }

    /** @param words the protocol, the name of the attack, and what is attacked */
    private String meet(String[] words) throws Exception {
        List<String> outcomes = new ArrayList<>();
        switch (words[0]) {
            case "REDFISH", "IPMI" -> {
                ProviderID id = new ProviderID(words[2]);
                outcomes.add(outcome(() -> racks.getMachine(id).status()));
                outcomes.add(outcome(() -> {
                    racks.rebootMachine(id);
                    return "rebooted";
                }));
                if (words[0].equals("IPMI") || !Attack.valueOf(words[1]).isFraming()) {
                    outcomes.add(outcome(() -> racks.check(id)));
                    outcomes.add(outcome(() -> {
                        racks.reinstallMachine(id);
                        return "reinstalled";
                    }));
                }
            }
            case "LIST" -> {
                try (Provider list = provider("static", Map.of("list", words[2], "timeout", "2s"))) {
                    for (int i = 0; i < 3; i++) {
                        outcomes.add(outcome(() -> list.listMachines().size() + " machines"));
                    }
                }
            }
            case "EQUINIX" -> {
                try (Provider metal = provider(
                        "equinix",
                        Map.of(
                                "project", UUID.randomUUID().toString(),
                                "api-token", "token",
                                "device-prefix", "fleet-",
                                "use-project-keys", "true",
                                "endpoint", words[2],
                                "calls-per-second", "1000",
                                "attempt-timeout", "4s",
                                "total-timeout", "4s"))) {
                    ProviderID id = new ProviderID(UUID.randomUUID().toString());
                    outcomes.add(outcome(() -> metal.listMachines().size() + " machines"));
                    outcomes.add(outcome(() -> metal.getMachine(id).status()));
                    outcomes.add(outcome(() -> {
                        ((Recoverer) metal).rebootMachine(id);
                        return "rebooted";
                    }));
                }
            }
            case "CALLS" -> {
                try (CallThreads threads = new CallThreads("victim")) {
                    HttpCalls calls = HttpCalls.builder("victim", threads)
                            .base(URI.create(words[2]))
                            .limit(Duration.ofSeconds(3))
                            .build();
                    for (int i = 0; i < 4; i++) {
                        outcomes.add(outcome(
                                () -> calls.at("/servers").get().orThrow().body().length + " bytes"));
                    }
                    outcomes.add(outcome(() -> {
                        Pages.readAll("the servers", marker -> {
                            String page = calls.at("/servers?after={}", marker)
                                    .get()
                                    .orThrow()
                                    .text();
                            return page.length() < 100 ? page.replaceAll("[^a-z0-9]", "") : "";
                        });
                        return "all pages";
                    }));
                }
            }
            default -> throw new IllegalArgumentException(words[0]);
        }
        return words[0] + " " + words[1] + ": " + String.join("; ", outcomes);
    }

    private interface Call {
        Object make() throws Exception;
    }

    private static String outcome(Call call) throws Exception {
        long since = System.nanoTime();
        String what;
        try {
            what = String.valueOf(call.make());
        } catch (ProviderException e) {
            what = e.getClass().getSimpleName() + " " + e.getMessage();
        }
        if (what.length() > 3_000) {
            throw new IllegalStateException("a text of " + what.length() + " characters: " + what.substring(0, 300));
        }
        if (what.chars().anyMatch(c -> Character.isISOControl(c))) {
            throw new IllegalStateException("a text with control characters: " + what);
        }
        int end = Math.min(what.length(), 110);
        return String.format(
                "%.1f s, %s", (System.nanoTime() - since) / 1e9, what.substring(Math.max(0, end - 110), end));
    }
}
