package dev.shepherd.provider.equinix;

import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbConfig;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.manager.provisioning.ProvisionerSettings;
import dev.shepherd.manager.takeover.InitializerSettings;
import java.net.URI;
import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;

/** A process that reconciles once, and stops at one instant for ever, for somebody to kill it there. */
final class CreationProcess {

    static final String HELD = "held";

    /** Short, since what a killed process held is free only after it; but not too short for a busy machine. */
    static final Duration SESSION_INTERVAL = Duration.ofSeconds(3);

    private CreationProcess() {}

    /**
     * Reconciles once.
     *
     * @param args the URL of the database, the API, the project, the token, and where to stop: {@code before-commit},
     *     {@code after-commit} or nowhere
     */
    public static void main(String[] args) throws Exception {
        try (Bmdb bmdb = Bmdb.open(config(args[0]).build());
                EquinixProvider provider = EquinixProvider.builder(Equinix.TYPE, UUID.fromString(args[2]), args[3])
                        .endpoint(URI.create(args[1]))
                        .devicePrefix(Equinix.PREFIX)
                        .sshKey(Equinix.LABEL, Equinix.KEY)
                        .build();
                Shepherd shepherd = shepherd(
                        bmdb,
                        new InterceptedProvider(
                                provider,
                                () -> holdIf(args[4].equals("before-commit")),
                                () -> holdIf(args[4].equals("after-commit"))))) {
            shepherd.provisioner(Equinix.TYPE).step();
            System.out.println("done");
        }
    }

    private static BmdbConfig.Builder config(String jdbcUrl) {
        return BmdbConfig.builder().jdbcUrl(jdbcUrl).poolSize(4).sessionInterval(SESSION_INTERVAL);
    }

    static Shepherd shepherd(Bmdb bmdb, dev.shepherd.api.Provider provider) {
        return Shepherd.builder()
                .bmdb(bmdb)
                .provider(provider)
                .provisioner(ProvisionerSettings.builder()
                        .maxCount(1)
                        .creationInterval(Duration.ZERO)
                        .build())
                .takeover(target -> {
                    throw new IllegalStateException("nothing is taken over here");
                })
                .initializer(InitializerSettings.builder()
                        .pollInterval(Duration.ofHours(1))
                        .build())
                .build();
    }

    private static void holdIf(boolean here) {
        if (here) {
            System.out.println(HELD);
            try {
                new CountDownLatch(1).await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
