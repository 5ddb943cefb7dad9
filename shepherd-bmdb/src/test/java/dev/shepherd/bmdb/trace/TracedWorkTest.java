package dev.shepherd.bmdb.trace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.shepherd.bmdb.Backoff;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbException;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.Eligibility;
import dev.shepherd.bmdb.TestDatabase;
import dev.shepherd.bmdb.Work;
import dev.shepherd.bmdb.WorkEvent;
import dev.shepherd.bmdb.WorkProcess;
import io.micrometer.common.KeyValue;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationHandler;
import io.micrometer.observation.ObservationRegistry;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jooq.impl.DSL;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What is told of claims and of the ends of work. */
class TracedWorkTest {

    @RegisterExtension
    static final TestDatabase db = new TestDatabase();

    private static final WorkProcess PROCESS = new WorkProcess("UnitTest");
    private static final Eligibility ANY = Eligibility.where(DSL.trueCondition());

    private final List<Observation.Context> begun = new CopyOnWriteArrayList<>();
    private BmdbSession session;

    @BeforeEach
    void begin() throws InterruptedException {
        ObservationRegistry registry = ObservationRegistry.create();
        registry.observationConfig().observationHandler(new ObservationHandler<>() {
            @Override
            public void onStart(Observation.Context context) {
                begun.add(context);
            }

            @Override
            public boolean supportsContext(Observation.Context context) {
                return true;
            }
        });
        Bmdb bmdb = db.open(config -> config.tracer(ObservationTracer.of(registry)));
        session = db.closeLater(bmdb.startSession("test", "here"));
    }

    /** The observations so far, each as its name and all its keys. */
    private List<String> told() {
        return begun.stream()
                .map(context -> context.getName() + " " + keys(context))
                .toList();
    }

    private static Map<String, String> keys(Observation.Context context) {
        Map<String, String> keys = new TreeMap<>();
        for (KeyValue key : context.getAllKeyValues()) {
            keys.put(key.getKey(), key.getValue());
        }
        return keys;
    }

    private String claim(String provider, String outcome, String rest) {
        return "shepherd.claim {claimed=" + rest + "outcome=" + outcome + ", process=%s, provider=" + provider
                + ", session=" + session.id() + "}";
    }

    private String end(UUID machine, String outcome) {
        return "shepherd.work.end {machine=" + machine + ", outcome=" + outcome
                + ", process=UnitTest, provider=none, session=" + session.id() + "}";
    }

    @Test
    void claimsAndEveryKindOfEndAreTold() throws Exception {
        List<UUID> machines = List.of(db.machine(), db.machine(), db.machine(), db.machine());

        List<Work> work = session.claim(PROCESS, ANY, 10);
        assertThat(session.claim(PROCESS, ANY, 10)).isEmpty();
        assertThat(work).hasSize(machines.size());
        assertThat(told())
                .containsExactly(
                        claim("none", "claimed", "4, ").formatted("UnitTest"),
                        claim("none", "nothing", "0, ").formatted("UnitTest"));
        assertThat(work.get(0).ended()).isEmpty();

        work.get(0).finish();
        work.get(1).fail(Backoff.constant(Duration.ofMinutes(1)), "broken");
        work.get(2).giveUp("not now", tx -> {});
        work.get(3).close();
        work.get(3).close();

        assertThat(told().subList(2, 6))
                .containsExactly(
                        end(work.get(0).machineId(), "finished"),
                        end(work.get(1).machineId(), "failed"),
                        end(work.get(2).machineId(), "canceled"),
                        end(work.get(3).machineId(), "canceled"));
        assertThat(told()).hasSize(6);
        assertThat(work)
                .extracting(one -> one.ended().orElseThrow())
                .containsExactly(WorkEvent.FINISHED, WorkEvent.FAILED, WorkEvent.CANCELED, WorkEvent.CANCELED);
    }

    @Test
    void severalThatEndTogetherAreToldTogether() throws Exception {
        db.machine();
        db.machine();
        List<Work> work = session.claim(PROCESS, ANY, 10);

        session.finishAll(work, (tx, ended) -> {});

        assertThat(told().get(1))
                .isEqualTo("shepherd.work.end {ended=2, outcome=finished, process=UnitTest, provider=none, session="
                        + session.id() + "}");
    }

    @Test
    void oneMachineIsNamedAndSoIsTheProviderWhereItIsKnown() throws Exception {
        UUID machine = db.machine();
        session.claimMachine(PROCESS, machine).orElseThrow().finish();
        session.claim(WorkProcess.AGENT_START, Eligibility.agentStart(TestDatabase.PROVIDER), 10);

        assertThat(told().get(0))
                .isEqualTo(
                        claim("none", "claimed", "1, machine=" + machine + ", ").formatted("UnitTest"));
        assertThat(told().get(2)).isEqualTo(claim("test", "nothing", "0, ").formatted("ShepherdAgentStart"));
    }

    @Test
    void anEndThatCannotBeWrittenIsAFailureAndTheNextOneIsTold() throws Exception {
        UUID machine = db.machine();
        Work work = session.claimMachine(PROCESS, machine).orElseThrow();

        assertThatThrownBy(() -> work.finish(tx -> tx.dsl().execute("select 1 / 0")))
                .isInstanceOf(BmdbException.class);
        work.finish();

        assertThat(told().subList(1, 3)).containsExactly(end(machine, "failed"), end(machine, "finished"));
        assertThat(begun.get(1).getError()).isInstanceOf(BmdbException.class);
    }
}
