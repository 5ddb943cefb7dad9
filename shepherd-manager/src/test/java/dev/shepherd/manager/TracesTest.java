package dev.shepherd.manager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.shepherd.api.ProviderException;
import dev.shepherd.bmdb.BmdbConfig;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.trace.ObservationTracer;
import dev.shepherd.bmdb.trace.SpanName;
import dev.shepherd.manager.disruption.DisruptionSettings;
import dev.shepherd.manager.disruption.GateAnswer;
import dev.shepherd.manager.status.LoopKind;
import dev.shepherd.manager.takeover.MachineTakeover;
import dev.shepherd.testkit.LogCapture;
import dev.shepherd.testkit.provider.FakeProvider;
import dev.shepherd.testkit.ssh.Mood;
import dev.shepherd.testkit.ssh.SshHost;
import io.micrometer.common.KeyValue;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationHandler;
import io.micrometer.observation.tck.TestObservationRegistry;
import java.net.InetAddress;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What a manager tells Micrometer's Observation API of what it does, with real hosts and a real database. */
class TracesTest extends InitializerScenario {

    /** Complains of what is begun twice, left without being entered, or used after its end. */
    private final TestObservationRegistry registry = TestObservationRegistry.create();

    private final List<Observation.Context> begun = new CopyOnWriteArrayList<>();
    private final List<Observation.Context> ended = new CopyOnWriteArrayList<>();
    private boolean failing;

    @RegisterExtension
    final LogCapture log = LogCapture.of("dev.shepherd");

    @Override
    BmdbConfig.Builder settings(BmdbConfig.Builder config) {
        registry.observationConfig().observationHandler(new ObservationHandler<>() {
            @Override
            public void onStart(Observation.Context context) {
                begun.add(context);
            }

            @Override
            public void onStop(Observation.Context context) {
                ended.add(context);
            }

            @Override
            public boolean supportsContext(Observation.Context context) {
                return true;
            }
        });
        return config.tracer(ObservationTracer.of(registry));
    }

    @AfterEach
    void allThatBeganHasEndedAndIsDeclared() {
        assertThat(ended).containsExactlyInAnyOrderElementsOf(begun);
        assertThat(log.text().contains("Observations are incomplete")).isEqualTo(failing);
        assertThat(registry.getCurrentObservation()).isNull();
        for (Observation.Context context : begun) {
            if (!context.getName().startsWith("shepherd.")) {
                continue;
            }
            SpanName name = List.of(SpanName.values()).stream()
                    .filter(one -> one.text().equals(context.getName()))
                    .findFirst()
                    .orElseThrow();
            assertThat(keys(context.getLowCardinalityKeyValues()).keySet())
                    .containsExactlyInAnyOrderElementsOf(name.tags());
            assertThat(keys(context.getLowCardinalityKeyValues()).get("outcome"))
                    .isNotEqualTo("none");
            assertThat(name.details())
                    .containsAll(keys(context.getHighCardinalityKeyValues()).keySet());
        }
    }

    private static Map<String, String> keys(Iterable<KeyValue> keys) {
        return StreamSupport.stream(keys.spliterator(), false)
                .collect(Collectors.toMap(KeyValue::getKey, KeyValue::getValue));
    }

    private List<Observation.Context> all(SpanName name) {
        return begun.stream()
                .filter(context -> context.getName().equals(name.text()))
                .toList();
    }

    private Observation.Context one(SpanName name) {
        assertThat(all(name)).hasSize(1);
        return all(name).get(0);
    }

    private static String key(Observation.Context context, String key) {
        KeyValue value = context.getLowCardinalityKeyValue(key);
        return (value == null ? Objects.requireNonNull(context.getHighCardinalityKeyValue(key)) : value).getValue();
    }

    private static Observation.@Nullable ContextView parent(Observation.Context context) {
        return context.getParentObservation() == null
                ? null
                : context.getParentObservation().getContextView();
    }

    private static List<String> steps(List<Observation.Context> steps) {
        return steps.stream()
                .map(step -> key(step, "step") + " " + key(step, "outcome"))
                .toList();
    }

