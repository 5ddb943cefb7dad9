package dev.shepherd.cli.operate;

import dev.shepherd.api.internal.Escaped;
import dev.shepherd.api.internal.Spans;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.operator.LiveSession;
import dev.shepherd.bmdb.operator.Operator;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** {@code shepherd sessions}. */
@Command(
        name = "sessions",
        description = "Lists the sessions of running processes: what each is for, where it runs, and what it works on.",
        mixinStandardHelpOptions = true)
public final class SessionsCommand extends FleetCommand {

    @Override
    int run(Bmdb bmdb, CommandLine commandLine) throws InterruptedException {
        PrintWriter out = commandLine.getOut();
        List<LiveSession> sessions = Operator.of(bmdb).sessions();
        if (sessions.isEmpty()) {
            out.println("No process has a session: nothing runs this fleet");
        }
        for (LiveSession session : sessions) {
            Duration left = session.timeLeft();
            out.println(Escaped.text(session.component()) + " at " + Escaped.text(session.runtimeInfo())
                    + ", session " + session.id() + " since " + BackoffsCommand.time(session.startedAt())
                    + (left.isNegative() || left.isZero()
                            ? ", dead and about to be reaped"
                            : ", alive for at least another " + Spans.text(left))
                    + (session.intents() == 0 ? "" : ", creating " + session.intents() + " machine(s)"));
            for (LiveSession.Held held : session.work()) {
                out.println("  "
                        + BackoffsCommand.name(held.provider(), held.providerId(), held.machineId()) + "  "
                        + held.process() + " since " + BackoffsCommand.time(held.since()));
            }
        }
        return 0;
    }
}
