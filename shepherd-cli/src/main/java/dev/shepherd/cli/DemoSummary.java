package dev.shepherd.cli;

import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * How a demo ended.
 *
 * @param machines how many machines there were to take over
 * @param provided how many were found and recorded
 * @param agentsStarted how many have their agent started
 * @param failedTakeovers how many takeovers failed, those that went well at a later try included
 * @param seconds from the start of the manager to its end
 * @param secondsToProvided until the last machine was recorded
 * @param secondsToStarted until the last agent was started
 * @param ended why it ended, where not every agent was started; otherwise empty
 * @param errors the last error of each loop, where not every agent was started
 */
record DemoSummary(
        int machines,
        long provided,
        long agentsStarted,
        long failedTakeovers,
        double seconds,
        double secondsToProvided,
        double secondsToStarted,
        String ended,
        List<String> errors) {

    boolean isComplete() {
        return agentsStarted == machines;
    }

    long failed() {
        return machines - agentsStarted;
    }

    String text() {
        String head = isComplete()
                ? "All %d machines are taken over.".formatted(machines)
                : "%d of %d machines are NOT taken over: %s.".formatted(failed(), machines, ended);
        String text = String.format(
                Locale.ROOT,
                "%s%n  machines provided  %4d   after %.1f s%n  agents started     %4d   after %.1f s%n"
                        + "  failed takeovers   %4d%n  in all                    %.1f s",
                head,
                provided,
                secondsToProvided,
                agentsStarted,
                secondsToStarted,
                failedTakeovers,
                seconds);
        return text
                + errors.stream()
                        .map(error -> System.lineSeparator() + "  " + error)
                        .collect(Collectors.joining());
    }

    String json() {
        return String.format(
                Locale.ROOT,
                "{\"machines\":%d,\"provided\":%d,\"agents_started\":%d,\"failed\":%d,\"failed_takeovers\":%d,"
                        + "\"seconds\":%.3f,\"seconds_to_provided\":%.3f,\"seconds_to_agents_started\":%.3f}",
                machines,
                provided,
                agentsStarted,
                failed(),
                failedTakeovers,
                seconds,
                secondsToProvided,
                secondsToStarted);
    }
}
