package dev.shepherd.provider.equinix;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderType;
import dev.shepherd.provider.equinix.client.SSHKey;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Makes sure that the project has the SSH key that devices are made with. */
final class ProjectKey {

    private static final Logger log = LoggerFactory.getLogger(ProjectKey.class);

    /** How often the keys are looked at; more than twice only where creating a key had an unknown outcome. */
    private static final int TRIES = 3;

    private final ProviderType type;
    private final MetalProject project;
    private final String label;
    private final String key;

    ProjectKey(ProviderType type, MetalProject project, String label, String key) {
        this.type = type;
        this.project = project;
        this.label = label;
        this.key = key;
    }

    /**
     * Finds the key by its label; makes it where it is missing, and updates it where it is another.
     *
     * @return its id
     * @throws ConfigurationException if several keys have the label, none of which is this one
     * @throws ProviderException if the keys cannot be read or written
     */
    UUID ensure() throws InterruptedException {
        ProviderException failed = null;
        for (int i = 0; i < TRIES; i++) {
            Optional<UUID> known = findOrUpdate();
            if (known.isPresent()) {
                return known.get();
            }
            if (failed != null && failed.reason() != Reason.TRANSIENT) {
                throw failed;
            }
            try {
                SSHKey made = project.createKey(label, key);
                log.info("provider {}: made the SSH key \"{}\" in the project", type, label);
                return id(made);
            } catch (ProviderException e) {
                // Made after all, or just now by another process that starts: the next look tells.
                if (e.reason() != Reason.TRANSIENT && e.reason() != Reason.PERMANENT && e.reason() != Reason.CONFLICT) {
                    throw e;
                }
                failed = e;
            }
        }
        throw Objects.requireNonNull(failed);
    }

    private Optional<UUID> findOrUpdate() throws InterruptedException {
        List<SSHKey> labelled = project.keys().stream()
                .filter(known -> label.equals(known.getLabel()))
                .toList();
        Optional<SSHKey> same =
                labelled.stream().filter(known -> isSame(known.getKey(), key)).findFirst();
        if (same.isPresent()) {
            return Optional.of(id(same.get()));
        }
        if (labelled.isEmpty()) {
            return Optional.empty();
        }
        if (labelled.size() > 1) {
            throw new ConfigurationException(
                    "ssh-key-label",
                    String.format(
                            Locale.ROOT,
                            "provider %s: the project has %d SSH keys labelled \"%s\", and none of them is the one"
                                    + " to use",
                            type,
                            labelled.size(),
                            label));
        }
        UUID id = id(labelled.get(0));
        project.updateKey(id, label, key);
        log.info(
                "provider {}: the project's SSH key \"{}\" was another one and has been updated; devices that exist keep"
                        + " the old one",
                type,
                label);
        return Optional.of(id);
    }

    private static UUID id(SSHKey key) {
        return Objects.requireNonNull(key.getId(), "the API describes an SSH key without an id");
    }

    /** Compares kind and base64; what follows is a comment. */
    static boolean isSame(@Nullable String one, String other) {
        return one != null && withoutComment(one).equals(withoutComment(other));
    }

    private static List<String> withoutComment(String key) {
        return List.of(key.strip().split("\\s+")).stream().limit(2).toList();
    }
}
