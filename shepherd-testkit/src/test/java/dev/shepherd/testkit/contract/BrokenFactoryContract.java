package dev.shepherd.testkit.contract;

import dev.shepherd.api.ProviderFactory;
import java.util.Map;

/** The contract over a broken factory. Its name keeps it out of the build; {@link SelfTest} runs its tests one by one. */
class BrokenFactoryContract extends ProviderFactoryContract {

    /** What is broken, and how. Set before the tests are run. */
    static BrokenFactories.Broken broken = new BrokenFactories.Broken(Rule.F01, "not at all", FakeProviderFactory::new);

    @Override
    protected ProviderFactory createFactory() {
        return broken.maker().get();
    }

    @Override
    protected Map<String, String> properties() {
        return FakeProviderFactoryContractTest.PROPERTIES;
    }
}
