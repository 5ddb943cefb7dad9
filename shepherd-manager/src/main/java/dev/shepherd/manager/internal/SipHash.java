package dev.shepherd.manager.internal;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.security.SecureRandom;
import org.jspecify.annotations.Nullable;

/**
 * SipHash-1-3, a keyed hash of 64 or 128 bits: which inputs collide cannot be predicted without the key. Each instance
 * has its own random key. Immutable.
 */
public final class SipHash {

    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private static final int FINAL_ROUNDS = 3;

    private final long key0;
    private final long key1;

    /** Makes a hash with a new key that cannot be guessed. */
    public SipHash() {
        this(new SecureRandom());
    }

    private SipHash(SecureRandom random) {
        this(random.nextLong(), random.nextLong());
    }

    public SipHash(long key0, long key1) {
        this.key0 = key0;
        this.key1 = key1;
    }

    /** Hashes the first bytes of an array into 64 bits. */
    public long hash(byte[] bytes, int length) {
        return hash(bytes, length, null);
    }

    /**
     * Hashes the first bytes of an array into 128 bits, as the variant of that size does.
     *
     * @param second where the second half goes, at 0
     * @return the first half
     */
    long hash128(byte[] bytes, int length, long[] second) {
        return hash(bytes, length, second);
    }

    private long hash(byte[] bytes, int length, long @Nullable [] second) {
        // Never leaves this method, so the compiler keeps it in registers.
        State state = new State(key0, key1);
        if (second != null) {
            state.v1 ^= 0xee;
        }
        int words = length & ~7;
        for (int at = 0; at < words; at += 8) {
            state.take((long) LONG.get(bytes, at));
        }
        state.take(tail(bytes, words, length));
        state.v2 ^= second == null ? 0xff : 0xee;
        long first = state.end();
        if (second != null) {
            state.v1 ^= 0xdd;
            second[0] = state.end();
        }
        return first;
    }

    private static final class State {
        private long v0;
        private long v1;
        private long v2;
        private long v3;

        State(long key0, long key1) {
            v0 = key0 ^ 0x736f6d6570736575L;
            v1 = key1 ^ 0x646f72616e646f6dL;
            v2 = key0 ^ 0x6c7967656e657261L;
            v3 = key1 ^ 0x7465646279746573L;
        }

        void take(long word) {
            v3 ^= word;
            round();
            v0 ^= word;
        }

        long end() {
            for (int i = 0; i < FINAL_ROUNDS; i++) {
                round();
            }
            return v0 ^ v1 ^ v2 ^ v3;
        }

        private void round() {
            v0 += v1;
            v1 = Long.rotateLeft(v1, 13) ^ v0;
            v0 = Long.rotateLeft(v0, 32);
            v2 += v3;
            v3 = Long.rotateLeft(v3, 16) ^ v2;
            v0 += v3;
            v3 = Long.rotateLeft(v3, 21) ^ v0;
            v2 += v1;
            v1 = Long.rotateLeft(v1, 17) ^ v2;
            v2 = Long.rotateLeft(v2, 32);
        }
    }

    /** The last word: what is left of the input, and its length in the highest byte. */
    private static long tail(byte[] bytes, int from, int length) {
        long word = (long) length << 56;
        for (int i = from; i < length; i++) {
            word |= (bytes[i] & 0xffL) << 8 * (i - from);
        }
        return word;
    }
}
