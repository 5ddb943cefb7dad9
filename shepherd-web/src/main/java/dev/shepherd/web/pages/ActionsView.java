package dev.shepherd.web.pages;

import dev.shepherd.bmdb.operator.OperatorAction;
import dev.shepherd.web.http.Query;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/**
 * What the page of operators' actions shows. All texts are fit to be shown.
 *
 * @param lines the actions, the newest first
 * @param next the query of the next page
 */
public record ActionsView(List<Line> lines, Optional<String> next) {

    /** How many actions a page has. */
    public static final int PAGE = 100;

    /**
     * An action.
     *
     * @param at when
     * @param by who
     * @param through through what
     * @param verb what
     * @param machine the machine's id, if it was about one
     * @param name how people call the machine
     * @param subject what it was about otherwise
     * @param reason why
     * @param details what else there is to know
     */
    public record Line(
            Say.When at,
            String by,
            String through,
            String verb,
            Optional<String> machine,
            String name,
            String subject,
            String reason,
            String details) {}

    /** Makes what the page shows, of one action more than it has room for. */
    public static ActionsView of(List<OperatorAction> actions, Say say) {
        List<OperatorAction> shown = actions.subList(0, Math.min(PAGE, actions.size()));
        return new ActionsView(
                shown.stream().map(action -> line(action, say)).toList(),
                actions.size() > PAGE
                        ? Optional.of(Query.of(Map.of(
                                "before", Long.toString(shown.get(PAGE - 1).id()))))
                        : Optional.empty());
    }

    static Line line(OperatorAction action, Say say) {
        String name = action.providerId()
                .map(Say::text)
                .or(() -> action.machineId().map(UUID::toString))
                .orElse("");
        return new Line(
                say.when(action.at()),
                Say.text(action.by()),
                action.channel().toString(),
                Say.text(action.verb()),
                action.machineId().map(UUID::toString),
                name,
                Say.text(action.subject().orElse("")),
                Say.text(action.reason()),
                Say.text(action.details().orElse("")));
    }
}
