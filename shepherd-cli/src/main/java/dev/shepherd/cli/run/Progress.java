package dev.shepherd.cli.run;

import dev.shepherd.api.ProviderType;
import dev.shepherd.manager.status.LoopStatus;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.StringJoiner;
import org.jspecify.annotations.Nullable;

/**
 * Says how a run is going, in a line for each provider: what its loops did since the last one. Says nothing of a provider
 * that had nothing to do, except once an hour. Not safe for several threads.
 */
final class Progress {

    /** How many times in a row nothing is said: an hour, as it is asked each minute. */
    static final int LONGEST_SILENCE = 60;

    /** What a loop had done, and the failure that was told of. */
    private record Told(
            long succeeded, long failed, @Nullable String error) {}

    private final Map<ProviderType, Integer> quiet = new HashMap<>();
    private final Map<String, Told> told = new HashMap<>();

    /** Returns what there is to say of the loops that run here. */
    List<String> lines(List<LoopStatus> loops) {
        Map<ProviderType, List<LoopStatus>> byProvider = new LinkedHashMap<>();
        loops.stream()
                .filter(loop -> loop.state() != LoopStatus.State.NEW)
                .forEach(loop -> byProvider
                        .computeIfAbsent(loop.provider(), type -> new ArrayList<>())
                        .add(loop));
        List<String> lines = new ArrayList<>();
        byProvider.forEach((provider, its) -> {
            StringJoiner line = new StringJoiner("; ", "Provider " + provider + ": ", "");
            line.setEmptyValue("");
            its.forEach(loop -> add(line, loop));
            if (line.length() > 0) {
                quiet.remove(provider);
                lines.add(line.toString());
            } else if (quiet.merge(provider, 1, Integer::sum) >= LONGEST_SILENCE) {
                quiet.remove(provider);
                lines.add("Provider " + provider + ": nothing to do for an hour");
            }
        });
        return lines;
    }

    private void add(StringJoiner line, LoopStatus loop) {
        String key = loop.provider() + " " + loop.name();
        Told before = told.getOrDefault(key, new Told(0, 0, null));
        String error = loop.lastError()
                .filter(LoopStatus.LastError::current)
                .map(LoopStatus.LastError::message)
                .orElse(null);
        Told now = new Told(loop.succeeded(), loop.failed(), error);
        told.put(key, now);
        boolean isNews = !now.equals(before) || loop.inProgress() > 0;
        if (isNews) {
            line.add(loop.name() + " " + counts(now.succeeded() - before.succeeded(), now.failed() - before.failed())
                    + (loop.inProgress() == 0 ? "" : ", " + loop.inProgress() + " in progress")
                    + (error == null || error.equals(before.error()) ? "" : ", last error: " + error));
        }
    }

    private static String counts(long succeeded, long failed) {
        return succeeded + " done" + (failed == 0 ? "" : ", " + failed + " failed");
    }
}
