package dev.shepherd.provider.redfish;

import dev.shepherd.api.ProviderException.Scope;
import dev.shepherd.provider.redfish.Credentials.Login;
import dev.shepherd.provider.staticlist.list.MachineList;
import dev.shepherd.provider.support.CallGate;
import dev.shepherd.provider.support.HttpCalls;
import java.net.URI;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The BMCs of the list: what is kept of each between calls, and how a call to one is made. All share one client and its
 * threads; each lets one request through at a time. Safe for use by several threads.
 */
final class Bmcs {

    /** What is kept of a BMC. */
    static final class Kept {

        /** Some BMCs freeze when they are asked several things at once. */
        private final CallGate gate = CallGate.of(1);

        /** Where its only system was found, until that is no longer true. */
        private volatile @Nullable URI system;

        /** Why its power state is unknown, as the log was told. */
        private volatile @Nullable String trouble;

        @Nullable
        URI system() {
            return system;
        }

        void system(@Nullable URI found) {
            system = found;
        }

        /** Takes note of what is wrong, and returns what was wrong before. */
        synchronized @Nullable String trouble(@Nullable String now) {
            String before = trouble;
            trouble = now;
            return before;
        }
    }

    private final HttpCalls calls;
    private final BmcTrust trust;
    private final Credentials credentials;
    private final Map<URI, Kept> kept = new ConcurrentHashMap<>();
    private volatile @Nullable MachineList current;

    Bmcs(HttpCalls calls, BmcTrust trust, Credentials credentials) {
        this.calls = calls;
        this.trust = trust;
        this.credentials = credentials;
    }

    /** Forgets the BMCs that have left the list, if it is another than before. */
    void retain(MachineList list) {
        MachineList before = current;
        current = list;
        if (before != null && before != list) {
            Set<URI> listed = list.fields().values().stream()
                    .map(fields -> URI.create(String.valueOf(fields.get(BmcEntry.BMC))))
                    .collect(Collectors.toSet());
            kept.keySet().retainAll(listed);
        }
    }

    /** Returns what is kept of the BMC of an entry. */
    Kept of(BmcEntry entry) {
        return kept.computeIfAbsent(entry.bmc(), bmc -> new Kept());
    }

    /** Starts a call to the BMC of an entry. */
    BmcCall call(BmcEntry entry, Duration limit) {
        Login login = credentials.find(entry.credentials());
        trust.pin(entry);
        String name = "BMC of " + entry.id() + " at " + entry.bmc();
        HttpCalls own = calls.toBuilder()
                .name(name)
                .basic(login.user(), login.password())
                .gate(of(entry).gate)
                .scope(Scope.MACHINE)
                .limit(limit)
                .build();
        return new BmcCall(own, name, entry.bmc(), limit);
    }
}
