package dev.shepherd.bmdb;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.shepherd.api.Availability;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.Labels;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.Selector;
import dev.shepherd.api.Selector.Term;
import dev.shepherd.bmdb.MachineRecord.Label;
import dev.shepherd.bmdb.MachineRecord.Label.Source;
import dev.shepherd.bmdb.fleet.Fleet;
import dev.shepherd.bmdb.fleet.MachineFilter;
import dev.shepherd.bmdb.fleet.MachineLine;
import dev.shepherd.bmdb.fleet.MachinePage;
import dev.shepherd.bmdb.fleet.MachinePage.Place;
import dev.shepherd.bmdb.internal.labels.LabelQueries;
import dev.shepherd.bmdb.internal.schema.Tables;
import dev.shepherd.bmdb.listing.Listings;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.operator.LabelActions;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.bmdb.operator.OperatorAction;
import dev.shepherd.bmdb.operator.OperatorActions;
import dev.shepherd.bmdb.operator.OperatorException;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MachineLabelsTest {

    @RegisterExtension
    static final TestDatabase db = new TestDatabase();

    private static final Actor ACTOR = Actor.program("rack team");

    private static Map<String, Label> labels(UUID machine) throws InterruptedException {
        return db.bmdb().machine(machine).orElseThrow().labels();
    }

    private static Label label(String value, Source source) {
        return new Label(value, source);
    }

    private static void says(UUID machine, Map<String, String> labels) throws InterruptedException {
        MachineInfo info = MachineInfo.builder(new ProviderID("id-" + machine), Availability.KNOWN_UNUSED)
                .labels(labels)
                .build();
        db.session()
                .useTransaction(tx -> assertThat(
                                Listings.of(db.bmdb(), TestDatabase.PROVIDER).update(tx, info))
                        .isTrue());
    }

    private static void operator(UUID machine, Map<String, String> set, String... remove) throws InterruptedException {
        LabelActions.of(db.bmdb(), ACTOR).change(machine, set, Set.of(remove), "of a test");
    }

    private static Set<String> program(UUID machine, Map<String, String> set, String... remove)
            throws InterruptedException {
        return db.session().inTransaction(tx -> tx.changeLabels(machine, set, Set.of(remove)));
    }

    @Test
    void whatTheProviderSaysIsMirroredFromTheFirstRecordOn() throws Exception {
        UUID intent = UUID.randomUUID();
        MachineInfo info = MachineInfo.builder(new ProviderID("new"), Availability.KNOWN_UNUSED)
                .labels(Map.of("rack", "7", "tier", "db"))
                .build();
        db.session()
                .useTransaction(
                        tx -> tx.recordMachine(TestDatabase.PROVIDER, CreateMachineRequest.of(intent, info), info));

        assertThat(labels(intent))
                .containsExactly(
                        Map.entry("rack", label("7", Source.PROVIDER)),
                        Map.entry("tier", label("db", Source.PROVIDER)));
        assertThat(db.bmdb()
                        .machine(intent)
                        .orElseThrow()
                        .provided()
                        .orElseThrow()
                        .labels())
                .isEqualTo(info.labels());
    }

    @Test
    void whatTheProviderSaysNowReplacesWhatItSaid() throws Exception {
        UUID machine = db.providedMachine();
        says(machine, Map.of("rack", "7", "tier", "db", "x", ""));
        says(machine, Map.of("rack", "8", "x", "", "y.z/n", "a_b"));

        assertThat(labels(machine))
                .containsExactly(
                        Map.entry("rack", label("8", Source.PROVIDER)),
                        Map.entry("x", label("", Source.PROVIDER)),
                        Map.entry("y.z/n", label("a_b", Source.PROVIDER)));
        says(machine, Map.of());
        assertThat(labels(machine)).isEmpty();
    }

    @Test
    void anOperatorsLabelGoesBeforeAProgramsAndThatBeforeTheProviders() throws Exception {
        UUID machine = db.providedMachine();
        says(machine, Map.of("rack", "7"));

        assertThat(program(machine, Map.of("rack", "8", "own", "x"))).containsExactly("own", "rack");
        assertThat(labels(machine)).containsEntry("rack", label("8", Source.PROGRAM));
        operator(machine, Map.of("rack", "9"));
        assertThat(program(machine, Map.of("rack", "10"), "own")).containsExactly("own");
        assertThat(program(machine, Map.of(), "rack")).isEmpty();
        says(machine, Map.of("rack", "11"));
        assertThat(labels(machine)).isEqualTo(Map.of("rack", label("9", Source.OPERATOR)));

        operator(machine, Map.of(), "rack");
        assertThat(labels(machine))
                .as("the provider's word is back")
                .isEqualTo(Map.of("rack", label("11", Source.PROVIDER)));
        operator(machine, Map.of(), "rack");
        assertThat(labels(machine))
                .as("and cannot be taken off")
                .isEqualTo(Map.of("rack", label("11", Source.PROVIDER)));
    }

    @Test
    void whatAnOperatorDidIsRecordedOnceAndOnlyIfItChangedSomething() throws Exception {
        UUID machine = db.providedMachine();
        says(machine, Map.of("rack", "7"));
        operator(machine, Map.of("rack", "8", "tier", "db"));
        operator(machine, Map.of("rack", "8"), "unknown");
        operator(machine, Map.of("rack", "9"), "tier");

        List<OperatorAction> actions = Operator.of(db.bmdb()).actions(machine, null, 10);
        assertThat(actions)
                .extracting(action -> action.verb() + ": " + action.details().orElse(""))
                .containsExactly("Label: rack=9 (was 8), tier taken off (was db)", "Label: rack=8 (was 7), tier=db");
        assertThatThrownBy(() -> operator(UUID.randomUUID(), Map.of("a", "b"))).isInstanceOf(OperatorException.class);
        assertThatThrownBy(() -> operator(machine, Map.of("a", "b"), "a"))
                .hasMessageContaining("both set and taken off");
        assertThatThrownBy(() -> operator(machine, Map.of("a b", "b"))).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> program(UUID.randomUUID(), Map.of("a", "b"))).isInstanceOf(BmdbException.class);
    }

    @Test
    void aMachineHasOnlySoManyFromOperatorsAndPrograms() throws Exception {
        UUID machine = db.providedMachine();
        Map<String, String> many = new HashMap<>();
        for (int i = 0; i < Labels.MOST; i++) {
            many.put("key-" + i, "v");
        }
        operator(machine, many);

        assertThatThrownBy(() -> operator(machine, Map.of("another", "v")))
                .isInstanceOf(BmdbException.class)
                .hasMessageContaining("at most 64");
        assertThat(labels(machine)).hasSize(Labels.MOST).doesNotContainKey("another");
        says(machine, Map.of("rack", "7"));
        assertThat(labels(machine)).hasSize(Labels.MOST + 1);
    }

    @Test
    void theyGoWithTheMachine() throws Exception {
        UUID machine = db.providedMachine();
        says(machine, Map.of("rack", "7"));
        operator(machine, Map.of("tier", "db"));

        OperatorActions.of(db.bmdb(), ACTOR).forget(machine, "of a test");

        assertThat(db.number("select count(*) from machine_labels")).isZero();
    }

    @Test
    void whateverProgramWritesTheTagTheLabelsFollow() throws Exception {
        UUID machine = db.providedMachine();
        db.execute("update machine_provided set provider_labels = 'rack=7,tier=db'");
        assertThat(labels(machine)).hasSize(2);
        db.execute("update machine_provided set provider_check_at = now()");
        db.execute("delete from machine_provided");
        assertThat(labels(machine)).isEmpty();
        assertThatThrownBy(() -> db.execute(
                        "insert into machine_provided (machine_id, provider, provider_id, provider_labels)"
                                + " values (?, 'test', 'x', 'rack 7=')",
                        machine))
                .isInstanceOf(SQLException.class)
                .hasMessageContaining("label_key");
    }

    @Test
    void anotherLabelAtTheSameTimeIsNotLost() throws Exception {
        UUID machine = db.providedMachine();
        BmdbSession session = db.session();
        for (int round = 0; round < 20; round++) {
            int number = round;
            says(machine, Map.of("provider", "p"));
            Race.run(4, runner -> {
                switch (runner) {
                    case 0 -> operator(machine, Map.of("operator", "o" + number), "both");
                    case 1 ->
                        session.useTransaction(
                                tx -> tx.changeLabels(machine, Map.of("program", "p" + number, "both", "p"), Set.of()));
                    case 2 -> says(machine, Map.of("provider", "p" + number, "both", "provider"));
                    default -> operator(machine, Map.of("other", "x" + number));
                }
                return null;
            });
            assertThat(labels(machine))
                    .containsEntry("operator", label("o" + number, Source.OPERATOR))
                    .containsEntry("program", label("p" + number, Source.PROGRAM))
                    .containsEntry("provider", label("p" + number, Source.PROVIDER))
                    .containsEntry("other", label("x" + number, Source.OPERATOR))
                    .containsKey("both");
        }
    }

    private static final List<String> KEYS = List.of("rack", "tier", "zone", "example.com/x");
    private static final List<String> VALUES = List.of("", "1", "2", "3", "a.b");

    private static Selector randomSelector(Random random) {
        List<Term> terms = new ArrayList<>();
        for (int term = random.nextInt(3); term >= 0; term--) {
            List<String> values = new ArrayList<>();
            for (int value = random.nextInt(4); value > 0; value--) {
                values.add(VALUES.get(random.nextInt(VALUES.size())));
            }
            terms.add(new Term(KEYS.get(random.nextInt(KEYS.size())), values, random.nextInt(3) > 0));
        }
        return Selector.of(terms);
    }

    /** Java, jOOQ's condition in both of its forms, the database's function and the list of the fleet. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void allWhoAskASelectorSayTheSame(long seed) throws Exception {
        Random random = new Random(seed);
        Map<UUID, Map<String, String>> machines = new HashMap<>();
        for (int i = 0; i < 40; i++) {
            UUID machine = db.providedMachine();
            Map<String, String> labels = new HashMap<>();
            KEYS.forEach(key -> {
                if (random.nextInt(3) > 0) {
                    labels.put(key, VALUES.get(random.nextInt(VALUES.size())));
                }
            });
            says(machine, labels);
            machines.put(machine, labels);
        }
        Fleet fleet = Fleet.of(db.bmdb(), RecoveryPolicy.DEFAULT);
        for (int i = 0; i < 60; i++) {
            Selector selector = randomSelector(random);
            Set<UUID> expected = new HashSet<>();
            machines.forEach((machine, labels) -> {
                if (selector.matches(labels)) {
                    expected.add(machine);
                }
            });
            List<UUID> joined = db.bmdb()
                    .query(dsl -> dsl.select(Tables.MACHINES.MACHINE_ID)
                            .from(Tables.MACHINES)
                            .where(LabelQueries.matches(Tables.MACHINES.MACHINE_ID, selector))
                            .fetch(Tables.MACHINES.MACHINE_ID));
            List<UUID> onTheWay = db.bmdb()
                    .query(dsl -> dsl.select(Tables.MACHINES.MACHINE_ID)
                            .from(Tables.MACHINES)
                            .where(LabelQueries.matchesOnTheWay(Tables.MACHINES.MACHINE_ID, selector))
                            .fetch(Tables.MACHINES.MACHINE_ID));
            assertThat(db.number("select is_selector(?)::int", selector.toString()))
                    .isOne();
            List<String> byFunction = db.rows(
                    "select machine_id from machines where labels_match(machine_id, selector_terms(?))",
                    selector.toString());

            assertThat(joined).as("%s", selector).containsExactlyInAnyOrderElementsOf(expected);
            assertThat(onTheWay).as("%s", selector).containsExactlyInAnyOrderElementsOf(expected);
            assertThat(byFunction)
                    .as("%s", selector)
                    .containsExactlyInAnyOrderElementsOf(
                            expected.stream().map(UUID::toString).toList());
            List<MachineLine> listed = list(fleet, MachineFilter.ALL.selected(selector));
            assertThat(listed)
                    .as("%s", selector)
                    .extracting(line -> line.machine().machineId())
                    .containsExactlyInAnyOrderElementsOf(expected);
            assertThat(listed)
                    .allSatisfy(line -> assertThat(line.labels())
                            .isEqualTo(machines.get(line.machine().machineId())));
        }
        assertThat(db.number("select is_selector('rack 7')::int + is_selector('')::int + is_selector('a=b,')::int"))
                .isZero();
    }

    /** Page by page, forth and back. */
    private static List<MachineLine> list(Fleet fleet, MachineFilter filter) throws InterruptedException {
        List<MachineLine> lines = new ArrayList<>();
        MachinePage page = fleet.machines(filter, null, 7);
        lines.addAll(page.lines());
        while (page.next().isPresent()) {
            Place next = page.next().get();
            page = fleet.machines(filter, next, 7);
            lines.addAll(page.lines());
        }
        if (lines.size() > 7 && page.previous().isPresent()) {
            MachinePage before = fleet.machines(filter, page.previous().get(), 7);
            int end = lines.size() - page.lines().size();
            assertThat(before.lines()).isEqualTo(lines.subList(end - 7, end));
        }
        return lines;
    }
}
