package dev.shepherd.benchmarks.torture;

import dev.shepherd.benchmarks.torture.ManagerProcess.Frozen;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.jspecify.annotations.Nullable;

/** The managers, each behind a wire of its own, and what is done to them. Used by one thread. */
final class Managers implements AutoCloseable {

    /** The longest that a manager is left frozen, whatever becomes of this process. */
    private static final long LONGEST_FREEZE_SECONDS = 60;

    private final Plan plan;
    private final Urls urls;
    private final List<Slot> slots = new ArrayList<>();
    private final List<Frozen> frozen = new ArrayList<>();
    private final Map<Integer, Long> killed = new HashMap<>();
    private final List<String> complaints = new ArrayList<>();
    private final ExecutorService closer = Executors.newSingleThreadExecutor(task -> {
        Thread thread = new Thread(task, "torture-wires");
        thread.setDaemon(true);
        return thread;
    });
    private int started;

    /** Makes the URL that leads to the database by other ports. */
    @FunctionalInterface
    interface Urls {
        String through(List<Integer> ports);
    }

    /** A place for a manager, with its wire. */
    private static final class Slot {
        private final Wire wire;
        private @Nullable ManagerProcess manager;

        Slot(Wire wire) {
            this.wire = wire;
        }
    }

    Managers(Plan plan, List<Integer> servers, Urls urls, int count) throws IOException {
        this.plan = plan;
        this.urls = urls;
        boolean whole = false;
        try {
            for (int i = 0; i < count; i++) {
                slots.add(new Slot(new Wire(servers, closer)));
            }
            whole = true;
        } finally {
            if (!whole) {
                close();
            }
        }
    }

    int count() {
        return slots.size();
    }

    Wire wire(int slot) {
        return slots.get(slot).wire;
    }

    private ManagerProcess manager(int slot) {
        ManagerProcess manager = slots.get(slot).manager;
        if (manager == null) {
            throw new IllegalStateException("slot " + slot + " has no manager");
        }
        return manager;
    }

    void start(int slot) throws IOException {
        Slot place = slots.get(slot);
        place.manager = ManagerProcess.start(plan, ++started, urls.through(place.wire.ports()));
    }

    /** Returns the number of the manager that runs in a slot; empty if none does. */
    OptionalInt number(int slot) {
        ManagerProcess manager = slots.get(slot).manager;
        return manager == null ? OptionalInt.empty() : OptionalInt.of(manager.number());
    }

    void kill(int slot) throws InterruptedException {
        ManagerProcess manager = manager(slot);
        manager.kill();
        killed.put(manager.number(), Effect.now());
        slots.get(slot).manager = null;
    }

    void freeze(int slot) throws IOException, InterruptedException {
        manager(slot).freeze(LONGEST_FREEZE_SECONDS);
    }

    void thaw(int slot) throws IOException, InterruptedException {
        frozen.add(manager(slot).thaw());
    }

    /** Notes managers that ended on their own, and starts others in their place. */
    void replaceFallen() throws IOException {
        for (int i = 0; i < slots.size(); i++) {
            ManagerProcess manager = slots.get(i).manager;
            if (manager != null && !manager.isAlive()) {
                complaints.add("manager " + manager.number() + " ended by itself: see "
                        + ManagerProcess.log(plan, manager.number()));
                start(i);
            }
        }
    }

    /** Lets every manager end by itself. */
    void end() throws IOException, InterruptedException {
        for (Slot slot : slots) {
            ManagerProcess manager = slot.manager;
            if (manager != null) {
                if (!manager.end()) {
                    complaints.add("manager " + manager.number() + " did not end well: see "
                            + ManagerProcess.log(plan, manager.number()));
                }
                slot.manager = null;
            }
        }
    }

    /** Returns how many were started. */
    int started() {
        return started;
    }

    int commitsCut() {
        return slots.stream().mapToInt(slot -> slot.wire.commitsCut()).sum();
    }

    List<Frozen> frozen() {
        return Collections.unmodifiableList(frozen);
    }

    /** Returns when which manager was killed, in microseconds since the epoch. */
    Map<Integer, Long> killed() {
        return Collections.unmodifiableMap(killed);
    }

    List<String> complaints() {
        return Collections.unmodifiableList(complaints);
    }

    @Override
    public void close() {
        for (Slot slot : slots) {
            ManagerProcess manager = slot.manager;
            if (manager != null) {
                manager.close();
            }
            slot.wire.close();
        }
        closer.shutdownNow();
    }
}
