package dev.shepherd.manager.internal;

import dev.shepherd.api.ProviderID;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CharsetEncoder;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * Which provider ids of a large fleet were met, each with a few flags and a number: what two sides are compared with of
 * which neither fits into memory.
 *
 * <p>Of an id it keeps 124 bits of a hash, whose key is random and another one in each index: 32 MB for a million ids
 * of any length (48 MB with numbers), one place in memory for each look. That an id is <em>not</em> there is certain:
 * its hash would be. So whatever it finds missing or new is missing or new. That an id <em>is</em> there is true,
 * except for a chance of one in 10<sup>31</sup> with a million ids, and what that hid is found by the next index, under
 * another key. Ids cannot be had back. Not safe for use by several threads.
 */
public final class MachineIndex {

    /** The position of an id that is not there. */
    public static final int ABSENT = -1;

    /** How many ids are prepared at once at most. */
    public static final int BATCH = 64;

    private static final int FLAGS = 15;
    private static final int LARGEST_ID = 3 * ProviderID.MAX_LENGTH;
    private static final int FIRST_CAPACITY = 1024;
    private static final int LARGEST_CAPACITY = 1 << 29;

    private final SipHash hash = new SipHash();
    private final CharsetEncoder encoder = StandardCharsets.UTF_8.newEncoder();
    private final byte[] encoded = new byte[LARGEST_ID];
    private final long[] secondHalf = new long[1];
    private final long[] preparedFirst = new long[BATCH];
    private final long[] preparedSecond = new long[BATCH];

    @SuppressWarnings({"unused", "FieldCanBeLocal"})
    private long touched;

    /** Two longs for each position: the hash, whose last four bits make room for the flags. Free if the first is 0. */
    private long[] slots;

    /** Empty if there are none. */
    private long[] numbers;

    private int size;

    private MachineIndex(boolean numbered, int expected) {
        // At most half of the places are taken.
        int capacity =
                Integer.highestOneBit(Math.max(FIRST_CAPACITY, 4 * Math.min(expected, LARGEST_CAPACITY / 4) - 1));
        slots = new long[2 * capacity];
        numbers = new long[numbered ? capacity : 0];
    }

    /**
     * Makes an index of ids with flags.
     *
     * @param expected how many ids there will be, if that is known: it need not grow then
     */
    public static MachineIndex ofFlags(int expected) {
        return new MachineIndex(false, expected);
    }

    /** Makes an index of ids with flags and a number each; otherwise as {@link #ofFlags}. */
    public static MachineIndex ofNumbers(int expected) {
        return new MachineIndex(true, expected);
    }

    public int size() {
        return size;
    }

    /** Returns the position of an id until the next is put, or {@link #ABSENT}. */
    public int find(ProviderID id) {
        long first = hash(id);
        int position = position(first, secondHalf[0]);
        return slots[2 * position] == 0 ? ABSENT : position;
    }

    /** Returns the position of an id until the next is put. It is added, without flags, if it is not there yet. */
    public int put(ProviderID id) {
        long first = hash(id);
        return put(first, secondHalf[0]);
    }

    private int put(long first, long second) {
        int position = position(first, second);
        if (slots[2 * position] != 0) {
            return position;
        }
        if (++size > slots.length / 4) {
            grow();
            position = position(first, second);
        }
        slots[2 * position] = first;
        slots[2 * position + 1] = second & ~FLAGS;
        return position;
    }

    /**
     * Prepares to put some ids, at most {@link #BATCH}. Each is at a place in memory that is far from that of the one
     * before it: asked for one after the other they are waited for one after the other, asked for at once only once.
     */
    public void prepare(List<ProviderID> ids) {
        int mask = slots.length / 2 - 1;
        for (int i = 0; i < ids.size(); i++) {
            preparedFirst[i] = hash(ids.get(i));
            preparedSecond[i] = secondHalf[0];
        }
        long sum = 0;
        for (int i = 0; i < ids.size(); i++) {
            sum += slots[2 * ((int) preparedFirst[i] & mask)];
        }
        touched = sum; // So that the loop is not optimized away.
    }

    /** Puts one of the ids that were prepared, as {@link #put(ProviderID)} does. */
    public int putPrepared(int number) {
        return put(preparedFirst[number], preparedSecond[number]);
    }

    /** Returns the flags at a position: the lowest four bits. */
    public int flags(int position) {
        return (int) slots[2 * position + 1] & FLAGS;
    }

    public void addFlags(int position, int flags) {
        slots[2 * position + 1] |= flags & FLAGS;
    }

    public long number(int position) {
        return numbers[position];
    }

    public void setNumber(int position, long number) {
        numbers[position] = number;
    }

    /**
     * Tells whether there is an id of whose flags some are as they are wanted.
     *
     * @param mask the flags to look at
     * @param wanted which of these are to be set; the others are not
     */
    public boolean anyMatch(int mask, int wanted) {
        for (int i = 0; i < slots.length; i += 2) {
            if (slots[i] != 0 && (slots[i + 1] & mask) == wanted) {
                return true;
            }
        }
        return false;
    }

    /** Finds where an id stands, or where it would. */
    private int position(long first, long second) {
        int mask = slots.length / 2 - 1;
        int position = (int) first & mask;
        while (slots[2 * position] != 0
                && !(slots[2 * position] == first && (slots[2 * position + 1] ^ second) >>> 4 == 0)) {
            position = (position + 1) & mask;
        }
        return position;
    }

    private void grow() {
        if (slots.length == 2 * LARGEST_CAPACITY) {
            throw new IllegalStateException("an index of machines has room for 268 million ids");
        }
        long[] old = slots;
        long[] oldNumbers = numbers;
        slots = new long[old.length * 2];
        numbers = new long[oldNumbers.length * 2];
        for (int i = 0; i < old.length; i += 2) {
            if (old[i] != 0) {
                int position = position(old[i], old[i + 1]);
                slots[2 * position] = old[i];
                slots[2 * position + 1] = old[i + 1];
                if (numbers.length > 0) {
                    numbers[position] = oldNumbers[i / 2];
                }
            }
        }
    }

    /** Returns the first half of an id's hash, which is never 0, and leaves the second at its place. */
    private long hash(ProviderID id) {
        long first = hash.hash128(encoded, encode(id), secondHalf);
        return first == 0 ? 1 : first;
    }

    /** Writes an id in UTF-8. Returns its length. One with half a surrogate pair has been passed over before. */
    private int encode(ProviderID id) {
        String value = id.value();
        int length = value.length();
        for (int i = 0; i < length; i++) {
            char c = value.charAt(i);
            if (c >= 0x80) {
                return encodeAny(value);
            }
            encoded[i] = (byte) c;
        }
        return length;
    }

    private int encodeAny(String value) {
        try {
            ByteBuffer bytes = encoder.encode(CharBuffer.wrap(value));
            int length = bytes.remaining();
            bytes.get(encoded, 0, length);
            return length;
        } catch (CharacterCodingException e) {
            throw new AssertionError("ProviderID takes Unicode text only", e);
        }
    }
}
