package dev.shepherd.manager.internal;

import dev.shepherd.bmdb.Bmdb;
import java.util.concurrent.Executor;

/**
 * What a loop of one provider works with.
 *
 * @param approvals the say of others before a machine goes down
 * @param sessions the loop's own session
 * @param monitor the loop's own monitor
 * @param executor runs what the loop does to several machines at once, as a part of what the loop is doing for logs and traces
 * @param wake wakes the loop itself
 * @param wakeInitializer wakes the initializer, when a machine may have become due
 */
public record LoopContext(
        Bmdb bmdb,
        ProviderCalls provider,
        Approvals approvals,
        SessionSource sessions,
        LoopMonitor monitor,
        Executor executor,
        Runnable wake,
        Runnable wakeInitializer) {}
