package dev.shepherd.cli.operate;

import dev.shepherd.api.internal.Escaped;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.bmdb.operator.Pause;
import dev.shepherd.cli.internal.DatabaseOptions;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code shepherd pauses}. */
@Command(
        name = "pauses",
        description = "Lists pauses, quarantined machines and freezes, with their reasons.",
        mixinStandardHelpOptions = true)
public final class PausesCommand implements Callable<Integer> {

    @Spec
    @SuppressWarnings("NullAway.Init")
    private CommandSpec spec;

    @Mixin
    private DatabaseOptions database = new DatabaseOptions();

    @Override
    public Integer call() throws InterruptedException {
        var out = spec.commandLine().getOut();
        try (DatabaseOptions.Opened opened = database.openExisting(spec.commandLine())) {
            for (Pause pause : Operator.of(opened.bmdb()).pauses()) {
                out.printf(
                        "pause %s: %s, by %s since %s%s: %s%n",
                        pause.id(),
                        pause.scope(),
                        Escaped.text(pause.by()),
                        pause.at(),
                        pause.until().map(until -> " until " + until).orElse(""),
                        Escaped.text(pause.reason()));
            }
            Operator.of(opened.bmdb())
                    .quarantined()
                    .forEach((machine, aside) -> out.printf(
                            "machine %s: quarantined by %s since %s: %s%n",
                            machine, Escaped.text(aside.by()), aside.at(), Escaped.text(aside.cause())));
            Operator.of(opened.bmdb())
                    .freezes()
                    .forEach(freeze -> out.printf(
                            "recovery of %s: frozen since %s: %s%n",
                            freeze.scope(), freeze.at(), Escaped.text(freeze.evidence())));
            return 0;
        }
    }
}
