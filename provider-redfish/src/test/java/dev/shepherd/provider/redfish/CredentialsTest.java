package dev.shepherd.provider.redfish;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderException.Scope;
import dev.shepherd.api.ProviderID;
import dev.shepherd.testkit.LogCapture;
import dev.shepherd.testkit.bmc.BmcMood;
import dev.shepherd.testkit.bmc.FakeBmc;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Where users and passwords come from, and that they show nowhere. */
class CredentialsTest {

    @RegisterExtension
    final LogCapture log = LogCapture.of("dev.shepherd");

    private final FakeBmc bmc = Rack.bmc().start();
    private Rack rack;

    @BeforeEach
    void open(@TempDir Path folder) {
        rack = new Rack(folder);
    }

    @AfterEach
    void close() {
        rack.close();
        bmc.close();
    }

    private ConfigurationException refusal() {
        ConfigurationException refused = catchThrowableOfType(ConfigurationException.class, () -> rack.provider());
        assertThat(refused.property()).contains("credentials");
        return refused;
    }

    private String pinned() {
        return ", \"Fingerprint\": \"" + bmc.fingerprint() + "\"";
    }

    @Test
    void aNameMeansItsLineOfTheFile() throws Exception {
        rack.credentials("# the racks\n\ndefault wrong wrong\n  rack-2\t" + Rack.USER + "  " + Rack.PASSWORD + "  \n");
        ProviderID id = rack.add(bmc.uri(), pinned() + ", \"Credentials\": \"rack-2\"");
        rack.provider().rebootMachine(id);

        assertThat(bmc.system().resets()).containsExactly("ForceRestart");
    }

    @Test
    void aNameMeansTwoVariablesWhereTheFileDoesNotHaveIt() throws Exception {
        rack.credentials("other wrong wrong\n");
        ProviderID id = rack.add(bmc.uri(), pinned() + ", \"Credentials\": \"rack-2.old\"");
        Map<String, String> file = Map.of("credentials", rack.credentials().toString());
        for (Map<String, String> properties : List.of(file, Map.<String, String>of())) {
            rack.provider(
                            properties,
                            Map.of(
                                    "SHEPHERD_BMC_USER_RACK_2_OLD", Rack.USER,
                                    "SHEPHERD_BMC_PASSWORD_RACK_2_OLD", Rack.PASSWORD))
                    .rebootMachine(id);
        }

        assertThat(bmc.system().resets()).hasSize(2);
    }

    @Test
    void anEntryWithoutANameMeansTheDefault() throws Exception {
        ProviderID id = rack.add(bmc);
        rack.provider(Map.of(), Map.of("SHEPHERD_BMC_USER", Rack.USER, "SHEPHERD_BMC_PASSWORD", Rack.PASSWORD))
                .rebootMachine(id);

        assertThat(bmc.system().resets()).hasSize(1);
    }

    @Test
    void aNameThatIsNowhereConcernsItsMachineOnly() {
        ProviderID id = rack.add(bmc.uri(), pinned() + ", \"Credentials\": \"rack-2\"");
        RedfishProvider provider = rack.provider();

        ProviderException refused = catchThrowableOfType(ProviderException.class, () -> provider.rebootMachine(id));

        assertThat(refused)
                .hasMessage("there is no user and password of the name \"rack-2\": neither in " + rack.credentials()
                        + ", nor are SHEPHERD_BMC_USER_RACK_2 and SHEPHERD_BMC_PASSWORD_RACK_2 set");
        assertThat(refused.reason()).isEqualTo(Reason.UNAUTHENTICATED);
        assertThat(refused.scope()).isEqualTo(Scope.MACHINE);
    }

