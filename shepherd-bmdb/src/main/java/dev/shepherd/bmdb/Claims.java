package dev.shepherd.bmdb;

import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.internal.Database;
import dev.shepherd.bmdb.internal.DueQueue;
import dev.shepherd.bmdb.internal.QueuePositions;
import dev.shepherd.bmdb.internal.Transactions;
import dev.shepherd.bmdb.internal.WorkQueries;
import dev.shepherd.bmdb.internal.WorkQueries.Claim;
import dev.shepherd.bmdb.trace.Span;
import dev.shepherd.bmdb.trace.SpanName;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How a session claims machines: each claim in one transaction with its line of history, and what becomes of a claim
 * whose commit broke. Safe for use by several threads.
 */
final class Claims implements Database.Claiming {

    private static final Logger log = LoggerFactory.getLogger(Claims.class);

    /** In place of a provider's name, of machines that may be any provider's. */
    private static final String UNKNOWN = "";

    private final BmdbSession session;
    private final Endings endings;
    private final QueuePositions positions = new QueuePositions(System::nanoTime);

    /** @param endings releases what cannot be released at once */
    Claims(BmdbSession session, Endings endings) {
        this.session = session;
        this.endings = endings;
    }

    List<Work> claim(WorkProcess process, Eligibility eligibility, int limit) throws InterruptedException {
        WorkQueries.checkLimit(limit);
        Optional<DueQueue.Part> queue = eligibility.queue(process);
        return queue.isPresent()
                ? claimDue(queue.get(), limit)
                : take(
                        process,
                        UNKNOWN,
                        db -> WorkQueries.claim(db, session.id(), process, eligibility.condition(db), limit));
    }

    private List<Work> claimDue(DueQueue.Part part, int limit) throws InterruptedException {
        UUID id = session.id();
        Optional<OffsetDateTime> from = positions.from(part);
        return traced(
                part.process(),
                part.provider(),
                attempted -> session.inTransaction(db -> DueQueue.claiming(db, id, part, from, limit), (tx, first) -> {
                    DueQueue due = new DueQueue(tx.handle());
                    List<DueQueue.Looked> looked = new ArrayList<>(first);
                    if (from.isPresent() && looked.size() < limit) {
                        looked.addAll(due.look(id, part, limit - looked.size()));
                    }
                    positions.looked(part, from, looked, limit);
                    List<Claim> claims = due.claims(id, part, limit, looked);
                    attempted.accept(claims);
                    return claims;
                }));
    }

    /** Claims one particular machine; empty if it is worked on. */
    Optional<Work> claimMachine(WorkProcess process, UUID machineId, @Nullable String note)
            throws InterruptedException {
        return take(process, UNKNOWN, db -> WorkQueries.claimMachine(db, session.id(), process, machineId, note))
                .stream()
                .findFirst();
    }

    @Override
    public List<Work> take(WorkProcess process, ProviderType provider, Transactions.Body<List<Claim>> claiming)
            throws InterruptedException {
        return take(process, provider.name(), claiming);
    }

    private List<Work> take(WorkProcess process, String provider, Transactions.Body<List<Claim>> claiming)
            throws InterruptedException {
        return traced(
                process,
                provider,
                attempted -> session.inTransaction(tx -> {
                    List<Claim> claims = claiming.run(tx.handle());
                    attempted.accept(claims);
                    return claims;
                }));
    }

    /** Claims in a transaction, and says what before it commits: the commit may break. */
    private interface Attempt {
        List<Claim> run(Consumer<List<Claim>> attempted) throws InterruptedException;
    }

    private List<Work> traced(WorkProcess process, String provider, Attempt claiming) throws InterruptedException {
        Span claim = session.tracer()
                .span(SpanName.CLAIM)
                .tag("provider", provider)
                .tag("process", process.name())
                .detail("session", session.id());
        return claim.run(span -> {
            List<Work> claimed = resolving(process, provider, claiming);
            span.tag("outcome", claimed.isEmpty() ? "nothing" : "claimed").detail("claimed", claimed.size());
            if (claimed.size() == 1) {
                span.detail("machine", claimed.get(0).machineId());
            }
            return claimed;
        });
    }

    private List<Work> resolving(WorkProcess process, String provider, Attempt claiming) throws InterruptedException {
        AtomicReference<List<Claim>> attempted = new AtomicReference<>(List.of());
        List<Claim> claims;
        try {
            claims = claiming.run(attempted::set);
        } catch (CommitOutcomeUnknownException e) {
            claims = resolve(process, provider, Objects.requireNonNull(attempted.get()), e);
        }
        return work(process, provider, claims);
    }

    /** Finds out which claims were committed. Those of which that cannot be found out are released later. */
    private List<Claim> resolve(
            WorkProcess process, String provider, List<Claim> attempted, CommitOutcomeUnknownException unknown)
            throws InterruptedException {
        if (attempted.isEmpty()) {
            return attempted;
        }
        log.warn("{}; asking the database what became of {} claim(s)", unknown.getMessage(), attempted.size());
        try {
            return session.inTransaction(tx -> WorkQueries.committed(tx.handle(), session.id(), process, attempted));
        } catch (BmdbException e) {
            work(process, provider, attempted).forEach(endings::abandon);
            unknown.addSuppressed(e);
            throw unknown;
        } catch (InterruptedException e) {
            work(process, provider, attempted).forEach(endings::abandon);
            throw e;
        }
    }

    private List<Work> work(WorkProcess process, String provider, List<Claim> claims) {
        return claims.stream()
                .map(claim -> new Work(session, process, provider, claim.machineId(), claim.claimId()))
                .toList();
    }
}
