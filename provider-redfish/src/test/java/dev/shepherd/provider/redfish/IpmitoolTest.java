package dev.shepherd.provider.redfish;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.shepherd.api.NotSupportedException;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderException.Scope;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.testkit.LogCapture;
import dev.shepherd.testkit.bmc.FakeBmc;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is made of the words of {@code ipmitool}, and of programs in its place that do what it should not. */
class IpmitoolTest {

    private static final String PASSWORD = "hobbes+calvin=42";
    private static final URI BMC = URI.create("ipmi://10.0.1.8");

    @RegisterExtension
    final LogCapture log = LogCapture.of(RedfishProvider.class.getName());

    private Path folder;
    private Rack rack;

    @BeforeEach
    void open(@TempDir Path folder) {
        this.folder = folder;
        rack = new Rack(folder);
        rack.credentials("default operator " + PASSWORD + "\n");
    }

    @AfterEach
    void close() {
        rack.close();
    }

    // A program in the place of ipmitool.

    /** Puts a program in its place, which notes its arguments, and of them its command in {@code $command}. */
    private void ipmitool(String body) throws IOException {
        Path program = folder.resolve("ipmitool");
        Files.writeString(program, """
                #!/bin/sh
                cd '%s' || exit 1
                echo "$*" >>calls
                command=${*#*-N }
                command=${command#* }
                echo "$command" >>commands
                %s
                """.formatted(folder, body));
        Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwx------"));
    }

    /** Puts a program in its place that says that the machine is on, and does the rest as the cases say. */
    private void ipmitoolOfAMachineThatIsOn(String cases) throws IOException {
        ipmitool("""
                case "$command" in
                %s
                "chassis power status") echo "Chassis Power is on" ;;
                *) echo "Chassis Power Control: ${command##* }" ;;
                esac
                """.formatted(cases));
    }

    private RedfishProvider provider(String... more) {
        List<String> properties = new ArrayList<>(
                List.of("ipmitool", folder.resolve("ipmitool").toString(), "timeout", "20s", "status-timeout", "20s"));
        properties.addAll(List.of(more));
        return rack.provider(properties.toArray(String[]::new));
    }

