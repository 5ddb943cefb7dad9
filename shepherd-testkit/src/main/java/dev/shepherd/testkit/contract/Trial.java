package dev.shepherd.testkit.contract;

/** One fault at one request of a call. */
final class Trial {

    private final Step step;
    private final int number;
    private final RequestFault fault;
    private volatile boolean hit;

    Trial(Step step, int number, RequestFault fault) {
        this.step = step;
        this.number = number;
        this.fault = fault;
    }

    Step step() {
        return step;
    }

    /** Returns which request of its kind, from 1. */
    int number() {
        return number;
    }

    RequestFault fault() {
        return fault;
    }

    /** Notes that the call had such a request. */
    void hit() {
        hit = true;
    }

    boolean wasHit() {
        return hit;
    }

    /** Returns it in words, such as {@code CHANGE 2: ANSWER_LOST}. */
    @Override
    public String toString() {
        return step + " " + number + ": " + fault;
    }
}
