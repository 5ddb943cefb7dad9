package dev.shepherd.spring.boot;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.ShepherdException;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.source.ConfigurationProperty;
import org.springframework.boot.context.properties.source.ConfigurationPropertyName;
import org.springframework.boot.context.properties.source.ConfigurationPropertySource;
import org.springframework.boot.context.properties.source.ConfigurationPropertySources;
import org.springframework.boot.diagnostics.AbstractFailureAnalyzer;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.core.env.Environment;

/** Says what is wrong with the start of a fleet, where that is said, and what to do, in place of a stack trace. */
final class ShepherdFailureAnalyzer extends AbstractFailureAnalyzer<ShepherdException> {

    private final Environment environment;

    ShepherdFailureAnalyzer(Environment environment) {
        this.environment = environment;
    }

    @Override
    protected FailureAnalysis analyze(Throwable rootFailure, ShepherdException cause) {
        if (!(cause instanceof ConfigurationException configuration)) {
            return new FailureAnalysis(
                    String.valueOf(cause.getMessage()),
                    "Correct what it names, and start again; docs/operations.md of Shepherd has more. The stack trace is"
                            + " logged at level debug.",
                    cause);
        }
        String property = configuration.property().orElse("");
        String origin = origin(property);
        String description = configuration.getMessage() + (origin == null ? "" : "\n\n    It is set by " + origin);
        return new FailureAnalysis(
                description,
                property.startsWith(ShepherdProperties.PREFIX + ".")
                        ? (origin == null ? "Set" : "Correct") + " the property " + property
                                + " as it says; docs/spring-boot.md of Shepherd has all properties."
                        : "Correct the application's configuration.",
                cause);
    }

    /** Returns where a property is set: file and line, where they are known. */
    private @Nullable String origin(String property) {
        if (!ConfigurationPropertyName.isValid(property) || property.isEmpty()) {
            return null;
        }
        ConfigurationPropertyName name = ConfigurationPropertyName.of(property);
        for (ConfigurationPropertySource source : ConfigurationPropertySources.get(environment)) {
            ConfigurationProperty found = source.getConfigurationProperty(name);
            if (found != null) {
                return found.getOrigin() == null ? null : found.getOrigin().toString();
            }
        }
        return null;
    }
}
