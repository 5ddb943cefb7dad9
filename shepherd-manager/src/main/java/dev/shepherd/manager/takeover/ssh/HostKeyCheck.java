package dev.shepherd.manager.takeover.ssh;

import java.security.PublicKey;
import java.util.List;
import net.schmizz.sshj.transport.verification.HostKeyVerifier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Checks the host key in one connection, where a new exchange of keys may show it several times. */
final class HostKeyCheck implements HostKeyVerifier {

    private static final Logger log = LoggerFactory.getLogger(HostKeyCheck.class);

    /** A host may want new keys after a gigabyte or an hour (RFC 4253, 9). Each time costs us a millisecond or more. */
    private static final int MAX_EXCHANGES = 10;

    private final SshPeer peer;
    private volatile @Nullable SshPublicKey accepted;
    private volatile @Nullable String mismatch;
    private volatile @Nullable String violation;
    private int exchanges;

    HostKeyCheck(SshPeer peer) {
        this.peer = peer;
    }

    @Override
    public boolean verify(String hostname, int port, PublicKey shown) {
        if (++exchanges > MAX_EXCHANGES) {
            violation = "the host wants new keys more than " + MAX_EXCHANGES + " times";
            return false;
        }
        SshPublicKey key = SshPublicKey.of(shown);
        try {
            key.checkStrength();
        } catch (IllegalArgumentException e) {
            violation = "the host shows the key " + key + ", which proves nothing: " + e.getMessage();
            return false;
        }
        SshPublicKey earlier = accepted;
        if (earlier != null) {
            return key.equals(earlier) || refuse("the host key changed from %s to %s".formatted(earlier, key));
        }
        SshPublicKey pin = peer.pin();
        if (peer.anyHostKey()) {
            if (pin != null && !pin.equals(key)) {
                log.warn("{} has the host key {} instead of the pinned {}: accepted as any", peer.name(), key, pin);
            }
        } else if (pin == null) {
            log.debug("trusting the host key {} of {} on first use", key, peer.name());
        } else if (!pin.equals(key)) {
            return refuse("the host key is %s, but %s is pinned".formatted(key, pin));
        }
        accepted = key;
        return true;
    }

    private boolean refuse(String why) {
        mismatch = why;
        return false;
    }

    /** A server with keys of several types shows one of the first type that we ask for: the pinned one's. */
    @Override
    public List<String> findExistingAlgorithms(String hostname, int port) {
        SshPublicKey pin = peer.pin();
        return pin == null ? List.of() : pin.algorithms();
    }

    @Nullable
    SshPublicKey accepted() {
        return accepted;
    }

    /** Returns what is wrong with the host key or with how often it is shown, whichever key is pinned. */
    @Nullable
    String violation() {
        return violation;
    }

    @Nullable
    String mismatch() {
        return mismatch;
    }
}
