package dev.shepherd.provider.redfish;

import dev.shepherd.testkit.bmc.BmcMood;
import dev.shepherd.testkit.bmc.FakeBmc.Vendor;
import java.io.IOException;
import org.junit.jupiter.api.Tag;

/** The provider keeps the contract where a restart takes two steps, and each change and look another. */
@Tag("slow")
class RedfishOffAndOnContractTest extends RedfishProviderContractTest {

    RedfishOffAndOnContractTest() throws IOException {
        bmc.mood(
                BmcMood.allows("On", "ForceOff", "Nmi", "PushPowerButton"),
                BmcMood.allowedValuesBehindActionInfo(),
                BmcMood.bootInSettings(),
                BmcMood.requiresEtag());
    }

    @Override
    Vendor vendor() {
        return Vendor.IDRAC;
    }
}
