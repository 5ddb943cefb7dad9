package dev.shepherd.provider.redfish;

import dev.shepherd.api.ProviderFactory;
import dev.shepherd.testkit.LogCapture;
import dev.shepherd.testkit.contract.ProviderFactoryContract;
import java.util.Map;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The factory keeps the contract. */
class RedfishProviderFactoryContractTest extends ProviderFactoryContract {

    /** Keeps what the provider logs off the console. */
    @RegisterExtension
    final LogCapture log = LogCapture.of(RedfishProvider.class.getName());

    @Override
    protected ProviderFactory createFactory() {
        return new RedfishProviderFactory();
    }

    @Override
    protected Map<String, String> properties() {
        return Map.of(
                "list", "http://127.0.0.1:1/machines.json?key=nobody-may-see",
                "timeout", "3s",
                "graceful", "30s",
                "reinstall", "pxe",
                "trust", "none",
                "tls", "1.2");
    }
}
