package dev.shepherd.cli.operate;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.operator.Actor.Channel;
import dev.shepherd.bmdb.operator.OperatorActions;
import dev.shepherd.cli.internal.Setting;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Says on whose behalf something is done to a running fleet, and why. */
final class OperatorOption {

    /** What Java calls a user whom the system has no name for, as in OpenShift. */
    private static final String NAMELESS = "?";

    @Option(names = "--by", paramLabel = "NAME", description = "who asks for it (default: the user's name)")
    private @Nullable String by;

    @Option(names = "--reason", required = true, paramLabel = "TEXT", description = "why, for other operators")
    private String reason = "";

    String reason() {
        return Setting.reason("--reason", reason);
    }

    /** Returns what can be done to a fleet, on this behalf. */
    OperatorActions actions(Bmdb bmdb) {
        return OperatorActions.of(bmdb, actor());
    }

    Actor actor() {
        String name = by == null ? user(System.getProperty("user.name", NAMELESS)) : by;
        return new Actor(Setting.name("--by", name), Channel.COMMAND_LINE);
    }

    /** Returns a user's name, or where there is none, the user id. */
    static String user(String name) {
        if (!name.equals(NAMELESS)) {
            return name;
        }
        try {
            return "user id " + Files.getAttribute(Path.of("/proc/self"), "unix:uid");
        } catch (IOException | UnsupportedOperationException | IllegalArgumentException e) {
            throw new ConfigurationException("--by", "--by is missing, and this user has no name", e);
        }
    }
}
