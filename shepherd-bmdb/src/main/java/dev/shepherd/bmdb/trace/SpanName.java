package dev.shepherd.bmdb.trace;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The kinds of spans. Each has the same tags at all times, which have few values; details tell one span from another.
 * {@code docs/traces.md} says what they mean.
 */
public enum SpanName {

    /** A step of a loop. */
    LOOP_STEP("shepherd.loop.step", "loop", List.of("provider", "loop", "outcome"), List.of()),

    /** A transaction that claims machines, whether or not there is one to claim. */
    CLAIM(
            "shepherd.claim",
            "process",
            List.of("provider", "process", "outcome"),
            List.of("session", "claimed", "machine")),

    /** What a loop does to a machine, from the moment when it has a thread for it. */
    WORK("shepherd.work", "process", List.of("provider", "process", "outcome"), List.of("machine", "session")),

    /** The transaction that ends work on a machine, or on several. */
    WORK_END(
            "shepherd.work.end",
            "process",
            List.of("provider", "process", "outcome"),
            List.of("machine", "session", "ended")),

    /** A call of a provider, without what it waits for its turn. */
    PROVIDER_CALL(
            "shepherd.provider.call", "operation", List.of("provider", "operation", "outcome"), List.of("provider.id")),

    /** A takeover of a machine. */
    TAKEOVER(
            "shepherd.takeover",
            null,
            List.of("provider", "outcome", "step", "kind"),
            List.of("machine", "provider.id")),

    /** A step of a takeover. */
    TAKEOVER_STEP(
            "shepherd.takeover.step",
            "step",
            List.of("provider", "step", "outcome"),
            List.of("machine", "provider.id"));

    private final String text;
    private final Optional<String> titleTag;
    private final List<String> tags;
    private final List<String> details;

    SpanName(String text, @Nullable String titleTag, List<String> tags, List<String> details) {
        this.text = text;
        this.titleTag = Optional.ofNullable(titleTag);
        this.tags = tags;
        this.details = details;
    }

    /** Returns the name, such as {@code shepherd.claim}. */
    public String text() {
        return text;
    }

    /**
     * Returns what a span with these tags is called where people look at it, such as {@code claim shepherd-agent-start}:
     * without capitals, since Micrometer makes a hyphen and a small letter of each.
     */
    public String title(Map<String, String> tags) {
        String what = text.substring("shepherd.".length()).replace('.', ' ');
        return titleTag.map(tag -> what + " " + hyphened(tags.get(tag))).orElse(what);
    }

    private static String hyphened(@Nullable String value) {
        return String.valueOf(value).replaceAll("(?<=.)([A-Z])", "-$1").toLowerCase(Locale.ROOT);
    }

    /** Returns the keys of the tags. All have a value when the span ends: {@code none} where there is nothing to say. */
    public List<String> tags() {
        return tags;
    }

    /** Returns the keys of the details. A span has those that are known. */
    public List<String> details() {
        return details;
    }

    /** Returns {@link #text()}. */
    @Override
    public String toString() {
        return text;
    }
}
