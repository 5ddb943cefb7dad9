package dev.shepherd.cli.internal;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.operator.BackoffFilter;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Which of the backoffs in force. */
public final class BackoffOptions {

    @Option(
            names = "--type",
            paramLabel = "TYPE",
            description = "of the machines of this provider instance (default: all)")
    private @Nullable String type;

    @Option(
            names = "--process",
            paramLabel = "PROCESS",
            description = "that keep this process off: ShepherdAgentStart, ShepherdRecovery or one of your own"
                    + " (default: all)")
    private @Nullable String process;

    @Option(
            names = "--cause",
            paramLabel = "TEXT",
            description = "whose cause contains this text, in upper or lower case (default: all)")
    private @Nullable String cause;

    @Option(
            names = "--kind",
            paramLabel = "KIND",
            description = "whose cause is of this kind, such as unreachable or authentication_failed; 'shepherd"
                    + " backoffs' shows them (default: all)")
    private @Nullable String kind;

    /** Returns which. */
    public BackoffFilter filter() {
        BackoffFilter filter = BackoffFilter.ALL;
        if (type != null) {
            filter = filter.ofProvider(Setting.of("--type", type, ProviderType::new));
        }
        if (process != null) {
            filter = filter.ofProcess(Setting.of("--process", process, WorkProcess::new));
        }
        if (kind != null) {
            filter = filter.ofKind(kind);
        }
        if (cause != null) {
            if (cause.isBlank()) {
                throw new ConfigurationException("--cause", "--cause is blank, which every cause contains");
            }
            filter = filter.withCause(cause);
        }
        return filter;
    }

    /** Returns the provider instance that a machine's own id belongs to. */
    public String owner() {
        return type == null ? "static" : type;
    }
}
