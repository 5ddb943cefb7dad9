package dev.shepherd.testkit.ssh;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.PublicKey;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.apache.sshd.common.config.keys.PublicKeyEntry;

/** The keys and passwords that a host lets in. Not safe for several threads while some are being added. */
final class HostAccounts {

    private final List<byte[]> keys;
    private final Map<String, byte[]> passwords;

    HostAccounts() {
        this(new ArrayList<>(), new HashMap<>());
    }

    private HostAccounts(List<byte[]> keys, Map<String, byte[]> passwords) {
        this.keys = keys;
        this.passwords = passwords;
    }

    /** Returns a copy that stays as it is. */
    HostAccounts copy() {
        return new HostAccounts(List.copyOf(keys), Map.copyOf(passwords));
    }

    void add(PublicKey key) {
        byte[] encoded = key.getEncoded();
        if (encoded == null) {
            throw new IllegalArgumentException("the " + key.getAlgorithm() + " key has no encoded form");
        }
        keys.add(encoded);
    }

    /** Adds the key in a line of an {@code authorized_keys} file. */
    void add(String line) {
        PublicKey key;
        try {
            PublicKeyEntry entry = PublicKeyEntry.parsePublicKeyEntry(line);
            key = entry == null ? null : entry.resolvePublicKey(null, null, null);
        } catch (IOException | GeneralSecurityException | RuntimeException e) {
            throw new IllegalArgumentException("not a public key: \"" + line + "\"", e);
        }
        if (key == null) {
            throw new IllegalArgumentException("not a public key: \"" + line + "\"");
        }
        add(key);
    }

    void add(String user, String password) {
        passwords.put(Objects.requireNonNull(user, "user"), password.getBytes(StandardCharsets.UTF_8));
    }

    boolean have(PublicKey key) {
        byte[] encoded = key.getEncoded();
        return keys.stream().anyMatch(known -> Arrays.equals(known, encoded));
    }

    boolean have(String user, String password) {
        byte[] known = passwords.get(user);
        return known != null && MessageDigest.isEqual(known, password.getBytes(StandardCharsets.UTF_8));
    }
}
