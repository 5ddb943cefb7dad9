package dev.shepherd.bmdb.fleet;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_AGENT_HEARTBEAT;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_AGENT_STARTED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_DISRUPTION;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_LABELS;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_PROVIDED;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_QUARANTINE;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_RECOVERY;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK;
import static dev.shepherd.bmdb.internal.schema.Tables.WORK_BACKOFF;
import static org.jooq.impl.DSL.any;
import static org.jooq.impl.DSL.condition;
import static org.jooq.impl.DSL.inline;
import static org.jooq.impl.DSL.noCondition;

import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Selector;
import dev.shepherd.api.Selector.Term;
import dev.shepherd.bmdb.disruption.MachineDisruption;
import dev.shepherd.bmdb.fleet.MachinePage.Place;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.MachineQueries;
import dev.shepherd.bmdb.internal.labels.LabelQueries;
import dev.shepherd.bmdb.operator.RecoveryPolicies;
import dev.shepherd.bmdb.recovery.DisruptionQueries;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Pattern;
import org.jooq.Condition;
import org.jooq.Field;
import org.jooq.Record;
import org.jooq.SelectConditionStep;
import org.jooq.SortField;
import org.jooq.Table;
import org.jspecify.annotations.Nullable;

/** The statements that show machines page by page. Values are written into them, so that each is planned for its own. */
final class PageQueries {

    /** How many machines with a label are looked up one by one. */
    private static final int FEW = 2000;

    private static final Pattern UUID_TEXT = Pattern.compile("[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}");

    private final Handle db;
    private final MachineStates states;
    private final Field<String> state;
    private final Field<String> labels =
            LabelQueries.textOf(MACHINE_PROVIDED.MACHINE_ID).as("labels");

    PageQueries(Handle db, RecoveryPolicies policies) {
        this.db = db;
        this.states = new MachineStates(db.time(), policies);
        this.state = states.state();
    }

    MachinePage page(MachineFilter filter, @Nullable Place from, int limit) {
        Condition matching = matching(filter);
        boolean forward = from == null || from.after();
        List<MachineLine> lines = new ArrayList<>();
        if (from == null) {
            lines.addAll(read(filter, matching, true, limit + 1));
        } else {
            lines.addAll(read(filter, matching.and(beyondIn(from)), forward, limit + 1));
            if (lines.size() <= limit && !filter.provider().equals(Optional.of(from.provider()))) {
                lines.addAll(read(filter, matching.and(beyondProviderOf(from)), forward, limit + 1 - lines.size()));
            }
        }
        boolean more = lines.size() > limit;
        if (more) {
            lines.remove(limit);
        }
        if (!forward) {
            Collections.reverse(lines);
        }
        // What lies on the side that the reader comes from is there, or was when he came from it.
        boolean hasNext = !lines.isEmpty() && (more || !forward);
        boolean hasPrevious = !lines.isEmpty() && (forward ? from != null : more);
        return new MachinePage(
                lines,
                hasNext ? Optional.of(place(lines.get(lines.size() - 1), true)) : Optional.empty(),
                hasPrevious ? Optional.of(place(lines.get(0), false)) : Optional.empty());
    }

    private List<MachineLine> read(MachineFilter filter, Condition where, boolean forward, int limit) {
        return select(machines(filter), where)
                .orderBy(order(forward))
                .limit(inline(limit))
                .fetch(this::line);
    }

    Optional<MachineLine> machine(UUID machineId) {
        return select(states.machines(), MACHINE_PROVIDED.MACHINE_ID.eq(machineId))
                .fetchOptional(this::line);
    }

    private Table<?> machines(MachineFilter filter) {
        return filter.state()
                .<Table<?>>map(is -> states.machines(is, is == MachineState.SILENT && CountQueries.knowsAllSilent(db)))
                .orElseGet(states::machines);
    }

    private SelectConditionStep<? extends Record> select(Table<?> machines, Condition condition) {
        return db.dsl()
                .select(MACHINE_PROVIDED.fields())
                .select(
                        state,
                        labels,
                        MACHINE_AGENT_HEARTBEAT.AGENT_HEARTBEAT_AT,
                        MACHINE_AGENT_STARTED.AGENT_STARTED_AT,
                        MACHINE_QUARANTINE.QUARANTINED_AT,
                        MACHINE_QUARANTINE.QUARANTINE_CAUSE,
                        MACHINE_RECOVERY.RECOVERY_ATTEMPTED_AT,
                        WORK.WORK_STARTED_AT,
                        WORK_BACKOFF.UNTIL,
                        WORK_BACKOFF.CAUSE)
                .select(MACHINE_DISRUPTION.fields())
                .from(machines)
                .where(condition);
    }

    private static List<SortField<?>> order(boolean forward) {
        return forward
                ? List.of(MACHINE_PROVIDED.PROVIDER.asc(), MACHINE_PROVIDED.PROVIDER_ID.asc())
                : List.of(MACHINE_PROVIDED.PROVIDER.desc(), MACHINE_PROVIDED.PROVIDER_ID.desc());
    }

    /**
     * The machines of the place's own provider that are beyond it. Not in one condition with those of other providers: of a
     * comparison of rows PostgreSQL estimates the first column alone, takes a fleet whose last provider is its largest for
     * nearly empty, and reads whole tables for each machine.
     */
    private static Condition beyondIn(Place from) {
        Field<String> id = MACHINE_PROVIDED.PROVIDER_ID;
        Field<String> there = inline(from.id().value());
        return MACHINE_PROVIDED
                .PROVIDER
                .eq(inline(from.provider().name()))
                .and(from.after() ? id.gt(there) : id.lt(there));
    }

