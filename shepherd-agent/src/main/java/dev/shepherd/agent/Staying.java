package dev.shepherd.agent;

import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.Optional;

/**
 * The agent of a machine that only stands for one, such as a test's: one process that answers a takeover, lets go of what
 * ties it to the command that started it, and reports. Nothing is unpacked for it, and nothing starts it again.
 */
final class Staying {

    private static final String LOG = "agent.log";

    /** Names the process that waits for this one, and that ends with the answer. */
    private static final String STARTER = "SHEPHERD_AGENT_STARTER";

    private final Home home;

    Staying(Home home) {
        this.home = home;
    }

    /** Returns the status to exit with. */
    int run() throws IOException, InterruptedException {
        boolean begun = Takeover.answer(System.in, System.out, init -> {
            Identity identity = Identity.of(init);
            Files.createDirectories(home.folder());
            identity.write(home);
            // The one before keeps its files whole at any instant; Reporting waits until it is gone.
            before().ifPresent(ProcessHandle::destroyForcibly);
            return identity;
        });
        if (!begun) {
            return 0;
        }
        letGo();
        return Reporting.run(home);
    }

    /** Returns the process of the agent before, if it still runs. */
    private Optional<ProcessHandle> before() throws IOException {
        String[] running = home.text(Reporting.RUNNING).split(" ");
        return running.length == 2 && running[1].matches("\\d{1,9}")
                ? ProcessHandle.of(Long.parseLong(running[1]))
                        .filter(process -> Arrays.asList(
                                        process.info().arguments().orElse(new String[0]))
                                .contains(home.folder().toString()))
                : Optional.empty();
    }

    private void letGo() throws IOException {
        // The JDK puts /dev/null in the place of standard streams that are closed.
        System.in.close();
        System.out.close();
        System.err.close();
        System.setErr(
                new PrintStream(new FileOutputStream(home.path(LOG).toFile(), true), true, StandardCharsets.UTF_8));
        String starter = System.getenv(STARTER);
        ProcessHandle.current()
                .parent()
                .filter(parent -> String.valueOf(parent.pid()).equals(starter))
                .ifPresent(ProcessHandle::destroy);
    }
}
