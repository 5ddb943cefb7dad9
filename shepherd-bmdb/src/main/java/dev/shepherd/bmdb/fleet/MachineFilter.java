package dev.shepherd.bmdb.fleet;

import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Selector;
import java.util.Objects;
import java.util.Optional;

/**
 * Which machines to show. Immutable.
 *
 * @param provider those of this provider
 * @param location those at this place, as the provider names it
 * @param state those in this state
 * @param text those whose id here, address, or reservation is this text, or whose id at the provider begins with it; at most
 *     {@value #LONGEST_TEXT} characters, never blank
 * @param selector those that this selects by their labels
 */
public record MachineFilter(
        Optional<ProviderType> provider,
        Optional<String> location,
        Optional<MachineState> state,
        Optional<String> text,
        Optional<Selector> selector) {

    /** All machines that have a provider. */
    public static final MachineFilter ALL =
            new MachineFilter(Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty());

    /** How long a text to look for may be. */
    public static final int LONGEST_TEXT = 128;

    /** Checks the text. */
    public MachineFilter {
        Objects.requireNonNull(provider, "provider");
        Objects.requireNonNull(location, "location");
        Objects.requireNonNull(state, "state");
        Objects.requireNonNull(selector, "selector");
        text = text.map(String::strip);
        if (text.isPresent() && (text.get().isEmpty() || text.get().length() > LONGEST_TEXT)) {
            throw new IllegalArgumentException("a text to look for has 1 to " + LONGEST_TEXT + " characters, not "
                    + text.get().length());
        }
    }

    /** Returns the same filter for the machines of one provider. */
    public MachineFilter of(ProviderType type) {
        return new MachineFilter(Optional.of(type), location, state, text, selector);
    }

    /** Returns the same filter for the machines in one state. */
    public MachineFilter in(MachineState wanted) {
        return new MachineFilter(provider, location, Optional.of(wanted), text, selector);
    }

    /** Returns the same filter for the machines at one place. */
    public MachineFilter at(String place) {
        return new MachineFilter(provider, Optional.of(place), state, text, selector);
    }

    /** Returns the same filter for the machines that a text names. */
    public MachineFilter named(String wanted) {
        return new MachineFilter(provider, location, state, Optional.of(wanted), selector);
    }

    /** Returns the same filter for the machines that a selector selects. */
    public MachineFilter selected(Selector wanted) {
        return new MachineFilter(provider, location, state, text, Optional.of(wanted));
    }
}
