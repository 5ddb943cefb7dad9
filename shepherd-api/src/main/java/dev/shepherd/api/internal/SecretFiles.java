package dev.shepherd.api.internal;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import java.util.Set;

/** Files that hold secrets, and so are for their owner alone. */
public final class SecretFiles {

    private static final Set<PosixFilePermission> OWNERS = PosixFilePermissions.fromString("rwx------");

    private SecretFiles() {}

    /**
     * Returns the permissions of a file, such as {@code rw-r--r--}, if others than its owner have any. Empty where the file
     * system has no permissions.
     *
     * @throws IOException if they cannot be read
     */
    public static Optional<String> openPermissions(Path file) throws IOException {
        Set<PosixFilePermission> permissions;
        try {
            permissions = Files.getPosixFilePermissions(file);
        } catch (UnsupportedOperationException e) {
            return Optional.empty();
        }
        return OWNERS.containsAll(permissions)
                ? Optional.empty()
                : Optional.of(PosixFilePermissions.toString(permissions));
    }
}
