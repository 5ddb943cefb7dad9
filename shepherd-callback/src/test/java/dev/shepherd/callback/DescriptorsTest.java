package dev.shepherd.callback;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.bmdb.agent.AgentCallback;
import dev.shepherd.testkit.database.BmdbExtension;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.slf4j.LoggerFactory;

/** How many connections there may be is what the operating system allows, and can be seen. */
class DescriptorsTest {

    @RegisterExtension
    static final BmdbExtension database = BmdbExtension.create();

    @Test
    void asManyConnectionsAreAllowedAsLeaveTheRestOfTheProcessEnough() {
        var log = LoggerFactory.getLogger(DescriptorsTest.class);
        assertThat(new Descriptors(20_000, 100).connections(10_000, log)).isEqualTo(10_000);
        assertThat(new Descriptors(1_024, 124).connections(10_000, log)).isEqualTo(450);
        assertThat(new Descriptors(1_024, 124).connections(64, log)).isEqualTo(64);
        assertThat(new Descriptors(1_024, 1_024).connections(10_000, log)).isEqualTo(1);
        assertThat(Descriptors.ofThisProcess()).isPresent();
    }

    @Test
    void theMetersTellWhatTheStatusTells() throws Exception {
        SimpleMeterRegistry registry = new SimpleMeterRegistry();
        try (AgentCallback callback = AgentCallback.of(database.bmdb());
                AgentEndpoint endpoint = AgentEndpoint.builder()
                        .callback(callback)
                        .address(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
                        .build();
                AgentEndpointMetrics metrics = AgentEndpointMetrics.of(endpoint)) {
            callback.start();
            endpoint.start();
            metrics.bindTo(registry);
            TestMachine machine = TestMachine.recorded(database, "127.0.0.1");
            try (TestMachine.Connection connection = machine.connect(endpoint)) {
                assertThat(connection.send(machine.request(new byte[0])).read().status())
                        .isEqualTo(200);
                assertThat(registry.get("shepherd.agent.connections").gauge().value())
                        .isEqualTo(1);
            }
            assertThat(registry.get("shepherd.agent.requests")
                            .tag("outcome", "ok")
                            .functionCounter()
                            .count())
                    .isEqualTo(1);
            assertThat(endpoint.status().requests()).containsEntry(AgentEndpointStatus.Outcome.OK, 1L);
            assertThat(registry.getMeters()).hasSizeGreaterThan(20);
        }
        assertThat(registry.getMeters()).isEmpty();
    }
}
