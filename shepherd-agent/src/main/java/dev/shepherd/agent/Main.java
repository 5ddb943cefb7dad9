package dev.shepherd.agent;

import java.io.IOException;
import java.nio.file.Path;

/** The agent's entry point. Its first argument says what to do, its second names the folder of its {@link Home}. */
public final class Main {

    private Main() {}

    /**
     * Runs the agent and ends the process.
     *
     * @param args {@code takeover HOME}, as the executable does, or {@code run HOME}, as the machine does when it starts
     */
    @SuppressWarnings("SystemExitOutsideMain")
    public static void main(String[] args) throws IOException, InterruptedException {
        String what = args.length == 2 ? args[0] : "";
        switch (what) {
            case "takeover" -> System.exit(Takeover.answer(new Home(Path.of(args[1])), System.in, System.out));
            case "run" -> System.exit(Reporting.run(new Home(Path.of(args[1]))));
            default -> {
                System.err.println("shepherd-agent: expects 'takeover HOME' or 'run HOME'");
                System.exit(2);
            }
        }
    }
}
