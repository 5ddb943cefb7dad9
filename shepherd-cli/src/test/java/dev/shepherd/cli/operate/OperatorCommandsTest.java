package dev.shepherd.cli.operate;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.api.Availability;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Backoff;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbSession;
import dev.shepherd.bmdb.RecoveryPolicy;
import dev.shepherd.bmdb.Work;
import dev.shepherd.bmdb.WorkProcess;
import dev.shepherd.bmdb.fleet.Fleet;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.cli.CommandLineRun;
import dev.shepherd.postgres.TestPostgres;
import dev.shepherd.testkit.agent.TestHardware;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The commands for what operators do to machines without their provider. */
class OperatorCommandsTest {

    private static final ProviderType TYPE = new ProviderType("static");

    @TempDir
    Path folder;

    private String url;
    private Bmdb bmdb;
    private BmdbSession session;
    private final Map<String, UUID> machines = new LinkedHashMap<>();

    /** A newcomer's list, of which a few refuse the key, and one has a full disk. */
    @BeforeEach
    void aFleet() throws Exception {
        url = TestPostgres.shared()
                .freshDatabase("cli", template -> Bmdb.open(template).close());
        bmdb = Bmdb.open(url);
        session = bmdb.startSession("initializer-static", "host-7");
        for (int i = 1; i <= 6; i++) {
            UUID id = UUID.randomUUID();
            machines.put("rack-" + i, id);
            MachineInfo info = MachineInfo.builder(new ProviderID("rack-" + i), Availability.POSSIBLY_USED)
                    .address(InetAddress.getLoopbackAddress())
                    .build();
            session.inTransaction(tx -> tx.recordMachine(TYPE, CreateMachineRequest.any(id), info));
        }
        for (int i = 1; i <= 4; i++) {
            fail(
                    "rack-" + i,
                    new Work.Cause(
                            "authentication_failed",
                            "10.0.0." + i + ":22 failed at AUTHENTICATE after 0." + i
                                    + " s: the host refuses the key"));
        }
        fail("rack-5", new Work.Cause("upload_failed", "10.0.0.5:22 failed at UPLOAD after 12.5 s: no space is left"));
    }

    private void fail(String name, Work.Cause cause) throws InterruptedException {
        session.claimMachine(WorkProcess.AGENT_START, machines.get(name))
                .orElseThrow()
                .fail(Backoff.constant(Duration.ofHours(1)), cause);
    }

    @AfterEach
    void drop() {
        session.close();
        bmdb.close();
        TestPostgres.shared().drop(url);
    }

    private CommandLineRun run(String... command) {
        List<String> args = new ArrayList<>(List.of(command));
        args.addAll(List.of("--database", url));
        return CommandLineRun.of(args.toArray(String[]::new));
    }

    private String done(String... command) {
        CommandLineRun run = run(command);
        assertThat(run.exitCode()).as(run.err()).isZero();
        return run.out();
    }

    private int backedOff() throws InterruptedException {
        int count = 0;
        for (UUID id : machines.values()) {
            count += bmdb.machine(id).orElseThrow().backoffs().size();
        }
        return count;
    }

    @Test
    void whatGatesSayIsExplainedAndTakenBack() throws Exception {
        try (Connection connection = DriverManager.getConnection(url);
                PreparedStatement insert = connection.prepareStatement(
                        "insert into machine_disruption values (?, gen_random_uuid(), 'Reboot', 'HeldBack',"
                                + " now() - interval '1 hour', now() + interval '10 min', null, false, null, 'cluster',"
                                + " 'it is the last voter', now())")) {
            insert.setObject(1, machines.get("rack-6"));
            insert.executeUpdate();
        }

        assertThat(done("explain", "rack-6"))
                .as("it has no agent, which is said first")
                .contains("NO_AGENT")
                .containsPattern(
                        "Gates: gate cluster holds its reboot back: it is the last voter; since \\S+Z, last asked at"
                                + " \\S+Z, asked again from \\S+Z on");
        assertThat(done("explain", "rack-1")).doesNotContain("Gates:");
        assertThat(done("machines", "--state", "held_back")).contains("rack-6", "it is the last voter", "1 held_back");
        assertThat(done("release", "rack-6", "--gates", "--reason", "it is well"))
                .contains("The gates are asked again");
        assertThat(done("release", "rack-1", "--gates", "--reason", "it is well"))
                .contains("No gate has said anything that can be taken back");
        assertThat(done("explain", "rack-6")).contains("Gates: the gates are asked again; since ");
        assertThat(done("history", "rack-6")).contains("AskAgain", "it is well");
    }

