package dev.shepherd.provider.equinix;

import dev.shepherd.api.ProviderType;
import dev.shepherd.testkit.equinix.FakeEquinix;
import java.time.Duration;

/** What most tests of the provider begin with. */
final class Equinix {

    static final ProviderType TYPE = new ProviderType("equinix");
    static final String PREFIX = "fleet-";
    static final String LABEL = "fleet key";
    static final String KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGfw3Wb0c5jYl1vWqgY1JHtzLbH1o8e1n0nKJt9oN4pU";

    private Equinix() {}

    /** A provider of the fake's project that does not wait long. */
    static EquinixProvider.Builder provider(FakeEquinix api) {
        return EquinixProvider.builder(TYPE, api.projectId(), api.token())
                .endpoint(api.endpoint())
                .devicePrefix(PREFIX)
                .sshKey(LABEL, KEY)
                .callsPerSecond(10_000)
                .backoff(Duration.ofMillis(1), Duration.ofMillis(5));
    }
}
