package dev.shepherd.web;

import java.util.Locale;
import java.util.Optional;

/** What came of an action. A page is told of it by its name in the URL, so that no link can put other words there. */
enum Outcome {
    PAUSED("It is paused.", true),
    RESUMED("The pause was ended.", true),
    NOT_PAUSED("The pause was over already.", false),
    QUARANTINED("It is quarantined.", true),
    QUARANTINED_BEFORE("It was quarantined already.", false),
    RELEASED("It is released, with a clean record.", true),
    NOT_QUARANTINED("It was not quarantined.", false),
    UNFROZEN("The freeze was ended.", true),
    NOT_FROZEN("The freeze was over already.", false),
    RETRIED("It is tried again at once.", true),
    NOT_BACKED_OFF("Nothing held it back.", false),
    TRUSTED("Its host key was forgotten: the next takeover pins the one that it finds.", true),
    NOT_PINNED("It had no pinned host key.", false),
    AGENT_FORGOTTEN("Its agent was forgotten: it is taken over again, without a reboot.", true),
    NO_AGENT("No agent was started on it.", false),
    INSTALLATION_REQUESTED("The installation was requested: its agent gets it with the next heartbeat.", true),
    INSTALLATION_TAKEN_BACK("The request was taken back.", true),
    NOT_REQUESTED("No installation was requested.", false),
    LABELED("Its labels were changed.", true),
    NOT_LABELED(
            "Its labels are as asked for already. What its provider says cannot be taken off, only set to another value.",
            false),
    ASKED_AGAIN("The gates are asked again: what they said before counts no more.", true),
    NOT_ASKED("There is nothing that gates said and that could be taken back.", false),
    REBOOTED("The provider agreed to reboot it.", true),
    REINSTALLED("The provider agreed to reinstall it.", true),
    FORGOTTEN("It was forgotten.", true),
    ROLLOUT_PAUSED("The rollout is paused: it chooses no further machines.", true),
    ROLLOUT_NOT_RUNNING("The rollout is not running.", false),
    ROLLOUT_RESUMED("The rollout goes on.", true),
    ROLLOUT_NOT_PAUSED("The rollout is not paused.", false),
    ROLLOUT_ABORTED("The rollout has ended.", true),
    ROLLOUT_ENDED_BEFORE("The rollout had ended already.", false),
    UNKNOWN("It was not there any more.", false);

    private final String text;
    private final boolean changed;

    Outcome(String text, boolean changed) {
        this.text = text;
        this.changed = changed;
    }

    /** Returns what people are told. */
    String text() {
        return text;
    }

    /** Tells whether something was changed. */
    boolean changed() {
        return changed;
    }

    /** Returns how it is written in a URL and in JSON. */
    String word() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    static Optional<Outcome> ofWord(String word) {
        for (Outcome outcome : values()) {
            if (outcome.word().equals(word)) {
                return Optional.of(outcome);
            }
        }
        return Optional.empty();
    }
}
