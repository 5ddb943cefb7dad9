package dev.shepherd.manager;

import dev.shepherd.manager.listing.UpdaterSettings;
import dev.shepherd.manager.provisioning.ProvisionerSettings;
import dev.shepherd.manager.recovery.RecovererSettings;
import dev.shepherd.manager.takeover.InitializerSettings;
import dev.shepherd.manager.takeover.MachineTakeover;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What holds for one provider of a {@link Shepherd}, in place of what holds for all of them: a rack and a cloud differ in
 * who logs in to their machines, and in how many may be rebooted at once. Immutable; made by {@link #builder()}.
 */
public final class ProviderSettings {

    static final ProviderSettings NONE = builder().build();

    private final Builder values;

    private ProviderSettings(Builder values) {
        this.values = values;
    }

    /** Starts with what holds for all. */
    public static Builder builder() {
        return new Builder();
    }

    /** Returns what holds for the provider, given what holds for all. */
    Flock.Settings over(Flock.Settings all) {
        return new Flock.Settings(
                values.takeover == null ? all.takeover() : values.takeover,
                values.provisioner == null ? all.provisioner() : values.provisioner,
                values.initializer == null ? all.initializer() : values.initializer,
                values.recoverer == null ? all.recoverer() : values.recoverer,
                values.updater == null ? all.updater() : values.updater,
                all.clock(),
                all.runtimeInfo());
    }

    /** Checks all spans against each other. */
    void requirePaced() {
        if (values.recoverer != null) {
            values.recoverer.paced();
        }
    }

    boolean hasTakeover() {
        return values.takeover != null;
    }

    /** Collects the settings of a {@link ProviderSettings}. Not safe for several threads. */
    public static final class Builder {
        private @Nullable MachineTakeover takeover;
        private @Nullable ProvisionerSettings provisioner;
        private @Nullable InitializerSettings initializer;
        private @Nullable RecovererSettings recoverer;
        private @Nullable UpdaterSettings updater;

        private Builder() {}

        private Builder(Builder other) {
            takeover = other.takeover;
            provisioner = other.provisioner;
            initializer = other.initializer;
            recoverer = other.recoverer;
            updater = other.updater;
        }

        /** Common: sets how agents are started on this provider's machines. */
        public Builder takeover(MachineTakeover takeover) {
            this.takeover = Objects.requireNonNull(takeover, "takeover");
            return this;
        }

        /** Common: sets how this provider's machines are provisioned. */
        public Builder provisioner(ProvisionerSettings settings) {
            this.provisioner = Objects.requireNonNull(settings, "settings");
            return this;
        }

        /** Common: sets how this provider's machines are taken over. */
        public Builder initializer(InitializerSettings settings) {
            this.initializer = Objects.requireNonNull(settings, "settings");
            return this;
        }

        /** Common: sets how this provider's machines are brought back. */
        public Builder recoverer(RecovererSettings settings) {
            this.recoverer = Objects.requireNonNull(settings, "settings");
            return this;
        }

        /** Rare: sets how this provider's machines are kept up to date. */
        public Builder updater(UpdaterSettings settings) {
            this.updater = Objects.requireNonNull(settings, "settings");
            return this;
        }

        /** Makes the settings. */
        public ProviderSettings build() {
            return new ProviderSettings(new Builder(this));
        }
    }
}
