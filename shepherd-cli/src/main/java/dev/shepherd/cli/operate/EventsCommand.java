package dev.shepherd.cli.operate;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.event.ShepherdEvent;
import dev.shepherd.bmdb.event.StoredEvent;
import dev.shepherd.bmdb.feed.EventFeed;
import dev.shepherd.bmdb.feed.EventsPrunedException;
import dev.shepherd.cli.internal.Shutdown;
import dev.shepherd.web.webhook.EventJson;
import java.io.PrintWriter;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code shepherd events}. */
@Command(
        name = "events",
        description = {
            "Shows what happened to the fleet, oldest first: the last events, or those behind a position. With --follow also"
                    + " those that come, until it is interrupted.",
            "",
            "Example: shepherd events --follow --json | jq 'select(.type == \"Quarantined\")'"
        },
        mixinStandardHelpOptions = true)
public final class EventsCommand extends FleetCommand {

    private static final long LOOK_MILLIS = 1000;

    @Option(
            names = "--after",
            paramLabel = "POSITION",
            description = "show the events behind this position, 0 for all that are kept (default: the last ones)")
    private @Nullable Long after;

    @Option(
            names = "--limit",
            paramLabel = "N",
            defaultValue = "50",
            description = "how many to show at most, or with --follow to begin with; 1 to 10000"
                    + " (default: ${DEFAULT-VALUE})")
    private int limit = 50;

    @Option(names = "--follow", description = "go on with the events that come")
    private boolean follow;

    @Option(names = "--json", description = "print each event as a JSON object, in a line of its own")
    private boolean json;

    @Override
    void check(CommandLine commandLine) {
        if (limit < 1 || limit > EventFeed.MOST) {
            throw new ConfigurationException("--limit", "--limit is 1 to " + EventFeed.MOST + ", not " + limit);
        }
        if (after != null && after < 0) {
            throw new ConfigurationException("--after", "--after is a position, and not negative as " + after + " is");
        }
    }

    @Override
    int run(Bmdb bmdb, CommandLine commandLine) throws InterruptedException {
        PrintWriter out = commandLine.getOut();
        EventFeed feed = EventFeed.of(bmdb);
        try {
            long position = after != null ? after : Math.max(EventFeed.START, feed.last() - limit);
            List<StoredEvent> events = read(feed, position);
            if (events.isEmpty() && !follow && !json) {
                out.println("There are no events" + (after == null ? "" : " behind position " + after));
            }
            position = show(events, position, out);
            if (follow) {
                follow(feed, position, out);
            }
        } catch (EventsPrunedException e) {
            commandLine.getErr().println(Escaped.text(String.valueOf(e.getMessage())));
            return CommandLine.ExitCode.SOFTWARE;
        }
        return 0;
    }

    private List<StoredEvent> read(EventFeed feed, long position) throws InterruptedException {
        try {
            return feed.after(position, limit);
        } catch (EventsPrunedException e) {
            if (after != null) {
                throw e;
            }
            return feed.after(e.prunedUpTo(), limit); // There are fewer than that.
        }
    }

    private void follow(EventFeed feed, long from, PrintWriter out) throws InterruptedException {
        long position = from;
        try (Shutdown shutdown = new Shutdown()) {
            List<StoredEvent> next = List.of();
            while (!next.isEmpty() || !shutdown.await(LOOK_MILLIS)) {
                next = feed.after(position, EventFeed.MOST);
                position = show(next, position, out);
                if (out.checkError()) {
                    return; // No one reads it any more.
                }
            }
        }
    }

    /** Shows events. Returns the position of the last one. */
    private long show(List<StoredEvent> events, long before, PrintWriter out) {
        long position = before;
        for (StoredEvent stored : events) {
            out.println(json ? EventJson.text(stored) : line(stored));
            position = stored.position();
        }
        out.flush();
        return position;
    }

    private static String line(StoredEvent stored) {
        ShepherdEvent event = stored.event();
        StringBuilder line = new StringBuilder();
        line.append(event.at().truncatedTo(ChronoUnit.SECONDS)).append("  ").append(stored.position());
        line.append("  ").append(event.kind().databaseName());
        String provider = event.provider().map(ProviderType::name).orElse("");
        String machine = event.providerId()
                .map(ProviderID::toString)
                .or(() -> event.machineId().map(Object::toString))
                .orElse("");
        String subject = (provider + " " + machine).strip();
        if (!subject.isEmpty()) {
            line.append("  ").append(subject);
        }
        if (!event.details().isEmpty()) {
            line.append("  ");
            line.append(new TreeMap<>(event.details())
                    .entrySet().stream()
                            .map(detail -> detail.getKey() + "=" + Escaped.text(detail.getValue()))
                            .collect(Collectors.joining(" ")));
        }
        return line.toString();
    }
}
