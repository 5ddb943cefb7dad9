package dev.shepherd.provider.equinix;

import dev.shepherd.api.ProviderFactory;
import dev.shepherd.testkit.contract.ProviderFactoryContract;
import dev.shepherd.testkit.equinix.FakeEquinix;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;

/** The factory keeps the contract. */
class EquinixProviderFactoryContractTest extends ProviderFactoryContract {

    private final FakeEquinix api = FakeEquinix.start();

    @Override
    protected ProviderFactory createFactory() {
        return new EquinixProviderFactory();
    }

    @Override
    protected Map<String, String> properties() {
        Map<String, String> properties = new HashMap<>();
        properties.put("project", api.projectId().toString());
        properties.put("api-token", api.token());
        properties.put("device-prefix", Equinix.PREFIX);
        properties.put("ssh-key-label", Equinix.LABEL);
        properties.put("ssh-public-key", Equinix.KEY);
        properties.put("endpoint", api.endpoint().toString());
        return properties;
    }

    @Override
    protected Set<String> keptProperties() {
        return Set.of("endpoint");
    }

    @AfterEach
    void stop() {
        api.close();
    }
}
