package com.example.racks;

import dev.shepherd.api.ProviderConfig;
import dev.shepherd.api.ProviderFactory;
import dev.shepherd.api.ProviderProperty;
import dev.shepherd.api.ProviderProperty.Type;
import java.util.List;

/** Makes providers of the servers of one controller. META-INF/services names it, where the library finds it. */
public final class RackProviderFactory implements ProviderFactory {

    @Override
    public String kind() {
        return "racks";
    }

    @Override
    public String description() {
        return "the servers of a controller, over its HTTP API";
    }

    @Override
    public List<ProviderProperty> properties() {
        return List.of(
                ProviderProperty.required("controller", Type.URI, "where the controller is")
                        .asHttpUrl(),
                ProviderProperty.required("token", Type.STRING, "what the controller lets us in with")
                        .matching("[!-~]+", "printable ASCII without spaces")
                        .asSecret(),
                ProviderProperty.optional("fleet", Type.STRING, "shepherd", "whose servers to use"),
                ProviderProperty.optional("timeout", Type.DURATION, "10s", "how long the controller may take to answer")
                        .between("1ms", "10m"));
    }

    @Override
    public RackProvider create(ProviderConfig config) {
        return new RackProvider(config);
    }
}
