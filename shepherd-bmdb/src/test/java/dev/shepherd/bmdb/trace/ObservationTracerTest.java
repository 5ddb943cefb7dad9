package dev.shepherd.bmdb.trace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.micrometer.common.KeyValue;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationHandler;
import io.micrometer.observation.ObservationRegistry;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ObservationTracerTest {

    private final ObservationRegistry registry = ObservationRegistry.create();
    private final Recorder recorder = new Recorder();
    private final Tracer tracer = ObservationTracer.of(registry);

    /** Takes down what handlers are told. */
    private static class Recorder implements ObservationHandler<Observation.Context> {
        final List<String> told = new CopyOnWriteArrayList<>();
        final List<Observation.Context> begun = new CopyOnWriteArrayList<>();

        @Override
        public void onStart(Observation.Context context) {
            begun.add(context);
            told.add("start " + context.getName());
        }

        @Override
        public void onError(Observation.Context context) {
            told.add("error " + context.getError());
        }

        @Override
        public void onScopeOpened(Observation.Context context) {
            told.add("enter " + context.getName());
        }

        @Override
        public void onScopeClosed(Observation.Context context) {
            told.add("leave " + context.getName());
        }

        @Override
        public void onStop(Observation.Context context) {
            told.add("stop " + context.getName());
        }

        @Override
        public boolean supportsContext(Observation.Context context) {
            return true;
        }
    }

    @AfterEach
    void noThreadIsLeftInASpan() {
        assertThat(registry.getCurrentObservation()).isNull();
    }

    private void record() {
        registry.observationConfig().observationHandler(recorder);
    }

    private static Map<String, String> tags(Observation.ContextView context) {
        return context.getLowCardinalityKeyValues().stream()
                .collect(Collectors.toMap(KeyValue::getKey, KeyValue::getValue));
    }

    @Test
    void aSpanIsAnObservationThatAlwaysHasAllItsTags() throws Exception {
        record();

        String answer = tracer.span(SpanName.CLAIM)
                .tag("process", "UnitTest")
                .tag("provider", "")
                .detail("session", 7)
                .run(span -> {
                    span.tag("outcome", "claimed").detail("claimed", 2);
                    return "done";
                });

        assertThat(answer).isEqualTo("done");
        Observation.Context context = recorder.begun.get(0);
        assertThat(context.getContextualName()).isEqualTo("claim unit-test");
        assertThat(tags(context)).isEqualTo(Map.of("process", "UnitTest", "provider", "none", "outcome", "claimed"));
        assertThat(context.getHighCardinalityKeyValues())
                .containsExactlyInAnyOrder(KeyValue.of("session", "7"), KeyValue.of("claimed", "2"));
        assertThat(recorder.told)
                .containsExactly(
                        "start shepherd.claim", "enter shepherd.claim", "leave shepherd.claim", "stop shepherd.claim");
    }

    @Test
    void whatIsThrownInsideIsTheFailureAndComesOut() {
        record();
        IllegalStateException failure = new IllegalStateException("the disk is full");

        assertThatThrownBy(() -> tracer.span(SpanName.CLAIM).run(span -> {
                    throw failure;
                }))
                .isSameAs(failure);

        assertThat(recorder.begun.get(0).getError()).isSameAs(failure);
        assertThat(tags(recorder.begun.get(0))).containsEntry("outcome", "failed");
    }

    @Test
    void anInterruptionIsNoErrorButAnEnd() {
        record();

        assertThatThrownBy(() -> tracer.span(SpanName.CLAIM).run(span -> {
                    throw new InterruptedException("closing");
                }))
                .isInstanceOf(InterruptedException.class);

        assertThat(recorder.begun.get(0).getError()).isNull();
        assertThat(tags(recorder.begun.get(0))).containsEntry("outcome", "given_up");
    }

    @Test
    void whatIsBegunInsideIsAPartAlsoOnAnotherThread() throws Exception {
        record();
        AtomicReference<@Nullable Observation> afterwards = new AtomicReference<>();

        tracer.span(SpanName.WORK).run(work -> {
            tracer.span(SpanName.WORK_END).run(end -> true);
            Runnable carried =
                    tracer.here(() -> tracer.span(SpanName.TAKEOVER).enter().close());
            Thread thread = new Thread(() -> {
                carried.run();
                afterwards.set(registry.getCurrentObservation());
            });
            thread.start();
            thread.join(TimeUnit.SECONDS.toMillis(10));
            return true;
        });

        assertThat(recorder.begun).hasSize(3);
        for (Observation.Context part : recorder.begun.subList(1, 3)) {
            assertThat(part.getParentObservation().getContextView()).isSameAs(recorder.begun.get(0));
        }
        assertThat(afterwards).as("the thread is as it was").hasNullValue();
    }

    @Test
    void aSpanThatAnotherThreadEndsEndsAtOnceAndIsLeftByItsOwn() throws Exception {
        record();
        CountDownLatch entered = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        AtomicReference<@Nullable Span> hanging = new AtomicReference<>();
        AtomicReference<@Nullable Observation> afterwards = new AtomicReference<>();
        Thread thread = new Thread(() -> {
            Span span = tracer.span(SpanName.TAKEOVER_STEP).enter();
            hanging.set(span);
            entered.countDown();
            try {
                goOn.await(10, TimeUnit.SECONDS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            span.close();
            afterwards.set(registry.getCurrentObservation());
        });
        thread.start();
        assertThat(entered.await(10, TimeUnit.SECONDS)).isTrue();

        Span span = hanging.get();
        span.failed(new IllegalStateException("too late"));
        span.close();
        span.close();
        assertThat(recorder.told)
                .containsExactly(
                        "start shepherd.takeover.step",
                        "enter shepherd.takeover.step",
                        "error java.lang.IllegalStateException: too late",
                        "stop shepherd.takeover.step");

        goOn.countDown();
        thread.join(TimeUnit.SECONDS.toMillis(10));
        assertThat(recorder.told).endsWith("leave shepherd.takeover.step").hasSize(5);
        assertThat(afterwards).hasNullValue();
    }

    /** Where code of an embedder's runs. */
    private enum Place {
        ON_START,
        ON_ERROR,
        ON_SCOPE_OPENED,
        ON_SCOPE_CLOSED,
        ON_STOP,
        SUPPORTS_CONTEXT,
        PREDICATE,
        FILTER
    }

    private final class Failing extends Recorder {
        private final Place place;
        private final Throwable failure;

        Failing(Place place, Throwable failure) {
            this.place = place;
            this.failure = failure;
        }

        /** Throws anything, as code does that was compiled against another version. */
        @SuppressWarnings("unchecked")
        private <T extends Throwable> void failAt(Place now) throws T {
            if (now == place) {
                throw (T) failure;
            }
        }

        @Override
        public void onStart(Observation.Context context) {
            this.<RuntimeException>failAt(Place.ON_START);
        }

        @Override
        public void onError(Observation.Context context) {
            this.<RuntimeException>failAt(Place.ON_ERROR);
        }

        @Override
        public void onScopeOpened(Observation.Context context) {
            this.<RuntimeException>failAt(Place.ON_SCOPE_OPENED);
        }

        @Override
        public void onScopeClosed(Observation.Context context) {
            this.<RuntimeException>failAt(Place.ON_SCOPE_CLOSED);
        }

        @Override
        public void onStop(Observation.Context context) {
            this.<RuntimeException>failAt(Place.ON_STOP);
        }

        @Override
        public boolean supportsContext(Observation.Context context) {
            this.<RuntimeException>failAt(Place.SUPPORTS_CONTEXT);
            return true;
        }

        void install() {
            registry.observationConfig()
                    .observationHandler(this)
                    .observationPredicate((name, context) -> {
                        this.<RuntimeException>failAt(Place.PREDICATE);
                        return true;
                    })
                    .observationFilter(context -> {
                        this.<RuntimeException>failAt(Place.FILTER);
                        return context;
                    });
        }
    }

    @ParameterizedTest
    @EnumSource(Place.class)
    void codeOfAnEmbeddersThatFailsCostsOnlyTheObservation(Place place) throws Exception {
        for (Throwable failure : List.of(
                new IllegalStateException("no exporter"), new NoClassDefFoundError("gone"), new Exception("checked"))) {
            new Failing(place, failure).install();
        }
        List<@Nullable Observation> inside = new ArrayList<>();
        String answer = tracer.span(SpanName.WORK).tag("process", "UnitTest").run(work -> {
            Runnable carried = tracer.here(() -> inside.add(registry.getCurrentObservation()));
            carried.run();
            assertThatThrownBy(() -> tracer.span(SpanName.CLAIM).run(claim -> {
                        claim.tag("outcome", "failed").detail("claimed", 0);
                        throw new IllegalArgumentException("the work's own");
                    }))
                    .hasMessage("the work's own");
            return "done";
        });

        assertThat(answer).isEqualTo("done");

        assertThat(inside).hasSize(1);
        assertThat(registry.getCurrentObservation()).isNull();
    }

    @Test
    void aSpanWithoutATagThatItClaimsToHaveIsNoReasonToStop() throws Exception {
        record();

        boolean done = tracer.span(SpanName.CLAIM)
                .tag("machine", "m-1")
                .detail("disk", "sda")
                .<Boolean>run(span -> true);

        assertThat(done).isTrue();

        assertThat(tags(recorder.begun.get(0))).doesNotContainKey("machine");
    }

    @Test
    void aRegistryWithoutHandlersCostsNothing() {
        assertThat(ObservationTracer.of(ObservationRegistry.NOOP).span(SpanName.CLAIM))
                .isSameAs(Span.NONE);
        assertThat(tracer.span(SpanName.CLAIM)).isSameAs(Span.NONE);
        Runnable task = () -> {};
        assertThat(tracer.here(task)).isSameAs(task);
        assertThat(Tracer.NONE.here(task)).isSameAs(task);
    }
}
