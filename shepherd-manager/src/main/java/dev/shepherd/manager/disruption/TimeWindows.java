package dev.shepherd.manager.disruption;

import dev.shepherd.api.internal.Escaped;
import java.time.DateTimeException;
import java.time.DayOfWeek;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalTime;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A gate that is open at certain times of the week. Safe for use by several threads; immutable.
 *
 * <p>A window is written as days, times and a time zone, such as {@code Mon-Fri 22:00-06:00 Europe/Berlin} or {@code Sat,Sun
 * 00:00-24:00}. Days may be left out, which means each day; so may the zone, which means UTC. A window that ends earlier than it
 * begins ends on the next day. Where clocks are set forward or back, the times are those that clocks show.
 *
 * <p>An approval that is given in a window may be used a little after its end, as long as it is good. Where machines are drained, the
 * gate is asked once more after that: a drain should fit into a window.
 */
public final class TimeWindows implements DisruptionGate {

    private static final Pattern WINDOW = Pattern.compile(
            "(?:(?<days>[A-Za-z][A-Za-z,-]*)\\s+)?(?<from>\\d{2}:\\d{2})\\s*-\\s*(?<to>\\d{2}:\\d{2})(?:\\s+(?<zone>\\S+))?");

    private static final LocalTime MIDNIGHT = LocalTime.MIDNIGHT;

    private final List<Window> windows;

    /** @param to null for the end of the day */
    private record Window(
            String text,
            Set<DayOfWeek> days,
            LocalTime from,
            @Nullable LocalTime to,
            ZoneId zone) {

        Instant opens(LocalDate day) {
            return day.atTime(from).atZone(zone).toInstant();
        }

        Instant closes(LocalDate day) {
            return to == null
                    ? day.plusDays(1).atTime(MIDNIGHT).atZone(zone).toInstant()
                    : day.plusDays(to.isAfter(from) ? 0 : 1)
                            .atTime(to)
                            .atZone(zone)
                            .toInstant();
        }

        boolean isOpen(Instant at) {
            LocalDate today = at.atZone(zone).toLocalDate();
            return Stream.of(today.minusDays(1), today)
                    .filter(day -> days.contains(day.getDayOfWeek()))
                    .anyMatch(day -> !at.isBefore(opens(day)) && at.isBefore(closes(day)));
        }

        Instant nextOpening(Instant at) {
            LocalDate today = at.atZone(zone).toLocalDate();
            return Stream.iterate(today, day -> day.plusDays(1))
                    .limit(9)
                    .filter(day -> days.contains(day.getDayOfWeek()))
                    .map(this::opens)
                    .filter(opening -> opening.isAfter(at))
                    .findFirst()
                    .orElseThrow();
        }
    }

    private TimeWindows(List<Window> windows) {
        if (windows.isEmpty()) {
            throw new IllegalArgumentException("a gate that is never open needs no windows: give at least one");
        }
        this.windows = List.copyOf(windows);
    }

    /**
     * Reads windows: the gate is open in each of them.
     *
     * @throws IllegalArgumentException if one is none, or there is none; says what is wrong
     */
    public static TimeWindows parse(String... windows) {
        return new TimeWindows(Stream.of(windows).map(TimeWindows::window).toList());
    }

    private static Window window(String text) {
        Matcher matcher = WINDOW.matcher(text.strip());
        if (!matcher.matches()) {
            throw wrong(text, "it is written as days, times and a zone, such as \"Mon-Fri 22:00-06:00 Europe/Berlin\"");
        }
        try {
            LocalTime from = LocalTime.parse(matcher.group("from"));
            LocalTime to = matcher.group("to").equals("24:00") ? null : LocalTime.parse(matcher.group("to"));
            if (from.equals(to)) {
                throw wrong(text, "it ends when it begins; a whole day is 00:00-24:00");
            }
            ZoneId zone = matcher.group("zone") == null ? ZoneOffset.UTC : ZoneId.of(matcher.group("zone"));
            return new Window(text.strip(), days(text, matcher.group("days")), from, to, zone);
        } catch (DateTimeException e) {
            throw wrong(text, e.getMessage());
        }
    }

    private static Set<DayOfWeek> days(String text, @Nullable String days) {
        Set<DayOfWeek> all = EnumSet.noneOf(DayOfWeek.class);
        if (days == null) {
            return EnumSet.allOf(DayOfWeek.class);
        }
        for (String part : days.split(",", -1)) {
            String[] ends = part.split("-", -1);
            if (ends.length > 2) {
                throw wrong(text, "days are written as Mon, Mon-Fri or Mon,Wed");
            }
            DayOfWeek day = day(text, ends[0]);
            DayOfWeek last = day(text, ends[ends.length - 1]);
            all.add(day);
            while (day != last) {
                day = day.plus(1);
                all.add(day);
            }
        }
        return all;
    }

    private static DayOfWeek day(String text, String name) {
        return Stream.of(DayOfWeek.values())
                .filter(day -> day.name().substring(0, 3).equals(name.toUpperCase(Locale.ROOT)))
                .findFirst()
                .orElseThrow(() -> wrong(
                        text,
                        "there is no day " + Escaped.quoted(name, 20)
                                + "; days are Mon, Tue, Wed, Thu, Fri, Sat and Sun"));
    }

    private static IllegalArgumentException wrong(String text, @Nullable String why) {
        return new IllegalArgumentException("the window " + Escaped.quoted(text, 100) + ": " + why);
    }

    /** Tells whether a window is open. */
    public boolean isOpen(Instant at) {
        return windows.stream().anyMatch(window -> window.isOpen(at));
    }

    /** Returns when the next window opens after a moment. */
    public Instant nextOpening(Instant after) {
        return windows.stream()
                .map(window -> window.nextOpening(after))
                .min(Instant::compareTo)
                .orElseThrow();
    }

    /** Agrees while a window is open, and otherwise says when the next one opens. */
    @Override
    public GateAnswer ask(Disruption disruption) {
        if (isOpen(disruption.at())) {
            return GateAnswer.proceed();
        }
        Instant opening = nextOpening(disruption.at());
        return GateAnswer.notNow(opening, "outside of " + this + "; the next window opens at " + opening);
    }

    @Override
    public String name() {
        return "windows";
    }

    /** Returns the windows as they were written, with commas between. */
    @Override
    public String toString() {
        List<String> texts = new ArrayList<>();
        windows.forEach(window -> texts.add(window.text()));
        return String.join(", ", texts);
    }
}
