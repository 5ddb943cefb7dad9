package dev.shepherd.bmdb.rollout;

import static dev.shepherd.bmdb.internal.schema.Tables.AGENT_EXECUTABLES;
import static dev.shepherd.bmdb.internal.schema.Tables.AGENT_EXECUTABLE_PARTS;
import static dev.shepherd.bmdb.internal.schema.Tables.MACHINE_ROLLOUT;
import static dev.shepherd.bmdb.internal.schema.Tables.ROLLOUTS;
import static org.jooq.impl.DSL.exists;
import static org.jooq.impl.DSL.inline;
import static org.jooq.impl.DSL.not;
import static org.jooq.impl.DSL.selectOne;

import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbException;
import dev.shepherd.bmdb.MachineRecord.AgentBuild;
import dev.shepherd.bmdb.internal.Database;
import dev.shepherd.bmdb.internal.Handle;
import dev.shepherd.bmdb.internal.Transactions;
import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.jooq.Condition;
import org.jooq.Field;
import org.jooq.impl.DSL;
import org.jspecify.annotations.Nullable;

/**
 * The executables of rollouts, in the database, where every manager finds them: in parts of 1 MiB, so that neither side
 * holds a whole one in memory. Safe for use by several threads.
 */
public final class StoredAgents {

    /** The largest executable that is stored, in bytes: 256 MiB. */
    public static final long MAX_SIZE = 256L << 20;

    private static final int PART = 1 << 20;

    /** How many executables are remembered to be whole: a provider has two in use at a time. */
    private static final int MOST_CHECKED = 16;

    private static final Field<String> DIGEST =
            DSL.field("encode(sha256({0}), 'hex')", String.class, AGENT_EXECUTABLE_PARTS.CONTENT);

    private final Transactions transactions;

    /** The digests of the parts of executables that were whole, by the digest of the whole one. */
    private final Map<String, List<String>> checked = new ConcurrentHashMap<>();

    private StoredAgents(Transactions transactions) {
        this.transactions = transactions;
    }

    /** Returns the executables in a database. */
    public static StoredAgents of(Bmdb bmdb) {
        return new StoredAgents(bmdb.unwrap(Database.class).transactions());
    }

    /**
     * Finds out which build is in a file.
     *
     * @throws IOException if it cannot be read, is empty, or larger than {@link #MAX_SIZE}
     */
    public static AgentBuild build(Path file) throws IOException {
        if (Files.isDirectory(file)) {
            throw new IOException(file + " is a folder");
        }
        long size = Files.size(file);
        if (size == 0 || size > MAX_SIZE) {
            throw new IOException(file + " has " + size + " bytes; an agent's executable has 1 to " + MAX_SIZE);
        }
        try (BuildStream in = new BuildStream(Files.newInputStream(file))) {
            in.transferTo(OutputStream.nullOutputStream());
            return in.build();
        }
    }

    /**
     * Stores the executable in a file in the current transaction, unless it is stored already. One that is damaged is
     * replaced.
     *
     * @param build what is in it
     * @throws IOException if it cannot be read, or has changed
     */
    public static void store(Handle db, Path file, AgentBuild build) throws IOException {
        byte[] sha256 = HexFormat.of().parseHex(build.sha256());
        db.dsl()
                .insertInto(AGENT_EXECUTABLES)
                .set(AGENT_EXECUTABLES.AGENT_SHA256, sha256)
                .set(AGENT_EXECUTABLES.AGENT_VERSION, build.version().orElse(null))
                .set(AGENT_EXECUTABLES.EXECUTABLE_SIZE, Files.size(file))
                .set(AGENT_EXECUTABLES.STORED_AT, db.time().now())
                // Locks the row, so that of two who store the same one the second finds its parts.
                .onConflict(AGENT_EXECUTABLES.AGENT_SHA256)
                .doUpdate()
                .set(AGENT_EXECUTABLES.STORED_AT, db.time().now())
                .execute();
        if (isStored(db, sha256)) {
            return;
        }
        db.dsl()
                .deleteFrom(AGENT_EXECUTABLE_PARTS)
                .where(AGENT_EXECUTABLE_PARTS.AGENT_SHA256.eq(sha256))
                .execute();
        try (BuildStream in = new BuildStream(Files.newInputStream(file))) {
            byte[] content = in.readNBytes(PART);
            for (int part = 0; content.length > 0; part++) {
                db.dsl()
                        .insertInto(AGENT_EXECUTABLE_PARTS)
                        .set(AGENT_EXECUTABLE_PARTS.AGENT_SHA256, sha256)
                        .set(AGENT_EXECUTABLE_PARTS.PART, part)
                        .set(AGENT_EXECUTABLE_PARTS.CONTENT, content)
                        .execute();
                content = in.readNBytes(PART);
            }
            if (!in.build().equals(build)) {
                throw new IOException(file + " changed while it was read");
            }
        }
    }

