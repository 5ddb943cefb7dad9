package dev.shepherd.testkit.bmc;

import dev.shepherd.testkit.bmc.BmcMood.Kind;
import dev.shepherd.testkit.http.HttpMessage;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** The moods that a {@link FakeBmc} is in. Not safe for use by several threads. */
final class BmcMoods {

    private static final int LARGEST_BURST = 10_000;

    /** A mood, and for how many calls more. */
    private static final class Active {
        private final BmcMood mood;
        private int left;

        private Active(BmcMood mood) {
            this.mood = mood;
            left = mood.times;
        }
    }

    private final List<Active> active = new ArrayList<>();
    private final Deque<Long> burst = new ArrayDeque<>();
    private boolean frozen;

    void add(BmcMood... added) {
        for (BmcMood mood : added) {
            active.add(new Active(mood));
        }
    }

    void clear() {
        active.clear();
        burst.clear();
        frozen = false;
    }

    boolean areFrozen() {
        return frozen;
    }

    /** Returns the mood of the service of a kind, the latest one where there are several. */
    Optional<BmcMood> ofService(Kind kind) {
        return active.stream()
                .map(each -> each.mood)
                .filter(mood -> mood.kind == kind)
                .reduce((first, second) -> second);
    }

    /**
     * Counts a call, and tells whether it is never answered.
     *
     * @param now when it arrived, in nanoseconds
     * @param running how many calls run, with this one
     */
    boolean freezeAt(long now, int running) {
        burst.add(now);
        if (burst.size() > LARGEST_BURST) {
            burst.remove();
        }
        for (Active each : active) {
            BmcMood mood = each.mood;
            if (mood.kind == Kind.FREEZE_ON_SECOND_CALL) {
                frozen |= running > 1;
            } else if (mood.kind == Kind.FREEZE_AFTER_BURST) {
                long within = mood.time.toNanos();
                frozen |= burst.stream().filter(at -> now - at <= within).count() > mood.count;
            }
        }
        return frozen;
    }

    /** Returns the moods that concern a call, and counts it for each of them. */
    List<BmcMood> take(HttpMessage request) {
        List<BmcMood> taken = new ArrayList<>();
        boolean isAnswered = false;
        for (Active each : active) {
            BmcMood mood = each.mood;
            boolean isInPlace = mood.kind.isInPlace();
            if (each.left > 0 && concerns(mood, request) && !(isAnswered && isInPlace)) {
                taken.add(mood);
                each.left -= mood.times == Integer.MAX_VALUE ? 0 : 1;
                isAnswered |= isInPlace;
            }
        }
        return taken;
    }

    private static boolean concerns(BmcMood mood, HttpMessage request) {
        if (mood.method.filter(method -> !method.equals(request.method())).isPresent()) {
            return false;
        }
        return switch (mood.kind) {
            case NO_SESSION, UNAUTHORIZED, FORBIDDEN -> RedfishService.needsPassword(request);
            case METHOD_NOT_ALLOWED -> !Set.of("GET", "HEAD").contains(request.method());
            case REDIRECT ->
                !mood.text.isEmpty() || !request.target().split("\\?", 2)[0].endsWith("/");
            case FREEZE_AFTER_BURST, FREEZE_ON_SECOND_CALL -> false;
            default -> !mood.kind.isOfService();
        };
    }
}
