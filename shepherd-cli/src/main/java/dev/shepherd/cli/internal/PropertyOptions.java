package dev.shepherd.cli.internal;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.ProviderConfig;
import dev.shepherd.api.ProviderProperty;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.cli.settings.OptionFile;
import java.io.IOException;
import java.io.StringReader;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options, and the environment variables, that give a provider its properties. */
public final class PropertyOptions {

    private static final String VARIABLE = "SHEPHERD_PROPERTY_";

    @Option(
            names = "--property",
            paramLabel = "NAME=VALUE",
            description = "a property of the provider; NAME=@FILE takes the content of a file, and @@ stands for an @"
                    + " at the beginning; repeatable")
    private Map<String, String> properties = new LinkedHashMap<>();

    @Option(
            names = "--property-file",
            paramLabel = "FILE",
            description = "properties of the provider, one NAME=VALUE per line. A property that is neither here nor in"
                    + " --property comes from an environment variable: api-token from " + VARIABLE + "API_TOKEN")
    private @Nullable Path file;

    /** Returns the configuration of a provider, checked, and warns of secrets that others can see. */
    public ProviderConfig config(FoundProvider found, ProviderType type) {
        return values(found, type).config();
    }

    /** Returns the properties of a provider as they are given, and warns of secrets that others can see. */
    public Values values(FoundProvider found, ProviderType type) {
        return values(found, type, System.getenv());
    }

    /** The same with other environment variables than the process's. */
    ProviderConfig config(FoundProvider found, ProviderType type, Map<String, String> environment) {
        return values(found, type, environment).config();
    }

    private Values values(FoundProvider found, ProviderType type, Map<String, String> environment) {
        Map<String, String> values = new HashMap<>();
        Map<String, String> origins = new HashMap<>();
        for (ProviderProperty property : found.properties()) {
            String variable = variable(property.name());
            String value = environment.get(variable);
            if (value != null && !value.isEmpty()) {
                values.put(property.name(), value);
                origins.put(property.name(), variable);
            }
        }
        warnOfUnknown(environment, found, type);
        if (file != null) {
            Properties inFile = load(file);
            for (String name : inFile.stringPropertyNames()) {
                values.put(name, inFile.getProperty(name));
                origins.put(name, "--property-file: " + file);
            }
        }
        properties.forEach((name, text) -> {
            values.put(name, value(name, text));
            origins.put(name, "--property");
        });
        found.properties().stream().filter(ProviderProperty::secret).forEach(this::warnIfVisible);
        return new Values(found, type, values, origins);
    }

    /** What a provider is given, before it is checked. */
    public static final class Values {
        private final FoundProvider found;
        private final ProviderType type;
        private final Map<String, String> texts;
        private final Map<String, String> origins;

        private Values(FoundProvider found, ProviderType type, Map<String, String> texts, Map<String, String> origins) {
            this.found = found;
            this.type = type;
            this.texts = Map.copyOf(texts);
            this.origins = Map.copyOf(origins);
        }

        /** Returns the text of a property, if it is given. */
        public Optional<String> text(String name) {
            return Optional.ofNullable(texts.get(name));
        }

        /** Returns the same with one property that is another. */
        public Values with(String name, String text) {
            Map<String, String> changed = new HashMap<>(texts);
            changed.put(name, text);
            return new Values(found, type, changed, origins);
        }

        /** Checks it, and says of what is wrong where it comes from. */
        public ProviderConfig config() {
            try {
                return ProviderConfig.of(found.factory(), type, texts);
            } catch (ConfigurationException e) {
                String origin = e.property().map(origins::get).orElse(null);
                if (origin == null) {
                    throw e;
                }
                throw new ConfigurationException(e.property().orElseThrow(), origin + ": " + e.getMessage(), e);
            }
        }
    }

    /** Fails if properties are given for a provider that is not named. */
    public void requireNone() {
        for (String option : new String[] {"--property", "--property-file"}) {
            if (option.equals("--property") ? !properties.isEmpty() : file != null) {
                throw new ConfigurationException(option, option + " goes with --provider, which is not given");
            }
        }
    }

    /** The environment may hold what another provider takes, so a name that is not known is no reason to stop. */
    private static void warnOfUnknown(Map<String, String> environment, FoundProvider found, ProviderType type) {
        Set<String> known = found.properties().stream()
                .map(property -> variable(property.name()))
                .collect(Collectors.toCollection(TreeSet::new));
        for (String name : new TreeSet<>(environment.keySet())) {
            if (name.startsWith(VARIABLE) && !known.contains(name)) {
                System.err.println("shepherd: provider " + type + " has no property for the environment variable "
                        + Escaped.text(name) + ", which is ignored; it has: " + String.join(", ", known));
            }
        }
    }

    private static String variable(String property) {
        return VARIABLE + property.toUpperCase(Locale.ROOT).replace('-', '_').replace('.', '_');
    }

    private static Properties load(Path file) {
        Properties properties = new Properties();
        try {
            properties.load(new StringReader(OptionFile.text("--property-file", file)));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (IllegalArgumentException e) {
            throw new ConfigurationException("--property-file", "--property-file: " + file + ": " + e.getMessage(), e);
        }
        return properties;
    }

    private static String value(String name, String text) {
        if (!text.startsWith("@")) {
            return text;
        }
        if (text.startsWith("@@")) {
            return text.substring(1);
        }
        String option = "--property " + name;
        if (text.length() == 1) {
            throw new ConfigurationException(option, option + ": the name of a file is missing after @");
        }
        Path file = Setting.of(option, text.substring(1), Path::of);
        String content = OptionFile.text(option, file).replaceFirst("\\R\\z", "");
        if (content.isEmpty()) {
            throw new ConfigurationException(option, option + ": " + file + " is empty");
        }
        return content;
    }

    /** The URI of a file is no secret, even if the property is one. */
    private void warnIfVisible(ProviderProperty property) {
        String name = property.name();
        String text = properties.get(name);
        if (text != null && (!text.startsWith("@") || text.startsWith("@@")) && !text.startsWith("file:")) {
            System.err.println("shepherd: the property " + name + " is a secret, and ps shows the command line to every"
                    + " user of this host: give it as " + name + "=@FILE, in a --property-file or in "
                    + variable(name));
        }
    }
}
