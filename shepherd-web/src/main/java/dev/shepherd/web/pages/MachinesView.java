package dev.shepherd.web.pages;

import java.util.List;
import java.util.Optional;

/**
 * What a page of machines shows. All texts are fit to be shown.
 *
 * @param providers the providers to choose from
 * @param states the states to choose from
 * @param provider the chosen provider, or nothing
 * @param location the chosen location, or nothing
 * @param hasLocation whether a location is chosen: nothing is one, too
 * @param state the chosen state, or nothing
 * @param text the text that is looked for, or nothing
 * @param selector the selector that chooses by labels, or nothing
 * @param lines the machines
 * @param first the query of the first page, unless this is it
 * @param previous the query of the page before
 * @param next the query of the next page
 */
public record MachinesView(
        List<String> providers,
        List<String> states,
        String provider,
        String location,
        boolean hasLocation,
        String state,
        String text,
        String selector,
        List<Line> lines,
        Optional<String> first,
        Optional<String> previous,
        Optional<String> next) {

    /**
     * A machine.
     *
     * @param id its id
     * @param provider its provider
     * @param providerId its id there
     * @param address its address and port
     * @param location where it is
     * @param status its provider's word for its state
     * @param state its state
     * @param meaning what that means
     * @param heard when its agent was last heard
     * @param note what else is to be known of its state
     * @param labels its labels
     */
    public record Line(
            String id,
            String provider,
            String providerId,
            String address,
            String location,
            String status,
            String state,
            String meaning,
            Optional<Say.When> heard,
            String note,
            List<String> labels) {}
}
