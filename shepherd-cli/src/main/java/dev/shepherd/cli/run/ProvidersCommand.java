package dev.shepherd.cli.run;

import dev.shepherd.api.ProviderProperty;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.cli.internal.FoundProvider;
import dev.shepherd.cli.internal.PluginOptions;
import dev.shepherd.cli.internal.ProviderFactories;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code shepherd providers}. */
@Command(
        name = "providers",
        description = "Lists the kinds of provider on the class path and in plugins, with their properties.",
        mixinStandardHelpOptions = true,
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {"0:every plugin can be used", "1:a plugin is broken; standard error says why"})
public final class ProvidersCommand implements Callable<Integer> {

    @Spec
    @SuppressWarnings("NullAway.Init")
    private CommandSpec spec;

    @Mixin
    private PluginOptions plugins = new PluginOptions();

    @Override
    public Integer call() {
        PrintWriter out = spec.commandLine().getOut();
        PrintWriter err = spec.commandLine().getErr();
        try (ProviderFactories factories = plugins.open()) {
            for (FoundProvider provider : factories.found()) {
                out.println(Escaped.text(provider.kind() + ": " + provider.description()));
                out.println("  from " + provider.from());
                for (ProviderProperty property : provider.properties()) {
                    out.println("  " + property.name() + " (" + traits(property) + ")");
                    out.println("      " + Escaped.text(meaning(property)));
                }
            }
            out.flush();
            factories.broken().forEach(broken -> err.println("shepherd: " + Escaped.text(broken)));
            return factories.broken().isEmpty() ? 0 : ExitCode.SOFTWARE;
        }
    }

    private static String meaning(ProviderProperty property) {
        return property.description()
                + property.form().map(form -> ", " + form.words()).orElse("");
    }

    private static String traits(ProviderProperty property) {
        List<String> traits = new ArrayList<>();
        traits.add(property.type().name().toLowerCase(Locale.ROOT));
        if (property.required()) {
            traits.add("required");
        }
        if (property.secret()) {
            traits.add("secret");
        }
        property.defaultValue().ifPresent(value -> traits.add("default " + Escaped.text(value)));
        return String.join(", ", traits);
    }
}
