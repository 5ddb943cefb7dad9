package dev.shepherd.cli.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.shepherd.api.Availability;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.event.EventKind;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.operator.BackoffFilter;
import dev.shepherd.bmdb.operator.OperatorActions;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.manager.disruption.DisruptionSettings;
import dev.shepherd.manager.disruption.GateAnswer;
import dev.shepherd.manager.takeover.TakeoverException;
import dev.shepherd.manager.takeover.TakeoverStep;
import dev.shepherd.manager.takeover.TakeoverTarget;
import dev.shepherd.testkit.LogCapture;
import dev.shepherd.testkit.database.BmdbExtension;
import dev.shepherd.testkit.provider.FakeProvider;
import java.net.InetAddress;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;

class LoggingTest {

    private static final ProviderType RACKS = new ProviderType("racks");
    private static final Logger SHEPHERD = (Logger) LoggerFactory.getLogger("dev.shepherd");

    /** With which context a listener was called. */
    private final Map<EventKind, Map<String, String>> heard = new ConcurrentHashMap<>();

    @RegisterExtension
    final BmdbExtension database = BmdbExtension.create(
            config -> config.listener(event -> heard.put(event.kind(), Map.copyOf(MDC.getCopyOfContextMap()))));

    private final Lines lines = new Lines();

    /** What was logged, with the context of the thread that did. */
    private static final class Lines extends AppenderBase<ILoggingEvent> {
        private final List<ILoggingEvent> all = new CopyOnWriteArrayList<>();

        @Override
        protected void append(ILoggingEvent event) {
            event.prepareForDeferredProcessing();
            all.add(event);
        }

        List<ILoggingEvent> with(String text) {
            return all.stream()
                    .filter(line -> line.getFormattedMessage().contains(text))
                    .toList();
        }
    }

    @BeforeEach
    void listen() {
        lines.setContext(SHEPHERD.getLoggerContext());
        lines.start();
        SHEPHERD.addAppender(lines);
    }

    @AfterEach
    void stop() {
        SHEPHERD.detachAppender(lines);
        Logging.use(Logging.Format.TEXT);
    }

    private static TakeoverException refused(TakeoverTarget target) {
        return new TakeoverException(
                TakeoverException.Kind.AUTHENTICATION_FAILED,
                TakeoverStep.AUTHENTICATE,
                target,
                Duration.ofMillis(300),
                "the host does not accept our key");
    }

    private Shepherd shepherd(FakeProvider provider, ExecutorService executor) {
        return Shepherd.builder()
                .bmdb(database.bmdb())
                .provider(provider)
                .executor(executor)
                .takeover(target -> {
                    throw refused(target);
                })
                .build();
    }

    private static FakeProvider provider() throws Exception {
        FakeProvider provider = FakeProvider.create(RACKS);
        provider.addMachine(MachineInfo.builder(new ProviderID("rack-1-07"), Availability.POSSIBLY_USED)
                .address(InetAddress.getByName("192.0.2.7"))
                .build());
        return provider;
    }

    @Test
    void linesSayInTheirContextWhatTheyAreAboutAndNothingOfItIsLeftBehind() throws Exception {
        ExecutorService executor = Executors.newFixedThreadPool(40);
        try (Shepherd shepherd = shepherd(provider(), executor)) {
            shepherd.start();
            await().atMost(Duration.ofSeconds(30))
                    .until(() -> !lines.with("takeover failed").isEmpty());
        }
        UUID machine =
                database.bmdb().findMachine(RACKS, new ProviderID("rack-1-07")).orElseThrow();
        Map<String, String> ofWork = lines.with("takeover failed").get(0).getMDCPropertyMap();
        assertThat(ofWork)
                .containsEntry("provider", "racks")
                .containsEntry("machine", machine.toString())
                .containsEntry("process", "ShepherdAgentStart")
                .containsEntry("loop", "initializer")
                .containsOnlyKeys("provider", "loop", "machine", "process", "session");
        assertThat(UUID.fromString(ofWork.get("session"))).isNotNull();
        assertThat(lines.with("recorded machine").get(0).getMDCPropertyMap())
                .containsEntry("provider", "racks")
                .containsEntry("loop", "provisioner")
                .containsKey("session");

        List<Future<Map<String, String>>> left = new CopyOnWriteArrayList<>();
        for (int i = 0; i < 80; i++) {
            left.add(executor.submit(MDC::getCopyOfContextMap));
        }
        executor.shutdown();
        assertThat(executor.awaitTermination(30, TimeUnit.SECONDS)).isTrue();
        for (Future<Map<String, String>> one : left) {
            assertThat(one.get()).isNullOrEmpty();
        }
    }

