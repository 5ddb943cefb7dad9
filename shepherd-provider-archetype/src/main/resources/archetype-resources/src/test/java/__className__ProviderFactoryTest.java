package ${package};

import dev.shepherd.api.ProviderFactory;
import dev.shepherd.testkit.contract.ProviderFactoryContract;
import java.util.Map;

/** The factory keeps the contract. */
class ${className}ProviderFactoryTest extends ProviderFactoryContract {

    @Override
    protected ProviderFactory createFactory() {
        return new ${className}ProviderFactory();
    }

    @Override
    protected Map<String, String> properties() {
        return Map.of("controller", "http://127.0.0.1:1", "token", ${className}ControllerServer.TOKEN);
    }
}
