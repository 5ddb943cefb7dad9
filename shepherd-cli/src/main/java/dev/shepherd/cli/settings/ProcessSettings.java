package dev.shepherd.cli.settings;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.manager.status.LoopKind;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What a process runs, and where it finds it. */
public final class ProcessSettings {

    private static final Path DEFAULT_PLUGINS = Path.of("plugins");

    private final Builder values;

    private ProcessSettings(Builder values) {
        this.values = values;
    }

    /** Returns the folder of plugins, if there is one. */
    public Optional<Path> plugins() {
        return Optional.of(values.plugins == null ? DEFAULT_PLUGINS : values.plugins)
                .filter(Files::isDirectory);
    }

    /** Returns the loops that run. */
    public Set<LoopKind> loops() {
        return values.loops == null ? EnumSet.allOf(LoopKind.class) : EnumSet.copyOf(values.loops);
    }

    /** Returns what operators read about this process, if that is said. */
    public Optional<String> runtimeInfo() {
        return Optional.ofNullable(values.runtimeInfo);
    }

    /** Collects the settings. */
    static final class Builder {
        private @Nullable Path plugins;
        private @Nullable List<LoopKind> loops;
        private @Nullable String runtimeInfo;

        void plugins(Path folder) {
            this.plugins = folder;
        }

        void loops(List<LoopKind> kinds) {
            this.loops = kinds;
        }

        void runtimeInfo(String text) {
            this.runtimeInfo = text;
        }

        ProcessSettings build() {
            if (plugins != null && !Files.isDirectory(plugins)) {
                throw new ConfigurationException("plugins", "plugins: there is no folder " + plugins);
            }
            if (loops != null && loops.isEmpty()) {
                throw new ConfigurationException("loops", "loops must be at least one of the loops, not none");
            }
            return new ProcessSettings(this);
        }
    }
}