    @Test
    void aChangedPasswordNeedsNoRestart() throws Exception {
        rack.credentials("default operator wrong\n");
        ProviderID id = rack.add(bmc);
        RedfishProvider provider = rack.provider();
        ProviderException refused = catchThrowableOfType(ProviderException.class, () -> provider.rebootMachine(id));
        assertThat(refused.reason()).isEqualTo(Reason.UNAUTHENTICATED);

        rack.credentials("default " + Rack.USER + " " + Rack.PASSWORD + "\n");
        provider.rebootMachine(id);

        assertThat(bmc.system().resets()).hasSize(1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"rw-r-----", "rw----r--", "rw--w----"})
    void aFileThatOthersMayOpenIsRefusedByNameWithWhatClosesIt(String permissions) throws Exception {
        Files.setPosixFilePermissions(rack.credentials(), PosixFilePermissions.fromString(permissions));

        assertThat(refusal())
                .hasMessage("the credentials file %s is open to others than its owner (%s); chmod 600 %s closes it"
                        .formatted(rack.credentials(), permissions, rack.credentials()));
    }

    @Test
    void aFileThatIsOpenedToOthersLaterConcernsTheProvider() throws Exception {
        ProviderID id = rack.add(bmc);
        RedfishProvider provider = rack.provider();
        Files.setPosixFilePermissions(rack.credentials(), PosixFilePermissions.fromString("rw-r--r--"));

        ProviderException refused = catchThrowableOfType(ProviderException.class, () -> provider.rebootMachine(id));

        assertThat(refused).hasMessageContaining("is open to others than its owner");
        assertThat(refused.scope()).isEqualTo(Scope.PROVIDER);
        assertThat(refused.reason()).isEqualTo(Reason.PERMANENT);
    }

    @Test
    void aMistakeInTheFileIsRefusedByItsLineAndShowsNothingOfIt() throws Exception {
        rack.credentials("default root calvin\nrack-2 rootcalvin\n");
        assertThat(refusal()).hasMessageContaining("line 2: a line has a name, a user without a colon, and a password");
        rack.credentials("rack-2 root:x calvin\n");
        assertThat(refusal()).hasMessageContaining("line 1").message().doesNotContain("calvin");
        rack.credentials("rack-2 root calvin\nrack-2 root calvin\n");
        assertThat(refusal()).hasMessageContaining("line 2: this name stands there twice");
        Files.delete(rack.credentials());
        assertThat(refusal()).hasMessageContaining("does not exist");
        Files.createDirectory(rack.credentials());
        Files.setPosixFilePermissions(rack.credentials(), PosixFilePermissions.fromString("rwx------"));
        assertThat(refusal()).hasMessageContaining("is not a regular file");
    }

    @Test
    void noPasswordShowsInAnythingThatARunPrints() throws Exception {
        ProviderID id = rack.add(bmc);
        RedfishProvider provider = rack.provider("reinstall", "pxe", "timeout", "20s", "status-timeout", "20s");
        StringWriter printed = new StringWriter();
        printed.append(provider.toString());
        for (BmcMood mood : List.of(
                BmcMood.noSession(),
                BmcMood.unauthorized(),
                BmcMood.busy("0"),
                BmcMood.methodNotAllowed(),
                BmcMood.dropsAfterEffect(),
                BmcMood.malformed(),
                BmcMood.webPage(),
                BmcMood.half(),
                BmcMood.redirects())) {
            bmc.mood(mood);
            for (Exception thrown : List.of(
                    thrown(() -> provider.rebootMachine(id)),
                    thrown(() -> provider.reinstallMachine(id)),
                    thrown(() -> printed.append(provider.getMachine(id).toString())))) {
                thrown.printStackTrace(new PrintWriter(printed));
            }
            bmc.calm();
        }
        String all = printed + log.text();
        String login =
                Base64.getEncoder().encodeToString((Rack.USER + ":" + Rack.PASSWORD).getBytes(StandardCharsets.UTF_8));

        assertThat(all).contains("status 401", "it is unknown whether rack-1-1 is on");
        assertThat(all).doesNotContain(Rack.PASSWORD, login, "hobbes");
        assertThat(ProcessHandle.current().info().toString()).doesNotContain("hobbes");
    }

    private interface Call {
        void run() throws Exception;
    }

    private static Exception thrown(Call call) {
        try {
            call.run();
        } catch (Exception e) {
            return e;
        }
        return new Exception("nothing was thrown");
    }
}
