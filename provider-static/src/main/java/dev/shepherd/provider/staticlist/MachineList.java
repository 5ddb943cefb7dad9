package dev.shepherd.provider.staticlist;

import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderID;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The machines of one good document. Immutable.
 *
 * @param machines the machines by their ids, in the order of the document
 */
record MachineList(Map<ProviderID, MachineInfo> machines) {

    MachineList {
        machines = Collections.unmodifiableMap(new LinkedHashMap<>(machines));
    }

    int size() {
        return machines.size();
    }
}
