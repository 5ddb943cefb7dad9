package dev.shepherd.bmdb.recovery;

import static dev.shepherd.bmdb.internal.schema.Tables.MACHINES;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_PROVIDED;
import static org.jooq.impl.DSL.selectOne;

import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Freeze;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.MachineConditions;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jooq.Condition;
import org.jooq.impl.DSL;

/**
 * The places within the limits of recovery that are free for machines that are disturbed for another reason. They stay
 * free as long as the provider's row is locked, by the transaction that this is for.
 *
 * <p>Machines are counted only as far as the limits depend on them: of a provider, no more than {@code maxPerProvider /
 * maxShare}, of a location no more than {@code maxPerLocation / maxShare}, by an index; and only of locations that are
 * asked for.
 */
public final class RecoveryPlaces {

    private final Handle db;
    private final ProviderType provider;
    private final RecoveryPolicy policy;
    private final List<Freeze> frozen;
    private final Map<String, Integer> inRecovery;
    private final LabelPlaces byLabels;
    private final Map<String, Integer> left = new HashMap<>();

    /** Counts. The caller has the provider's row locked; this takes the lock that limits by labels need beside it. */
    public RecoveryPlaces(Handle db, ProviderType provider, RecoveryPolicy policy) {
        this.db = db;
        this.provider = provider;
        this.policy = policy;
        this.frozen = FreezeQueries.inForce(db, provider);
        InRecovery counts = new InRecovery(db, provider);
        LabelRoom labels = new LabelRoom(db, policy, counts.anywhere());
        labels.lock();
        this.inRecovery = counts.byLocation();
        this.byLabels = labels.places();
    }

    /** Returns the freezes in force. */
    public List<Freeze> frozen() {
        return frozen;
    }

    /** Returns how many places the provider has left, without those that were taken. */
    public int ofProvider() {
        if (frozen.stream().anyMatch(one -> one.location().isEmpty())) {
            return 0;
        }
        int taken = inRecovery.values().stream().mapToInt(Integer::intValue).sum();
        return left(policy.maxPerProvider(), taken, DSL.noCondition());
    }

    /** Tells whether a location has a place left. Machines without a location have no limit of their own. */
    public boolean hasPlace(String location) {
        return location.isEmpty() || left.computeIfAbsent(location, this::ofLocation) > 0;
    }

    /** Takes a place for a machine at a location and with these labels, if there is one. */
    public boolean take(String location, Map<String, String> labels) {
        if (!hasPlace(location) || byLabels.take(labels).isPresent()) {
            return false;
        }
        left.computeIfPresent(location, (where, places) -> places - 1);
        return true;
    }

    private int ofLocation(String location) {
        if (frozen.stream().anyMatch(one -> one.covers(location))) {
            return 0;
        }
        return left(
                policy.maxPerLocation(),
                inRecovery.getOrDefault(location, 0),
                MACHINE_PROVIDED.PROVIDER_LOCATION.eq(location));
    }

    private int left(int most, int taken, Condition where) {
        // If no number of machines would leave one, none needs to be counted.
        if (taken >= most) {
            return 0;
        }
        return Math.max(0, Thresholds.cap(policy, count(most, where), most) - taken);
    }

    private int count(int most, Condition where) {
        return db.dsl()
                .fetchCount(selectOne()
                        .from(MACHINE_PROVIDED)
                        .join(MACHINES)
                        .on(MACHINES.MACHINE_ID.eq(MACHINE_PROVIDED.MACHINE_ID))
                        .where(MACHINE_PROVIDED.PROVIDER.eq(provider.name()))
                        .and(where)
                        .and(MachineConditions.present())
                        .limit(Thresholds.enough(policy, most)));
    }
}