    @Test
    void labelsAreSetAndTakenOffAndMachinesFoundAndPausedByThem() throws Exception {
        assertThat(done("label", "rack-1", "rack=7", "tier=db", "--reason", "new"))
                .isEqualTo(lines("rack=7", "tier=db"));
        assertThat(done("label", "rack-2", "rack=7", "--reason", "new")).contains("rack=7");
        assertThat(done("label", "rack-1", "rack=8", "tier-", "other-", "--reason", "moved"))
                .isEqualTo(lines("rack=8, was \"7\" (operator's)", "tier taken off, was \"db\" (operator's)"));
        assertThat(done("label", "rack-1", "rack=8", "--reason", "again")).contains("Nothing to change");
        assertThat(done("explain", "rack-1")).contains("Labels: rack=8 (operator)");
        assertThat(done("history", "rack-1")).contains("rack=8 (was 7), tier taken off (was db)");

        assertThat(done("machines", "--selector", "rack=7", "--show-labels"))
                .contains("rack-2", "labels rack=7", "1 machine(s)")
                .doesNotContain("rack-1 ");
        assertThat(done("machines", "--selector", "rack in (7,8)")).contains("2 machine(s)");
        assertThat(done("machines", "--selector", "!rack")).contains("4 machine(s)");

        assertThat(done("pause", "--selector", "rack=7", "--reason", "rewiring"))
                .contains("shepherd resume");
        assertThat(done("pauses")).contains("everything on machines with rack=7");
        assertThat(done("explain", "rack-2")).contains("PAUSED", "rewiring");

        for (String[] wrong : new String[][] {
            {"label", "rack-1", "rack", "--reason", "r"},
            {"label", "rack-1", "=7", "--reason", "r"},
            {"label", "rack-1", "-", "--reason", "r"},
            {"label", "rack-1", "rack=7", "rack-", "--reason", "r"},
            {"label", "rack-1", "rack=7", "rack=8", "--reason", "r"},
            {"label", "rack-1", "rack nr=7", "--reason", "r"},
            {"label", "rack-1", "--reason", "r"},
            {"machines", "--selector", "rack===7"},
            {"pause", "--selector", "rack=7", "--machine", "rack-1", "--reason", "r"},
            {"pause", "--selector", "rack 7", "--reason", "r"},
            {"plan", "--label-limit", "raft-group"},
            {"explain", "rack-1", "--label-limit", "1 of"},
        }) {
            CommandLineRun run = run(wrong);
            assertThat(run.exitCode()).as(String.join(" ", wrong) + run.out()).isNotZero();
            assertThat(run.err()).doesNotContain("Exception").isNotBlank();
        }
        assertThat(run("machines", "--selector", "rack=7,").err())
                .contains("--selector: at character 8 of the selector there is the end instead of the key of a label");
        assertThat(done("explain", "rack-1", "--label-limit", "1 of raft-group", "--label-limit", "2 of rack=7"))
                .contains("ShepherdRecovery");
    }

    private static String lines(String... lines) {
        return String.join(System.lineSeparator(), lines) + System.lineSeparator();
    }

    @Test
    void machinesThatFailForTheSameAreShownTogetherWithWhatToDo() {
        String shown = done("backoffs");

        assertThat(shown)
                .contains("ShepherdAgentStart, authentication_failed: 4 machine(s)")
                .contains("4 such as: 10.0.0.")
                .contains("add the public key of --key to the authorized_keys")
                .contains("static rack-1", "static rack-4")
                .contains(
                        "shepherd retry --all --process ShepherdAgentStart --kind authentication_failed --reason TEXT")
                .contains("ShepherdAgentStart, upload_failed: 1 machine(s)")
                .contains("10.0.0.5:22 failed at UPLOAD after 12.5 s: no space is left")
                .contains("shepherd retry " + machines.get("rack-5"));
        assertThat(done("backoffs", "--cause", "UPLOAD")).doesNotContain("AUTHENTICATE");
    }

