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
import java.util.HexFormat;
import org.jooq.Condition;

/**
 * The executables of rollouts, in the database, where every manager finds them: in parts of 1 MiB, so that neither side
 * holds a whole one in memory. Safe for use by several threads.
 */
public final class StoredAgents {

    /** The largest executable that is stored, in bytes: 256 MiB. */
    public static final long MAX_SIZE = 256L << 20;

    private static final int PART = 1 << 20;

    private final Transactions transactions;

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
     * Stores the executable in a file in the current transaction, unless it is stored already.
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
        if (db.dsl().fetchExists(AGENT_EXECUTABLE_PARTS, AGENT_EXECUTABLE_PARTS.AGENT_SHA256.eq(sha256))) {
            return;
        }
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

    /**
     * Deletes the bytes of executables that no takeover needs any more: what remains are those of rollouts that are under
     * way, or have machines that they look after or are done with, and the last completed one of each provider.
     */
    public static void prune(Handle db) {
        dev.shepherd.bmdb.internal.schema.tables.Rollouts later = ROLLOUTS.as("later");
        Condition isLastCompleted = ROLLOUTS.ROLLOUT_STATE
                .eq(inline(RolloutState.COMPLETED))
                .and(not(exists(selectOne()
                        .from(later)
                        .where(later.PROVIDER.eq(ROLLOUTS.PROVIDER))
                        .and(later.ROLLOUT_STATE.eq(inline(RolloutState.COMPLETED)))
                        .and(later.ROLLOUT_ID.gt(ROLLOUTS.ROLLOUT_ID)))));
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
     * Opens an executable. Each part is read when its turn comes, by a query of its own.
     *
     * @param build which
     * @param size how many bytes it has
     */
    public InputStream open(AgentBuild build, long size) {
        return new Parts(HexFormat.of().parseHex(build.sha256()), build, size);
    }

    private final class Parts extends InputStream {
        private final byte[] sha256;
        private final AgentBuild build;
        private long left;
        private int next;
        private byte[] content = {};
        private int at;

        Parts(byte[] sha256, AgentBuild build, long size) {
            this.sha256 = sha256;
            this.build = build;
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
                return transactions
                        .ask(
                                "a part of agent " + build,
                                db -> db.dsl()
                                        .select(AGENT_EXECUTABLE_PARTS.CONTENT)
                                        .from(AGENT_EXECUTABLE_PARTS)
                                        .where(AGENT_EXECUTABLE_PARTS.AGENT_SHA256.eq(sha256))
                                        .and(AGENT_EXECUTABLE_PARTS.PART.eq(part))
                                        .fetchOptional(AGENT_EXECUTABLE_PARTS.CONTENT))
                        .orElseThrow(() -> new IOException("the database no longer has all of agent " + build));
            } catch (BmdbException e) {
                throw new IOException("the database does not give agent " + build + ": " + e.getMessage(), e);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new InterruptedIOException("interrupted while reading agent " + build);
            }
        }
    }
}