    @Test
    void aTakeoverIsOneTraceFromTheClaimToItsEndWithEachStepOfTheThreadThatSpeaksSsh() throws Exception {
        try (SshHost host = host();
                Shepherd shepherd = shepherd(ssh(Duration.ofSeconds(60)))) {
            UUID machine = record(host.address(), host.port());
            begun.clear();
            ended.clear();
            shepherd.start();
            await().atMost(LIMIT).until(() -> read(machine).agentStarted().isPresent());
        }

        Observation.Context work = one(SpanName.WORK);
        assertThat(key(work, "provider")).isEqualTo("lab");
        assertThat(key(work, "process")).isEqualTo("ShepherdAgentStart");
        assertThat(key(work, "outcome")).isEqualTo("finished");
        String machine = key(work, "machine");
        Observation.Context claim = all(SpanName.CLAIM).stream()
                .filter(context -> key(context, "outcome").equals("claimed"))
                .findFirst()
                .orElseThrow();
        assertThat(key(claim, "provider")).isEqualTo("lab");
        assertThat(key(claim, "session")).isEqualTo(key(work, "session"));
        assertThat(key(claim, "machine")).isEqualTo(machine);
        assertThat(parent(work))
                .as("both are parts of one step of the loop")
                .isNotNull()
                .isSameAs(parent(claim));
        assertThat(parent(claim).getName()).isEqualTo("shepherd.loop.step");

        Observation.Context asked = one(SpanName.PROVIDER_CALL);
        assertThat(key(asked, "operation")).isEqualTo("get");
        assertThat(key(asked, "outcome")).isEqualTo("ok");
        assertThat(key(asked, "provider.id")).isEqualTo("machine-1");
        assertThat(parent(asked)).isSameAs(work);

        Observation.Context takeover = one(SpanName.TAKEOVER);
        assertThat(key(takeover, "outcome")).isEqualTo("succeeded");
        assertThat(key(takeover, "machine")).isEqualTo(machine);
        assertThat(key(takeover, "kind")).isEqualTo("none");
        assertThat(parent(takeover)).isSameAs(work);
        assertThat(steps(all(SpanName.TAKEOVER_STEP)))
                .containsExactly(
                        "connect succeeded",
                        "key_exchange succeeded",
                        "authenticate succeeded",
                        "upload succeeded",
                        "execute succeeded",
                        "answer succeeded");
        assertThat(all(SpanName.TAKEOVER_STEP))
                .allSatisfy(step -> assertThat(parent(step)).isSameAs(takeover));

        Observation.Context end = one(SpanName.WORK_END);
        assertThat(key(end, "outcome")).isEqualTo("finished");
        assertThat(key(end, "machine")).isEqualTo(machine);
        assertThat(key(end, "provider")).isEqualTo("lab");
        assertThat(parent(end)).isSameAs(work);
    }

    @Test
    void theStepThatFailsHasTheReasonAndSoHasTheTakeover() throws Exception {
        try (SshHost host = host();
                Shepherd shepherd = shepherd(ssh(Duration.ofSeconds(60)))) {
            host.setMood(Mood.REJECT_AUTHENTICATION);
            record(host.address(), host.port());

            shepherd.initializer(TYPE).step();
        }

        assertThat(steps(all(SpanName.TAKEOVER_STEP)))
                .containsExactly("connect succeeded", "key_exchange succeeded", "authenticate failed");
        Observation.Context takeover = one(SpanName.TAKEOVER);
        assertThat(key(takeover, "outcome")).isEqualTo("failed");
        assertThat(key(takeover, "step")).isEqualTo("authenticate");
        assertThat(key(takeover, "kind")).isEqualTo("authentication_failed");
        assertThat(takeover.getError()).isNotNull();
        assertThat(all(SpanName.TAKEOVER_STEP).get(2).getError()).isSameAs(takeover.getError());
        assertThat(key(one(SpanName.WORK), "outcome")).isEqualTo("failed");
    }

    @Test
    void aStepThatHangsEndsWithItsTakeover() throws Exception {
        try (SshHost host = host();
                Shepherd shepherd = shepherd(ssh(Duration.ofSeconds(1)))) {
            host.setMood(Mood.HANG_AFTER_BANNER);
            record(host.address(), host.port());

            shepherd.initializer(TYPE).step();
        }

        assertThat(steps(all(SpanName.TAKEOVER_STEP))).containsExactly("connect succeeded", "key_exchange failed");
        assertThat(key(one(SpanName.TAKEOVER), "kind")).isEqualTo("timeout");
    }

    @Test
    void closingInTheMiddleOfATakeoverEndsAllOfThem() throws Exception {
        CountDownLatch inside = new CountDownLatch(1);
        try (Shepherd shepherd = shepherd(target -> {
            inside.countDown();
            Thread.sleep(60_000);
            throw new IllegalStateException("nothing interrupted it");
        })) {
            record(InetAddress.getLoopbackAddress(), 22);
            shepherd.start();
            inside.await();
        }

        assertThat(key(one(SpanName.TAKEOVER), "outcome")).isEqualTo("given_up");
        assertThat(one(SpanName.TAKEOVER).getError()).isNull();
        assertThat(key(one(SpanName.WORK), "outcome")).isEqualTo("canceled");
    }

