package dev.shepherd.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.shepherd.agent.messages.callback.AgentRequest;
import dev.shepherd.agent.messages.callback.AgentResponse;
import dev.shepherd.agent.messages.callback.InstallationReport.Result;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class ReportingTest {

    @TempDir
    Path folder;

    private FakeEndpoint endpoint;
    private Home home;

    @BeforeEach
    void start() throws Exception {
        assumeTrue(Files.exists(Path.of("/proc/uptime")), "only Linux has what it needs");
        endpoint = new FakeEndpoint();
        home = new Home(folder);
    }

    @AfterEach
    void stop() {
        endpoint.close();
    }

    @Test
    void itReportsAsItIsToldToAndEndsWhenAnotherHasTakenItsPlace() throws Exception {
        endpoint.identity().write(home);
        AgentResponse.Builder install = AgentResponse.newBuilder();
        install.getInstallationRequestBuilder().setGeneration(5);
        endpoint.then(FakeEndpoint.refuse(409, "Shepherd-Reason", "AGENT_NOT_STARTED"));
        endpoint.then(FakeEndpoint.accept(install.build()));
        endpoint.then(FakeEndpoint.refuse(429, "Shepherd-Reason", "TOO_MANY", "Retry-After", "1"));
        endpoint.then(FakeEndpoint.accept(install.build()));
        // A minute would pass until the next; the hardware report, if it comes late, is one more.
        long since = System.nanoTime();
        Thread ending = new Thread(() -> {
            while (endpoint.requests().size() < 4 && System.nanoTime() - since < 30e9) {
                Thread.onSpinWait();
            }
        });
        ending.start();
        Thread agent = new Thread(() -> {
            try {
                Reporting.run(home);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
        agent.start();
        ending.join();
        agent.interrupt();
        agent.join();

        List<AgentRequest> requests = endpoint.requests();
        assertThat(endpoint.wrong()).isEmpty();
        assertThat(requests).hasSize(4);
        assertThat(requests.get(0).hasInstallationReport()).isFalse();
        assertThat(requests.get(2).getInstallationReport().getGeneration()).isEqualTo(5);
        assertThat(requests.get(2).getInstallationReport().getResult()).isEqualTo(Result.RESULT_ERROR);
        assertThat(requests.get(3)).as("heartbeats are taken").isEqualTo(AgentRequest.getDefaultInstance());
        assertThat(home.text(Reporting.RUNNING)).startsWith(endpoint.identity().name() + " ");
    }

    @Test
    void anotherKeyOrMachineEndsItForGood() throws Exception {
        for (String reason : List.of("WRONG_KEY", "UNKNOWN_MACHINE")) {
            endpoint.identity().write(home);
            endpoint.then(FakeEndpoint.refuse(403, "Shepherd-Reason", reason));

            assertThat(Reporting.run(home)).as(reason).isZero();
        }
        assertThat(endpoint.requests()).hasSize(2);
    }

    @Test
    void withoutATakeoverThereIsNothingToDo() throws Exception {
        assertThat(Reporting.run(home)).isZero();
        home.write("identity", "nonsense\nof\nthree lines\n");
        assertThat(Reporting.run(home)).as("damaged").isEqualTo(1);
    }
}
