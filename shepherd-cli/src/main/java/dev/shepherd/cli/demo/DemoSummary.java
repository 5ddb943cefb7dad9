package dev.shepherd.cli.demo;

import dev.shepherd.testkit.http.Json;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
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
 * @param bmcs what became of the BMCs, where the machines have some
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
        List<String> errors,
        Optional<DemoBmcs> bmcs) {

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
                + bmcs.map(DemoSummary::text).orElse("")
                + errors.stream()
                        .map(error -> System.lineSeparator() + "  " + error)
                        .collect(Collectors.joining());
    }

    private static String text(DemoBmcs bmcs) {
        return String.format(
                Locale.ROOT,
                "%n  rebooted by BMC    %4d   and heard again %.1f s after it fell silent%n  resets sent        %4d   to"
                        + " BMCs, with those that were refused%n  quarantined because %s",
                bmcs.rebooted(),
                bmcs.secondsToHeard(),
                bmcs.resets(),
                bmcs.quarantineCause());
    }

    String json() {
        String text = String.format(
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
        return text.substring(0, text.length() - 1)
                + bmcs.map(DemoSummary::json).orElse("") + "}";
    }

    private static String json(DemoBmcs bmcs) {
        return String.format(
                Locale.ROOT,
                ",\"rebooted_through_bmc\":%d,\"resets_sent\":%d,\"seconds_to_heard\":%.3f,\"quarantine_cause\":%s",
                bmcs.rebooted(),
                bmcs.resets(),
                bmcs.secondsToHeard(),
                Json.write(bmcs.quarantineCause()));
    }
}
