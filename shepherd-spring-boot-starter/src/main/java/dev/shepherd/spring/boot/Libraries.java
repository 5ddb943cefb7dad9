package dev.shepherd.spring.boot;

import dev.shepherd.api.ConfigurationException;
import java.util.Locale;

/**
 * Whether the application's dependency management has brought versions of libraries that this works with. Where it has not, methods
 * are missing somewhere in the middle of the work.
 */
final class Libraries {

    private static final String JOOQ = "3.19.";

    /** What an application does about jOOQ. */
    static final String JOOQ_ADVICE =
            "Shepherd needs jOOQ 3.19: set the Maven property jooq.version to 3.19.39, as docs/spring-boot.md of Shepherd"
                    + " says";

    /** What an application does about Netty. */
    static final String NETTY_ADVICE =
            "Shepherd needs Netty 4.2: set the Maven property netty.version to 4.2.20.Final, as docs/spring-boot.md of"
                    + " Shepherd says";

    private Libraries() {}

    /**
     * Requires the line of jOOQ that the database is compiled against: later ones have removed methods.
     *
     * @throws ConfigurationException if another one is there
     */
    static void requireJooq(ClassLoader classes) {
        String version;
        try {
            // Not the constant itself, which would be compiled into this class.
            version = String.valueOf(Class.forName("org.jooq.Constants", true, classes)
                    .getField("FULL_VERSION")
                    .get(null));
        } catch (ReflectiveOperationException e) {
            version = "of an unknown version";
        }
        if (!version.startsWith(JOOQ)) {
            throw new ConfigurationException(
                    ShepherdProperties.PREFIX,
                    "jOOQ %s is on the class path. %s".formatted(version.toLowerCase(Locale.ROOT), JOOQ_ADVICE));
        }
    }

    /**
     * Requires the line of Netty that the endpoint of agents is compiled against.
     *
     * @throws ConfigurationException if an older one is there
     */
    static void requireNetty(ClassLoader classes) {
        try {
            Class.forName("io.netty.channel.MultiThreadIoEventLoopGroup", false, classes);
        } catch (ClassNotFoundException e) {
            throw new ConfigurationException(
                    ShepherdProperties.PREFIX, "An older Netty than 4.2 is on the class path. " + NETTY_ADVICE, e);
        }
    }
}
