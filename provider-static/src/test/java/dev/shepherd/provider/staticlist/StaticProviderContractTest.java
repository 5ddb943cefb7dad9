package dev.shepherd.provider.staticlist;

import dev.shepherd.api.Provider;
import dev.shepherd.testkit.LogCapture;
import dev.shepherd.testkit.contract.ContractFault;
import dev.shepherd.testkit.contract.ProviderContract;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The provider keeps the contract, over a list that a server holds. */
class StaticProviderContractTest extends ProviderContract {

    private static final String SECRET = "query-nobody-may-see";

    /** Keeps what the provider logs off the console. */
    @RegisterExtension
    final LogCapture log = LogCapture.of(StaticProvider.class.getName());

    private final ListServer server;
    private String list = "[]";
    private Duration patience = Duration.ofSeconds(20);

    StaticProviderContractTest() throws IOException {
        server = new ListServer();
        heal();
    }

    @Override
    protected Provider createProvider() {
        return StaticProvider.builder(Lists.RACKS, URI.create(server.uri() + "?key=" + SECRET))
                .timeout(patience)
                .build();
    }

    @Override
    protected Duration callLimit() {
        return Duration.ofSeconds(30);
    }

    @Override
    protected void addFreeMachines(int count) {
        list = Lists.of(IntStream.range(0, count).mapToObj(i -> "machine-" + i).toArray(String[]::new));
        heal();
    }

    @Override
    protected boolean inject(ContractFault fault) {
        switch (fault) {
            case DUPLICATE_MACHINE ->
                server.serve("[{\"ID\": \"a\", \"Addr\": \"10.0.0.1\"}, {\"ID\": \"a\", \"Addr\": \"10.0.0.2\"}]");
            case RATE_LIMITED -> server.answer(429, "Retry-After", "5");
            case UNAUTHENTICATED -> server.answer(401);
            case UNREACHABLE -> server.answer(503);
            case HANGING -> {
                patience = Duration.ofSeconds(1);
                server.hang();
            }
            case LOST_ANSWER, STALE_LISTING, CONFLICT -> {
                return false; // Nothing happens at this provider when a machine is created.
            }
        }
        return true;
    }

    @Override
    protected void heal() {
        server.serve(list);
    }

    @Override
    protected List<String> secrets() {
        return List.of(SECRET);
    }

    @Override
    protected boolean choosesMachines() {
        return false;
    }

    @AfterEach
    void stop() {
        server.close();
    }
}
