package dev.shepherd.callback;

import dev.shepherd.api.internal.FailureLog;
import io.netty.channel.Channel;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The open connections, within their limits: overall, by address, and in the memory that the bodies of requests take. A
 * new connection takes the place of the one that has waited for a request for the longest, so that those which do
 * nothing keep no other out. Only if all are being answered, no more are accepted.
 *
 * <p>Safe for use by several threads.
 */
final class Connections {

    /** Of an IPv6 address, what a single customer is given. */
    private static final int IPV6_PREFIX_BYTES = 8;

    /** What heartbeats need is not counted, so that reports cannot keep them out. */
    private static final int UNCOUNTED_BODY = 4096;

    private static final int MOST_BODY_MEMORY = 64 << 20;
    private static final int SHARE_OF_HEAP = 8;
    private static final int LEAST_BODIES = 8;

    /** A connection. Its fields are guarded by the lock of the connections. */
    static final class Entry {
        private final Channel channel;
        private final Group group;
        private boolean closed;
        private int reserved;

        private Entry(Channel channel, Group group) {
            this.channel = channel;
            this.group = group;
        }

        /** Returns what limits by address go by, unless a proxy says another one. */
        Object address() {
            return group.address;
        }

        /** Returns whose connection it is, for people. */
        String remote() {
            return channel.remoteAddress() instanceof InetSocketAddress remote
                    ? remote.getAddress().getHostAddress()
                    : "a connection that is closed";
        }

        /** Tells whether there are limits by address: not for a proxy. */
        boolean isLimited() {
            return group.limited;
        }
    }

    private static final class Group {
        private final Object address;
        private final boolean limited;
        private final Set<Entry> waiting = new LinkedHashSet<>();
        private int count;
        private long reserved;

        Group(Object address, boolean limited) {
            this.address = address;
            this.limited = limited;
        }
    }

    private final AgentEndpointLimits limits;
    private final int most;
    private final long mostReserved;
    private final long mostReservedByAddress;
    private final Counters counters;
    private final FailureLog failures;
    private final Consumer<Boolean> accepting;
    private final Object lock = new Object();
    private final Map<Object, Group> groups = new HashMap<>();
    private final Set<Entry> waiting = new LinkedHashSet<>();
    private int count;
    private long reserved;
    private boolean stopped;

    /**
     * Makes an empty set.
     *
     * @param most how many connections may be open
     * @param accepting is told to stop accepting connections, and to go on
     */
    Connections(
            AgentEndpointLimits limits, int most, Counters counters, FailureLog failures, Consumer<Boolean> accepting) {
        this.limits = limits;
        this.most = most;
        this.counters = counters;
        this.failures = failures;
        this.accepting = accepting;
        long share = Math.min(MOST_BODY_MEMORY, Runtime.getRuntime().maxMemory() / SHARE_OF_HEAP);
        mostReserved = Math.max((long) LEAST_BODIES * limits.maxBodySize(), share);
        mostReservedByAddress = Math.max(2L * limits.maxBodySize(), mostReserved / 4);
    }

    /** Returns what an address counts as. */
    static Object key(InetAddress address) {
        return address instanceof Inet6Address
                ? ByteBuffer.wrap(Arrays.copyOf(address.getAddress(), IPV6_PREFIX_BYTES))
                : address;
    }

    /** Takes a new connection in, as one that waits. Returns null if it is to be closed. */
    @Nullable
    Entry admit(Channel channel, InetAddress address) {
        Entry evicted = null;
        Entry entry;
        synchronized (lock) {
            Object key = key(address);
            boolean limited = !limits.proxies().contains(address);
            Group group = groups.computeIfAbsent(key, any -> new Group(key, limited));
            if (limited && group.count >= limits.maxConnectionsPerAddress()) {
                failures.failed(
                        "Agents' connections from one address are closed for new ones",
                        group.count + " are open from " + address.getHostAddress());
                evicted = oldest(group.waiting);
                if (evicted == null) {
                    counters.refused.increment();
                    return null;
                }
            } else if (count >= most) {
                failures.failed(
                        "Agents' connections are closed for new ones, or new ones are not accepted",
                        count + " are open");
                evicted = oldest(waiting);
            }
            if (evicted != null) {
                counters.evicted.increment();
                remove(evicted);
                // It may have been the last of its address, and that the same.
                groups.putIfAbsent(key, group);
            }
            entry = new Entry(channel, group);
            group.count++;
            count++;
            waiting.add(entry);
            group.waiting.add(entry);
            stopIfFull();
        }
        if (evicted != null) {
            evicted.channel.close();
        }
        return entry;
    }

    private static @Nullable Entry oldest(Set<Entry> entries) {
        return entries.isEmpty() ? null : entries.iterator().next();
    }

    private void stopIfFull() {
        boolean full = count >= most && waiting.isEmpty();
        if (full != stopped) {
            stopped = full;
            accepting.accept(!full);
        }
    }

    /** A request has arrived: from now on the connection is not closed for others. */
    void working(Entry entry) {
        synchronized (lock) {
            waiting.remove(entry);
            entry.group.waiting.remove(entry);
            stopIfFull();
        }
    }

    /** A request was answered, and the connection waits for the next. */
    void waiting(Entry entry) {
        synchronized (lock) {
            if (!entry.closed) {
                waiting.add(entry);
                entry.group.waiting.add(entry);
                stopIfFull();
            }
        }
    }

    void closed(Entry entry) {
        synchronized (lock) {
            remove(entry);
            release(entry);
            stopIfFull();
        }
    }

    private void remove(Entry entry) {
        if (entry.closed) {
            return;
        }
        entry.closed = true;
        waiting.remove(entry);
        entry.group.waiting.remove(entry);
        count--;
        entry.group.count--;
        removeIfUnused(entry.group);
    }

    private void removeIfUnused(Group group) {
        if (group.count == 0 && group.reserved == 0) {
            groups.remove(group.address, group);
        }
    }

    /** Asks for memory for more of a body. Returns false if there is none. */
    boolean reserve(Entry entry, int size) {
        synchronized (lock) {
            int wanted = Math.max(0, size - UNCOUNTED_BODY) - entry.reserved;
            if (wanted <= 0) {
                return true;
            }
            if (reserved + wanted > mostReserved
                    || entry.group.limited && entry.group.reserved + wanted > mostReservedByAddress) {
                failures.failed(
                        "Requests of agents are refused with QUEUE_FULL",
                        "bodies of requests take " + reserved + " bytes of memory");
                return false;
            }
            entry.reserved += wanted;
            entry.group.reserved += wanted;
            reserved += wanted;
            return true;
        }
    }

    /** Gives back what the body took. */
    void release(Entry entry) {
        synchronized (lock) {
            reserved -= entry.reserved;
            entry.group.reserved -= entry.reserved;
            entry.reserved = 0;
            removeIfUnused(entry.group);
        }
    }

    /** Returns how many connections may be open. */
    int most() {
        return most;
    }

    int count() {
        synchronized (lock) {
            return count;
        }
    }
}