    @Test
    void allThatFailedForTheSameAreRetriedByOneCommand() throws Exception {
        String shown = done("retry", "--all", "--kind", "authentication_failed", "--reason", "they have it now");

        assertThat(shown)
                .contains("static rack-1  ShepherdAgentStart  was to wait until", "static rack-4")
                .doesNotContain("rack-5")
                .contains("4 lifted for ShepherdAgentStart: due now; the running initializers take them up");
        assertThat(backedOff()).isEqualTo(1);
        assertThat(done("history", "rack-2"))
                .contains("Retry  by ")
                .contains(
                        "through the command line  static rack-2  they have it now  (ShepherdAgentStart was backed off");
        assertThat(done("retry", "--all", "--cause", "failed at authenticate", "--reason", "again"))
                .contains("No such machine is backed off");
    }

    @Test
    void oneMachineIsRetriedByItsNameAndOneIsToldIfNothingRunsThatCould() throws Exception {
        session.close();

        assertThat(done("retry", "rack-5", "--reason", "has space again"))
                .contains("1 lifted for ShepherdAgentStart: due now, but no initializer is running");
        assertThat(backedOff()).isEqualTo(4);
    }

    @Test
    void retryNeedsToBeToldWhich() {
        assertThat(run("retry", "--reason", "r").exitCode()).isEqualTo(2);
        assertThat(run("retry", "rack-1", "--all", "--reason", "r").exitCode()).isEqualTo(2);
        assertThat(run("retry", "--all").err()).contains("--reason");
        assertThat(run("retry", "--all", "--cause", " ", "--reason", "r").err()).contains("--cause");
        assertThat(run("retry", "--all", "--process", "no process", "--reason", "r")
                        .err())
                .contains("--process");
    }

    @Test
    void aHostKeyIsForgottenAndTheNextStepNamed() throws Exception {
        session.useTransaction(tx -> tx.putSshHostKey(machines.get("rack-1"), "ssh-ed25519 AAAA"));

        assertThat(done("trust", "rack-1", "--reason", "reinstalled"))
                .contains("Forgot the host key")
                .contains("shepherd retry " + machines.get("rack-1"));
        assertThat(done("trust", "rack-1", "--reason", "reinstalled")).contains("No host key is pinned");
        assertThat(bmdb.machine(machines.get("rack-1")).orElseThrow().sshHostKey())
                .isEmpty();
        assertThat(done("history", "rack-1")).contains("Trust", "forgot ssh-ed25519 AAAA");
    }

    @Test
    void anInstallationIsRequestedWithAFileAndTakenBack() throws Exception {
        Path file = folder.resolve("request");
        Files.write(file, new byte[] {1, 2, 3});

        assertThat(done("install", "rack-6", "--file", file.toString(), "--reason", "customer"))
                .contains("Requested installation 1", "3 bytes");
        assertThat(bmdb.machine(machines.get("rack-6"))
                        .orElseThrow()
                        .installationRequest()
                        .orElseThrow()
                        .raw())
                .containsExactly(1, 2, 3);
        assertThat(done("install", "rack-6", "--take-back", "--reason", "left")).contains("Taken back");
        assertThat(bmdb.machine(machines.get("rack-6")).orElseThrow().installationRequest())
                .isEmpty();

        Files.write(file, new byte[0]);
        assertThat(run("install", "rack-6", "--file", file.toString(), "--reason", "r")
                        .err())
                .contains("--file", "0 bytes");
        assertThat(run("install", "rack-6", "--reason", "r").exitCode()).isEqualTo(2);
        assertThat(run("install", "rack-6", "--take-back", "--file", "x", "--reason", "r")
                        .exitCode())
                .isEqualTo(2);
    }

