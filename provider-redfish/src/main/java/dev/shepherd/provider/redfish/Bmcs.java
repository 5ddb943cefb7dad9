package dev.shepherd.provider.redfish;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.ProviderConfig;
import dev.shepherd.provider.staticlist.list.MachineList;
import dev.shepherd.provider.support.CallGate;
import dev.shepherd.provider.support.CallThreads;
import java.net.URI;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The BMCs of the list: which way leads to one, and what is kept of each between calls. Each lets one request through at a
 * time. Safe for use by several threads.
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

        CallGate gate() {
            return gate;
        }

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

    private final Credentials credentials;
    private final RedfishClient redfish;
    private final IpmiTool ipmi;
    private final boolean uefi;
    private final Map<URI, Kept> kept = new ConcurrentHashMap<>();
    private volatile @Nullable MachineList current;

    /**
     * Reads the settings of all ways to a BMC.
     *
     * @throws ConfigurationException if they cannot be used
     */
    Bmcs(ProviderConfig config, CallThreads threads, Credentials credentials) {
        this.credentials = credentials;
        this.redfish = new RedfishClient(config, threads);
        this.ipmi = new IpmiTool(config);
        this.uefi = config.string(RedfishProviderFactory.IPMI_BOOT_MODE)
                .orElseThrow()
                .strip()
                .equals("uefi");
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
    Kept kept(BmcEntry entry) {
        return kept.computeIfAbsent(entry.bmc(), bmc -> new Kept());
    }

    /** Returns the BMC of an entry; it is not asked yet. */
    Bmc of(BmcEntry entry) {
        Kept own = kept(entry);
        return entry.isIpmi()
                ? new IpmiBmc(ipmi, credentials, uefi, entry, own.gate())
                : new RedfishBmc(redfish, credentials, entry, own);
    }

    /** Ends the calls that the threads do not end: what was started for them is killed. */
    void close() {
        ipmi.close();
    }
}