    @Test
    void codeOfAnEmbeddersIsCalledInTheContextOfTheMachineItIsAbout() throws Exception {
        Map<String, String> atTheGate = new ConcurrentHashMap<>();
        try (Shepherd shepherd = Shepherd.builder()
                .bmdb(database.bmdb())
                .provider(provider())
                .takeover(target -> {
                    throw refused(target);
                })
                .disruptions(DisruptionSettings.builder()
                        .gate(disruption -> {
                            atTheGate.putAll(MDC.getCopyOfContextMap());
                            return GateAnswer.proceed();
                        })
                        .build())
                .build()) {
            shepherd.provisioner(RACKS).step();
            UUID machine = database.bmdb()
                    .findMachine(RACKS, new ProviderID("rack-1-07"))
                    .orElseThrow();

            shepherd.reboot(machine, Actor.program("console"), "it hangs", false);

            assertThat(atTheGate)
                    .containsEntry("machine", machine.toString())
                    .containsEntry("provider", "racks")
                    .containsEntry("process", "ShepherdAccess")
                    .containsKey("session");
            assertThat(MDC.getCopyOfContextMap()).isNullOrEmpty();
            await().until(() -> heard.containsKey(EventKind.ATTEMPT_DECIDED));
            assertThat(heard.get(EventKind.ATTEMPT_DECIDED))
                    .containsExactlyInAnyOrderEntriesOf(Map.of("machine", machine.toString(), "provider", "racks"));
        }
    }

    @Test
    void whatFailsAgainInTheSameWayIsAShortLineThatNamesTheMachineOnce() throws Exception {
        ExecutorService executor = Executors.newCachedThreadPool();
        try (Shepherd shepherd = shepherd(provider(), executor)) {
            shepherd.provisioner(RACKS).step();
            UUID machine = database.bmdb()
                    .findMachine(RACKS, new ProviderID("rack-1-07"))
                    .orElseThrow();
            for (int i = 0; i < 3; i++) {
                database.advance(Duration.ofMinutes(10)); // Longer than each of these backoffs.
                shepherd.initializer(RACKS).step();
            }
            List<String> said = lines.with("takeover failed").stream()
                    .map(ILoggingEvent::getFormattedMessage)
                    .toList();
            assertThat(said).hasSize(3);
            String named = "Machine " + machine + " (racks rack-1-07): takeover failed";
            assertThat(said.get(0))
                    .startsWith(named + ", next try after ")
                    .endsWith(": 192.0.2.7:22 failed at AUTHENTICATE after 0.3 s: the host does not accept our key");
            assertThat(said.get(1))
                    .startsWith(named + " 2 times in a row, again authentication_failed; next try after ")
                    .hasSizeLessThan(180);
            assertThat(said.get(2)).contains("3 times in a row");
            assertThat(said).allMatch(line -> line.indexOf(machine.toString()) == line.lastIndexOf(machine.toString()));

            OperatorActions.of(database.bmdb(), new Actor("oncall", Actor.Channel.PROGRAM))
                    .retry(BackoffFilter.ALL.ofKind("authentication_failed"), "key installed", one -> {});
            shepherd.initializer(RACKS).step();
            assertThat(lines.with("takeover failed").get(3).getFormattedMessage())
                    .as("what fails after a retry is told in full")
                    .contains("the host does not accept our key");
        } finally {
            executor.shutdownNow();
        }
    }

    @Test
    void aLineOfJsonHoldsWhateverWasSaidAndTheContextBesideIt() throws Exception {
        LogCapture written = LogCapture.of("dev.shepherd");
        written.start();
        try {
            Logging.use(Logging.Format.JSON);
            MDC.put("machine", "m-1");
            SHEPHERD.warn("two \"lines\"\nof one machine", new IllegalStateException("it is broken"));
        } finally {
            MDC.clear();
            written.stop();
        }
        List<String> texts = written.text().lines().toList();
        assertThat(texts).hasSize(1);
        JsonNode line = new ObjectMapper().readTree(texts.get(0));
        assertThat(line.path("message").asText()).isEqualTo("two \"lines\"\nof one machine");
        assertThat(line.path("level").asText()).isEqualTo("WARN");
        assertThat(line.path("logger_name").asText()).isEqualTo("dev.shepherd");
        assertThat(line.path("machine").asText()).isEqualTo("m-1");
        assertThat(line.path("stack_trace").asText()).startsWith("java.lang.IllegalStateException: it is broken");
        assertThat(line.path("@timestamp").asText()).matches("\\d{4}-\\d\\d-\\d\\dT.*");
        assertThat(line.fieldNames())
                .toIterable()
                .containsExactlyInAnyOrder(
                        "@timestamp", "message", "logger_name", "thread_name", "level", "machine", "stack_trace");
    }
}
