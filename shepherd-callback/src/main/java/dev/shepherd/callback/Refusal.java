package dev.shepherd.callback;

import dev.shepherd.callback.AgentEndpointStatus.Outcome;

/** A request is refused, with this answer. */
@SuppressWarnings("serial")
final class Refusal extends Exception {

    private static final long serialVersionUID = 1L;

    private final Answer answer;

    Refusal(int status, Outcome outcome, String message) {
        this(Answer.refusal(status, outcome, message));
    }

    Refusal(Answer answer) {
        super(answer.outcome().name(), null, false, false);
        this.answer = answer;
    }

    static Refusal malformed(String message) {
        return new Refusal(400, Outcome.MALFORMED, message);
    }

    Answer answer() {
        return answer;
    }
}
