package dev.shepherd.cli.operate;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.api.Availability;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.operator.OperatorActions;
import dev.shepherd.cli.CommandLineRun;
import dev.shepherd.postgres.TestPostgres;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code reboot}, {@code reinstall} and {@code history}. */
class InterventionCommandTest {

    @TempDir
    Path folder;

    private String url;
    private UUID machine = UUID.randomUUID();

    @BeforeEach
    void aMachineOfAList() throws Exception {
        url = TestPostgres.shared()
                .freshDatabase("cli", template -> Bmdb.open(template).close());
        MachineInfo info = MachineInfo.builder(new ProviderID("rack-1"), Availability.POSSIBLY_USED)
                .address(InetAddress.getLoopbackAddress())
                .build();
        try (Bmdb bmdb = Bmdb.open(url);
                BmdbSession session = bmdb.startSession("test", "here")) {
            session.inTransaction(
                    tx -> tx.recordMachine(new ProviderType("static"), CreateMachineRequest.any(machine), info));
        }
        Files.writeString(folder.resolve("machines"), "rack-1 127.0.0.1\n");
    }

    @AfterEach
    void drop() {
        TestPostgres.shared().drop(url);
    }

    private CommandLineRun run(String command, String... more) {
        List<String> args = new ArrayList<>(List.of(command, "rack-1", "--database", url));
        args.addAll(List.of(more));
        return CommandLineRun.of(args.toArray(String[]::new));
    }

    private String list() {
        return "list=" + folder.resolve("machines").toUri();
    }

    @Test
    void aProviderThatCannotRebootIsToldWithExitCode1() {
        CommandLineRun run =
                run("reboot", "--provider", "static", "--property", list(), "--reason", "hangs", "--by", "alice");

        assertThat(run.exitCode()).as(run.err()).isEqualTo(1);
        assertThat(run.err())
                .contains(machine.toString(), "can neither reboot nor reinstall")
                .doesNotContain("\tat ");
    }

    @Test
    void theLimitsOfTheFleetAreTakenAndChecked() {
        String[] limits = {"--cooldown", "1h", "--heartbeat-interval", "5m", "--silent-after", "20m"};
        List<String> args = new ArrayList<>(List.of("--provider", "static", "--property", list(), "--reason", "hangs"));
        args.addAll(List.of(limits));

        assertThat(run("reboot", args.toArray(String[]::new)).err()).contains("can neither reboot nor reinstall");
        args.set(args.size() - 1, "5m");
        CommandLineRun refused = run("reboot", args.toArray(String[]::new));
        assertThat(refused.exitCode()).isEqualTo(2);
        assertThat(refused.err()).contains("--silent-after must be at least 12 min 30 s");
    }

    @Test
    void reinstallingNeedsToBeConfirmed() {
        CommandLineRun run = run("reinstall", "--provider", "static", "--property", list(), "--reason", "hangs");

        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err()).contains("wipes the disks of machine rack-1", "--yes");
    }

    @Test
    void aReasonIsRequired() {
        CommandLineRun run = run("reboot", "--provider", "static", "--property", list());

        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err()).contains("--reason");
    }

    @Test
    void theHistoryOfAMachineThatWasForgottenIsShown() throws Exception {
        try (Bmdb bmdb = Bmdb.open(url);
                BmdbSession session = bmdb.startSession("test", "here")) {
            session.claimMachine(WorkProcess.ACCESS, machine, "alice: new disks")
                    .orElseThrow()
                    .finish();
            OperatorActions.of(bmdb, Actor.program("alice")).forget(machine, "a test");
        }

        CommandLineRun byProvider = run("history");
        CommandLineRun byId = CommandLineRun.of("history", machine.toString(), "--database", url, "--limit", "1");

        assertThat(byProvider.exitCode()).as(byProvider.err()).isZero();
        assertThat(byProvider.out().lines())
                .hasSize(3)
                .allMatch(line -> line.contains("static rack-1"))
                .first()
                .asString()
                .contains("Forget  by alice through a program");
        assertThat(byProvider.lastLine()).contains("Started", "alice: new disks");
        assertThat(byId.out().lines()).hasSize(1);
        assertThat(CommandLineRun.of("history", "rack-9", "--database", url).exitCode())
                .isEqualTo(2);
    }
}
