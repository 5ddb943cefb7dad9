package dev.shepherd.manager;

import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderID;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CharsetEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Provider ids of a large fleet, each with a few flags and a number: what two sides are compared with of which neither
 * fits into memory as objects.
 *
 * <p>The ids are kept as they are, in UTF-8, one behind the other: a million ids of 36 characters take 65 MB, less
 * than half of what a hash set of them takes. Two different ids are never taken for one, whatever their hashes: what is decided on the
 * ids of an index is as good as what is decided on the ids. Not safe for use by several threads.
 */
final class MachineIndex {

    /** The position of an id that is not there. */
    static final int ABSENT = 0;

    private static final VarHandle LONG =
            MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private static final int CHUNK_BITS = 20;
    private static final int CHUNK_SIZE = 1 << CHUNK_BITS;
    private static final int MAX_CHUNKS = 1 << (32 - CHUNK_BITS);
    private static final int LARGEST_ID = 3 * ProviderID.MAX_LENGTH;

    // An entry: one byte of flags, eight of a number, two of the length, and the id.
    private static final int NUMBER = 1;
    private static final int LENGTH = 9;
    private static final int ID = 11;

    private final SipHash hash = new SipHash();
    private final CharsetEncoder encoder = StandardCharsets.UTF_8.newEncoder();
    private final byte[] encoded = new byte[LARGEST_ID];
    private final List<byte[]> chunks = new ArrayList<>();
    /** Where the next entry begins in the last chunk. Nothing begins at the very first byte. */
    private int end = 1;

    /** Half of an id's hash, which also says where to look for it, and its position; 0 where there is none. */
    private long[] slots = new long[1024];

    private int size;

    MachineIndex() {
        chunks.add(new byte[CHUNK_SIZE]);
    }

    /** Looks at an entry. */
    @FunctionalInterface
    interface EntryVisitor {
        void visit(ProviderID id, int flags) throws InterruptedException;
    }

    int size() {
        return size;
    }

    /** Returns the position of an id, or {@link #ABSENT}. */
    int find(ProviderID id) {
        int length = encode(id);
        return position(slots[slot(hash.hash(encoded, length), length)]);
    }

    /** Returns the position of an id, which is added, without flags and with the number 0, if it is not there yet. */
    int put(ProviderID id) {
        int length = encode(id);
        long hashed = hash.hash(encoded, length);
        int slot = slot(hashed, length);
        if (slots[slot] != 0) {
            return position(slots[slot]);
        }
        int position = append(length);
        slots[slot] = hashed & 0xffffffff00000000L | position & 0xffffffffL;
        if (++size > slots.length / 2) {
            grow();
        }
        return position;
    }

    int flags(int position) {
        return chunk(position)[offset(position)];
    }

    void addFlags(int position, int flags) {
        chunk(position)[offset(position)] |= (byte) flags;
    }

    long number(int position) {
        return (long) LONG.get(chunk(position), offset(position) + NUMBER);
    }

    void setNumber(int position, long number) {
        LONG.set(chunk(position), offset(position) + NUMBER, number);
    }

    /**
     * Visits the entries of whose flags some are as they are wanted.
     *
     * @param mask the flags to look at
     * @param wanted which of these are to be set; the others are not
     */
    void forEach(int mask, int wanted, EntryVisitor visitor) throws InterruptedException {
        for (int i = 0; i < chunks.size(); i++) {
            byte[] chunk = chunks.get(i);
            int limit = i == chunks.size() - 1 ? end : CHUNK_SIZE;
            int offset = i == 0 ? 1 : 0;
            while (offset + ID <= limit && length(chunk, offset) > 0) {
                int length = length(chunk, offset);
                if ((chunk[offset] & mask) == wanted) {
                    visitor.visit(
                            new ProviderID(new String(chunk, offset + ID, length, StandardCharsets.UTF_8)),
                            chunk[offset]);
                }
                offset += ID + length;
            }
        }
    }

    private int append(int length) {
        if (end + ID + length > CHUNK_SIZE) {
            if (chunks.size() == MAX_CHUNKS) {
                throw new IllegalStateException("an index of machines holds 4 GB at most; it has " + size + " ids");
            }
            chunks.add(new byte[CHUNK_SIZE]);
            end = 0;
        }
        byte[] chunk = chunks.get(chunks.size() - 1);
        chunk[end + LENGTH] = (byte) length;
        chunk[end + LENGTH + 1] = (byte) (length >> 8);
        System.arraycopy(encoded, 0, chunk, end + ID, length);
        int position = (chunks.size() - 1) << CHUNK_BITS | end;
        end += ID + length;
        return position;
    }

    /** Finds where an id stands, or where it would. */
    private int slot(long hashed, int length) {
        int mask = slots.length - 1;
        int slot = (int) (hashed >>> 32) & mask;
        while (slots[slot] != 0 && !(slots[slot] >>> 32 == hashed >>> 32 && isAt(position(slots[slot]), length))) {
            slot = (slot + 1) & mask;
        }
        return slot;
    }

    private boolean isAt(int position, int length) {
        byte[] chunk = chunk(position);
        int offset = offset(position);
        return length(chunk, offset) == length
                && Arrays.equals(chunk, offset + ID, offset + ID + length, encoded, 0, length);
    }

    private void grow() {
        long[] old = slots;
        slots = new long[old.length * 2];
        int mask = slots.length - 1;
        for (long entry : old) {
            if (entry != 0) {
                int slot = (int) (entry >>> 32) & mask;
                while (slots[slot] != 0) {
                    slot = (slot + 1) & mask;
                }
                slots[slot] = entry;
            }
        }
    }

    private static int position(long entry) {
        return (int) entry;
    }

    private byte[] chunk(int position) {
        return chunks.get(position >>> CHUNK_BITS);
    }

    private static int offset(int position) {
        return position & (CHUNK_SIZE - 1);
    }

    private static int length(byte[] chunk, int offset) {
        return chunk[offset + LENGTH] & 0xff | (chunk[offset + LENGTH + 1] & 0xff) << 8;
    }

    /**
     * Writes an id in UTF-8 to where the others are compared with.
     *
     * @throws ProviderException if it has half a surrogate pair: in the database, two such ids would become one
     */
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
            throw new ProviderException(
                    Reason.PERMANENT, "the id \"" + value + "\" of a machine is not Unicode text", e);
        }
    }
}
