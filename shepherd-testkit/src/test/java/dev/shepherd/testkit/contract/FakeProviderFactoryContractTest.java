package dev.shepherd.testkit.contract;

import dev.shepherd.api.ProviderFactory;
import java.util.Map;

/** The good factory of the self-test keeps the contract. */
class FakeProviderFactoryContractTest extends ProviderFactoryContract {

    static final Map<String, String> PROPERTIES =
            Map.of("token", BrokenProviders.SECRET, "capacity", "3", "greeting", "good morning");

    @Override
    protected ProviderFactory createFactory() {
        return new FakeProviderFactory();
    }

    @Override
    protected Map<String, String> properties() {
        return PROPERTIES;
    }
}
