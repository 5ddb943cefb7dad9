package dev.shepherd.web.pages;

import dev.shepherd.bmdb.operator.Rollout;
import dev.shepherd.bmdb.operator.Verb;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * What a page shows of a rollout. All texts are fit to be shown.
 *
 * @param id its number
 * @param build which executable it brings
 * @param provider to whose machines
 * @param state how it stands
 * @param isAlarming whether it has stopped on its own
 * @param cause why it is paused, or has ended before its time
 * @param plan how it proceeds
 * @param since since when
 * @param until when it ended
 * @param by on whose behalf
 * @param figures how many machines are how far; none is zero
 * @param troubles machines that failed
 * @param actions what the person may do about it
 */
public record RolloutCard(
        String id,
        String build,
        String provider,
        String state,
        boolean isAlarming,
        Optional<String> cause,
        String plan,
        Say.When since,
        Optional<Say.When> until,
        String by,
        List<Figure> figures,
        List<Trouble> troubles,
        List<Action> actions) {

    /**
     * How many machines are how far.
     *
     * @param machines how many
     * @param what how far they are
     */
    public record Figure(String machines, String what) {}

    /**
     * A machine that failed.
     *
     * @param machine its id
     * @param because what happened
     */
    public record Trouble(String machine, String because) {}

    /**
     * What may be done.
     *
     * @param word how it is written in a path
     * @param title what it is called
     * @param effect what it does
     * @param isHarmful whether it cannot be undone
     */
    public record Action(String word, String title, String effect, boolean isHarmful) {}

    /**
     * Describes a rollout.
     *
     * @param may what the person may do
     */
    static RolloutCard of(Rollout rollout, Predicate<Verb> may, Say say) {
        Rollout.Counts counts = rollout.counts();
        boolean isUnderWay = rollout.state().isUnderWay();
        return new RolloutCard(
                Long.toString(rollout.id()),
                Say.text(rollout.build()),
                rollout.provider().name(),
                rollout.state().name().toLowerCase(Locale.ROOT),
                rollout.state() == Rollout.State.STOPPED,
                rollout.cause().map(Say::text),
                String.format(
                        Locale.ROOT,
                        "wave %d; %d first, then %d at a time, each heard for %s; at most %d may fail",
                        rollout.wave(),
                        rollout.plan().canary(),
                        rollout.plan().batch(),
                        Say.span(rollout.plan().bake()),
                        rollout.plan().maxFailures()),
                say.when(rollout.startedAt()),
                rollout.endedAt().map(say::when),
                Say.text(rollout.startedBy()),
                Stream.of(
                                figure(counts.done(), "done"),
                                figure(counts.baking(), "watched"),
                                figure(counts.starting(), "in takeover"),
                                figure(
                                        counts.waiting(),
                                        !isUnderWay
                                                ? "not reached"
                                                : rollout.isListed() ? "waiting" : "waiting, others being listed"),
                                figure(counts.passed(), "left alone"),
                                figure(counts.failed(), "failed"),
                                figure(counts.returning(), "being put back"),
                                figure(counts.returned(), "put back"))
                        .flatMap(Optional::stream)
                        .toList(),
                rollout.troubles().stream()
                        .map(one -> new Trouble(one.machineId().toString(), Say.text(one.because())))
                        .toList(),
                actions(rollout.state(), may));
    }

    private static Optional<Figure> figure(int machines, String what) {
        return machines == 0 ? Optional.empty() : Optional.of(new Figure(Say.number(machines), what));
    }

    private static List<Action> actions(Rollout.State state, Predicate<Verb> may) {
        Optional<Action> first = switch (state) {
            case RUNNING ->
                offer(may, Verb.PAUSE_ROLLOUT, "pause", "Pause", "Chooses no further machines for now.", false);
            case PAUSED -> offer(may, Verb.RESUME_ROLLOUT, "resume", "Resume", "Has it go on.", false);
            case STOPPED, ABORTED, COMPLETED -> Optional.empty();
        };
        Optional<Action> abort = state.isUnderWay()
                ? offer(
                        may,
                        Verb.ABORT_ROLLOUT,
                        "abort",
                        "Abort",
                        "Ends it for good. Machines whose new agent was not heard for long enough get the former one back.",
                        true)
                : Optional.empty();
        return Stream.of(first, abort).flatMap(Optional::stream).toList();
    }

    private static Optional<Action> offer(
            Predicate<Verb> may, Verb verb, String word, String title, String effect, boolean isHarmful) {
        return may.test(verb) ? Optional.of(new Action(word, title, effect, isHarmful)) : Optional.empty();
    }
}
