package ${package};

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderConfig;
import dev.shepherd.api.ProviderFactory;
import dev.shepherd.api.ProviderProperty;
import dev.shepherd.api.ProviderProperty.Type;
import java.net.URI;
import java.time.Duration;
import java.util.List;

/** Makes providers of the servers of one controller. META-INF/services names it, where the library finds it. */
public final class ${className}ProviderFactory implements ProviderFactory {

    private static final Duration LONGEST_TIMEOUT = Duration.ofMinutes(10);

    @Override
    public String kind() {
        return "${kind}";
    }

    @Override
    public String description() {
        return "the servers of a controller, over its HTTP API";
    }

    @Override
    public List<ProviderProperty> properties() {
        return List.of(
                ProviderProperty.required("controller", Type.URI, "the http: or https: URL of the controller"),
                ProviderProperty.required("token", Type.STRING, "the token that the controller lets us in with")
                        .asSecret(),
                ProviderProperty.optional(
                        "timeout", Type.DURATION, "10s", "how long the controller may take to answer"));
    }

    @Override
    public Provider create(ProviderConfig config) {
        URI controller = config.uri("controller").orElseThrow();
        require(
                "controller",
                List.of("http", "https").contains(controller.getScheme())
                        && controller.getHost() != null
                        && controller.getUserInfo() == null,
                "an http: or https: URL with a host and without a user");
        String token = config.string("token").orElseThrow();
        require("token", token.matches("[!-~]+"), "printable ASCII without spaces");
        Duration timeout = config.duration("timeout").orElseThrow();
        require(
                "timeout",
                timeout.toMillis() >= 1 && timeout.compareTo(LONGEST_TIMEOUT) <= 0,
                "from 1ms to " + LONGEST_TIMEOUT.toMinutes() + "m");
        return new ${className}Provider(config.type(), new Http${className}Controller(controller, token, timeout));
    }

    private static void require(String property, boolean holds, String what) {
        if (!holds) {
            throw new ConfigurationException(property, "the property \"" + property + "\" is " + what);
        }
    }
}
