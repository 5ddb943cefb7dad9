package dev.shepherd.manager.takeover.ssh;

import dev.shepherd.api.ConfigurationException;
import java.nio.file.Path;
import java.security.KeyPair;
import java.util.List;
import java.util.function.Supplier;
import net.schmizz.sshj.userauth.method.AuthMethod;
import net.schmizz.sshj.userauth.method.AuthPassword;
import net.schmizz.sshj.userauth.method.AuthPublickey;
import org.jspecify.annotations.Nullable;

/** What is proven to a host to log in: a private key, or a password. Immutable; {@link #toString()} shows no secret. */
public final class Login {

    private final @Nullable KeyPair keyPair;
    private final char[] password;

    private Login(@Nullable KeyPair keyPair, char[] password) {
        this.keyPair = keyPair;
        this.password = password;
    }

    /**
     * Reads a private key in OpenSSH's own format.
     *
     * @param passphrase asked at most once, and only if the key is encrypted; the array that it returns is wiped. Null
     *     if there is none
     * @throws ConfigurationException if that is not possible; the message names the file and what to do
     */
    public static Login key(Path file, @Nullable Supplier<char[]> passphrase) {
        return new Login(PrivateKeyFile.read(file, passphrase), new char[0]);
    }

    /**
     * Reads an unencrypted private key, and makes one first if there is no such file, with its public half beside it.
     *
     * @throws ConfigurationException if the key cannot be written or read
     */
    public static Login keyMadeIfAbsent(Path file) {
        PrivateKeyFile.generateIfAbsent(file);
        Login login = key(file, null);
        SshPublicKey publicKey = login.publicKey();
        if (publicKey != null) {
            PrivateKeyFile.writePublicHalfIfAbsent(file, publicKey.text());
        }
        return login;
    }

    /** Makes a login with a password, which is copied. It is also the answer if the host asks in a dialogue. */
    public static Login password(char[] password) {
        return new Login(null, password.clone());
    }

    /** Returns the public half of the key; null for a password. */
    public @Nullable SshPublicKey publicKey() {
        return keyPair == null ? null : SshPublicKey.of(keyPair.getPublic());
    }

    /** Makes the ways to log in for one connection: they hold its state. */
    List<AuthMethod> methods() {
        if (keyPair != null) {
            return List.of(new AuthPublickey(new LoadedKey(keyPair)));
        }
        PasswordAnswers answers = new PasswordAnswers(password);
        return List.of(new AuthPassword(answers), new Dialogue(answers));
    }

    /** Returns what kind of login this is, with the fingerprint of the public key if there is one. */
    @Override
    public String toString() {
        SshPublicKey publicKey = publicKey();
        return publicKey == null ? "password" : "private key of " + publicKey;
    }
}
