package dev.shepherd.cli.operate;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.cli.internal.Setting;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Names one machine: by its id in the database, or by its provider's. */
final class MachineArgument {

    static final String ID = "the machine's id, either the database's or the provider's";
    static final String OWNER = "the provider instance that the id belongs to (default: ${DEFAULT-VALUE})";

    @Parameters(paramLabel = "MACHINE", description = ID)
    private String machine = "";

    @Option(names = "--type", paramLabel = "TYPE", defaultValue = "static", description = OWNER)
    private String type = "static";

    UUID find(Bmdb bmdb) throws InterruptedException {
        return find(bmdb, machine, "--type", type);
    }

    static UUID find(Bmdb bmdb, String machine, String option, String type) throws InterruptedException {
        UUID id = uuid(machine);
        if (id != null && bmdb.machine(id).isPresent()) {
            return id;
        }
        ProviderType provider = Setting.of(option, type, ProviderType::new);
        return bmdb.findMachine(provider, Setting.of("MACHINE", machine, ProviderID::new))
                .orElseThrow(() -> new ConfigurationException(
                        "MACHINE",
                        "there is no machine " + machine + ", by that id or by provider " + type + "'s; " + option
                                + " names another provider"));
    }

    /** Returns an argument as an id of the database; null if it cannot be one. */
    static @Nullable UUID uuid(String text) {
        try {
            return UUID.fromString(text);
        } catch (IllegalArgumentException e) {
            return null;
        }
    }
}
