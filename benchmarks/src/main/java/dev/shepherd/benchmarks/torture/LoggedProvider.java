package dev.shepherd.benchmarks.torture;

import dev.shepherd.api.Availability;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.Machine;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.MachineNotFoundException;
import dev.shepherd.api.NoCapacityException;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Recoverer;
import dev.shepherd.api.Session;
import dev.shepherd.benchmarks.torture.Effect.Kind;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/**
 * A provider whose state is what all processes have logged: each process has one of these, and all are one provider.
 * It marks what it creates with the intent, and now and then fails a reboot after its effect. Safe for use by several
 * threads.
 */
final class LoggedProvider implements Recoverer {

    private static final int CALLS_AT_ONCE = 8;
    private static final double FAILED_REBOOTS = 0.02;

    private final Plan plan;
    private final EffectLog log;
    private final Object lock = new Object();
    private final EffectReader others;
    private final Map<String, UUID> used = new HashMap<>();

    LoggedProvider(Plan plan, EffectLog log) {
        this.plan = plan;
        this.log = log;
        this.others = new EffectReader(plan.folder(), List.of(EffectLog.CREATIONS));
    }

    @Override
    public ProviderType type() {
        return new ProviderType(Plan.PROVIDER);
    }

    @Override
    public int maxConcurrentCalls() {
        return CALLS_AT_ONCE;
    }

    @Override
    public boolean isListingCheap() {
        return true;
    }

    /** Returns the intents of the machines that are used, by the machines' ids. */
    private Map<String, UUID> used() {
        synchronized (lock) {
            try {
                for (Effect effect : others.next()) {
                    if (effect.kind() == Kind.CREATE) {
                        used.putIfAbsent(effect.machine(), UUID.fromString(effect.first()));
                    }
                }
            } catch (IOException e) {
                throw new ProviderException(Reason.TRANSIENT, "the logs cannot be read: " + e, e);
            }
            return new HashMap<>(used);
        }
    }

    @Override
    public List<MachineInfo> listMachines() {
        int there = plan.appeared(System.currentTimeMillis());
        Map<String, UUID> inUse = used();
        List<MachineInfo> machines = new ArrayList<>();
        for (int number = 0; number < there; number++) {
            machines.add(machine(number, inUse.get(Plan.machine(number))));
        }
        return machines;
    }

    private static MachineInfo machine(int number, @Nullable UUID intent) {
        return MachineInfo.builder(
                        new ProviderID(Plan.machine(number)),
                        intent == null ? Availability.KNOWN_UNUSED : Availability.KNOWN_USED)
                .address(Plan.address(number))
                .status(ProviderStatus.RUNNING)
                .intentId(intent)
                .labels(Map.of(Plan.GROUP, String.valueOf(Plan.group(Plan.machine(number)))))
                .build();
    }

    private static int number(ProviderID id) {
        return Integer.parseInt(id.value().substring(2));
    }

    @Override
    public MachineInfo getMachine(ProviderID id) {
        UUID intent = used().get(id.value());
        if (intent == null) {
            throw new MachineNotFoundException("there is no machine " + id);
        }
        return machine(number(id), intent);
    }

    @Override
    public MachineInfo createMachine(Session session, CreateMachineRequest request) throws InterruptedException {
        ProviderID id = request.machine().map(Machine::id).orElseThrow();
        UUID earlier = used().get(id.value());
        if (earlier == null) {
            log.add(Kind.CREATE, id.value(), request.intentId().toString(), "");
            // The instant at which a machine is used, and that is recorded nowhere.
            Thread.sleep(ThreadLocalRandom.current().nextInt(10));
        } else if (!earlier.equals(request.intentId())) {
            throw new NoCapacityException("machine " + id + " was taken under the intent " + earlier);
        }
        MachineInfo machine = machine(number(id), request.intentId());
        UUID recorded = session.inTransaction(tx -> tx.recordMachine(type(), request, machine));
        log.add(Kind.RECORDED, id.value(), recorded.toString(), "");
        return machine;
    }

    @Override
    public void rebootMachine(ProviderID id) throws InterruptedException {
        log.add(Kind.REBOOT, id.value(), "", "");
        Thread.sleep(ThreadLocalRandom.current().nextInt(30));
        if (ThreadLocalRandom.current().nextDouble() < FAILED_REBOOTS) {
            throw new ProviderException(Reason.TRANSIENT, "the answer to the reboot of " + id + " was lost");
        }
    }
}