    /** The machines of the providers beyond the place's own. */
    private static Condition beyondProviderOf(Place from) {
        Field<String> there = inline(from.provider().name());
        return from.after() ? MACHINE_PROVIDED.PROVIDER.gt(there) : MACHINE_PROVIDED.PROVIDER.lt(there);
    }

    private static Place place(MachineLine line, boolean after) {
        return new Place(line.machine().provider(), line.machine().providerId(), after);
    }

    private Condition matching(MachineFilter filter) {
        Condition condition = filter.state().map(states::is).orElse(noCondition());
        condition = condition.and(filter.provider()
                .map(ProviderType::name)
                .map(name -> MACHINE_PROVIDED.PROVIDER.eq(inline(name)))
                .orElse(noCondition()));
        condition = condition.and(filter.location()
                .map(location -> location.isEmpty()
                        ? MACHINE_PROVIDED.PROVIDER_LOCATION.isNull()
                        : MACHINE_PROVIDED.PROVIDER_LOCATION.eq(inline(location)))
                .orElse(noCondition()));
        return condition
                .and(filter.text().map(PageQueries::named).orElse(noCondition()))
                .and(filter.selector().map(this::selected).orElse(noCondition()));
    }

    /**
     * Few machines are looked up by their ids, which the index on labels has. Where there are many, the list is read in its own
     * order, and each machine's labels are looked at: then there are enough of them on the way. Which of the two it is, is
     * counted and not estimated, since how common a pair of a key and a value is does not follow from how common each of them
     * is.
     */
    private Condition selected(Selector selector) {
        for (Term term : selector.terms()) {
            if (term.wanted()) {
                List<UUID> few = db.dsl()
                        .fetch(LabelQueries.having(term).limit(inline(FEW + 1)))
                        .getValues(MACHINE_LABELS.MACHINE_ID);
                if (few.size() <= FEW) {
                    return MACHINE_PROVIDED
                            .MACHINE_ID
                            .eq(any(few.toArray(UUID[]::new)))
                            .and(LabelQueries.matches(MACHINE_PROVIDED.MACHINE_ID, selector));
                }
            }
        }
        return LabelQueries.matchesOnTheWay(MACHINE_PROVIDED.MACHINE_ID, selector);
    }

    private static Condition named(String text) {
        if (UUID_TEXT.matcher(text).matches()) {
            return MACHINE_PROVIDED
                    .MACHINE_ID
                    .eq(inline(UUID.fromString(text)))
                    .or(MACHINE_PROVIDED.PROVIDER_ID.eq(inline(text)))
                    .or(reservation(text));
        }
        // Not through jOOQ's like with an escape clause: only a plain pattern can be looked up in the index.
        String pattern = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%";
        return condition("{0} like {1}", MACHINE_PROVIDED.PROVIDER_ID, inline(pattern))
                .or(MACHINE_PROVIDED.PROVIDER_IP_ADDRESS.eq(inline(text)))
                .or(reservation(text));
    }

    private static Condition reservation(String text) {
        return MACHINE_PROVIDED.PROVIDER_RESERVATION_ID.eq(inline(text));
    }

    private MachineLine line(Record row) {
        MachineState is = MachineState.valueOf(row.get(state));
        Optional<MachineDisruption> held = is == MachineState.HELD_BACK
                ? Optional.of(DisruptionQueries.disruption(row.into(MACHINE_DISRUPTION)))
                : Optional.empty();
        OffsetDateTime since = switch (is) {
            case HELD_BACK -> row.get(MACHINE_DISRUPTION.DISRUPTION_AT);
            case QUARANTINED -> row.get(MACHINE_QUARANTINE.QUARANTINED_AT);
            case RECOVERING -> row.get(MACHINE_RECOVERY.RECOVERY_ATTEMPTED_AT);
            case TAKEOVER -> row.get(WORK.WORK_STARTED_AT);
            case SILENT, STARTED, UP -> row.get(MACHINE_AGENT_STARTED.AGENT_STARTED_AT);
            default -> null;
        };
        String cause = switch (is) {
            case HELD_BACK -> held.flatMap(MachineDisruption::whyItWaits).orElse(null);
            case QUARANTINED -> row.get(MACHINE_QUARANTINE.QUARANTINE_CAUSE);
            case FAILING -> row.get(WORK_BACKOFF.CAUSE);
            default -> null;
        };
        boolean hasAgent = row.get(MACHINE_AGENT_STARTED.AGENT_STARTED_AT) != null;
        return new MachineLine(
                MachineQueries.provided(row.into(MACHINE_PROVIDED)),
                is,
                Optional.ofNullable(row.get(MACHINE_AGENT_HEARTBEAT.AGENT_HEARTBEAT_AT))
                        .filter(at -> hasAgent)
                        .map(OffsetDateTime::toInstant),
                Optional.ofNullable(since).map(OffsetDateTime::toInstant),
                held.isPresent()
                        ? held.flatMap(MachineDisruption::until).filter(Instant.MAX::isAfter)
                        : Optional.ofNullable(is == MachineState.FAILING ? row.get(WORK_BACKOFF.UNTIL) : null)
                                .map(OffsetDateTime::toInstant),
                Optional.ofNullable(cause),
                LabelQueries.labels(row.get(labels)));
    }
}
