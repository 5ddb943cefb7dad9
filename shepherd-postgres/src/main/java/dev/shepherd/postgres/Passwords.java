package dev.shepherd.postgres;

import java.security.SecureRandom;
import java.util.HexFormat;

/** Draws passwords. */
final class Passwords {

    private static final int BYTES = 24;

    private Passwords() {}

    /** Returns 192 random bits, in characters that need no quoting anywhere. */
    static String random() {
        byte[] random = new byte[BYTES];
        new SecureRandom().nextBytes(random);
        return HexFormat.of().formatHex(random);
    }
}
