package dev.shepherd.provider.staticlist;

import dev.shepherd.api.ProviderFactory;
import dev.shepherd.testkit.contract.ProviderFactoryContract;
import java.util.Map;

/** The factory keeps the contract. */
class StaticProviderFactoryContractTest extends ProviderFactoryContract {

    @Override
    protected ProviderFactory createFactory() {
        return new StaticProviderFactory();
    }

    @Override
    protected Map<String, String> properties() {
        return Map.of(
                "list", "http://127.0.0.1:1/machines.json?key=nobody-may-see", "timeout", "3s", "max-size", "100000");
    }
}
