package dev.shepherd.provider.redfish;

import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderStatus;
import java.time.Duration;

/** A BMC that speaks Redfish. */
final class RedfishBmc implements Bmc {

    private final RedfishClient client;
    private final Credentials credentials;
    private final BmcEntry entry;
    private final Bmcs.Kept kept;

    RedfishBmc(RedfishClient client, Credentials credentials, BmcEntry entry, Bmcs.Kept kept) {
        this.client = client;
        this.credentials = credentials;
        this.entry = entry;
        this.kept = kept;
    }

    @Override
    public ProviderStatus status(Duration limit) throws InterruptedException {
        return system(call(limit)).status();
    }

    @Override
    public void reboot(Duration limit, Duration graceful) throws InterruptedException {
        act(limit, (call, system) -> Power.of(call, system).restart(graceful));
    }

    @Override
    public void reinstall(Duration limit, Duration takeBack) throws InterruptedException {
        act(limit, (call, system) -> {
            Power power = Power.of(call, system);
            NetworkBoot boot = NetworkBoot.of(call, system);
            try {
                boot.set();
                power.restart(Duration.ZERO);
            } catch (ProviderException e) {
                if (call.hasChanged() || !e.reason().isWithoutEffect()) {
                    boot.takeBack(takeBack);
                }
                throw e;
            }
        });
    }

    @Override
    public BmcReport check(Duration limit, boolean gracefully) throws InterruptedException {
        return new RedfishCheck(client, credentials, entry, kept).check(limit, gracefully);
    }

    private interface Act {
        void on(BmcCall call, ComputerSystem system) throws InterruptedException;
    }

    private void act(Duration limit, Act act) throws InterruptedException {
        BmcCall call = call(limit);
        try {
            act.on(call, system(call));
        } catch (ProviderException e) {
            throw call.hasChanged() ? Bmc.afterAStep(e) : e;
        }
    }

    private BmcCall call(Duration limit) {
        return client.call(entry, credentials.find(entry.credentials()), kept.gate(), limit);
    }

    private ComputerSystem system(BmcCall call) throws InterruptedException {
        return ComputerSystem.find(call, entry, kept);
    }
}
