package dev.shepherd.manager;

import dev.shepherd.api.Availability;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderID;
import dev.shepherd.bmdb.Backoff;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbConfig;
import dev.shepherd.manager.status.LoopKind;
import dev.shepherd.manager.takeover.InitializerSettings;
import dev.shepherd.testkit.provider.FakeProvider;
import java.net.InetAddress;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.CountDownLatch;

/** A process that takes machines over until it is killed, and is dead at once when it gets the poisonous one. */
final class DyingManager {

    static final String POISON = "poison";
    static final int STATUS = 137;
    static final int MAX_LOSSES = 3;

    private DyingManager() {}

    /** Takes the URL of the database and the provider's ids of the machines. */
    public static void main(String[] args) throws Exception {
        FakeProvider provider = FakeProvider.create(InitializerScenario.TYPE);
        for (int i = 1; i < args.length; i++) {
            provider.addMachine(info(args[i]));
        }
        BmdbConfig config = BmdbConfig.builder()
                .jdbcUrl(args[0])
                .sessionInterval(Duration.ofSeconds(4))
                .maxLosses(MAX_LOSSES)
                .lossBackoff(Backoff.constant(Duration.ofSeconds(1)))
                .build();
        try (Bmdb bmdb = Bmdb.open(config);
                Shepherd shepherd = Shepherd.builder()
                        .bmdb(bmdb)
                        .provider(provider)
                        .loops(Set.of(LoopKind.INITIALIZER))
                        .initializer(InitializerSettings.builder()
                                .pollInterval(Duration.ofMillis(200))
                                .build())
                        .takeover(target -> {
                            if (target.toString().contains(POISON)) {
                                Runtime.getRuntime().halt(STATUS);
                            }
                            return InitializerTest.result(target);
                        })
                        .build()) {
            shepherd.start();
            new CountDownLatch(1).await();
        }
    }

    static MachineInfo info(String id) {
        return MachineInfo.builder(new ProviderID(id), Availability.KNOWN_USED)
                .address(InetAddress.getLoopbackAddress())
                .sshPort(22)
                .build();
    }
}
