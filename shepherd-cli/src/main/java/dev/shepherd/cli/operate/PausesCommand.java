package dev.shepherd.cli.operate;

import dev.shepherd.api.internal.Escaped;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.bmdb.operator.Pause;
import java.io.PrintWriter;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** {@code shepherd pauses}. */
@Command(
        name = "pauses",
        description = "Lists pauses, quarantined machines and freezes, with their reasons.",
        mixinStandardHelpOptions = true)
public final class PausesCommand extends FleetCommand {

    @Override
    int run(Bmdb bmdb, CommandLine commandLine) throws InterruptedException {
        PrintWriter out = commandLine.getOut();
        for (Pause pause : Operator.of(bmdb).pauses()) {
            out.printf(
                    "pause %s: %s, by %s since %s%s: %s%n",
                    pause.id(),
                    pause.scope(),
                    Escaped.text(pause.by()),
                    pause.at(),
                    pause.until().map(until -> " until " + until).orElse(""),
                    Escaped.text(pause.reason()));
        }
        Operator.of(bmdb)
                .quarantined()
                .forEach((machine, held) -> out.printf(
                        "machine %s: quarantined by %s since %s: %s%n",
                        machine, Escaped.text(held.by()), held.at(), Escaped.text(held.cause())));
        Operator.of(bmdb)
                .freezes()
                .forEach(freeze -> out.printf(
                        "recovery of %s: frozen since %s: %s%n",
                        freeze.scope(), freeze.at(), Escaped.text(freeze.evidence())));
        return 0;
    }
}