    private static boolean isStored(Handle db, byte[] sha256) {
        MessageDigest digest = BuildStream.sha256();
        for (int part = 0; ; part++) {
            Optional<byte[]> content = content(db, sha256, part);
            if (content.isEmpty()) {
                return Arrays.equals(digest.digest(), sha256);
            }
            digest.update(content.get());
        }
    }

    private static Optional<byte[]> content(Handle db, byte[] sha256, int part) {
        return db.dsl()
                .select(AGENT_EXECUTABLE_PARTS.CONTENT)
                .from(AGENT_EXECUTABLE_PARTS)
                .where(AGENT_EXECUTABLE_PARTS.AGENT_SHA256.eq(sha256))
                .and(AGENT_EXECUTABLE_PARTS.PART.eq(part))
                .fetchOptional(AGENT_EXECUTABLE_PARTS.CONTENT);
    }

    /**
     * Makes sure that an executable is whole, and that what {@link #open} reads from then on is what was checked. The first
     * check of an executable reads all of it; later ones have the database compute the digests of its parts.
     *
     * @param build which
     * @param size how many bytes it has
     * @throws DamagedAgentException if parts are missing, or are others than those that were stored
     * @throws BmdbException if the database cannot be reached
     * @throws InterruptedException if the thread is interrupted
     */
    public void check(AgentBuild build, long size) throws DamagedAgentException, InterruptedException {
        byte[] sha256 = HexFormat.of().parseHex(build.sha256());
        @Nullable List<String> known = checked.get(build.sha256());
        if (known == null) {
            List<String> parts = read(build, sha256, size);
            if (checked.size() >= MOST_CHECKED) {
                checked.clear();
            }
            checked.put(build.sha256(), parts);
            return;
        }
        List<String> now = transactions.ask(
                "the digests of agent " + build,
                db -> db.dsl()
                        .select(AGENT_EXECUTABLE_PARTS.PART, DIGEST)
                        .from(AGENT_EXECUTABLE_PARTS)
                        .where(AGENT_EXECUTABLE_PARTS.AGENT_SHA256.eq(sha256))
                        .orderBy(AGENT_EXECUTABLE_PARTS.PART)
                        .fetch(row -> row.value1() + " " + row.value2()));
        for (int part = 0; part < known.size(); part++) {
            String expected = part + " " + known.get(part);
            if (!now.contains(expected)) {
                boolean isThere = now.stream().anyMatch(stored -> stored.startsWith(expected.split(" ", 2)[0] + " "));
                throw new DamagedAgentException(
                        build, isThere ? "part " + part + " was altered" : "part " + part + " is missing");
            }
        }
    }

    /** Reads a whole executable, and returns the digests of its parts. */
    private List<String> read(AgentBuild build, byte[] sha256, long size)
            throws DamagedAgentException, InterruptedException {
        MessageDigest whole = BuildStream.sha256();
        List<String> parts = new ArrayList<>();
        long read = 0;
        while (read < size) {
            int part = parts.size();
            byte[] content = transactions
                    .ask("a part of agent " + build, db -> content(db, sha256, part))
                    .orElseThrow(() -> new DamagedAgentException(build, "part " + part + " is missing"));
            if (content.length == 0) {
                throw new DamagedAgentException(build, "part " + part + " is empty");
            }
            whole.update(content);
            parts.add(digest(content));
            read += content.length;
        }
        if (read != size || !Arrays.equals(whole.digest(), sha256)) {
            throw new DamagedAgentException(build, "it is not what its SHA-256 says");
        }
        return List.copyOf(parts);
    }