    private List<String> lines(String file) {
        try {
            return Files.readAllLines(folder.resolve(file));
        } catch (NoSuchFileException e) {
            return List.of();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private List<String> commands() {
        return lines("commands");
    }

    private static ProviderException failure(ThrowingCallable call) {
        ProviderException failure = catchThrowableOfType(ProviderException.class, call);
        assertThat(failure).as("a ProviderException").isNotNull();
        assertThat(failure.scope()).isEqualTo(Scope.MACHINE);
        return failure;
    }

    private static ProviderStatus status(RedfishProvider provider, ProviderID id) throws InterruptedException {
        return provider.getMachine(id).status().orElseThrow();
    }

    // What a check says.

    private static final String DESCRIBED = """
            "fru print 0") printf ' Product Manufacturer  : Supermicro\\n Product Name : SYS-1029\\n Board Serial : S1\\n' ;;
            "mc info") printf 'Device ID  : 32\\nFirmware Revision         : 1.74\\n' ;;
            """;

    @Test
    void aCheckDescribesTheMachineAndChangesNothing() throws Exception {
        ProviderID id = rack.add(BMC, "");
        ipmitoolOfAMachineThatIsOn(DESCRIBED);

        BmcReport report = provider("graceful", "10s", "reinstall", "pxe").check(id);

        assertThat(report.problem()).isEmpty();
        assertThat(report.vendor()).contains("Supermicro");
        assertThat(report.model()).contains("SYS-1029");
        assertThat(report.serialNumber()).contains("S1");
        assertThat(report.firmware()).contains("1.74");
        assertThat(report.power()).contains("On");
        assertThat(report.login()).isEqualTo(BmcReport.Login.ACCEPTED);
        assertThat(report.certificate()).isEmpty();
        assertThat(report.reboot()).contains("chassis power soft, then chassis power on; else chassis power reset");
        assertThat(commands()).containsExactly("chassis power status", "fru print 0", "mc info");
        assertThat(provider().check(id).reboot()).contains("chassis power reset");
    }

    @Test
    void aMachineThatDoesNotSayWhatItIsCanBeRebootedAllTheSame() throws Exception {
        ProviderID id = rack.add(BMC, "");
        ipmitool("""
                case "$command" in
                "chassis power status") echo "Chassis Power is off" ;;
                *) echo "Get Device ID command failed: Invalid command" >&2; exit 1 ;;
                esac
                """);

        BmcReport report = provider().check(id);

        assertThat(report.problem()).isEmpty();
        assertThat(report.vendor()).isEmpty();
        assertThat(report.reboot()).contains("chassis power on");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "Error: Unable to establish IPMI v2 / RMCP+ session | UNREACHABLE | false",
                "RAKP 2 HMAC is invalid | LOGIN_REFUSED | true",
                "Get Chassis Power Status failed: Node busy | BUSY | true",
                "Get Chassis Power Status failed: Invalid command | FAILED | true"
            })
    void aCheckSaysWhatIsWrongAndWhatToDo(String words, BmcReport.Cause cause, boolean reachable) throws Exception {
        ProviderID id = rack.add(BMC, "");
        ipmitool("echo '" + words + "' >&2; exit 1");

        BmcReport report = provider().check(id);

        assertThat(report.problem().orElseThrow().cause()).isEqualTo(cause);
        assertThat(report.problem().orElseThrow().text()).contains(words).startsWith("chassis power status: ");
        assertThat(report.problem().orElseThrow().advice()).endsWith(".");
        assertThat(report.reachable()).isEqualTo(reachable);
        assertThat(commands()).containsExactly("chassis power status");
    }

    @Test
    void aCheckNamesAMissingProgramAndCredentialsThatCannotBeSent() throws Exception {
        ProviderID id = rack.add(BMC, "");

        BmcReport report =
                provider("ipmitool", folder.resolve("none").toString()).check(id);
        assertThat(report.problem().orElseThrow().cause()).isEqualTo(BmcReport.Cause.NO_PROGRAM);

        rack.credentials("default root " + "x".repeat(21) + "\n");
        report = provider().check(id);
        assertThat(report.problem().orElseThrow().cause()).isEqualTo(BmcReport.Cause.NO_CREDENTIALS);
        assertThat(report.toString()).doesNotContain("xxx");
    }

    // How a machine is restarted.

    @Test
    void aMachineThatIsOnIsReset() throws Exception {
        ProviderID id = rack.add(BMC, "");
        ipmitoolOfAMachineThatIsOn("");

        provider().rebootMachine(id);

        assertThat(commands()).containsExactly("chassis power status", "chassis power reset");
    }

    @Test
    void aMachineThatIsOffIsTurnedOnWhateverGracefulSays() throws Exception {
        ProviderID id = rack.add(BMC, "");
        ipmitoolOfAMachineThatIsOn("*status) echo 'Chassis Power is off' ;;");

        provider("graceful", "10s").rebootMachine(id);

        assertThat(commands()).containsExactly("chassis power status", "chassis power on");
    }

    @Test
    void aBmcThatHasNoResetIsAskedForAPowerCycle() throws Exception {
        ProviderID id = rack.add(BMC, "");
        ipmitoolOfAMachineThatIsOn(
                "*reset) echo 'Set Chassis Power Control to Reset failed: Invalid data field in request' >&2; exit 1 ;;");

        provider().rebootMachine(id);

        assertThat(commands()).containsExactly("chassis power status", "chassis power reset", "chassis power cycle");
    }

    private static final String NEITHER_RESET_NOR_CYCLE =
            "*reset|*cycle) echo 'Set Chassis Power Control to Reset failed: Invalid command' >&2; exit 1 ;;\n";

    @Test
    void aBmcThatHasNeitherIsTurnedOffAndOnOnceItIsOff() throws Exception {
        ProviderID id = rack.add(BMC, "");
        ipmitoolOfAMachineThatIsOn(NEITHER_RESET_NOR_CYCLE
                + "*status) [ $(grep -c status commands) -gt 3 ] && echo Chassis Power is off"
                + " || echo Chassis Power is on ;;");

        provider().rebootMachine(id);

        assertThat(commands().stream().filter(command -> !command.endsWith("status")))
                .containsExactly("chassis power reset", "chassis power cycle", "chassis power off", "chassis power on");
        assertThat(commands().stream().filter(command -> command.endsWith("status")))
                .hasSize(4);
    }

    @Test
    void aMachineThatDoesNotTurnOffFailsAsUnclear() throws Exception {
        ProviderID id = rack.add(BMC, "");
        ipmitoolOfAMachineThatIsOn(NEITHER_RESET_NOR_CYCLE);

        ProviderException failure = failure(() -> provider("timeout", "6s").rebootMachine(id));

        assertThat(failure.reason()).isEqualTo(Reason.TRANSIENT);
        assertThat(failure).hasMessageContaining("was not off in time after chassis power off, which was accepted");
        assertThat(commands()).doesNotContain("chassis power on");
    }

    @Test
    void aBmcThatHasNoneOfTheseIsNotSupported() throws Exception {
        ProviderID id = rack.add(BMC, "");
        ipmitoolOfAMachineThatIsOn(
                "*reset|*cycle|*off) echo 'Set Chassis Power Control to Reset failed: Invalid command' >&2; exit 1 ;;");

        assertThat(failure(() -> provider().rebootMachine(id)))
                .isInstanceOf(NotSupportedException.class)
                .hasMessageContaining("Set Chassis Power Control to Reset failed: Invalid command");
    }

    @Test
    void whatMayHaveTakenEffectIsFollowedByNothingElse() throws Exception {
        ProviderID id = rack.add(BMC, "");
        ipmitoolOfAMachineThatIsOn("*reset) echo 'Unable to set Chassis Power Control to Reset' >&2; exit 1 ;;");

        ProviderException failure = failure(() -> provider().rebootMachine(id));

        assertThat(failure.reason()).isEqualTo(Reason.TRANSIENT);
        assertThat(commands()).containsExactly("chassis power status", "chassis power reset");
    }

    @Test
    void anOperatingSystemShutsDownFirstIfItMay() throws Exception {
        ProviderID id = rack.add(BMC, "");
        ipmitoolOfAMachineThatIsOn(
                "*status) grep -q soft commands && echo Chassis Power is off || echo Chassis Power is on ;;");

        provider("graceful", "20s").rebootMachine(id);

        assertThat(commands())
                .containsExactly(
                        "chassis power status", "chassis power soft", "chassis power status", "chassis power on");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "*soft) echo 'Set Chassis Power Control to Soft failed: Invalid data field in request'; exit 1 ;;"
            })
    void anOperatingSystemThatDoesNotShutDownIsRestartedByForce(String cases) throws Exception {
        ProviderID id = rack.add(BMC, "");
        ipmitoolOfAMachineThatIsOn(cases);

        provider("graceful", "500ms").rebootMachine(id);

        assertThat(commands()).contains("chassis power soft").doesNotContain("chassis power on");
        assertThat(commands().get(commands().size() - 1)).isEqualTo("chassis power reset");
        assertThat(log.text()).contains("restarted by force");
    }

