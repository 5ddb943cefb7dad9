package dev.shepherd.cli.run;

import dev.shepherd.api.internal.settings.ListenAddress;
import dev.shepherd.bmdb.operator.RecoveryPolicies;
import dev.shepherd.cli.internal.DatabaseOptions;
import dev.shepherd.cli.internal.RecoveryOptions;
import dev.shepherd.cli.internal.Shutdown;
import dev.shepherd.cli.internal.WebOptions;
import dev.shepherd.cli.internal.WebPage;
import dev.shepherd.cli.settings.DatabaseSettings;
import dev.shepherd.cli.settings.Given;
import dev.shepherd.cli.settings.Settings;
import dev.shepherd.cli.settings.WebSettings;
import java.net.InetSocketAddress;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code shepherd serve}. */
@Command(
        name = "serve",
        description = {
            "Serves the operator's page of a fleet that other processes run, until it is interrupted.",
            "",
            "It shows what the database has, and does what needs no provider: pause, quarantine, release, try again. To"
                    + " reboot from the page, serve it from 'run'. Pass the limits of recovery that the fleet runs with,"
                    + " unless they are the defaults.",
            "",
            "Example: shepherd serve --database jdbc:postgresql://db/shepherd --web-listen 8080 --web-tokens tokens"
        },
        mixinStandardHelpOptions = true,
        sortOptions = false)
public final class ServeCommand implements Callable<Integer> {

    @Spec
    @SuppressWarnings("NullAway.Init")
    private CommandSpec spec;

    @Mixin
    private WebOptions web = new WebOptions();

    @Mixin
    private DatabaseOptions database = new DatabaseOptions();

    @Mixin
    private RecoveryOptions recovery = new RecoveryOptions();

    @Override
    public Integer call() throws InterruptedException {
        Given given = new Given();
        web.give(given);
        recovery.give(given);
        Settings settings = database.settings(given);
        WebSettings page = settings.web(true);
        RecoveryPolicies policies = settings.recoveryOfEach();
        DatabaseSettings where = settings.database();
        settings.requireValid();
        InetSocketAddress address = page.listen().orElseGet(() -> ListenAddress.of("--web-listen", "8080"));
        try (Shutdown shutdown = new Shutdown();
                DatabaseOptions.Opened opened =
                        DatabaseOptions.openExisting(where, spec.commandLine(), WebPage.CONNECTIONS);
                WebPage served = WebPage.start(opened.bmdb(), null, null, null, policies, address, page)) {
            opened.endIfGone(shutdown);
            spec.commandLine().getOut().println("The page is at " + served.url() + " until this is interrupted");
            spec.commandLine().getOut().flush();
            shutdown.await();
            opened.requireThere();
        }
        return 0;
    }
}
