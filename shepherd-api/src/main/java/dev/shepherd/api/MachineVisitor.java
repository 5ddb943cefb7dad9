package dev.shepherd.api;

/** What is shown the machines of a listing, one after the other; see {@link Provider#forEachMachine}. */
@FunctionalInterface
public interface MachineVisitor {

    /**
     * Looks at a machine. An exception ends the listing, and is meant for the caller of the listing: in a provider it
     * must propagate unchanged.
     *
     * @throws InterruptedException if the thread is interrupted
     */
    void visit(Machine machine) throws InterruptedException;
}
