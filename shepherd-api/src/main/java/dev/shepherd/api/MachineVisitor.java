package dev.shepherd.api;

/** What is shown the machines of a listing, one after the other; see {@link Provider#forEachMachine}. */
@FunctionalInterface
public interface MachineVisitor {

    /**
     * Looks at a machine. What it throws ends the listing, and is for the caller of the listing: a provider lets it
     * pass as it is.
     *
     * @throws InterruptedException if the thread is interrupted
     */
    void visit(Machine machine) throws InterruptedException;
}
