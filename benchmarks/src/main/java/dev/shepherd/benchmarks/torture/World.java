package dev.shepherd.benchmarks.torture;

import dev.shepherd.bmdb.agent.AgentCall;
import dev.shepherd.bmdb.agent.AgentCallback;
import dev.shepherd.bmdb.agent.AgentReply;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The machines: reads along what is done to them, lets their agents beat, and lets some fall silent. Safe for use by
 * several threads.
 */
final class World {

    private static final Logger log = LoggerFactory.getLogger(World.class);

    /** How often {@link #tick} is to be called. */
    static final long TICK_MILLIS = 200;

    private static final int TICKS_PER_BEAT = 25;

    /** How many agents may be silent at a time, as a share of those that are heard. */
    private static final double MOST_SILENT = 0.1;

    /** For how long agents of a bad version are heard. */
    private static final long BAD_MICROS = 2_000_000;

    private final EffectReader reader;
    private final AgentCallback callback;
    private final Random random;
    private final Object lock = new Object();
    private final List<Effect> effects = new ArrayList<>();
    private final Map<UUID, Agent> agents = new HashMap<>();
    private final Map<String, UUID> ids = new HashMap<>();
    private final Set<String> bad = new HashSet<>();
    private final Map<String, Drain> drains = new HashMap<>();
    private final Map<Integer, Long> lastEffects = new HashMap<>();
    private long ticks;
    private long silenced;

    /** What runs on a machine since when; dead if it was rebooted or fell silent after that. */
    private record Agent(String key, long since, boolean alive) {}

    /** Work that a manager began to move away from a machine, and until when that takes. */
    private record Drain(int manager, long until) {}

    World(EffectReader reader, AgentCallback callback, Random random) {
        this.reader = reader;
        this.callback = callback;
        this.random = random;
    }

    /** Lets some time pass. */
    void tick() {
        synchronized (lock) {
            try {
                read();
            } catch (IOException e) {
                log.warn("the logs cannot be read", e);
            }
            ticks++;
            long now = Effect.now();
            agents.replaceAll(
                    (id, agent) -> agent.alive() && bad.contains(agent.key()) && now - agent.since() > BAD_MICROS
                            ? new Agent(agent.key(), agent.since(), false)
                            : agent);
            agents.forEach((id, agent) -> {
                if (agent.alive() && Math.floorMod(id.hashCode(), TICKS_PER_BEAT) == ticks % TICKS_PER_BEAT) {
                    // An answer is no matter of the agent's: it beats again.
                    CompletableFuture<AgentReply> unused =
                            callback.callAsync(AgentCall.of(id, HexFormat.of().parseHex(agent.key())));
                }
            });
        }
    }

    /** Reads what was logged since the last time. */
    void read() throws IOException {
        synchronized (lock) {
            for (Effect effect : reader.next()) {
                effects.add(effect);
                lastEffects.merge(effect.manager(), effect.micros(), Math::max);
                switch (effect.kind()) {
                    case RUN -> {
                        UUID id = UUID.fromString(effect.first());
                        ids.put(effect.machine(), id);
                        Agent before = agents.get(id);
                        if (before == null || before.since() < effect.micros()) {
                            agents.put(id, new Agent(effect.second(), effect.micros(), true));
                        }
                    }
                    case BUILD -> {
                        if (effect.second().contains(" " + Rollouter.BAD)) {
                            bad.add(effect.first());
                        }
                    }
                    case DRAIN -> {
                        if (!effect.second().isEmpty()) {
                            drains.put(effect.first(), new Drain(effect.manager(), Long.parseLong(effect.second())));
                        }
                    }
                    case DRAINED, DRAIN_DONE, DRAIN_CANCELLED -> drains.remove(effect.first());
                    case REBOOT -> kill(ids.get(effect.machine()), effect.micros());
                    default -> {
                        // Nothing that an agent notices.
                    }
                }
            }
        }
    }

    /** Returns the managers that began to move work away, which is not over yet. */
    Set<Integer> draining() {
        synchronized (lock) {
            long now = Effect.now();
            drains.values().removeIf(drain -> drain.until() <= now);
            return drains.values().stream().map(Drain::manager).collect(Collectors.toSet());
        }
    }

    private void kill(@Nullable UUID id, long micros) {
        Agent agent = id == null ? null : agents.get(id);
        if (id != null && agent != null && agent.since() < micros) {
            agents.put(id, new Agent(agent.key(), micros, false));
        }
    }

    /**
     * Lets agents fall silent, so many if they are few beside those that are heard: recovery freezes where many are not.
     * Returns how many there were.
     */
    int silence(int count) {
        synchronized (lock) {
            List<UUID> alive = new ArrayList<>();
            agents.forEach((id, agent) -> {
                if (agent.alive()) {
                    alive.add(id);
                }
            });
            int silent = agents.size() - alive.size();
            int chosen = Math.min(count, (int) (alive.size() * MOST_SILENT) - silent);
            for (int i = 0; i < chosen; i++) {
                kill(alive.remove(random.nextInt(alive.size())), Effect.now());
                silenced++;
            }
            return Math.max(0, chosen);
        }
    }

    /** Returns how many agents fell silent. */
    long silenced() {
        synchronized (lock) {
            return silenced;
        }
    }

    /** Tells whether a manager has done anything since then, in microseconds since the epoch. */
    boolean hasWorkedSince(int manager, long micros) {
        synchronized (lock) {
            return lastEffects.getOrDefault(manager, 0L) > micros;
        }
    }

    List<Effect> effects() {
        synchronized (lock) {
            return List.copyOf(effects);
        }
    }

    /** Returns the keys of the agents that are alive, by the machines' ids. */
    Map<UUID, String> alive() {
        synchronized (lock) {
            Map<UUID, String> keys = new HashMap<>();
            agents.forEach((id, agent) -> {
                if (agent.alive()) {
                    keys.put(id, agent.key());
                }
            });
            return keys;
        }
    }
}
