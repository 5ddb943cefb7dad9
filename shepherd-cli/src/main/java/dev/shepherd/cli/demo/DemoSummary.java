package dev.shepherd.cli.demo;

import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * How a demo ended.
 *
 * @param machines how many machines there were to take over
 * @param provided how many were found and recorded
 * @param agentsStarted how many have their agent started
 * @param failedTakeovers how many takeovers failed, including those that succeeded later
 * @param toRecover how many of the machines that were broken were to come back
 * @param recovered how many of them came back
 * @param toQuarantine how many of the machines that were broken were to be quarantined
 * @param quarantined how many were
 * @param seconds from the start of the manager to its end
 * @param secondsToProvided until the last machine was recorded
 * @param secondsToStarted until the last agent was started
 * @param ended why it ended, where it ended early; otherwise empty
 * @param errors the last error of each loop, where it ended early
 */
record DemoSummary(
        int machines,
        long provided,
        long agentsStarted,
        long failedTakeovers,
        long toRecover,
        long recovered,
        long toQuarantine,
        long quarantined,
        double seconds,
        double secondsToProvided,
        double secondsToStarted,
        String ended,
        List<String> errors) {

    boolean isComplete() {
        return agentsStarted == machines && recovered == toRecover && quarantined == toQuarantine;
    }

    long failed() {
        return machines - agentsStarted;
    }

    String text() {
        String head;
        if (agentsStarted < machines) {
            head = String.format(Locale.ROOT, "%d of %d machines are NOT taken over: %s.", failed(), machines, ended);
        } else if (isComplete()) {
            head = String.format(
                    Locale.ROOT,
                    "All %d machines are taken over. Of those that were broken then, %d came back and %d was"
                            + " quarantined.",
                    machines,
                    recovered,
                    quarantined);
        } else {
            head = String.format(
                    Locale.ROOT,
                    "All %d machines are taken over. Of those that were broken then, %d of %d came back and %d of %d"
                            + " were quarantined: %s.",
                    machines,
                    recovered,
                    toRecover,
                    quarantined,
                    toQuarantine,
                    ended);
        }
        String text = String.format(
                Locale.ROOT,
                "%s%n  machines provided  %4d   after %.1f s%n  agents started     %4d   after %.1f s%n"
                        + "  failed takeovers   %4d%n  recovered          %4d%n  quarantined        %4d%n"
                        + "  in all                    %.1f s",
                head,
                provided,
                secondsToProvided,
                agentsStarted,
                secondsToStarted,
                failedTakeovers,
                recovered,
                quarantined,
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
                        + "\"recovered\":%d,\"quarantined\":%d,"
                        + "\"seconds\":%.3f,\"seconds_to_provided\":%.3f,\"seconds_to_agents_started\":%.3f}",
                machines,
                provided,
                agentsStarted,
                failed(),
                failedTakeovers,
                recovered,
                quarantined,
                seconds,
                secondsToProvided,
                secondsToStarted);
    }
}
