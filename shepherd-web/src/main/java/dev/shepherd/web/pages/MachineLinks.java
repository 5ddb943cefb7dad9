package dev.shepherd.web.pages;

import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Selector;
import dev.shepherd.bmdb.fleet.MachineFilter;
import dev.shepherd.bmdb.fleet.MachinePage.Place;
import dev.shepherd.bmdb.fleet.MachineState;
import dev.shepherd.web.http.BadRequestException;
import dev.shepherd.web.http.Query;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** How a choice of machines is written in a URL. */
public final class MachineLinks {

    private static final String AFTER = "after";
    private static final String BEFORE = "before";

    private MachineLinks() {}

    /**
     * Reads a choice.
     *
     * @throws BadRequestException if it says something that cannot be
     */
    public static MachineFilter filter(Query query) {
        try {
            return new MachineFilter(
                    query.get("provider").map(ProviderType::new),
                    // Machines at no location are asked for by an empty one that is marked as meant.
                    query.get("location").or(() -> query.get("nowhere").map(yes -> "")),
                    query.get("state").map(MachineLinks::state),
                    query.get("text"),
                    query.get("selector").map(Selector::parse));
        } catch (IllegalArgumentException e) {
            throw new BadRequestException(String.valueOf(e.getMessage()));
        }
    }

    private static MachineState state(String word) {
        return Arrays.stream(MachineState.values())
                .filter(state -> state.word().equals(word))
                .findFirst()
                .orElseThrow(() -> new BadRequestException("state must be one of "
                        + Arrays.stream(MachineState.values())
                                .map(MachineState::word)
                                .collect(Collectors.joining(", "))));
    }

    /**
     * Reads where a page begins or ends; null for the first page.
     *
     * @throws BadRequestException if that is no place
     */
    public static @Nullable Place place(Query query) {
        Optional<String> after = query.get(AFTER);
        Optional<String> text = after.or(() -> query.get(BEFORE));
        if (text.isEmpty()) {
            return null;
        }
        int colon = text.get().indexOf(':');
        try {
            if (colon > 0) {
                return new Place(
                        new ProviderType(text.get().substring(0, colon)),
                        new ProviderID(text.get().substring(colon + 1)),
                        after.isPresent());
            }
        } catch (IllegalArgumentException e) {
            // Said below.
        }
        throw new BadRequestException("after and before must be a provider and the id of a machine there, PROVIDER:ID");
    }

    /** Writes a place as {@link #place} reads it. */
    public static String text(Place place) {
        return place.provider() + ":" + place.id().value();
    }

    /** Writes a choice, and where its page begins or ends. */
    public static String query(MachineFilter filter, @Nullable Place place) {
        Map<String, String> values = new LinkedHashMap<>();
        values.put("provider", filter.provider().map(ProviderType::name).orElse(""));
        values.put("location", filter.location().orElse(""));
        values.put("nowhere", filter.location().map(String::isEmpty).orElse(false) ? "true" : "");
        values.put("state", filter.state().map(MachineState::word).orElse(""));
        values.put("text", filter.text().orElse(""));
        values.put("selector", filter.selector().map(Selector::toString).orElse(""));
        if (place != null) {
            values.put(place.after() ? AFTER : BEFORE, text(place));
        }
        return Query.of(values);
    }
}
