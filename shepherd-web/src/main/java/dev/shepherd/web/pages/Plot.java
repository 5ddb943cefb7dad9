package dev.shepherd.web.pages;

import dev.shepherd.bmdb.fleet.FleetSample;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.ToLongFunction;

/**
 * A line over the last day, as the points of an SVG that is {@value #WIDTH} wide and {@value #HEIGHT} high.
 *
 * @param title what it shows
 * @param last the newest value
 * @param most the highest value
 * @param lines the points, of one line for each stretch without a gap
 */
public record Plot(String title, String last, String most, List<String> lines) {

    static final int WIDTH = 288;
    static final int HEIGHT = 60;
    static final Duration SPAN = Duration.ofDays(1);

    /** Samples further apart have something missing between them. */
    private static final Duration GAP = Duration.ofMinutes(15);

    /** Draws a value of samples, summed over the providers. */
    static Plot of(String title, List<FleetSample> samples, Instant now, ToLongFunction<FleetSample> value) {
        TreeMap<Instant, Long> values = new TreeMap<>();
        samples.forEach(sample -> values.merge(sample.at(), value.applyAsLong(sample), Long::sum));
        long most = values.values().stream().mapToLong(Long::longValue).max().orElse(0);
        List<String> lines = new ArrayList<>();
        StringBuilder line = new StringBuilder();
        Instant before = null;
        for (Map.Entry<Instant, Long> one : values.entrySet()) {
            if (before != null && Duration.between(before, one.getKey()).compareTo(GAP) > 0) {
                lines.add(line.toString());
                line.setLength(0);
            }
            double x = WIDTH * (1 - (double) Duration.between(one.getKey(), now).toMillis() / SPAN.toMillis());
            double y = HEIGHT - 2 - (most == 0 ? 0 : (HEIGHT - 4.0) * one.getValue() / most);
            if (line.length() == 0) {
                // A single sample is to be seen, too.
                line.append(String.format(Locale.ROOT, "%.1f,%.1f ", x - 1, y));
            }
            line.append(String.format(Locale.ROOT, "%.1f,%.1f ", x, y));
            before = one.getKey();
        }
        if (line.length() > 0) {
            lines.add(line.toString());
        }
        String last =
                values.isEmpty() ? "no data yet" : Say.number(values.lastEntry().getValue());
        return new Plot(title, last, Say.number(most), lines);
    }
}
