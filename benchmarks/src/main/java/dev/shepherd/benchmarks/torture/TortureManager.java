package dev.shepherd.benchmarks.torture;

import dev.shepherd.bmdb.Backoff;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbConfig;
import dev.shepherd.bmdb.BmdbConfig.Migration;
import dev.shepherd.bmdb.BmdbException;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.manager.disruption.DisruptionBudget;
import dev.shepherd.manager.disruption.DisruptionSettings;
import dev.shepherd.manager.listing.UpdaterSettings;
import dev.shepherd.manager.provisioning.ProvisionerSettings;
import dev.shepherd.manager.recovery.RecovererSettings;
import dev.shepherd.manager.takeover.InitializerSettings;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A manager in a process of its own: all loops over a provider and machines that log what is done to them. */
final class TortureManager {

    private static final Logger log = LoggerFactory.getLogger(TortureManager.class);

    private static final Duration SHORT = Duration.ofMillis(500);
    private static final Backoff BACKOFF = Backoff.builder()
            .initial(Duration.ofSeconds(1))
            .exponent(1.5)
            .maximum(Duration.ofSeconds(5))
            .build();

    private TortureManager() {}

    static RecoveryPolicy policy(int machines) {
        return RecoveryPolicy.builder()
                .heartbeatInterval(Duration.ofSeconds(5))
                .silentAfterHeartbeat(Duration.ofSeconds(15))
                .silentAfterStart(Duration.ofSeconds(20))
                .stuckAfter(Duration.ofSeconds(30))
                .cooldown(Plan.COOLDOWN)
                .bootTime(Duration.ofSeconds(1))
                .backoff(BACKOFF)
                .freezeReleaseAfter(Duration.ofSeconds(5))
                .maxPerProvider(Math.max(1, machines / 5))
                // Nothing is given up: whatever happens to it, each machine is to end with an agent.
                .maxReboots(1_000_000)
                .maxFailedCalls(1_000_000)
                .build();
    }

    /**
     * Runs until its standard input ends, which it does when the parent closes it or dies.
     *
     * @param args the number of the manager, and those of the {@link Plan}; the URL is in the environment
     */
    public static void main(String[] args) throws Exception {
        int manager = Integer.parseInt(args[0]);
        Plan plan = Plan.of(List.of(args).subList(1, args.length));
        Thread work = Thread.currentThread();
        Thread watch = new Thread(() -> awaitEndOfInput(work), "end of input");
        watch.setDaemon(true);
        watch.start();
        try (EffectLog effects = new EffectLog(plan.folder(), manager);
                Bmdb bmdb = open()) {
            run(plan, manager, effects, bmdb);
        } catch (InterruptedException e) {
            log.info("manager {} ends", manager);
        }
        System.exit(0); // Whatever is still at work.
    }

    private static void awaitEndOfInput(Thread work) {
        try {
            while (System.in.read() >= 0) {
                // Nothing is ever said.
            }
        } catch (IOException e) {
            // It has ended.
        }
        work.interrupt();
        try {
            work.join(Duration.ofSeconds(20).toMillis());
        } catch (InterruptedException e) {
            // Then at once.
        }
        Runtime.getRuntime().halt(1);
    }

    /** Opens the database, however long it takes until there is a primary. */
    private static Bmdb open() throws InterruptedException {
        BmdbConfig config = BmdbConfig.builder()
                .jdbcUrl(System.getenv("TORTURE_JDBC_URL"))
                .migration(Migration.CHECK)
                .sessionInterval(Plan.SESSION_INTERVAL)
                // Managers die here every few seconds: no machine is to blame, nor to wait for half an hour.
                .lossBackoff(BACKOFF)
                .maxLosses(1000)
                .connectTimeout(Duration.ofSeconds(5))
                .socketTimeout(Duration.ofSeconds(10))
                .idleInTransactionTimeout(Duration.ofSeconds(5))
                .build();
        while (true) {
            try {
                return Bmdb.open(config);
            } catch (BmdbException e) {
                log.info("the database cannot be opened yet: {}", e.getMessage());
                Thread.sleep(SHORT.toMillis());
            }
        }
    }

    private static void run(Plan plan, int manager, EffectLog effects, Bmdb bmdb) throws InterruptedException {
        Thread inspector = new Thread(new Inspector(bmdb, manager, effects), "inspector");
        try (Shepherd shepherd = Shepherd.builder()
                .bmdb(bmdb)
                .provider(new LoggedProvider(plan, effects))
                .takeover(new LoggedTakeover(effects))
                .provisioner(ProvisionerSettings.builder()
                        .maxCount(plan.machines())
                        .chunkSize(50)
                        .interval(Duration.ofSeconds(1))
                        .creationInterval(Duration.ZERO)
                        .build())
                .initializer(InitializerSettings.builder()
                        .backoff(BACKOFF)
                        .pollInterval(SHORT)
                        .build())
                .recoverer(RecovererSettings.builder()
                        .policy(policy(plan.machines()))
                        .pollInterval(Duration.ofSeconds(1))
                        .build())
                .updater(UpdaterSettings.builder()
                        .restInterval(Duration.ofSeconds(60))
                        .motionInterval(Duration.ofSeconds(5))
                        .pollInterval(Duration.ofSeconds(2))
                        .build())
                .disruptions(DisruptionSettings.builder()
                        .gate(new MoodyGate(effects))
                        .gate(DisruptionBudget.parse("1 of " + Plan.GROUP))
                        .drainHook(new MoodyHook(effects))
                        .drainPoll(Duration.ofSeconds(1))
                        .answerWithin(Duration.ofSeconds(1))
                        .askAgainAfter(Duration.ofSeconds(1))
                        .approvalGoodFor(Duration.ofSeconds(5))
                        .build())
                .runtimeInfo(Plan.runtimeInfo(manager))
                .build()) {
            shepherd.start();
            inspector.start();
            Thread.sleep(Long.MAX_VALUE);
        } finally {
            inspector.interrupt();
            inspector.join();
        }
    }
}