    // Booting from the network.

    @Test
    void aMachineBootsFromTheNetworkOnceInTheModeThatIsSet() throws Exception {
        ProviderID id = rack.add(BMC, "");
        ipmitoolOfAMachineThatIsOn("");
        provider("reinstall", "pxe").reinstallMachine(id);
        provider("reinstall", "pxe", "ipmi-boot-mode", "uefi", "graceful", "20s")
                .reinstallMachine(id);

        assertThat(commands())
                .containsExactly(
                        "chassis power status",
                        "chassis bootdev pxe",
                        "chassis power reset",
                        "chassis power status",
                        "chassis bootdev pxe options=efiboot",
                        "chassis power reset");
    }

    @ParameterizedTest
    @CsvSource(
            delimiterString = " => ",
            value = {
                "*reset) echo 'Unable to set Chassis Power Control to Reset'; exit 1 ;; => chassis power reset",
                "*reset) echo 'Set Chassis Power Control to Reset failed: Node busy'; exit 1 ;; => chassis power reset",
                "*reset|*cycle|*off) echo 'Set Chassis Power Control to Reset failed: Invalid command'; exit 1 ;;"
                        + " => chassis power off",
                "*pxe) echo 'Error setting Chassis Boot Parameter 5'; exit 1 ;; => chassis bootdev pxe"
            })
    void anOverrideWhoseRestartDoesNotCertainlyFollowIsTakenBack(String cases, String last) throws Exception {
        ProviderID id = rack.add(BMC, "");
        ipmitoolOfAMachineThatIsOn(cases);

        ProviderException failure = failure(() -> provider("reinstall", "pxe").reinstallMachine(id));

        assertThat(failure.reason()).isEqualTo(Reason.TRANSIENT);
        assertThat(commands()).endsWith(last, "chassis bootdev none");
        assertThat(log.text()).contains("it will boot as usual again");
    }

