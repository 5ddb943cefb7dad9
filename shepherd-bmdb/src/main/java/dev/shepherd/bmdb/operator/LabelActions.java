package dev.shepherd.bmdb.operator;

import dev.shepherd.api.Labels;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.api.internal.OperatorText;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbException;
import dev.shepherd.bmdb.MachineRecord.Label;
import dev.shepherd.bmdb.internal.Database;
import dev.shepherd.bmdb.internal.Transactions;
import dev.shepherd.bmdb.internal.WorkQueries;
import dev.shepherd.bmdb.internal.labels.LabelQueries;
import dev.shepherd.bmdb.operator.ActionQueries.Entry;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a person does about labels. What is changed is recorded with who, through what and why in the same transaction, like
 * all of {@link OperatorActions}. Safe for use by several threads.
 */
public final class LabelActions {

    private static final Logger log = LoggerFactory.getLogger(LabelActions.class);

    /** How much of a text that is no change is shown. */
    private static final int SHOWN = 100;

    private final Transactions transactions;
    private final Actor actor;

    private LabelActions(Transactions transactions, Actor actor) {
        this.transactions = transactions;
        this.actor = actor;
    }

    /** Returns what a person can do about labels, on whose behalf all of it is done. */
    public static LabelActions of(Bmdb bmdb, Actor actor) {
        return new LabelActions(bmdb.unwrap(Database.class).transactions(), Objects.requireNonNull(actor, "actor"));
    }

    /**
     * What is to be changed of a machine's labels. Immutable.
     *
     * @param set the labels to set, by the rules of {@link Labels}
     * @param remove the keys of the labels to take off
     */
    public record Changes(Map<String, String> set, Set<String> remove) {

        /**
         * Checks and copies the changes.
         *
         * @throws IllegalArgumentException if a label breaks a rule, or if a key is to be both set and taken off
         */
        public Changes {
            set = LabelQueries.checked(set, remove);
            remove = Set.copyOf(remove);
        }

        /**
         * Reads changes as people write them: {@code tier=db} sets a label, {@code tier-} takes it off.
         *
         * @throws IllegalArgumentException if a text is neither, if a key is named twice, or if a label breaks a rule
         */
        public static Changes parse(Collection<String> texts) {
            Map<String, String> set = new LinkedHashMap<>();
            Set<String> remove = new LinkedHashSet<>();
            for (String text : texts) {
                int sign = text.indexOf('=');
                boolean isNew;
                if (sign > 0) {
                    isNew = set.put(text.substring(0, sign), text.substring(sign + 1)) == null;
                } else if (sign < 0 && text.length() > 1 && text.endsWith("-")) {
                    isNew = remove.add(text.substring(0, text.length() - 1));
                } else {
                    throw new IllegalArgumentException(
                            "a change is key=value or key-, not " + Escaped.quoted(text, SHOWN));
                }
                if (!isNew) {
                    throw new IllegalArgumentException("a key is named twice: " + Escaped.quoted(text, SHOWN));
                }
            }
            return new Changes(set, remove);
        }
    }

    /**
     * Sets labels of a machine, and takes others off, in one transaction. A label that is set here counts before those of the
     * same key that a program or the provider says. Where one is taken off that an operator or a program has set, what the
     * provider says under its key is in force again; that itself cannot be taken off, but only set to another value.
     *
     * <p>Takes effect at the next claim: for pauses and limits of recovery that go by labels as well.
     *
     * @param reason why: one line of 1 to 1,000 characters, not blank, without control characters
     * @return the labels that were changed, as they were; a key has an empty value where there was none
     * @throws IllegalArgumentException if the reason breaks a rule
     * @throws OperatorException if there is no such machine
     * @throws BmdbException if the machine would have more than {@value Labels#MOST} labels that do not come from its
     *     provider, or if the database cannot be reached
     * @throws InterruptedException if the thread is interrupted
     */
    public Map<String, Optional<Label>> change(UUID machineId, Changes changes, String reason)
            throws InterruptedException {
        OperatorText.checkReason("reason", reason);
        AtomicReference<String> what = new AtomicReference<>("");
        Map<String, Optional<Label>> changed = transactions.runAlone("labels of machine " + machineId, db -> {
            if (!WorkQueries.lockMachine(db, machineId)) {
                throw new OperatorException(
                        OperatorException.Reason.UNKNOWN_MACHINE, machineId, "there is no such machine");
            }
            Map<String, Optional<Label>> were =
                    LabelQueries.change(db, machineId, changes.set(), changes.remove(), Label.Source.OPERATOR);
            if (!were.isEmpty()) {
                what.set(describe(were, changes.set()));
                ActionQueries.record(db, actor, List.of(Entry.onMachine(Verb.LABEL, machineId, reason, what.get())));
            }
            return were;
        });
        if (!changed.isEmpty()) {
            log.info("Machine {}: labels {} by {}: {}", machineId, what.get(), actor, Escaped.text(reason));
        }
        return changed;
    }

    /** Sets labels and takes others off, like {@link #change(UUID, Changes, String)}. */
    public Map<String, Optional<Label>> change(
            UUID machineId, Map<String, String> set, Set<String> remove, String reason) throws InterruptedException {
        return change(machineId, new Changes(set, remove), reason);
    }

    private static String describe(Map<String, Optional<Label>> changed, Map<String, String> set) {
        List<String> texts = new ArrayList<>();
        changed.forEach((key, was) -> {
            String before = was.map(label -> " (was " + label.value() + ")").orElse("");
            texts.add(set.containsKey(key) ? key + "=" + set.get(key) + before : key + " taken off" + before);
        });
        return String.join(", ", texts);
    }
}
