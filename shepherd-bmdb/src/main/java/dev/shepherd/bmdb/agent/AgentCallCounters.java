package dev.shepherd.bmdb.agent;

import dev.shepherd.bmdb.agent.AgentCallException.Reason;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/** How calls of agents were answered. Safe for use by several threads. */
final class AgentCallCounters {

    private final Answers heartbeats = new Answers();
    private final Answers reports = new Answers();

    /** Are told how many heartbeats are written with one statement. */
    private final List<IntConsumer> batches = new CopyOnWriteArrayList<>();

    private static final class Answers {
        private final LongAdder accepted = new LongAdder();
        private final Map<Reason, LongAdder> refused = new EnumMap<>(Reason.class);

        Answers() {
            for (Reason reason : Reason.values()) {
                refused.put(reason, new LongAdder());
            }
        }

        LongAdder of(@Nullable Reason refusal) {
            return refusal == null ? accepted : Objects.requireNonNull(refused.get(refusal));
        }
    }

    private Answers answers(boolean withReports) {
        return withReports ? reports : heartbeats;
    }

    void answered(boolean withReports, @Nullable Reason refusal) {
        answers(withReports).of(refusal).increment();
    }

    /**
     * Returns how many calls were answered so.
     *
     * @param refusal why they were refused, or failed; null for those that were carried out
     */
    long answers(boolean withReports, @Nullable Reason refusal) {
        return answers(withReports).of(refusal).sum();
    }

    void written(int batch) {
        for (IntConsumer observer : batches) {
            observer.accept(batch);
        }
    }

    void observe(IntConsumer observer) {
        batches.add(observer);
    }

    void forget(IntConsumer observer) {
        batches.remove(observer);
    }
}
