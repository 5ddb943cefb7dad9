package dev.shepherd.manager.provisioning;

import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.ProvidedMachine;
import dev.shepherd.bmdb.listing.Listings;
import dev.shepherd.bmdb.provisioning.Intents;
import dev.shepherd.bmdb.provisioning.MachineIntent;
import dev.shepherd.manager.internal.MachineIndex;
import dev.shepherd.manager.internal.ProviderCalls;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * A look at what provider and database have, and where they disagree. Reads either side once, as it comes, and keeps of
 * each machine a hash of its id, under a new key; anything that looks inconsistent is looked up in the database by the
 * id itself, a thousand at a time, so that a hash never makes a discrepancy.
 *
 * <p><strong>Why the order is right.</strong> A machine that the database had before the listing must be in the
 * listing. One that the listing has either has its intent when that is asked for, which is after the provider showed
 * it, or became a machine by then, which the database shows when it is asked after that: an intent ends in the
 * transaction that records its machine.
 *
 * <p>Made for a single look, by one thread.
 */
final class Survey {

    /** How many machines are looked up at once, and how many adoptions are done at once. */
    static final int BATCH = 1000;

    // What is noted of an id.
    private static final int RECORDED = 1;
    private static final int EXCUSED = 2;
    private static final int LISTED = 4;
    private static final int UNUSED = 8;

    /** A machine that was made for an intent, and is not recorded. */
    record Adoptable(MachineInfo machine, MachineIntent intent) {}

    private final Bmdb bmdb;
    private final ProviderCalls provider;
    private final ProviderType type;
    private final Set<String> resumable;
    private final MachineIndex index;
    private final int recorded;
    private final int wanted;

    private final List<MachineInfo> shown = new ArrayList<>(MachineIndex.BATCH);
    private final List<ProviderID> shownIds = new ArrayList<>(MachineIndex.BATCH);
    private final List<MachineInfo> unexplained = new ArrayList<>();
    private final Map<String, MachineInfo> untested = new LinkedHashMap<>();
    private final Map<String, MachineInfo> free = new LinkedHashMap<>();
    private final Map<String, MachineInfo> listedResumable = new HashMap<>();
    private final List<Adoptable> adoptable = new ArrayList<>();
    private final Discrepancies discrepancies = new Discrepancies();
    private final PassedOver passedOver = new PassedOver();
    private final int maxCount;
    private int listed;
    private long candidates;

    /** How many machines the listing has yet to show, of those that the database had and that are there for long. */
    private int awaited;

    /** Whether the listing showed one of those as unused. */
    private boolean awaitedOneIsUnused;

    private Survey(
            Bmdb bmdb,
            ProviderCalls provider,
            ProvisionerSettings.Limits limits,
            Set<String> resumable,
            Recorder recorder) {
        this.bmdb = bmdb;
        this.provider = provider;
        this.type = provider.type();
        this.resumable = resumable;
        this.index = recorder.index();
        this.recorded = index.size();
        this.awaited = recorder.awaited;
        this.maxCount = limits.maxCount();
        int room = maxCount == 0 ? Integer.MAX_VALUE : maxCount - recorded;
        this.wanted = Math.max(0, Math.min(room, limits.chunkSize()));
    }

    /**
     * Looks at both sides.
     *
     * @param resumable the candidates that may be tried again, of which what the provider lists is kept
     * @param expected how many machines there will be about; zero if that is unknown
     * @throws ProviderException if the provider cannot be listed, or lists what it must not
     */
    static Survey of(
            Bmdb bmdb,
            ProviderCalls provider,
            ProvisionerSettings.Limits limits,
            Collection<String> resumable,
            int expected)
            throws InterruptedException {
        Recorder recorder = Listings.of(bmdb, provider.type()).scanIds(() -> new Recorder(expected), Recorder::add);
        Survey survey = new Survey(bmdb, provider, limits, Set.copyOf(resumable), recorder);
        provider.forEachMachine(survey.new Listing());
        survey.lookUp();
        survey.explain();
        survey.testCandidates();
        survey.findMissing();
        return survey;
    }

    /** Puts what the database has into an index. */
    private static final class Recorder {
        private final MachineIndex index;
        private final List<ProviderID> ids = new ArrayList<>(MachineIndex.BATCH);
        private final boolean[] excused = new boolean[MachineIndex.BATCH];
        private int awaited;

        Recorder(int expected) {
            index = MachineIndex.ofFlags(expected);
        }

        void add(ProviderID id, boolean isExcused) {
            awaited += isExcused ? 0 : 1;
            excused[ids.size()] = isExcused;
            ids.add(id);
            if (ids.size() == MachineIndex.BATCH) {
                put();
            }
        }

