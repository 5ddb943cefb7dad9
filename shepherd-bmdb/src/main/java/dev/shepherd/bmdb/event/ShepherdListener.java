package dev.shepherd.bmdb.event;

/**
 * Is told what this process does to the fleet, once it is committed. Set with
 * {@link dev.shepherd.bmdb.BmdbConfig.Builder#listener}.
 *
 * <p>Each listener has a thread and a queue of its own, so it may block, query the database, and call other programs:
 * no loop waits for it, nor does another listener. The events of a machine come in their order. A listener may miss
 * events: those of a process that dies before they are delivered, those whose commit broke so that their outcome is
 * unknown, and those that come while 10,000 wait. For what must not be missed there is the feed,
 * {@link dev.shepherd.bmdb.feed.EventFeed}, which also has the events of other processes.
 *
 * <p>What a listener throws is logged and counted ({@code shepherd.events.listener.failed}), and the next event is
 * delivered. When the database is closed, listeners have 5 s to take what waits; then they are interrupted.
 */
@FunctionalInterface
public interface ShepherdListener {

    /** Is told of an event, on the listener's thread. */
    void onEvent(ShepherdEvent event) throws Exception;
}
