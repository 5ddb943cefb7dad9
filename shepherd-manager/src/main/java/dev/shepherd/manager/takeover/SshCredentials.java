package dev.shepherd.manager.takeover;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.manager.takeover.ssh.Login;
import dev.shepherd.manager.takeover.ssh.SshPublicKey;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * What the manager proves to a machine's SSH server that it may log in: a private key, or a password.
 *
 * <p>Keys are read once, when the credentials are made; a key file that is replaced later needs new credentials.
 * Immutable. {@link #toString()} and every exception keep the secrets to themselves.
 */
public final class SshCredentials {

    private final Login login;

    private SshCredentials(Login login) {
        this.login = login;
    }

    /**
     * Reads an unencrypted private key in OpenSSH's own format: ed25519, RSA or ECDSA. A file that others may read is used
     * all the same, with a warning in the log.
     *
     * @param file the file, such as one that {@code ssh-keygen} made
     * @throws ConfigurationException if the file is missing or cannot be read, if it is no such key, or if the key
     *     is encrypted
     */
    public static SshCredentials privateKey(Path file) {
        return ofKey(file, null);
    }

    /**
     * Reads a private key in OpenSSH's own format that may be encrypted.
     *
     * @param file the file, such as one that {@code ssh-keygen} made
     * @param passphrase the passphrase; copied, the copy is wiped, not used if the key is not encrypted
     * @throws ConfigurationException if the file is missing or cannot be read, if it is no such key, or if the
     *     passphrase is wrong
     */
    public static SshCredentials privateKey(Path file, char[] passphrase) {
        return ofKey(file, Objects.requireNonNull(passphrase, "passphrase")::clone);
    }

    /**
     * Reads a private key in OpenSSH's own format, and asks for its passphrase if it is encrypted.
     *
     * @param file the file, such as one that {@code ssh-keygen} made
     * @param passphrase asked at most once, within this call; the array that it returns is wiped
     * @throws ConfigurationException if the file is missing or cannot be read, if it is no such key, or if the
     *     passphrase is wrong
     */
    public static SshCredentials privateKey(Path file, Supplier<char[]> passphrase) {
        return ofKey(file, Objects.requireNonNull(passphrase, "passphrase"));
    }

    private static SshCredentials ofKey(Path file, @Nullable Supplier<char[]> passphrase) {
        return new SshCredentials(Login.key(Objects.requireNonNull(file, "file"), passphrase));
    }

    /**
     * Reads the private key in a file, and makes one first if there is no such file: an ed25519 key in OpenSSH's own
     * format, unencrypted, readable by its owner alone from the instant it exists, with its public half beside it
     * ({@code .pub}). Of several processes that do this at once the first one's key stays, and all use it.
     *
     * @param file the file; its folder is made too if it does not exist
     * @throws ConfigurationException if the key cannot be written, or if a file is there and cannot be used, as with
     *     {@link #privateKey(Path)}
     */
    public static SshCredentials generateIfAbsent(Path file) {
        return new SshCredentials(Login.keyMadeIfAbsent(Objects.requireNonNull(file, "file")));
    }

    /**
     * Logs in with a password, also where the server asks for it in a dialogue ({@code keyboard-interactive}).
     * Only {@link HostKeyPolicy#PIN} keeps it from other hosts, and on first use not even that: prefer a key.
     *
     * @param password the password, copied; not empty
     */
    public static SshCredentials password(char[] password) {
        if (password.length == 0) {
            throw new IllegalArgumentException("the password is empty");
        }
        return new SshCredentials(Login.password(password));
    }

    /**
     * Returns the line that lets these credentials in when it stands in a machine's {@code authorized_keys}: type and
     * base64. Empty for a password.
     */
    public Optional<String> publicKey() {
        return Optional.ofNullable(login.publicKey()).map(SshPublicKey::text);
    }

    Login login() {
        return login;
    }

    /** Returns what kind of credentials these are, with the fingerprint of the public key if there is one. */
    @Override
    public String toString() {
        return login.toString();
    }
}
