package dev.shepherd.manager.provisioning;

import dev.shepherd.api.ProviderID;
import dev.shepherd.api.internal.Escaped;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The machines of one listing that cannot be used: those that break a rule, and free ones that cannot be told apart.
 * Counts all of them and describes the first ones. Not safe for use by several threads.
 */
final class PassedOver {

    /** How many machines are described one by one. */
    static final int DESCRIBED = 100;

    private static final int LONGEST_REASON = 300;

    private final Map<String, String> described = new LinkedHashMap<>();
    private long broken;
    private long withoutId;
    private long nameless;
    private String firstWithoutId = "";

    /** Notes a machine that breaks a rule. */
    void add(ProviderID id, String why) {
        String reason = Escaped.text(why, LONGEST_REASON);
        if (id.isValid()) {
            broken++;
            if (described.size() < DESCRIBED) {
                described.put(
                        id.value(),
                        "machine " + Escaped.text(id.value(), ProviderID.MAX_LENGTH) + " breaks a rule: " + reason);
            }
        } else if (++withoutId == 1) {
            firstWithoutId = reason;
        }
    }

    /** Notes a free machine that has neither an id nor a reservation id. */
    void addNameless() {
        nameless++;
    }

    /** Returns how many machines are passed over. */
    long count() {
        return broken + withoutId + nameless;
    }

    /** Describes them, each by a key that stays the same for as long as the machine is passed over. */
    Map<String, String> lines() {
        Map<String, String> lines = new LinkedHashMap<>(described);
        if (broken > described.size()) {
            lines.put("", (broken - described.size()) + " more machine(s) break a rule");
        }
        // No id has control characters, so no machine has these keys.
        if (withoutId > 0) {
            lines.put("\n1", withoutId + " machine(s) without a valid id break a rule, the first: " + firstWithoutId);
        }
        if (nameless > 0) {
            lines.put("\n2", nameless + " free machine(s) have neither an id nor a reservation id");
        }
        return lines;
    }
}
