package dev.shepherd.cli;

import dev.shepherd.api.ProviderFactory;
import dev.shepherd.api.ProviderProperty;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code shepherd providers}. */
@Command(
        name = "providers",
        description = "Lists the kinds of provider that are there, with their properties.",
        mixinStandardHelpOptions = true)
final class ProvidersCommand implements Callable<Integer> {

    @Spec
    @SuppressWarnings("NullAway.Init")
    private CommandSpec spec;

    @Override
    public Integer call() {
        var out = spec.commandLine().getOut();
        for (ProviderFactory factory : ProviderFactories.all()) {
            out.println(factory.kind() + ": " + factory.description());
            for (ProviderProperty property : factory.properties()) {
                out.println("  " + property.name() + " (" + traits(property) + ")");
                out.println("      " + property.description());
            }
        }
        return 0;
    }

    private static String traits(ProviderProperty property) {
        List<String> traits = new ArrayList<>();
        traits.add(property.type().name().toLowerCase(java.util.Locale.ROOT));
        if (property.required()) {
            traits.add("required");
        }
        if (property.secret()) {
            traits.add("secret");
        }
        property.defaultValue().ifPresent(value -> traits.add("default " + value));
        return String.join(", ", traits);
    }
}
