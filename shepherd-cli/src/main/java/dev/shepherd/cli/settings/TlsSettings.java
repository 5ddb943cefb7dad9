package dev.shepherd.cli.settings;

import dev.shepherd.api.internal.settings.PemFiles;
import dev.shepherd.callback.AgentTls;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Where the endpoint of agents has its certificate from. */
final class TlsSettings {

    /** Where certificates are made if that is not said. */
    static final Path DEFAULT_FOLDER = Path.of(".shepherd", "agent-tls");

    /** Nothing is said. */
    static final TlsSettings NONE = new Builder().build();

    private final Builder values;

    private TlsSettings(Builder values) {
        this.values = values;
    }

    /** Tells whether anything is said, and so TLS is wanted on the loopback interface, too. */
    boolean isGiven() {
        return values.certificate != null || values.folder != null || !values.names.isEmpty();
    }

    /** Tells whether certificates are made, for the names that are known. */
    boolean isMade() {
        return values.certificate == null;
    }

    boolean hasNames() {
        return !values.names.isEmpty();
    }

    /** Returns the settings, with names that the certificate is for beside those that are said. */
    AgentTls with(Collection<String> names) {
        AgentTls.Builder tls = AgentTls.builder();
        if (values.certificate != null && values.key != null) {
            return tls.certificate(values.certificate).key(values.key).build();
        }
        Set<String> all = new LinkedHashSet<>(values.names);
        all.addAll(names);
        return tls.folder(values.folder == null ? DEFAULT_FOLDER : values.folder)
                .names(new ArrayList<>(all))
                .build();
    }

    /** Collects the settings. */
    static final class Builder {
        private @Nullable Path certificate;
        private @Nullable Path key;
        private @Nullable Path folder;
        private List<String> names = List.of();

        void certificate(Path file) {
            this.certificate = file;
        }

        void key(Path file) {
            this.key = file;
        }

        void folder(Path place) {
            this.folder = place;
        }

        void names(List<String> all) {
            this.names = all;
        }

        TlsSettings build() {
            if (certificate != null || key != null || folder != null || !names.isEmpty()) {
                // For its checks; without a certificate there is always a folder.
                AgentTls.Builder tls = AgentTls.builder().names(names);
                if (certificate != null) {
                    tls.certificate(certificate);
                }
                if (key != null) {
                    tls.key(key);
                }
                if (folder != null || certificate == null && key == null) {
                    tls.folder(folder == null ? DEFAULT_FOLDER : folder);
                }
                tls.build();
            }
            if (certificate != null && key != null) {
                // The endpoint would say what is wrong with them when the database is open.
                PemFiles.pair("certificate", certificate, "key", key);
            }
            return new TlsSettings(this);
        }
    }
}
