package dev.shepherd.api.internal;

import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneId;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Locale;

/** Says moments as people do who read a log: {@code 22:36:14Z}, with the date if it is not today. */
public final class TimeOfDay {

    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("HH:mm:ssX", Locale.ROOT);
    private static final DateTimeFormatter DATE_AND_TIME =
            DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ssX", Locale.ROOT);

    private TimeOfDay() {}

    /** Says a moment in the time zone of this host, in which logs are written as a rule. */
    public static String text(Instant at, Instant now) {
        return text(at, now, ZoneId.systemDefault());
    }

    static String text(Instant at, Instant now, ZoneId zone) {
        ZonedDateTime moment = at.atZone(zone);
        boolean today = moment.toLocalDate().equals(LocalDate.ofInstant(now, zone));
        return (today ? TIME : DATE_AND_TIME).format(moment);
    }
}
