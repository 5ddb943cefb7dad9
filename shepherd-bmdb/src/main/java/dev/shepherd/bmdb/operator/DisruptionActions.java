package dev.shepherd.bmdb.operator;

import dev.shepherd.api.internal.Escaped;
import dev.shepherd.api.internal.OperatorText;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.disruption.MachineDisruption;
import dev.shepherd.bmdb.internal.Database;
import dev.shepherd.bmdb.internal.Transactions;
import dev.shepherd.bmdb.internal.WorkQueries;
import dev.shepherd.bmdb.operator.ActionQueries.Entry;
import dev.shepherd.bmdb.recovery.DisruptionQueries;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a person or a program does about what gates said. It is recorded with who, through what and why in the same transaction,
 * like all of {@link OperatorActions}. Safe for use by several threads.
 */
public final class DisruptionActions {

    private static final Logger log = LoggerFactory.getLogger(DisruptionActions.class);

    private final Transactions transactions;
    private final Actor actor;

    private DisruptionActions(Transactions transactions, Actor actor) {
        this.transactions = transactions;
        this.actor = actor;
    }

    /** Returns what can be done about what gates said, on whose behalf all of it is done. */
    public static DisruptionActions of(Bmdb bmdb, Actor actor) {
        return new DisruptionActions(
                bmdb.unwrap(Database.class).transactions(), Objects.requireNonNull(actor, "actor"));
    }

    /**
     * Withdraws what gates said of a machine: an approval that was not used by now is none any more, and nothing is done to the
     * machine before all gates agree again. Where one refused for good or holds the machine back, the gates are asked again at
     * the next look. If work was being moved away, the drain hooks are told that it is cancelled, unless the gates agree again.
     *
     * <p>What has begun is not stopped: when this returns false, the machine may be going down at this moment.
     *
     * @param reason why: one line of 1 to 1,000 characters, not blank, without control characters
     * @return false if there was nothing to withdraw
     * @throws IllegalArgumentException if the reason breaks a rule
     * @throws OperatorException if there is no such machine
     * @throws dev.shepherd.bmdb.BmdbException if the database cannot be reached
     * @throws InterruptedException if the thread is interrupted
     */
    public boolean askAgain(UUID machineId, String reason) throws InterruptedException {
        OperatorText.checkReason("reason", reason);
        boolean was = transactions.runAlone("what gates said of machine " + machineId, db -> {
            if (!WorkQueries.lockMachine(db, machineId)) {
                throw new OperatorException(
                        OperatorException.Reason.UNKNOWN_MACHINE, machineId, "there is no such machine");
            }
            Optional<MachineDisruption> before = DisruptionQueries.askAgain(db, machineId);
            before.ifPresent(said -> ActionQueries.record(
                    db,
                    actor,
                    List.of(Entry.onMachine(
                            Verb.ASK_AGAIN,
                            machineId,
                            reason,
                            said.kind() + ", " + said.state().databaseName()))));
            return before.isPresent();
        });
        if (was) {
            log.info("Machine {}: gates are asked again, by {}: {}", machineId, actor, Escaped.text(reason));
        }
        return was;
    }
}
