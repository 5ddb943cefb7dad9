package dev.shepherd.callback;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.Signature;
import java.util.Arrays;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;

class RequestSignatureTest {

    private static final byte[] TEXT = "shepherd-agent-v1".getBytes(StandardCharsets.US_ASCII);

    @Test
    void aSignatureHas64BytesAndNotOneMore() throws Exception {
        KeyPair pair = KeyPairGenerator.getInstance("Ed25519").generateKeyPair();
        byte[] encoded = pair.getPublic().getEncoded();
        byte[] key = Arrays.copyOfRange(encoded, encoded.length - 32, encoded.length);
        Signature signer = Signature.getInstance("Ed25519");
        signer.initSign(pair.getPrivate());
        signer.update(TEXT);
        byte[] signature = signer.sign();

        assertThat(RequestSignature.isValid(key, TEXT, signature)).isTrue();
        for (int length : new int[] {0, 1, 63, 65, 128, 1 << 20}) {
            assertThat(RequestSignature.isValid(key, TEXT, Arrays.copyOf(signature, length)))
                    .as("%d bytes", length)
                    .isFalse();
        }
    }

    /** With the neutral element as the key, R = B and S = 1 is a signature of every text. */
    @Test
    void aKeyThatVerifiesWhatWasNotSignedVerifiesNothing() {
        byte[] neutral = new byte[32];
        neutral[0] = 1;
        byte[] forged = new byte[64];
        System.arraycopy(HexFormat.of().parseHex("58" + "66".repeat(31)), 0, forged, 0, 32);
        forged[32] = 1;

        assertThat(RequestSignature.isValid(neutral, TEXT, forged)).isFalse();
    }
}
