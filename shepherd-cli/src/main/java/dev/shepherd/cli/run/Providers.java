package dev.shepherd.cli.run;

import dev.shepherd.api.Provider;
import dev.shepherd.manager.ProviderSettings;
import dev.shepherd.manager.Shepherd;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The providers of a process. Close it before their plugins. */
final class Providers implements AutoCloseable {

    private static final Logger log = LoggerFactory.getLogger(Providers.class);

    private record Made(Provider provider, ProviderSettings settings) {}

    private final List<Made> made = new ArrayList<>();

    private Providers() {}

    /** Makes them all; if one cannot be made, none is left. */
    static Providers create(List<ConfiguredProvider> configured) throws InterruptedException {
        Providers providers = new Providers();
        try {
            for (ConfiguredProvider one : configured) {
                providers.made.add(new Made(one.create(), one.settings()));
            }
            return providers;
        } catch (RuntimeException | InterruptedException | Error e) {
            providers.close();
            throw e;
        }
    }

    void addTo(Shepherd.Builder shepherd) {
        made.forEach(one -> shepherd.provider(one.provider, one.settings));
    }

    /** Closes all, the last one first; that one cannot be closed keeps none of the others open. */
    @Override
    public void close() {
        for (int i = made.size() - 1; i >= 0; i--) {
            try {
                made.get(i).provider.close();
            } catch (RuntimeException e) {
                log.warn("A provider could not be closed: {}", e.toString(), e);
            }
        }
        made.clear();
    }
}
