package dev.shepherd.bmdb.internal.labels;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_LABELS;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_PROVIDED;
import static org.jooq.impl.DSL.any;
import static org.jooq.impl.DSL.count;
import static org.jooq.impl.DSL.exists;
import static org.jooq.impl.DSL.field;
import static org.jooq.impl.DSL.inline;
import static org.jooq.impl.DSL.noCondition;
import static org.jooq.impl.DSL.not;
import static org.jooq.impl.DSL.select;
import static org.jooq.impl.DSL.selectOne;

import dev.shepherd.api.Labels;
import dev.shepherd.api.Selector;
import dev.shepherd.api.Selector.Term;
import dev.shepherd.bmdb.BmdbException;
import dev.shepherd.bmdb.MachineRecord.Label;
import dev.shepherd.bmdb.internal.Handle;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jooq.Condition;
import org.jooq.Field;
import org.jooq.Record1;
import org.jooq.SelectConditionStep;
import org.jspecify.annotations.Nullable;

/** The statements on labels. Each that writes expects that the machine is locked. */
public final class LabelQueries {

    private LabelQueries() {}

    /** Writes labels as {@code machine_provided.provider_labels} has them; null for none. */
    public static @Nullable String text(Map<String, String> labels) {
        return labels.isEmpty()
                ? null
                : labels.entrySet().stream()
                        .map(label -> label.getKey() + "=" + label.getValue())
                        .collect(Collectors.joining(","));
    }

    /** Reads what {@link #text} wrote. */
    public static Map<String, String> labels(@Nullable String text) {
        if (text == null || text.isEmpty()) {
            return Map.of();
        }
        Map<String, String> labels = new TreeMap<>();
        for (String label : text.split(",", -1)) {
            int sign = label.indexOf('=');
            labels.put(label.substring(0, sign < 0 ? label.length() : sign), label.substring(sign + 1));
        }
        return Collections.unmodifiableMap(labels);
    }

    /** The labels in force of a machine, as {@link #labels(String)} reads them. */
    public static Field<String> textOf(Field<UUID> machineId) {
        return field(
                "(select string_agg(l.label_key || '=' || l.label_value, ',' order by l.label_key collate \"C\")"
                        + " from machine_labels l where l.machine_id = {0})",
                String.class, machineId);
    }

    /** Reads the labels in force of a machine, in the order of their keys. */
    public static Map<String, Label> of(Handle db, UUID machineId) {
        Map<String, Label> labels = new TreeMap<>();
        db.dsl()
                .selectFrom(MACHINE_LABELS)
                .where(MACHINE_LABELS.MACHINE_ID.eq(machineId))
                .forEach(row -> labels.put(
                        row.getLabelKey(),
                        new Label(row.getLabelValue(), Label.Source.ofDatabaseName(row.getLabelSource()))));
        return labels;
    }

    /** Reads the labels in force of some machines; those without any are left out. */
    public static Map<UUID, Map<String, String>> of(Handle db, Collection<UUID> machineIds) {
        Map<UUID, Map<String, String>> all = new HashMap<>();
        db.dsl()
                .selectFrom(MACHINE_LABELS)
                .where(MACHINE_LABELS.MACHINE_ID.eq(any(machineIds.toArray(UUID[]::new))))
                .forEach(row -> all.computeIfAbsent(row.getMachineId(), id -> new TreeMap<>())
                        .put(row.getLabelKey(), row.getLabelValue()));
        return all;
    }

    /**
     * Copies labels that are to be set.
     *
     * @throws IllegalArgumentException if one breaks a rule, or is to be taken off as well
     */
    public static Map<String, String> checked(Map<String, String> set, Set<String> remove) {
        Map<String, String> copy = Labels.copyOf(set);
        remove.forEach(key -> {
            Labels.problemOfKey(key).ifPresent(why -> {
                throw new IllegalArgumentException(why);
            });
            if (copy.containsKey(key)) {
                throw new IllegalArgumentException("the label " + key + " is to be both set and taken off");
            }
        });
        return copy;
    }

    /**
     * Sets labels, and takes others off, on behalf of an operator or a program. What an operator said stays where a program
     * says something else. Where a label is taken off, what the provider says under its key is in force again; that itself
     * cannot be taken off.
     *
     * @return the labels that were changed, as they were; empty where there was none
     * @throws BmdbException if the machine would have too many labels that do not come from its provider
     */
    public static Map<String, Optional<Label>> change(
            Handle db, UUID machineId, Map<String, String> set, Collection<String> remove, Label.Source source) {
        Map<String, Label> before = of(db, machineId);
        Map<String, Optional<Label>> changed = new TreeMap<>();
        set.forEach((key, value) -> {
            Label now = new Label(value, source);
            Optional<Label> was = Optional.ofNullable(before.get(key));
            if (!was.equals(Optional.of(now)) && !isHeldAgainst(source, was)) {
                put(db, machineId, key, now);
                changed.put(key, was);
            }
        });
        List<String> removed = new ArrayList<>();
        for (String key : remove) {
            Label was = before.get(key);
            if (was != null && was.source() != Label.Source.PROVIDER && !isHeldAgainst(source, Optional.of(was))) {
                removed.add(key);
                changed.put(key, Optional.of(was));
            }
        }
        if (!removed.isEmpty()) {
            remove(db, machineId, removed);
        }
        requireFewEnough(db, machineId);
        return changed;
    }

