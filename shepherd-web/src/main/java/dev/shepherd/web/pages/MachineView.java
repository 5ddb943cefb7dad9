package dev.shepherd.web.pages;

import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What the page of one machine shows. All texts are fit to be shown.
 *
 * @param id its id
 * @param name how people call it: its provider's id of it, or its own
 * @param state its state
 * @param meaning what that means
 * @param note what else is to be known of its state
 * @param facts what is recorded of it
 * @param hardware what it is made of, if its agent has said so
 * @param processes what the loops would do with it, and why
 * @param history what was done to it, the newest first
 * @param moreHistory whether there is more
 * @param actions what the person may do to it
 */
public record MachineView(
        String id,
        String name,
        String state,
        String meaning,
        String note,
        List<Fact> facts,
        Optional<HardwareView> hardware,
        List<Process> processes,
        List<Event> history,
        boolean moreHistory,
        List<Action> actions) {

    /**
     * Something that is recorded of it.
     *
     * @param name what
     * @param value that
     * @param when when it was, or since when it is so
     * @param link the query that lists the machines with the same value
     */
    public record Fact(String name, String value, Optional<Say.When> when, Optional<String> link) {}

    /**
     * What a process would do with it.
     *
     * @param name the process
     * @param eligible whether it would be worked on now
     * @param because why
     * @param change what would change that
     * @param nextLook when time alone changes something
     */
    public record Process(String name, boolean eligible, String because, String change, Optional<Say.When> nextLook) {}

    /**
     * Something that was done to it.
     *
     * @param at when
     * @param process what
     * @param event how it went
     * @param text why
     */
    public record Event(Say.When at, String process, String event, String text) {}

    /**
     * Something that the person may do.
     *
     * @param verb the last part of the path to post to
     * @param label what the button says
     * @param explanation what it does
     * @param harmful whether it disturbs the machine or loses something
     * @param asks what it asks for beside the reason; null for nothing
     */
    public record Action(
            String verb,
            String label,
            String explanation,
            boolean harmful,
            @Nullable Field asks) {

        /** What an action can ask for. */
        public enum Field {
            /** For how long. */
            MINUTES,
            /** Whether to go past limits. */
            FORCE,
            /** What to install. */
            REQUEST,
            /** Which labels to set and to take off. */
            LABELS
        }

        /** Returns one that disturbs nothing. */
        public static Action harmless(String verb, String label, String explanation) {
            return new Action(verb, label, explanation, false, null);
        }

        /** Returns one that disturbs the machine or loses something. */
        public static Action harmful(String verb, String label, String explanation) {
            return new Action(verb, label, explanation, true, null);
        }

        /** Returns the same that asks for something beside the reason. */
        public Action asking(Field field) {
            return new Action(verb, label, explanation, harmful, field);
        }
    }
}