        private void put() {
            index.prepare(ids);
            for (int i = 0; i < ids.size(); i++) {
                index.addFlags(index.putPrepared(i), excused[i] ? RECORDED | EXCUSED : RECORDED);
            }
            ids.clear();
        }

        MachineIndex index() {
            put();
            return index;
        }
    }

    private final class Listing implements ProviderCalls.Visitor {
        @Override
        public void visit(MachineInfo machine) throws InterruptedException {
            shown.add(machine);
            shownIds.add(machine.id());
            if (shown.size() == MachineIndex.BATCH) {
                lookUp();
            }
        }

        /** It is there, but unknown: it is no discrepancy on either side, and no candidate. */
        @Override
        public void passOver(ProviderID id, String why) {
            passedOver.add(id, why);
            if (id.isValid()) {
                listed++;
                markListed(index.put(id), id);
            }
        }
    }

    private void markListed(int position, ProviderID id) {
        int flags = index.flags(position);
        if ((flags & LISTED) != 0) {
            throw provider.listedTwice(id);
        }
        index.addFlags(position, LISTED);
        awaited -= isAwaited(flags) ? 1 : 0;
    }

    private void lookUp() throws InterruptedException {
        index.prepare(shownIds);
        for (int i = 0; i < shown.size(); i++) {
            listed(shown.get(i), i);
        }
        shown.clear();
        shownIds.clear();
    }

    private void listed(MachineInfo info, int prepared) throws InterruptedException {
        listed++;
        int position = MachineIndex.ABSENT;
        boolean isRecorded = false;
        if (info.id().isValid()) {
            position = index.putPrepared(prepared);
            markListed(position, info.id());
            isRecorded = (index.flags(position) & RECORDED) != 0;
        }
        switch (info.availability()) {
            case KNOWN_USED -> {
                if (!isRecorded) {
                    unexplained(info);
                }
            }
            case KNOWN_UNUSED -> {
                if (isRecorded && !info.failed()) {
                    index.addFlags(position, UNUSED);
                    awaitedOneIsUnused |= isAwaited(index.flags(position));
                }
                candidate(info, isRecorded);
            }
            case POSSIBLY_USED -> {
                if (!isRecorded) {
                    candidate(info, false);
                }
            }
            case UNDEFINED -> throw new AssertionError("a machine that was checked");
        }
    }

    /** The provider is sure that it is used, and the database did not have it. */
    private void unexplained(MachineInfo machine) throws InterruptedException {
        if (machine.failed() && machine.intentId().isEmpty()) {
            return;
        }
        unexplained.add(machine);
        if (unexplained.size() == BATCH) {
            explain();
        }
    }

    private void explain() throws InterruptedException {
        Map<UUID, MachineIntent> intents = Intents.of(bmdb, type)
                .list(unexplained.stream()
                        .flatMap(machine -> machine.intentId().stream())
                        .toList())
                .stream()
                .collect(Collectors.toMap(MachineIntent::intentId, Function.identity()));
        Set<ProviderID> known =
                Listings.of(bmdb, type)
                        .machines(unexplained.stream().map(MachineInfo::id).toList())
                        .stream()
                        .map(ProvidedMachine::providerId)
                        .collect(Collectors.toSet());
        for (MachineInfo machine : unexplained) {
            MachineIntent intent = machine.intentId().map(intents::get).orElse(null);
            if (known.contains(machine.id())) {
                continue; // Recorded meanwhile.
            }
            if (intent == null && !machine.failed() && !isBeingMade(machine)) {
                discrepancies.add(new Discrepancy(
                        Discrepancy.Kind.PROVIDER_ONLY,
                        machine.id(),
                        "used at the provider" + at(machine) + ", not in the database"));
            } else if (intent != null && adoptable.size() < BATCH) {
                adoptable.add(new Adoptable(machine, intent));
            }
        }
        unexplained.clear();
    }

    /** Then it has no owner yet: a provider may list it before it bears the mark of an intent. */
    private static boolean isBeingMade(MachineInfo machine) {
        return machine.status().equals(Optional.of(ProviderStatus.PROVISIONING));
    }

    private static String at(MachineInfo machine) {
        return machine.address()
                .map(address -> " at " + address.getHostAddress())
                .orElse("");
    }