    private static boolean isHeldAgainst(Label.Source source, Optional<Label> label) {
        return source == Label.Source.PROGRAM && label.map(Label::source).equals(Optional.of(Label.Source.OPERATOR));
    }

    private static void put(Handle db, UUID machineId, String key, Label label) {
        db.dsl()
                .insertInto(MACHINE_LABELS)
                .set(MACHINE_LABELS.MACHINE_ID, machineId)
                .set(MACHINE_LABELS.LABEL_KEY, key)
                .set(MACHINE_LABELS.LABEL_VALUE, label.value())
                .set(MACHINE_LABELS.LABEL_SOURCE, label.source().databaseName())
                .onConflict(MACHINE_LABELS.MACHINE_ID, MACHINE_LABELS.LABEL_KEY)
                .doUpdate()
                .set(MACHINE_LABELS.LABEL_VALUE, label.value())
                .set(MACHINE_LABELS.LABEL_SOURCE, label.source().databaseName())
                .execute();
    }

    private static void remove(Handle db, UUID machineId, Collection<String> keys) {
        db.dsl()
                .deleteFrom(MACHINE_LABELS)
                .where(MACHINE_LABELS.MACHINE_ID.eq(machineId))
                .and(MACHINE_LABELS.LABEL_KEY.in(keys))
                .execute();
        db.dsl()
                .select(field(
                        "machine_labels_mirror({0}, {1})",
                        Object.class, MACHINE_PROVIDED.MACHINE_ID, MACHINE_PROVIDED.PROVIDER_LABELS))
                .from(MACHINE_PROVIDED)
                .where(MACHINE_PROVIDED.MACHINE_ID.eq(machineId))
                .fetch();
    }

    private static void requireFewEnough(Handle db, UUID machineId) {
        int labels = db.dsl()
                .select(count())
                .from(MACHINE_LABELS)
                .where(MACHINE_LABELS.MACHINE_ID.eq(machineId))
                .and(MACHINE_LABELS.LABEL_SOURCE.ne(inline(Label.Source.PROVIDER.databaseName())))
                .fetchSingle(count());
        if (labels > Labels.MOST) {
            throw new BmdbException(
                    String.format(
                            Locale.ROOT,
                            "machine %s would have %d labels from operators and programs; it has at most %d",
                            machineId,
                            labels,
                            Labels.MOST),
                    null,
                    null);
        }
    }

    /** A machine is selected. The database says the same by {@code labels_match}, of a selector that it holds. */
    public static Condition matches(Field<UUID> machineId, Selector selector) {
        return selector.terms().stream()
                .map(term -> {
                    Condition has = exists(selectOne()
                            .from(MACHINE_LABELS)
                            .where(MACHINE_LABELS.MACHINE_ID.eq(machineId))
                            .and(is(term)));
                    return term.wanted() ? has : not(has);
                })
                .reduce(noCondition(), Condition::and);
    }

    /**
     * The same, as a subquery with one value for each term: the planner can make no join of it, which would begin at the
     * labels.
     */
    public static Condition matchesOnTheWay(Field<UUID> machineId, Selector selector) {
        return selector.terms().stream()
                .map(term -> {
                    Field<Boolean> has = field(select(inline(true))
                            .from(MACHINE_LABELS)
                            .where(MACHINE_LABELS.MACHINE_ID.eq(machineId))
                            .and(is(term))
                            .limit(inline(1)));
                    return term.wanted() ? has.isNotNull() : has.isNull();
                })
                .reduce(noCondition(), Condition::and);
    }

    /** The machines with a label that a term names. */
    public static SelectConditionStep<Record1<UUID>> having(Term term) {
        return select(MACHINE_LABELS.MACHINE_ID).from(MACHINE_LABELS).where(is(term));
    }

    private static Condition is(Term term) {
        Condition key = MACHINE_LABELS.LABEL_KEY.eq(inline(term.key()));
        return switch (term.values().size()) {
            case 0 -> key;
            case 1 -> key.and(MACHINE_LABELS.LABEL_VALUE.eq(inline(term.values().get(0))));
            default ->
                key.and(MACHINE_LABELS.LABEL_VALUE.in(term.values().stream()
                        .map(value -> (Field<String>) inline(value))
                        .toList()));
        };
    }
}
