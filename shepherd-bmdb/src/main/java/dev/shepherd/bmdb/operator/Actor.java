package dev.shepherd.bmdb.operator;

import dev.shepherd.api.internal.Escaped;
import dev.shepherd.api.internal.OperatorText;
import java.util.Objects;

/**
 * Who changes something in a fleet, and through what. Both are recorded with every change. Immutable.
 *
 * @param name who: one line of 1 to 128 characters, not blank, without control characters. It is taken as it is given:
 *     proving it is up to the caller
 * @param channel through what
 */
public record Actor(String name, Channel channel) {

    /** @throws IllegalArgumentException if the name is none */
    public Actor {
        OperatorText.checkName(name);
        Objects.requireNonNull(channel, "channel");
    }

    /** Returns one who acts through an embedder's own program. */
    public static Actor program(String name) {
        return new Actor(name, Channel.PROGRAM);
    }

    /** Through what people change something. */
    public enum Channel {
        /** The page of {@code shepherd-web}. */
        PAGE("Page", "the page"),
        /** The command line. */
        COMMAND_LINE("CommandLine", "the command line"),
        /** The HTTP API of {@code shepherd-web}. */
        API("API", "the HTTP API"),
        /** An embedder's own program. */
        PROGRAM("Program", "a program");

        private final String databaseName;
        private final String text;

        Channel(String databaseName, String text) {
            this.databaseName = databaseName;
            this.text = text;
        }

        /** Returns the name that the database has for it. */
        public String databaseName() {
            return databaseName;
        }

        static Channel ofDatabaseName(String name) {
            for (Channel channel : values()) {
                if (channel.databaseName.equals(name)) {
                    return channel;
                }
            }
            throw new IllegalArgumentException("there is no channel " + name);
        }

        /** Returns it for people, such as {@code the command line}. */
        @Override
        public String toString() {
            return text;
        }
    }

    /** Returns the name, made fit for a line of a log. */
    @Override
    public String toString() {
        return Escaped.text(name);
    }
}
