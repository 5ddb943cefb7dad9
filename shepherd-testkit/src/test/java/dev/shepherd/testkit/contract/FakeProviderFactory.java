package dev.shepherd.testkit.contract;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderConfig;
import dev.shepherd.api.ProviderFactory;
import dev.shepherd.api.ProviderProperty;
import dev.shepherd.api.ProviderProperty.Type;
import dev.shepherd.testkit.provider.FakeProvider;
import java.util.List;

/** A good factory, to be broken by overriding one of its methods. ServiceLoader finds it in the tests of this module. */
public class FakeProviderFactory implements ProviderFactory {

    /** For ServiceLoader. */
    public FakeProviderFactory() {}

    @Override
    public String kind() {
        return "fake";
    }

    @Override
    public String description() {
        return "Machines that are made up";
    }

    @Override
    public List<ProviderProperty> properties() {
        return List.of(
                ProviderProperty.required("token", Type.STRING, "lets everybody in")
                        .asSecret(),
                ProviderProperty.optional("capacity", Type.INTEGER, "0", "how many machines can be made, 0 or more"),
                ProviderProperty.optional("greeting", Type.STRING, null, "is not needed"));
    }

    @Override
    public Provider create(ProviderConfig config) {
        int capacity = config.integer("capacity").orElse(0);
        if (capacity < 0) {
            throw new ConfigurationException("capacity", "\"capacity\" must not be negative, but is " + capacity);
        }
        return FakeProvider.builder(config.type()).capacity(capacity).build();
    }
}
