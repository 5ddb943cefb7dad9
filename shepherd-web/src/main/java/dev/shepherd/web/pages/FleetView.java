package dev.shepherd.web.pages;

import java.util.List;
import java.util.Optional;

/**
 * What the page of the whole fleet shows. All texts are fit to be shown.
 *
 * @param machines how many machines there are
 * @param counted when they were counted; empty if that was not done yet
 * @param tiles how many are in each state that any is in
 * @param states the states, as the columns of the two tables
 * @param providers each provider's machines by state
 * @param locations the locations with the most machines that are not up
 * @param moreLocations how many locations are not shown
 * @param plots the last day
 * @param recovery each provider's recovery against its limits
 * @param hardware what the machines of a provider at a location are made of together
 * @param moreHardware how many locations are not shown of that
 * @param freezes where recovery is frozen
 * @param rollouts the rollouts under way, and the last ones
 * @param pauses what is paused
 * @param discrepancies machines on which a provider and the database disagree
 * @param loops the loops of this process
 * @param hasLoops whether this process runs loops at all
 * @param sessions who takes part, in all processes
 */
public record FleetView(
        String machines,
        Optional<Say.When> counted,
        List<Tile> tiles,
        List<Tile> states,
        List<Row> providers,
        List<Row> locations,
        int moreLocations,
        List<Plot> plots,
        List<Recovery> recovery,
        List<HardwareLine> hardware,
        int moreHardware,
        List<FreezeLine> freezes,
        List<RolloutCard> rollouts,
        List<PauseLine> pauses,
        List<Discrepant> discrepancies,
        List<LoopLine> loops,
        boolean hasLoops,
        List<SessionLine> sessions) {

    /**
     * A session.
     *
     * @param component what it is for
     * @param runtimeInfo where it runs
     * @param since since when
     * @param state whether it lives, and for how long without a further heartbeat
     * @param alive whether it lives
     * @param work on how many machines it works
     */
    public record SessionLine(
            String component, String runtimeInfo, Say.When since, String state, boolean alive, int work) {}

    /**
     * The machines in one state.
     *
     * @param state the state's name
     * @param meaning what it means
     * @param machines how many
     * @param link the query that lists them
     */
    public record Tile(String state, String meaning, String machines, String link) {}

    /**
     * The machines of a provider, or of a location.
     *
     * @param provider the provider
     * @param location the location; empty in the table of providers
     * @param link the query that lists them
     * @param machines how many there are
     * @param cells how many are in each state, in the order of the states
     */
    public record Row(String provider, String location, String link, String machines, List<Tile> cells) {}

    /**
     * A provider's recovery.
     *
     * @param provider the provider
     * @param inRecovery how many machines are being brought back
     * @param limit how many may be at once
     * @param due how many are due
     */
    public record Recovery(String provider, long inRecovery, long limit, long due) {}

    /**
     * What the machines of a provider at a location are made of together.
     *
     * @param provider the provider
     * @param location the location; empty for machines without one
     * @param machines how many have reported, and how many of these reports cannot be read
     * @param cores physical cores, and how many processors have them
     * @param threads what operating systems schedule on
     * @param memory installed memory
     * @param disks block devices, and what they hold
     * @param failing how many of these say that they will fail
     */
    public record HardwareLine(
            String provider,
            String location,
            String machines,
            String cores,
            String threads,
            String memory,
            String disks,
            long failing) {}

    /**
     * A freeze of recovery.
     *
     * @param scope what is frozen
     * @param provider of which provider; empty for the whole fleet
     * @param location at which location; empty for all
     * @param since since when
     * @param evidence what was seen
     * @param releasable whether the person may end it
     */
    public record FreezeLine(
            String scope, String provider, String location, Say.When since, String evidence, boolean releasable) {}

    /**
     * A pause.
     *
     * @param id its id
     * @param scope what is paused
     * @param machine the machine's id; empty if it is not about one
     * @param by who paused it
     * @param reason why
     * @param since since when
     * @param until until when; empty for until it is ended
     * @param endable whether the person may end it
     */
    public record PauseLine(
            String id,
            String scope,
            Optional<String> machine,
            String by,
            String reason,
            Say.When since,
            Optional<Say.When> until,
            boolean endable) {}

    /**
     * A machine on which a provider and the database disagree.
     *
     * @param provider the provider
     * @param what what is wrong
     */
    public record Discrepant(String provider, String what) {}

    /**
     * A loop.
     *
     * @param name its kind
     * @param provider for which provider
     * @param state whether it runs
     * @param waitingFor what it does or waits for
     * @param nextRun until when it waits
     * @param lastRun when its last step began
     * @param took how long that took
     * @param working how many machines it works on
     * @param succeeded how many it worked on with success
     * @param failed how many failed
     * @param error its last failure
     * @param current whether that is still so
     */
    public record LoopLine(
            String name,
            String provider,
            String state,
            String waitingFor,
            Optional<Say.When> nextRun,
            Optional<Say.When> lastRun,
            String took,
            int working,
            String succeeded,
            String failed,
            Optional<String> error,
            boolean current) {}
}