    @Test
    void aHardwareReportIsWrittenToAFile() throws Exception {
        CommandLineRun none = run("hardware", "rack-6");
        assertThat(none.exitCode()).isEqualTo(1);
        assertThat(none.err()).contains("no agent of machine");
        session.useTransaction(tx -> tx.putHardwareReport(machines.get("rack-6"), new byte[] {4, 5}));
        Path file = folder.resolve("report");

        assertThat(done("hardware", "rack-6", "--out", file.toString()))
                .contains("has 2 bytes, and is this one since 2");

        assertThat(file).hasBinaryContent(new byte[] {4, 5});
    }

    @Test
    void hardwareIsShownInUnitsAndWhatChangedWithIt() throws Exception {
        UUID machine = machines.get("rack-6");
        session.useTransaction(tx -> tx.putHardwareReport(machine, TestHardware.server("S1")));
        session.useTransaction(tx -> tx.putHardwareReport(machine, TestHardware.withFailingDisk("S1")));

        String change =
                "disk failing: Samsung, MZQLB960HAJR, 960 GB, serial number S1-1: critical warning, 12 media errors,"
                        + " 4 % of its spare blocks left, 103 % of its life used up";
        assertThat(done("hardware", "rack-6"))
                .contains("Machine     Supermicro SYS-1029P, serial number S1\n")
                .contains("Processors  2 x Intel(R) Xeon(R) Gold 6252 CPU @ 2.10GHz, 24 cores, 48 threads\n")
                .contains("Memory      256 GiB, 98 % of it usable\n")
                .contains("EFI         it was started by it\n")
                .contains("DISK                  SERIAL NUMBER  SIZE    KIND  HEALTH\n"
                        + "Samsung MZQLB960HAJR  S1-0           960 GB  NVMe  good, 3 % of its life used up\n"
                        + "Samsung MZQLB960HAJR  S1-1           960 GB  NVMe  will fail: critical warning,")
                .contains("02:00:00:00:00:00  i40e    10 Gbit/s  10 Gbit/s\n"
                        + "02:00:00:00:00:01  i40e    10 Gbit/s  down\n")
                .contains("  smartctl is not installed")
                .contains("Z  " + change);
        assertThat(done("history", "rack-6")).contains("Hardware  disk failing  static rack-6");
        assertThat(done("hardware", "rack-6", "--json"))
                .startsWith("{\"changes\":[{\"id\":")
                .contains("\"memoryBytes\":274877906944", "\"usageRatio\":1.03", "\"kind\":\"DISK_FAILING\"");
        assertThat(done("hardware", "--failing"))
                .isEqualTo("static rack-6\n  Samsung MZQLB960HAJR, 960 GB, S1-1, will fail: critical warning, 12 media"
                        + " errors, 4 % of its spare blocks left, 103 % of its life used up\n"
                        + "1 machine(s) with disks that will fail\n");
    }

    @Test
    void aReportThatCannotBeReadIsShownWithItsReason() throws Exception {
        session.useTransaction(tx -> tx.putHardwareReport(machines.get("rack-6"), "8 cores".getBytes(UTF_8)));

        assertThat(done("hardware", "rack-6"))
                .contains("has 7 bytes")
                .contains("Report  cannot be read: it is no AgentHardwareReport: ");
        assertThat(done("hardware", "rack-6", "--json")).contains("\"unreadable\":\"it is no AgentHardwareReport: ");
    }

    @Test
    void theHardwareOfAFleetIsThatOfTheLastCount() throws Exception {
        CommandLineRun none = run("hardware");
        assertThat(none.exitCode()).isEqualTo(1);
        assertThat(none.err()).contains("the fleet has not been counted yet");
        session.useTransaction(tx -> {
            tx.putHardwareReport(machines.get("rack-5"), TestHardware.server("S1"));
            tx.putHardwareReport(machines.get("rack-6"), TestHardware.withFailingDisk("S2"));
            tx.putHardwareReport(machines.get("rack-4"), new byte[0]);
        });
        Fleet.of(bmdb, RecoveryPolicy.DEFAULT).count(Duration.ZERO);

        assertThat(done("hardware"))
                .contains(
                        "PROVIDER  LOCATION  REPORTS  UNREADABLE  CPUS  CORES  THREADS  MEMORY   DISKS  CAPACITY  WILL FAIL\n"
                                + "static    -         3        1           4     96     192      512 GiB  4      3.84 TB   1\n")
                .contains("3 of 6 machine(s) have reported, counted ");
        assertThat(done("hardware", "--json")).startsWith("{\"hardware\":[{\"provider\":\"static\",");
        assertThat(run("hardware", "--out", "x").exitCode()).isEqualTo(2);
        assertThat(run("hardware", "rack-6", "--failing").exitCode()).isEqualTo(2);
    }