    /**
     * Notes a machine that may be created, by the name that it is known by at every listing: its id, or its
     * reservation's where it has none. Failed ones are left out, and so are nameless ones, which could not be told from
     * one another: these are counted.
     */
    private void candidate(MachineInfo machine, boolean isRecorded) throws InterruptedException {
        Optional<String> name =
                machine.id().isValid() ? Optional.of(machine.id().value()) : machine.reservationId();
        if (machine.failed()) {
            return;
        }
        if (name.isEmpty()) {
            passedOver.addNameless();
            return;
        }
        candidates += isRecorded ? 0 : 1;
        if (resumable.contains(name.get())) {
            listedResumable.putIfAbsent(name.get(), machine);
        } else if (free.size() < wanted) {
            untested.putIfAbsent(name.get(), machine);
            if (untested.size() == BATCH) {
                testCandidates();
            }
        }
    }

    private void testCandidates() throws InterruptedException {
        Set<String> taken = Intents.of(bmdb, type).taken(untested.keySet());
        untested.forEach((name, machine) -> {
            if (free.size() < wanted && !taken.contains(name)) {
                free.putIfAbsent(name, machine);
            }
        });
        untested.clear();
    }

    /**
     * Looks for what the database had, and has, but the provider does not list, or lists as unused. That there is such
     * a machine was noticed on the way: then the database is read once more, to count and to name them.
     */
    private void findMissing() throws InterruptedException {
        if (awaited == 0 && !awaitedOneIsUnused) {
            return;
        }
        Missing missing = Listings.of(bmdb, type).scanIds(Missing::new, this::ifMissing);
        for (ProvidedMachine machine : Listings.of(bmdb, type).machines(missing.named.keySet())) {
            missing.named.computeIfPresent(machine.providerId(), (id, how) -> "machine " + machine.machineId() + how);
        }
        missing.named.forEach(
                (id, detail) -> discrepancies.add(new Discrepancy(Discrepancy.Kind.DATABASE_ONLY, id, detail.strip())));
        discrepancies.count(Discrepancy.Kind.DATABASE_ONLY, missing.count - missing.named.size());
    }

    /** What the provider does not have, with what is wrong with the first of them. */
    private static final class Missing {
        private final Map<ProviderID, String> named = new LinkedHashMap<>();
        private long count;
    }

    private void ifMissing(Missing missing, ProviderID id, boolean isExcused) {
        int position = index.find(id);
        int flags = position == MachineIndex.ABSENT ? 0 : index.flags(position);
        boolean isInUse = (flags & (LISTED | UNUSED)) == LISTED;
        if (isAwaited(flags) && !isInUse && !isExcused) {
            missing.count++;
            if (missing.named.size() < Discrepancies.NAMED) {
                missing.named.put(
                        id,
                        (flags & UNUSED) != 0
                                ? " in the database, unused at the provider"
                                : " in the database, not listed by the provider");
            }
        }
    }

    /**
     * Tells whether the database had a machine that the listing must show, as used: one that is still being made is not
     * listed yet, and one that failed may be gone.
     */
    private static boolean isAwaited(int flags) {
        return (flags & (RECORDED | EXCUSED)) == RECORDED;
    }

    /** Returns how many machines the provider listed. */
    int listed() {
        return listed;
    }

    /** Returns how many machines the database had. */
    int recorded() {
        return recorded;
    }

    Discrepancies discrepancies() {
        return discrepancies;
    }

    /** Returns machines that carry an intent and are not recorded; the first ones, if there are many. */
    List<Adoptable> adoptable() {
        return adoptable;
    }

    /** Returns names of machines that may be created, as many as there is room for in one reconciliation. */
    List<String> free() {
        return List.copyOf(free.keySet());
    }

    /** Returns the machines that nothing can be done with. */
    PassedOver passedOver() {
        return passedOver;
    }

    /** Returns how many free machines the listing has, those included whose creation has begun. */
    long candidates() {
        return candidates;
    }

    /** Returns how many of these there is no room for. */
    long heldBack() {
        long room = Math.max(0L, (long) maxCount - recorded - adoptable.size());
        return maxCount == 0 ? 0 : Math.max(0, candidates - room);
    }

    ProvisioningOutlook outlook() {
        return new ProvisioningOutlook(
                heldBack(), passedOver.count(), List.copyOf(passedOver.lines().values()));
    }

    /** Tells whether the listing was searched for a candidate. */
    boolean looked(String candidate) {
        return resumable.contains(candidate) || free.containsKey(candidate);
    }

    /** Returns what the provider listed of a candidate that may be tried again or is free, if it listed it. */
    Optional<MachineInfo> listed(String candidate) {
        return Optional.ofNullable(
                listedResumable.containsKey(candidate) ? listedResumable.get(candidate) : free.get(candidate));
    }
}