    @Test
    void anOverrideThatWasRefusedIsNotTakenBack() throws Exception {
        ProviderID id = rack.add(BMC, "");
        ipmitoolOfAMachineThatIsOn("*pxe) echo 'Set Chassis Boot Parameter 4 failed: Unsupported parameter'\n"
                + "echo 'Set Chassis Boot Parameter 5 failed: Unsupported parameter'; exit 1 ;;");

        assertThat(failure(() -> provider("reinstall", "pxe").reinstallMachine(id)))
                .isInstanceOf(NotSupportedException.class)
                .hasMessageContaining("Set Chassis Boot Parameter 5 failed: Unsupported parameter");
        assertThat(commands()).containsExactly("chassis power status", "chassis bootdev pxe");
    }

    @Test
    void whatCannotBeTakenBackIsInTheLog() throws Exception {
        ProviderID id = rack.add(BMC, "");
        ipmitoolOfAMachineThatIsOn("*reset) echo 'Unable to set Chassis Power Control to Reset'; exit 1 ;;\n"
                + "*none) echo 'Error setting Chassis Boot Parameter 5'; exit 1 ;;");

        failure(() -> provider("reinstall", "pxe").reinstallMachine(id));

        assertThat(log.text()).contains("it may still boot from the network at its next start");
    }