    @Test
    void aTakeoverOfAnEmbeddersIsWithinItsObservation() throws Exception {
        AtomicReference<@Nullable Observation> inside = new AtomicReference<>();
        MachineTakeover takeover = target -> {
            inside.set(registry.getCurrentObservation());
            throw new IllegalStateException("no way in");
        };
        try (Shepherd shepherd = shepherd(takeover)) {
            record(InetAddress.getLoopbackAddress(), 22);
            shepherd.initializer(TYPE).step();
        }

        assertThat(inside.get().getContextView()).isSameAs(one(SpanName.TAKEOVER));
        assertThat(one(SpanName.WORK).getError()).hasMessage("no way in");
    }

    @Test
    void aRebootThatAPersonAsksForIsAPartOfTheRequestAndSoIsTheGateOnItsThread() throws Exception {
        AtomicReference<@Nullable Observation> atTheGate = new AtomicReference<>();
        UUID machine = record(InetAddress.getLoopbackAddress(), 22);
        try (Shepherd shepherd = Shepherd.builder()
                .bmdb(database.bmdb())
                .provider(provider)
                .loops(Set.of(LoopKind.INITIALIZER))
                .takeover(target -> {
                    throw new IllegalStateException("nothing is taken over here");
                })
                .disruptions(DisruptionSettings.builder()
                        .gate(disruption -> {
                            atTheGate.set(registry.getCurrentObservation());
                            return GateAnswer.proceed();
                        })
                        .build())
                .build()) {
            begun.clear();
            ended.clear();
            Observation request = Observation.createNotStarted("http.request", registry);
            request.observeChecked(() -> shepherd.reboot(machine, Actor.program("console"), "it hangs", false));

            Observation.Context work = one(SpanName.WORK);
            assertThat(parent(work)).isSameAs(request.getContextView());
            assertThat(key(work, "process")).isEqualTo("ShepherdAccess");
            assertThat(parent(one(SpanName.PROVIDER_CALL))).isSameAs(work);
            assertThat(key(one(SpanName.PROVIDER_CALL), "operation")).isEqualTo("reboot");
            assertThat(atTheGate.get().getContextView()).isSameAs(work);
        }
    }

    @Test
    void aCallThatTheProviderFailsIsAnErrorAndOneThatWeEndIsNot() throws Exception {
        record(InetAddress.getLoopbackAddress(), 22);
        provider.failNext(
                FakeProvider.Operation.GET, new ProviderException(ProviderException.Reason.PERMANENT, "no such page"));
        try (Shepherd shepherd = shepherd(target -> {
            throw new IllegalStateException("nothing is taken over here");
        })) {
            shepherd.initializer(TYPE).step();
        }

        assertThat(key(one(SpanName.PROVIDER_CALL), "outcome")).isEqualTo("failed");
        assertThat(one(SpanName.PROVIDER_CALL).getError()).isInstanceOf(ProviderException.class);
        assertThat(key(one(SpanName.WORK), "outcome")).isEqualTo("canceled");
    }

    @Test
    void aLoopWhoseStepFailsSaysSo() throws Exception {
        provider.failNext(
                FakeProvider.Operation.LIST, new ProviderException(ProviderException.Reason.PERMANENT, "no such page"));
        try (Shepherd shepherd = Shepherd.builder()
                .bmdb(database.bmdb())
                .provider(provider)
                .loops(Set.of(LoopKind.PROVISIONER))
                .takeover(target -> {
                    throw new IllegalStateException("nothing is taken over here");
                })
                .build()) {
            shepherd.start();
            await().atMost(LIMIT)
                    .until(() ->
                            ended.stream().anyMatch(context -> context.getName().equals(SpanName.LOOP_STEP.text())));
        }

        Observation.Context step = all(SpanName.LOOP_STEP).get(0);
        assertThat(key(step, "loop")).isEqualTo("provisioner");
        assertThat(key(step, "outcome")).isEqualTo("failed");
        Observation.Context listing = all(SpanName.PROVIDER_CALL).get(0);
        assertThat(key(listing, "operation")).isEqualTo("list");
        assertThat(parent(listing)).isSameAs(step);
    }

    @Test
    void handlersThatFailHaltNoTakeover() throws Exception {
        failing = true;
        registry.observationConfig().observationHandler(new ObservationHandler<>() {
            @Override
            public void onStart(Observation.Context context) {
                throw new IllegalStateException("no exporter");
            }

            @Override
            public void onScopeOpened(Observation.Context context) {
                throw new NoClassDefFoundError("exporter");
            }

            @Override
            public boolean supportsContext(Observation.Context context) {
                return true;
            }
        });
        try (SshHost host = host();
                Shepherd shepherd = shepherd(ssh(Duration.ofSeconds(60)))) {
            UUID machine = record(host.address(), host.port());

            shepherd.initializer(TYPE).step();

            assertThat(read(machine).agentStarted()).isPresent();
        }
        assertThat(log.text())
                .containsOnlyOnce(
                        "Observations are incomplete, since a handler fails: java.lang.IllegalStateException");
    }
}