    private static String digest(byte[] content) {
        return HexFormat.of().formatHex(BuildStream.sha256().digest(content));
    }

    /**
     * Deletes the bytes of executables that no takeover needs any more: what remains are those of rollouts that are under
     * way, or have machines that they look after or are done with, and the last completed one of each provider
     * and selector, up to the last that was for all machines.
     */
    public static void prune(Handle db) {
        dev.shepherd.bmdb.internal.schema.tables.Rollouts later = ROLLOUTS.as("later");
        Condition isLastCompleted = ROLLOUTS.ROLLOUT_STATE
                .eq(inline(RolloutState.COMPLETED))
                .and(not(exists(selectOne()
                        .from(later)
                        .where(later.PROVIDER.eq(ROLLOUTS.PROVIDER))
                        .and(later.ROLLOUT_STATE.eq(inline(RolloutState.COMPLETED)))
                        .and(later.ROLLOUT_ID.gt(ROLLOUTS.ROLLOUT_ID))
                        .and(later.ROLLOUT_SELECTOR
                                .isNull()
                                .or(later.ROLLOUT_SELECTOR.eq(ROLLOUTS.ROLLOUT_SELECTOR))))));
        Condition hasMachines = exists(selectOne()
                .from(MACHINE_ROLLOUT)
                .where(MACHINE_ROLLOUT.ROLLOUT_ID.eq(ROLLOUTS.ROLLOUT_ID))
                .and(MACHINE_ROLLOUT
                        .ROLLOUT_UNTIL
                        .isNotNull()
                        .or(MACHINE_ROLLOUT.ROLLOUT_STEP.eq(inline(RolloutStep.DONE.databaseName())))));
        db.dsl()
                .deleteFrom(AGENT_EXECUTABLE_PARTS)
                .where(not(exists(selectOne()
                        .from(ROLLOUTS)
                        .where(ROLLOUTS.AGENT_SHA256.eq(AGENT_EXECUTABLE_PARTS.AGENT_SHA256))
                        .and(ROLLOUTS.ROLLOUT_ENDED_AT
                                .isNull()
                                .or(isLastCompleted)
                                .or(hasMachines)))))
                .execute();
    }

    /**
     * Opens an executable. Each part is read when its turn comes, by a query of its own. Of one that was {@link
     * #check}ed, no part is given that is another one by then.
     *
     * @param build which
     * @param size how many bytes it has
     */
    public InputStream open(AgentBuild build, long size) {
        return new Parts(HexFormat.of().parseHex(build.sha256()), build, size, checked.get(build.sha256()));
    }

    private final class Parts extends InputStream {
        private final byte[] sha256;
        private final AgentBuild build;
        private final @Nullable List<String> digests;
        private long left;
        private int next;
        private byte[] content = {};
        private int at;

        Parts(byte[] sha256, AgentBuild build, long size, @Nullable List<String> digests) {
            this.sha256 = sha256;
            this.build = build;
            this.digests = digests;
            this.left = size;
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] into, int offset, int length) throws IOException {
            if (length == 0) {
                return 0;
            }
            if (at == content.length) {
                if (left == 0) {
                    return -1;
                }
                content = part();
                at = 0;
                left -= content.length;
            }
            int count = Math.min(length, content.length - at);
            System.arraycopy(content, at, into, offset, count);
            at += count;
            return count;
        }

        private byte[] part() throws IOException {
            int part = next++;
            try {
                byte[] read = transactions
                        .ask("a part of agent " + build, db -> content(db, sha256, part))
                        .orElseThrow(() -> new IOException("the database no longer has all of agent " + build));
                if (read.length == 0 || (digests != null && !isPart(part, read))) {
                    throw new IOException("part " + part + " of agent " + build + " was altered in the database");
                }
                return read;
            } catch (BmdbException e) {
                throw new IOException("the database does not give agent " + build + ": " + e.getMessage(), e);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new InterruptedIOException("interrupted while reading agent " + build);
            }
        }

        private boolean isPart(int part, byte[] read) {
            return digests != null && part < digests.size() && digest(read).equals(digests.get(part));
        }
    }
}
