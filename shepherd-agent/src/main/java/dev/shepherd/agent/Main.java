package dev.shepherd.agent;

import java.io.IOException;
import java.nio.file.Path;

/** The agent's entry point. Its first argument says what to do, its second names the folder of its {@link Home}. */
public final class Main {

    private Main() {}

    /**
     * Runs the agent and ends the process. These system properties change what it does:
     *
     * <ul>
     *   <li>{@code shepherd.agent.installer}: the path of the program that carries out installations; none by default
     *   <li>{@code shepherd.agent.installer.seconds}: how long that may take; 7,200 by default
     *   <li>{@code shepherd.agent.interval.millis}: the time between two heartbeats; 60,000 by default
     *   <li>{@code shepherd.agent.patience.millis}: it ends if no request succeeds for so long; 0, the default, for never
     * </ul>
     *
     * @param args {@code takeover HOME}, as the executable does, {@code run HOME}, as the machine does when it starts, or
     *     {@code stay HOME}, which is both in one process, for machines that are a test's
     */
    @SuppressWarnings("SystemExitOutsideMain")
    public static void main(String[] args) throws IOException, InterruptedException {
        String what = args.length == 2 ? args[0] : "";
        switch (what) {
            case "takeover" -> System.exit(Takeover.answer(new Home(Path.of(args[1])), System.in, System.out));
            case "stay" -> System.exit(new Staying(new Home(Path.of(args[1]))).run());
            case "run" -> System.exit(Reporting.run(new Home(Path.of(args[1]))));
            default -> {
                System.err.println("shepherd-agent: expects 'takeover HOME', 'run HOME' or 'stay HOME'");
                System.exit(2);
            }
        }
    }
}