    @Test
    void sessionsShowWhatTheyHoldAndCanBeEnded() throws Exception {
        session.claimMachine(WorkProcess.AGENT_START, machines.get("rack-6")).orElseThrow();

        assertThat(done("sessions"))
                .contains("initializer-static at host-7, session " + session.id())
                .contains("  static rack-6  ShepherdAgentStart since ");
        assertThat(done("end-session", session.id().toString(), "--reason", "host-7 is gone"))
                .contains("Ended");
        assertThat(run("end-session", session.id().toString(), "--reason", "host-7 is gone")
                        .exitCode())
                .isEqualTo(1);
        bmdb.reapExpiredSessions();
        assertThat(done("sessions")).doesNotContain(session.id().toString());
    }

    @Test
    void anAgentIsStartedAgain() throws Exception {
        assertThat(done("restart-agent", "rack-6", "--reason", "restored")).contains("No agent is started");
        session.useTransaction(tx -> tx.putAgentStarted(machines.get("rack-6"), new byte[32]));

        assertThat(done("restart-agent", "rack-6", "--reason", "restored")).contains("Forgot the agent");
        assertThat(bmdb.machine(machines.get("rack-6")).orElseThrow().agentStarted())
                .isEmpty();
    }

    @Test
    void historyMergesWhatLoopsAndPersonsDidNewestFirst() throws Exception {
        done("quarantine", "rack-1", "--reason", "flaps", "--by", "alice");
        done("release", "rack-1", "--reason", "new cable", "--by", "bob");
        session.claimMachine(WorkProcess.AGENT_START, machines.get("rack-1"))
                .orElseThrow()
                .finish();
        done("forget", "rack-1", "--reason", "scrapped", "--by", "alice");

        for (String named : List.of("rack-1", machines.get("rack-1").toString())) {
            assertThat(done("history", named).lines().map(line -> line.split("  ")[1]))
                    .containsExactly(
                            "Forget",
                            "ShepherdAgentStart",
                            "ShepherdAgentStart",
                            "Release",
                            "Quarantine",
                            "ShepherdAgentStart",
                            "ShepherdAgentStart");
        }
        assertThat(done("history", "rack-1", "--limit", "2").lines()).hasSize(2);
        assertThat(done("history").lines())
                .hasSize(3)
                .first()
                .asString()
                .contains("Forget  by alice through the command line  static rack-1  scrapped");
        assertThat(run("history", "--type", "static").exitCode()).isEqualTo(2);
    }

    @Test
    void nothingIsChangedWithoutAReason() throws Exception {
        for (String[] command : new String[][] {
            {"pause", "--all"},
            {"resume", UUID.randomUUID().toString()},
            {"quarantine", "rack-1"},
            {"release", "rack-1"},
            {"release", "--freeze"},
            {"retry", "--all"},
            {"trust", "rack-1"},
            {"restart-agent", "rack-1"},
            {"install", "rack-1", "--take-back"},
            {"end-session", UUID.randomUUID().toString()},
            {"forget", "rack-1"},
            {"reboot", "rack-1", "--provider", "static"},
            {"reinstall", "rack-1", "--provider", "static", "--yes"}
        }) {
            CommandLineRun run = run(command);
            assertThat(run.exitCode()).as(command[0]).isEqualTo(2);
            assertThat(run.err()).contains("--reason");
        }
        assertThat(Operator.of(bmdb).actions((UUID) null, null, 10)).isEmpty();
        assertThat(done("history")).contains("No operator has changed anything yet");
    }
}
