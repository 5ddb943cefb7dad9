package dev.shepherd.provider.staticlist.list;

import java.io.IOException;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Where the document comes from. Reads come one at a time. */
interface ListSource {

    /** How long a document may be in any case, in bytes: with a copy of it, an eighth of the heap. */
    int MOST_BYTES = (int) Math.min(1 << 30, Runtime.getRuntime().maxMemory() / 16);

    /** What a source recognizes an unchanged document by; each source has its own type. */
    interface Version {}

    /**
     * A document as it was read.
     *
     * @param bytes the whole document
     * @param version what to recognize it by, or null if its next change might not show
     */
    record Content(byte[] bytes, @Nullable Version version) {}

    /** Returns where the document comes from, without anything in it that may be a secret. */
    String location();

    /**
     * Reads the document, for as long as that takes; interruption ends it.
     *
     * @param known the version that the caller already has, if any
     * @return the document, or empty if it is still the known version
     */
    Optional<Content> read(@Nullable Version known) throws IOException, InterruptedException;
}
