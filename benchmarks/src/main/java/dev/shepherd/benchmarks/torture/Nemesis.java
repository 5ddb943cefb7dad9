package dev.shepherd.benchmarks.torture;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * Hurts managers: one fault after the other, drawn at random from a deck, each on a manager that is whole and has been at
 * work since it was hurt last. One is always left whole. Used by one thread.
 */
final class Nemesis {

    /** What is done to a manager. */
    enum Fault {
        /** Killed; another one takes its place. */
        KILL,
        /** Frozen for longer than its sessions live. */
        FREEZE,
        /** All its connections break. */
        RESET,
        /** No byte passes for a while. */
        CUT_OFF,
        /** Answers come late. */
        DELAY,
        /** Answers to commits are swallowed. */
        CUT_COMMITS
    }

    private static final List<Fault> DECK = List.of(
            Fault.KILL,
            Fault.KILL,
            Fault.KILL,
            Fault.FREEZE,
            Fault.FREEZE,
            Fault.FREEZE,
            Fault.RESET,
            Fault.CUT_OFF,
            Fault.DELAY,
            Fault.CUT_COMMITS);

    private static final int SHORTEST_PAUSE_MILLIS = 500;
    private static final int LONGEST_PAUSE_MILLIS = 3000;

    private final Managers managers;
    private final World world;
    private final Random random;
    private final Map<Integer, Long> healedAt = new HashMap<>();
    private final List<Fault> deck = new ArrayList<>();
    private final List<Wound> wounds = new ArrayList<>();
    private final Map<Fault, Integer> counts = new EnumMap<>(Fault.class);
    private long nextAt = System.nanoTime();

    /** A manager that is hurt until then. */
    private record Wound(int slot, Fault fault, long healsAt) {}

    Nemesis(Managers managers, World world, Random random) {
        this.managers = managers;
        this.world = world;
        this.random = random;
    }

    /** Does what is due. */
    void step() throws IOException, InterruptedException {
        heal(System.nanoTime());
        managers.replaceFallen();
        if (System.nanoTime() - nextAt >= 0) {
            nextAt = System.nanoTime() + millis(SHORTEST_PAUSE_MILLIS, LONGEST_PAUSE_MILLIS);
            hurt();
        }
    }

    private long millis(int least, int most) {
        return (least + random.nextInt(most - least)) * 1_000_000L;
    }

    private void hurt() throws IOException, InterruptedException {
        List<Integer> atWork = IntStream.range(0, managers.count())
                .filter(this::isAtWork)
                .boxed()
                .toList();
        if (atWork.isEmpty() || wounds.size() >= managers.count() - 1) {
            return;
        }
        Fault fault = draw();
        Set<Integer> draining = fault == Fault.KILL ? world.draining() : Set.of();
        List<Integer> drainers = atWork.stream()
                .filter(slot -> draining.contains(managers.number(slot).orElseThrow()))
                .toList();
        // One that dies with work half moved away is the one to see.
        List<Integer> chosen = drainers.isEmpty() ? atWork : drainers;
        int slot = chosen.get(random.nextInt(chosen.size()));
        counts.merge(fault, 1, Integer::sum);
        long interval = Plan.SESSION_INTERVAL.toNanos();
        switch (fault) {
            case KILL -> {
                managers.kill(slot);
                wound(slot, fault, millis(200, 1500));
            }
            case FREEZE -> {
                managers.freeze(slot);
                wound(slot, fault, (long) (interval * (1.3 + 2 * random.nextDouble())));
            }
            case RESET -> {
                managers.wire(slot).reset();
                wound(slot, fault, 0);
            }
            case CUT_OFF -> {
                managers.wire(slot).freeze();
                wound(slot, fault, (long) (interval * (0.3 + 3 * random.nextDouble())));
            }
            case DELAY -> {
                managers.wire(slot).delay(20 + random.nextInt(150));
                wound(slot, fault, millis(3000, 10_000));
            }
            case CUT_COMMITS -> {
                managers.wire(slot).cutCommits(1 + random.nextInt(5));
                wound(slot, fault, millis(2000, 4000));
            }
        }
    }

    private boolean isAtWork(int slot) {
        OptionalInt manager = managers.number(slot);
        return manager.isPresent()
                && wounds.stream().noneMatch(wound -> wound.slot() == slot)
                && world.hasWorkedSince(manager.getAsInt(), healedAt.getOrDefault(slot, 0L));
    }

    private void wound(int slot, Fault fault, long nanos) {
        wounds.add(new Wound(slot, fault, System.nanoTime() + nanos));
    }

    private Fault draw() {
        if (deck.isEmpty()) {
            deck.addAll(DECK);
            Collections.shuffle(deck, random);
        }
        return deck.remove(deck.size() - 1);
    }

    private void heal(long now) throws IOException, InterruptedException {
        for (Wound wound : List.copyOf(wounds)) {
            if (now - wound.healsAt() >= 0) {
                wounds.remove(wound);
                healedAt.put(wound.slot(), Effect.now());
                switch (wound.fault()) {
                    case KILL -> managers.start(wound.slot());
                    case FREEZE -> managers.thaw(wound.slot());
                    case RESET, CUT_OFF, DELAY, CUT_COMMITS ->
                        managers.wire(wound.slot()).heal();
                }
            }
        }
    }

    /** Makes every manager whole again. */
    void healAll() throws IOException, InterruptedException {
        heal(Long.MAX_VALUE / 2 + System.nanoTime() / 2);
    }

    int count(Fault fault) {
        return counts.getOrDefault(fault, 0);
    }
}