    // Wordings.

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "Chassis Power is on | RUNNING",
                "Chassis Power is off | STOPPED",
                "chassis power is ON | RUNNING",
                "System Power         : off | STOPPED",
                "Power is on | RUNNING",
                "Chassis Power is unknown | UNKNOWN",
                "Chassis Power is on fire | UNKNOWN",
                "'' | UNKNOWN"
            })
    void powerStatesAreKnownByTheWordsOfSeveralVersions(String words, ProviderStatus expected) throws Exception {
        ProviderID id = rack.add(BMC, "");
        ipmitool("echo 'Loading IANA PEN Registry...' >&2; echo '" + words + "'");

        assertThat(status(provider(), id)).isEqualTo(expected);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "Set Chassis Power Control to Reset failed: Node busy | RATE_LIMITED",
                "Set Chassis Power Control to Reset failed: Insufficient privilege level | UNAUTHENTICATED",
                "Set Chassis Power Control to Reset failed: Command not supported in present state | CONFLICT",
                "Set Chassis Power Control to Reset failed: BMC initialization in progress | CONFLICT",
                "Set Chassis Power Control to Reset failed: Device firmeware in update mode | CONFLICT",
                "Set Chassis Power Control to Reset failed: Request data length invalid | PERMANENT",
                "Set Chassis Power Control to Reset failed: Unspecified error | TRANSIENT",
                "Set Chassis Power Control to Reset failed: Timeout | TRANSIENT",
                "Set Chassis Power Control to Reset failed: Unknown (0x99) | TRANSIENT",
                "Unable to set Chassis Power Control to Reset | TRANSIENT",
                "> RAKP 2 HMAC is invalid;Error: Unable to establish IPMI v2 / RMCP+ session | UNAUTHENTICATED",
                "RAKP 2 message indicates an error : unauthorized name;Error: Unable to establish IPMI v2 / RMCP+ session"
                        + " | UNAUTHENTICATED",
                "Error : Invalid user name | UNAUTHENTICATED",
                "Set Session Privilege Level to OPERATOR failed: Unknown (0x81);Error: Unable to establish IPMI v2 / RMCP+"
                        + " session | UNAUTHENTICATED",
                "Error in open session response message : insufficient resources for session;Error: Unable to establish"
                        + " IPMI v2 / RMCP+ session | RATE_LIMITED",
                "Error in open session response message : invalid authentication algorithm;Error: Unable to establish IPMI"
                        + " v2 / RMCP+ session | PERMANENT",
                "This BMC does not support IPMI v2 / RMCP+;Error: Unable to establish IPMI v2 / RMCP+ session | PERMANENT",
                "Address lookup for bmc.example.com failed;Could not open socket!;Error: Unable to establish IPMI v2 /"
                        + " RMCP+ session | TRANSIENT",
                "Error: Unable to establish IPMI v2 / RMCP+ session | TRANSIENT",
                "IPMI LAN send command failed | TRANSIENT",
                "Invalid completion code received: Insufficient privilege level;something new | TRANSIENT",
                "something new | TRANSIENT"
            })
    void theReasonOfAFailureIsKnownByItsWords(String words, Reason reason) throws Exception {
        ProviderID id = rack.add(BMC, "");
        String said = String.join(
                "",
                Stream.of(words.split(";"))
                        .map(line -> "echo '" + line + "' >&2; ")
                        .toList());
        ipmitoolOfAMachineThatIsOn("*reset) " + said + "exit 1 ;;");

        ProviderException failure = failure(() -> provider().rebootMachine(id));

        assertThat(failure.reason()).isEqualTo(reason);
        assertThat(failure)
                .hasMessageStartingWith("BMC of rack-1-1 at ipmi://10.0.1.8: chassis power reset: ")
                .hasMessageContaining(reason == Reason.TRANSIENT ? "" : words.split(";")[0]);
    }

    @Test
    void anAnswerThatSaysNothingIsUnclear() throws Exception {
        ProviderID id = rack.add(BMC, "");
        ipmitoolOfAMachineThatIsOn("*reset) exit 7 ;;");

        assertThat(failure(() -> provider().rebootMachine(id)))
                .hasMessageEndingWith("ipmitool ended with status 7: it said nothing");
    }

    @Test
    void aCipherSuiteThatTheBmcDoesNotHaveIsNamedWithTheProperty() throws Exception {
        ProviderID id = rack.add(BMC, "");
        ipmitool("echo 'Error in open session response message : invalid authentication algorithm'; exit 1");

        assertThat(failure(() -> provider().rebootMachine(id))).hasMessageContaining("\"ipmi-cipher-suite\"");
    }

    // How it is called.

    @Test
    void aCommandWithAnEffectIsSentOnceOnly() throws Exception {
        ProviderID id = rack.add(BMC, "");
        ipmitoolOfAMachineThatIsOn("");
        provider("reinstall", "pxe", "graceful", "1s").rebootMachine(id);
        provider("reinstall", "pxe").reinstallMachine(id);

        assertThat(lines("calls"))
                .allSatisfy(
                        call -> assertThat(call.contains(" -R 1 ")).as(call).isEqualTo(!call.endsWith("power status")));
    }

    @Test
    void theArgumentsAreThoseOfTheEntryAndTheSettings() throws Exception {
        ProviderID first = rack.add(BMC, "");
        ProviderID second = rack.add(URI.create("ipmi://[2001:db8::1]:1623"), "");
        ipmitoolOfAMachineThatIsOn("");
        status(provider(), first);
        status(provider("ipmi-cipher-suite", "17", "ipmi-privilege", "administrator"), second);

        assertThat(lines("calls"))
                .containsExactly(
                        "-v -I lanplus -H 10.0.1.8 -p 623 -U operator -L OPERATOR -f /dev/stdin -R 2 -N 2"
                                + " chassis power status",
                        "-v -I lanplus -H 2001:db8::1 -p 1623 -U operator -L ADMINISTRATOR -f /dev/stdin -C 17 -R 2 -N 2"
                                + " chassis power status");
    }

    @Test
    void itsEnvironmentHasOnlyThePathAndTheLanguage() throws Exception {
        ProviderID id = rack.add(BMC, "");
        ipmitool("env >environment; echo Chassis Power is on");
        status(provider(), id);

        assertThat(lines("environment")).contains("LANG=C", "LC_ALL=C", "PATH=" + System.getenv("PATH"));
        assertThat(lines("environment").stream().map(line -> line.split("=")[0]))
                .isSubsetOf("LANG", "LC_ALL", "PATH", "PWD", "OLDPWD", "SHLVL", "_");
    }

    @Test
    void itsInputIsThePasswordAndThenItsEnd() throws Exception {
        ProviderID id = rack.add(BMC, "");
        ipmitool("cat >input; echo Chassis Power is on");

        assertThat(status(provider(), id)).isEqualTo(ProviderStatus.RUNNING);
        assertThat(folder.resolve("input")).hasContent(PASSWORD + "\n");
    }

    @Test
    void oneBmcIsAskedOneThingAtATimeAndManyAtOnce() throws Exception {
        ProviderID id = rack.add(BMC, "");
        ProviderID other = rack.add(URI.create("ipmi://10.0.1.9"), "");
        ipmitool("""
                host=${*#*-H }
                host=${host%% *}
                mkdir "busy-$host" || echo "two at once" >>overlaps
                if [ "$host" = 10.0.1.8 ]; then
                    while [ ! -e go ]; do sleep 0.05; done
                fi
                rmdir "busy-$host"
                echo "Chassis Power is on"
                """);
        RedfishProvider provider = provider();
        List<CompletableFuture<ProviderStatus>> waiting = Stream.of(id, id, id)
                .map(each -> CompletableFuture.supplyAsync(() -> {
                    try {
                        return status(provider, each);
                    } catch (InterruptedException e) {
                        throw new IllegalStateException(e);
                    }
                }))
                .toList();
        await().until(() -> Files.exists(folder.resolve("busy-10.0.1.8")));

        assertThat(status(provider, other)).isEqualTo(ProviderStatus.RUNNING);
        Files.createFile(folder.resolve("go"));
        for (CompletableFuture<ProviderStatus> each : waiting) {
            assertThat(each.join()).isEqualTo(ProviderStatus.RUNNING);
        }
        assertThat(lines("overlaps")).isEmpty();
    }

    // A program that is not there, and credentials that cannot be sent.

    @Test
    void aProgramThatIsMissingIsNamedWithItsPackageAndConcernsIpmiAlone() throws Exception {
        ProviderID id = rack.add(BMC, "");
        try (FakeBmc bmc = Rack.bmc().start()) {
            rack.credentials("default operator " + PASSWORD + "\nredfish " + Rack.USER + " " + Rack.PASSWORD + "\n");
            ProviderID redfish = rack.add(
                    bmc.uri(), ", \"Credentials\": \"redfish\", \"Fingerprint\": \"" + bmc.fingerprint() + "\"");
            RedfishProvider provider = provider();

            assertThat(provider.listMachines()).hasSize(2);
            assertThat(status(provider, id)).isEqualTo(ProviderStatus.UNKNOWN);
            ProviderException failure = failure(() -> provider.rebootMachine(id));
            assertThat(failure.reason()).isEqualTo(Reason.PERMANENT);
            assertThat(failure)
                    .hasMessage("BMC of rack-1-1 at ipmi://10.0.1.8: IPMI needs the program " + folder
                            + "/ipmitool, which cannot be run; the package \"ipmitool\" has it, and the property"
                            + " \"ipmitool\" says where it is");
            provider.rebootMachine(redfish);
            assertThat(bmc.system().resets()).hasSize(1);

            ipmitoolOfAMachineThatIsOn("");
            provider.rebootMachine(id);
            assertThat(commands()).contains("chassis power reset");
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "operator | 123456789012345678901 | the password has more than 20 bytes",
                "operator | éééééééééé1 | the password has more than 20 bytes",
                "operator | calvin\\tand | the password has a tab or another control character",
                "12345678901234567 | calvin | the user has more than 16 bytes"
            })
    void credentialsThatCannotBeSentAreRefusedAndNotShown(String user, String password, String why) throws Exception {
        ProviderID id = rack.add(BMC, "");
        rack.credentials("default " + user + " " + password.replace("\\t", "\t") + "\n");
        ipmitoolOfAMachineThatIsOn("");
        RedfishProvider provider = provider();

        ProviderException failure = failure(() -> provider.rebootMachine(id));

        assertThat(failure.reason()).isEqualTo(Reason.UNAUTHENTICATED);
        assertThat(failure)
                .hasMessage("BMC of rack-1-1 at ipmi://10.0.1.8: the credentials \"default\" cannot be sent by IPMI: "
                        + why);
        assertThat(commands()).isEmpty();
    }

    @Test
    void aPasswordOfTwentyBytesIsSent() throws Exception {
        ProviderID id = rack.add(BMC, "");
        rack.credentials("default operator 12345 78901234567890\n");
        ipmitool("cat >input; echo Chassis Power is on");

        assertThat(status(provider(), id)).isEqualTo(ProviderStatus.RUNNING);
        assertThat(folder.resolve("input")).hasContent("12345 78901234567890\n");
    }

    // Processes.

    /** Says that it runs, with a child that would outlive it, and hangs. */
    private static final String HANGS = "sleep 1000 &\necho $! >child; echo $$ >parent; sleep 1000";

    private void awaitGone() {
        for (String file : List.of("parent", "child")) {
            long pid = Long.parseLong(lines(file).get(0));
            await("process " + pid + " of " + file + " is gone")
                    .until(() ->
                            ProcessHandle.of(pid).map(ProcessHandle::isAlive).orElse(false) == false);
        }
    }

    @Test
    void aProgramThatHangsIsKilledAtTheLimitWithItsChildren() throws Exception {
        ProviderID id = rack.add(BMC, "");
        ipmitoolOfAMachineThatIsOn("*reset) " + HANGS + " ;;");

        ProviderException failure = failure(() -> provider("timeout", "6s").rebootMachine(id));

        assertThat(failure.reason()).isEqualTo(Reason.TRANSIENT);
        assertThat(failure).hasMessageContaining("chassis power reset: no answer within ");
        awaitGone();
    }

    @Test
    void aProgramThatHangsIsKilledWhenItsCallerIsInterrupted() throws Exception {
        ProviderID id = rack.add(BMC, "");
        ipmitoolOfAMachineThatIsOn("*reset) " + HANGS + " ;;");
        RedfishProvider provider = provider();
        AtomicReference<Throwable> thrown = new AtomicReference<>();
        Thread caller = new Thread(() -> thrown.set(catchThrowable(() -> provider.rebootMachine(id))));
        caller.start();
        await().until(() -> !lines("parent").isEmpty());

        caller.interrupt();

        caller.join(Duration.ofSeconds(10).toMillis());
        assertThat(thrown.get()).isInstanceOf(InterruptedException.class);
        awaitGone();
    }

    @Test
    void noProcessIsLeftOnceTheProviderIsClosed() throws Exception {
        ProviderID id = rack.add(BMC, "");
        ipmitoolOfAMachineThatIsOn("*reset) " + HANGS + " ;;");
        RedfishProvider provider = provider();
        CompletableFuture<Throwable> thrown =
                CompletableFuture.supplyAsync(() -> catchThrowable(() -> provider.rebootMachine(id)));
        await().until(() -> !lines("parent").isEmpty());

        provider.close();

        assertThat(thrown.join()).isInstanceOf(IllegalStateException.class).hasMessageContaining("is closed");
        awaitGone();
        assertThat(catchThrowable(() -> provider.rebootMachine(id))).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void aChildThatHoldsItsOutputOpenHoldsUpNoCall() throws Exception {
        ProviderID id = rack.add(BMC, "");
        ipmitool("sleep 30 &\necho $! >child; echo Chassis Power is on");
        long start = System.nanoTime();

        assertThat(status(provider(), id)).isEqualTo(ProviderStatus.RUNNING);

        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(15));
        ProcessHandle.of(Long.parseLong(lines("child").get(0))).ifPresent(ProcessHandle::destroyForcibly);
    }

    @Test
    void ofAnEndlessAnswerLittleIsKept() throws Exception {
        ProviderID id = rack.add(BMC, "");
        ipmitoolOfAMachineThatIsOn("*reset) yes 'Chassis Power is on and on and on' ;;");

        ProviderException failure = failure(() -> provider("timeout", "6s").rebootMachine(id));

        assertThat(failure.reason()).isEqualTo(Reason.TRANSIENT);
        assertThat(failure.getMessage()).hasSizeLessThan(300);
    }

    @Test
    void aLongAnswerIsReadToItsEnd() throws Exception {
        ProviderID id = rack.add(BMC, "");
        ipmitoolOfAMachineThatIsOn("*reset) yes noise | head -c 3000000; exit 1 ;;");

        ProviderException failure = failure(() -> provider().rebootMachine(id));

        assertThat(failure).hasMessageContaining("ipmitool ended with status 1: ");
        assertThat(failure.getMessage()).hasSizeLessThan(300);
    }

    @Test
    void controlCharactersOfAnAnswerAreNotShown() throws Exception {
        ProviderID id = rack.add(BMC, "");
        ipmitoolOfAMachineThatIsOn("*reset) printf 'something \\033[31m \\r new\\n'; exit 1 ;;");

        assertThat(failure(() -> provider().rebootMachine(id)).getMessage().chars())
                .noneMatch(Character::isISOControl);
    }

    // Secrets.

    @Test
    void noPasswordShowsInAProcessOrInAnythingThatARunPrints() throws Exception {
        Path processes = Path.of("/proc");
        assumeTrue(Files.isDirectory(processes.resolve("self")), "this machine has no /proc");
        ProviderID id = rack.add(BMC, "");
        ipmitoolOfAMachineThatIsOn(
                "*reset) read -r said; : >asked; while [ ! -e go ]; do sleep 0.05; done\n"
                        + "echo \"Error: $said is wrong\" >&2; echo \"Set Chassis Power Control to $said failed: $said\"; exit 1 ;;");
        RedfishProvider provider = provider();
        CompletableFuture<Throwable> thrown =
                CompletableFuture.supplyAsync(() -> catchThrowable(() -> provider.rebootMachine(id)));
        await().until(() -> Files.exists(folder.resolve("asked")));

        StringBuilder seen = new StringBuilder();
        try (Stream<Path> all = Files.list(processes)) {
            for (Path process : all.filter(path -> path.getFileName().toString().matches("\\d+"))
                    .toList()) {
                for (String file : List.of("cmdline", "environ")) {
                    try {
                        seen.append(Files.readString(process.resolve(file), StandardCharsets.ISO_8859_1))
                                .append('\n');
                    } catch (IOException e) {
                        // It has ended, or is another user's.
                    }
                }
            }
        }
        List<Path> files;
        try (Stream<Path> all = Files.list(folder)) {
            files = all.filter(file -> !file.equals(rack.credentials())).toList();
        }
        Files.createFile(folder.resolve("go"));
        StringWriter printed = new StringWriter();
        thrown.join().printStackTrace(new PrintWriter(printed));

        assertThat(seen).contains("chassis\0power\0reset").doesNotContain(PASSWORD);
        assertThat(files).allSatisfy(file -> assertThat(Files.readString(file)).doesNotContain(PASSWORD));
        assertThat(printed + log.text())
                .contains("chassis power reset: ", "***")
                .doesNotContain(PASSWORD, "hobbes");
    }
}
