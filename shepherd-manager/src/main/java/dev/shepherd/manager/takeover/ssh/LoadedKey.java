package dev.shepherd.manager.takeover.ssh;

import java.security.KeyPair;
import java.security.PrivateKey;
import java.security.PublicKey;
import net.schmizz.sshj.common.KeyType;
import net.schmizz.sshj.userauth.keyprovider.KeyProvider;

/** A key pair in the memory, as the SSH library wants it. */
final class LoadedKey implements KeyProvider {

    private final KeyPair keyPair;

    LoadedKey(KeyPair keyPair) {
        this.keyPair = keyPair;
    }

    @Override
    public PrivateKey getPrivate() {
        return keyPair.getPrivate();
    }

    @Override
    public PublicKey getPublic() {
        return keyPair.getPublic();
    }

    @Override
    public KeyType getType() {
        return KeyType.fromKey(keyPair.getPublic());
    }
}
