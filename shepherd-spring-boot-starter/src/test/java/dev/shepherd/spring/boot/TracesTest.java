package dev.shepherd.spring.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import brave.handler.MutableSpan;
import brave.handler.SpanHandler;
import brave.propagation.TraceContext;
import dev.shepherd.manager.takeover.SshCredentials;
import dev.shepherd.testkit.agent.TestAgent;
import dev.shepherd.testkit.database.BmdbExtension;
import dev.shepherd.testkit.ssh.SshHost;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** What a tracer of an application gets to see. */
@ExtendWith(OutputCaptureExtension.class)
class TracesTest {

    @RegisterExtension
    final BmdbExtension database = BmdbExtension.create();

    @TempDir
    Path folder;

    /** Takes spans in place of a program that collects them. */
    static final class Spans extends SpanHandler {
        final List<MutableSpan> ended = new CopyOnWriteArrayList<>();

        @Override
        public boolean end(TraceContext context, MutableSpan span, Cause cause) {
            return ended.add(span);
        }
    }

    @Configuration(proxyBeanMethods = false)
    static class Collecting {
        @Bean
        Spans spans() {
            return new Spans();
        }
    }

    /** Runs an application until it has taken a machine over, and returns the spans that have ended. */
    private List<MutableSpan> takeOver(String... more) throws Exception {
        Path key = folder.resolve("id_ed25519");
        String publicKey = SshCredentials.generateIfAbsent(key).publicKey().orElseThrow();
        try (SshHost host = SshHost.builder().authorizedKey(publicKey).start()) {
            Path list = Files.writeString(
                    folder.resolve("machines.json"),
                    "[{\"ID\": \"m-1\", \"Addr\": \"127.0.0.1\", \"SSHPort\": %d}]".formatted(host.port()));
            List<String> properties = new ArrayList<>(List.of(more));
            properties.addAll(List.of(
                    "spring.datasource.url=" + database.jdbcUrl(),
                    "spring.datasource.hikari.maximum-pool-size=20",
                    "shepherd.providers.racks.kind=static",
                    "shepherd.providers.racks.properties.list=" + list.toUri(),
                    "shepherd.agent.executable=" + TestAgent.write(folder.resolve("agent")),
                    "shepherd.agent.credentials.key=" + key,
                    "shepherd.agent.endpoint=http://127.0.0.1:1",
                    "management.tracing.sampling.probability=1.0"));
            try (ConfigurableApplicationContext context = new SpringApplicationBuilder(Application.class)
                    .sources(Collecting.class)
                    .web(WebApplicationType.NONE)
                    .registerShutdownHook(false)
                    .run(properties.stream().map(property -> "--" + property).toArray(String[]::new))) {
                Spans spans = context.getBean(Spans.class);
                await().atMost(Duration.ofMinutes(1))
                        .untilAsserted(() -> assertThat(spans.ended)
                                .extracting(MutableSpan::name)
                                .contains("work shepherd-agent-start"));
                return List.copyOf(spans.ended);
            }
        }
    }

    private static MutableSpan named(List<MutableSpan> spans, String name) {
        return spans.stream()
                .filter(span -> name.equals(span.name()))
                .findFirst()
                .orElseThrow(() -> new AssertionError("no " + name + " among " + spans));
    }

    @Test
    void aTakeoverIsOneTraceOverAllItsThreadsAndTheLogNamesIt(CapturedOutput output) throws Exception {
        List<MutableSpan> spans = takeOver();

        MutableSpan work = named(spans, "work shepherd-agent-start");
        assertThat(work.tag("provider")).isEqualTo("racks");
        assertThat(work.tag("outcome")).isEqualTo("finished");
        assertThat(work.tag("machine")).hasSize(36);
        MutableSpan takeover = named(spans, "takeover");
        assertThat(takeover.parentId()).isEqualTo(work.id());
        for (String step : List.of("connect", "key_exchange", "authenticate", "upload", "execute", "answer")) {
            MutableSpan one = named(spans, "takeover step " + step);
            assertThat(one.traceId()).isEqualTo(work.traceId());
            assertThat(one.parentId()).isEqualTo(takeover.id());
            assertThat(one.tag("machine")).isEqualTo(work.tag("machine"));
        }
        MutableSpan end = named(spans, "work end shepherd-agent-start");
        assertThat(end.parentId()).isEqualTo(work.id());
        assertThat(spans.stream()
                        .filter(span -> "claim shepherd-agent-start".equals(span.name()))
                        .map(MutableSpan::traceId))
                .contains(work.traceId());

        assertThat(output.toString().lines().filter(line -> line.contains("agent started in")))
                .singleElement()
                .asString()
                .contains("[" + work.traceId() + "-" + work.id() + "]");
    }

    @Test
    void whatTheApplicationLeavesOutIsLeftOut() throws Exception {
        List<MutableSpan> spans = takeOver("management.observations.enable.shepherd.claim=false");

        assertThat(spans).noneMatch(span -> span.name().startsWith("claim"));
        assertThat(named(spans, "takeover").traceId())
                .isEqualTo(named(spans, "work shepherd-agent-start").traceId());
    }
}
