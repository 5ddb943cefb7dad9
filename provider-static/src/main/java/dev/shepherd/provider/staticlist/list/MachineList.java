package dev.shepherd.provider.staticlist.list;

import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderID;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The machines of one good document. Immutable.
 *
 * @param machines the machines by their ids, in the order of the document
 * @param fields what each entry has of the fields that only this kind of list has, by their names; an entry without any is
 *     left out
 */
public record MachineList(Map<ProviderID, MachineInfo> machines, Map<ProviderID, Map<String, String>> fields) {

    /** Copies the maps. */
    public MachineList {
        machines = Collections.unmodifiableMap(new LinkedHashMap<>(machines));
        fields = Map.copyOf(fields);
    }

    /** Returns the number of machines. */
    public int size() {
        return machines.size();
    }
}
