package dev.shepherd.manager;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.bmdb.event.EventKind;
import dev.shepherd.bmdb.event.ShepherdEvent;
import dev.shepherd.bmdb.event.StoredEvent;
import dev.shepherd.bmdb.feed.EventFeed;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.manager.VirtualFleet.Health;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** What is told of a fleet whose machines die and come back. Its agents' heartbeats go past the callback, which would tell. */
class FleetEventsTest extends RecoveryScenario {

    private List<ShepherdEvent> of(UUID machine) throws InterruptedException {
        return EventFeed.of(database.bmdb()).after(EventFeed.START, EventFeed.MOST).stream()
                .map(StoredEvent::event)
                .filter(event -> event.machineId().equals(Optional.of(machine)))
                .toList();
    }

    private List<EventKind> kinds(UUID machine) throws InterruptedException {
        return of(machine).stream().map(ShepherdEvent::kind).toList();
    }

    @Test
    void aMachineThatHangsComesBackAndRelapses() throws Exception {
        fleet(20, 1);
        fleet.manager(POLICY);
        UUID hung = fleet.all().get(0);
        UUID well = fleet.all().get(1);
        pass(2);
        int before = kinds(hung).size();
        int uneventful = kinds(well).size();
        fleet.become(Health.HUNG, hung);
        passUntilEffects(1);
        pass(20);

        assertThat(kinds(hung).subList(before, kinds(hung).size()))
                .containsExactly(
                        EventKind.SILENT,
                        EventKind.ATTEMPT_DECIDED,
                        EventKind.ATTEMPT_SENT,
                        EventKind.TAKEN_OVER,
                        EventKind.BACK);
        assertThat(of(hung).get(before + 2).details())
                .containsEntry("action", "Reboot")
                .containsEntry("answered", "true");
        assertThat(of(hung)).extracting(ShepherdEvent::at).isSorted();

        before = kinds(hung).size();
        fleet.become(Health.HUNG, hung);
        passUntilEffects(2);
        assertThat(kinds(hung).subList(before, before + 3))
                .containsExactly(EventKind.RELAPSED, EventKind.ATTEMPT_DECIDED, EventKind.ATTEMPT_SENT);
        assertThat(kinds(well)).as("nothing is told where nothing happens").hasSize(uneventful);
    }

    @Test
    void aMachineThatNeverComesBackIsQuarantined() throws Exception {
        fleet(20, 1);
        fleet.manager(POLICY);
        pass(2);
        UUID dead = fleet.all().get(7);
        fleet.become(Health.DEAD, dead);
        pass(180);

        List<EventKind> kinds = kinds(dead);
        assertThat(Operator.of(database.bmdb()).quarantine(dead)).isPresent();
        assertThat(kinds.get(kinds.size() - 1)).isEqualTo(EventKind.QUARANTINED);
        assertThat(kinds.stream().filter(EventKind.SILENT::equals)).as("once").hasSize(1);
        assertThat(kinds.stream().filter(EventKind.ATTEMPT_DECIDED::equals)).hasSize(POLICY.maxReboots());
        assertThat(kinds).contains(EventKind.TAKEOVER_FAILED).doesNotContain(EventKind.BACK);
    }
}
