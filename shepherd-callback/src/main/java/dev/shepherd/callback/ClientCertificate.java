package dev.shepherd.callback;

import dev.shepherd.callback.AgentEndpointStatus.Outcome;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.time.Instant;
import java.util.Arrays;

/**
 * The certificate that a client has shown, and whose key it has. Of what it says, only its key and its time count: who
 * made it, and for whom, anyone can write into a certificate of their own.
 */
final class ClientCertificate {

    private static final int KEY_BYTES = 32;

    private final String algorithm;
    private final byte[] encodedKey;
    private final Instant from;
    private final Instant end;

    ClientCertificate(X509Certificate certificate) {
        algorithm = certificate.getPublicKey().getAlgorithm();
        encodedKey = certificate.getPublicKey().getEncoded();
        from = certificate.getNotBefore().toInstant();
        end = certificate.getNotAfter().toInstant();
    }

    /**
     * Returns the key.
     *
     * @throws Refusal if it is not an ed25519 key, or the certificate is not valid at this time
     */
    byte[] key(Clock clock) throws Refusal {
        if (!RequestSignature.isEd25519(encodedKey)) {
            throw new Refusal(
                    401,
                    Outcome.CERTIFICATE_UNSUPPORTED,
                    "the certificate's key is " + algorithm + "; agents have ed25519 keys");
        }
        // At each request, since a connection may outlive the certificate, as may a session that is resumed.
        Instant now = clock.instant();
        if (now.isBefore(from) || now.isAfter(end)) {
            throw new Refusal(
                    401,
                    Outcome.CERTIFICATE_EXPIRED,
                    "the certificate is valid from " + from + " to " + end + ", and here it is " + now);
        }
        return Arrays.copyOfRange(encodedKey, encodedKey.length - KEY_BYTES, encodedKey.length);
    }
}
