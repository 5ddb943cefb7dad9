package dev.shepherd.testkit.bmc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.shepherd.testkit.bmc.FakeBmc.Vendor;
import dev.shepherd.testkit.bmc.FakeSystem.BootOverride;
import dev.shepherd.testkit.bmc.FakeSystem.Power;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Clients that others wrote for real BMCs, DMTF's redfishtool and OpenStack's sushy, where this machine has them: what
 * they read and reset, a real BMC might be.
 */
class RedfishClientsTest {

    private static final String PYTHON = "/usr/bin/python3";

    /** Exits with a status other than 0 if anything is not as it should be. */
    private static final String SUSHY = """
            import sys, sushy
            from sushy import auth
            url, kind, uuid, serial, allowed = sys.argv[1:]
            login = {'basic': auth.BasicAuth, 'session': auth.SessionAuth}[kind]('root', 'secret')
            root = sushy.Sushy(url, verify=True, auth=login)
            system = root.get_system_collection().get_members()[0]
            assert system.uuid == uuid, system.uuid
            assert system.serial_number == serial, system.serial_number
            assert system.power_state == sushy.PowerState.ON, system.power_state
            types = sorted(each.value for each in system.get_allowed_reset_system_values())
            assert types == allowed.split(','), types
            system.set_system_boot_options(target=sushy.BootSource.PXE, enabled=sushy.BootSourceOverrideEnabled.ONCE)
            system.refresh(force=True)
            assert system.boot.target == sushy.BootSource.PXE, system.boot.target
            assert system.boot.enabled == sushy.BootSourceOverrideEnabled.ONCE, system.boot.enabled
            system.reset_system(sushy.ResetType.FORCE_RESTART)
            system.reset_system(sushy.ResetType.FORCE_OFF)
            system.refresh(force=True)
            assert system.power_state == sushy.PowerState.OFF, system.power_state
            system.reset_system(sushy.ResetType.ON)
            system.refresh(force=True)
            assert system.power_state == sushy.PowerState.ON, system.power_state
            if kind == 'session':
                login.close()
            """;

    @TempDir
    @SuppressWarnings("NullAway.Init")
    private Path folder;

    private static FakeBmc start(Vendor vendor) {
        return FakeBmc.builder().vendor(vendor).credentials("root", "secret").start();
    }

    @ParameterizedTest
    @EnumSource
    void redfishtoolReadsAndResets(Vendor vendor) throws Exception {
        assumeTrue(
                Stream.of(System.getenv("PATH").split(":"))
                        .anyMatch(path -> Files.isExecutable(Path.of(path, "redfishtool"))),
                "this machine has no redfishtool");
        try (FakeBmc bmc = start(vendor)) {
            FakeSystem system = bmc.system();
            assertThat(redfishtool(bmc, "Basic", "get"))
                    .contains("\"UUID\": \"" + system.uuid() + "\"")
                    .contains("\"SerialNumber\": \"" + system.serial() + "\"")
                    .contains("\"PowerState\": \"On\"");
            String mode = system.bootOverride().mode();
            redfishtool(bmc, "Basic", "setBootOverride", "Once", "Pxe");
            assertThat(system.bootOverride()).isEqualTo(new BootOverride("Once", "Pxe", mode));
            redfishtool(bmc, "Session", "reset", "ForceOff");
            assertThat(system.power()).isEqualTo(Power.OFF);
            redfishtool(bmc, "Basic", "reset", "On");
            assertThat(system.resets()).containsExactly("ForceOff", "On");
            assertThat(system.pxeBoots()).isEqualTo(1);
        }
    }

    private String redfishtool(FakeBmc bmc, String authentication, String... operation) throws Exception {
        List<String> command = new ArrayList<>(List.of("redfishtool", "-r", "127.0.0.1:" + bmc.port()));
        command.addAll(List.of("-u", "root", "-p", "secret", "-S", "Always", "-A", authentication, "-T", "30"));
        command.addAll(List.of("Systems", "-1"));
        command.addAll(List.of(operation));
        return run(bmc, command);
    }

    @ParameterizedTest
    @EnumSource
    void sushyReadsAndResetsWithBasicAuthenticationAndWithASession(Vendor vendor) throws Exception {
        assumeSushy();
        try (FakeBmc bmc = start(vendor)) {
            sushy(bmc, vendor, "basic");
            sushy(bmc, vendor, "session");
            assertThat(bmc.system().resets())
                    .containsExactly("ForceRestart", "ForceOff", "On", "ForceRestart", "ForceOff", "On");
            assertThat(bmc.system().pxeBoots()).isEqualTo(2);
            assertThat(bmc.calls()).extracting(FakeBmc.Call::method).contains("DELETE");
        }
    }

    @ParameterizedTest
    @EnumSource
    void sushyFollowsTheLinkToSettingsAndSendsTheirEtag(Vendor vendor) throws Exception {
        assumeSushy();
        try (FakeBmc bmc = start(vendor)) {
            bmc.mood(BmcMood.bootInSettings(), BmcMood.requiresEtag());
            sushy(bmc, vendor, "basic");
            assertThat(bmc.system().pxeBoots()).isEqualTo(1);
            assertThat(bmc.calls())
                    .extracting(call -> call.method() + " " + call.path())
                    .contains("PATCH " + bmc.system().path() + "/Settings");
        }
    }

    private void assumeSushy() throws Exception {
        assumeTrue(Files.isExecutable(Path.of(PYTHON)), "this machine has no " + PYTHON);
        Process process = process(List.of(PYTHON, "-c", "import sushy")).start();
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assumeTrue(process.exitValue() == 0, PYTHON + " has no module sushy");
    }

    private void sushy(FakeBmc bmc, Vendor vendor, String kind) throws Exception {
        String types = new RedfishShape(vendor).resetTypes().stream().sorted().collect(Collectors.joining(","));
        String uuid = bmc.system().uuid().toString();
        String serial = bmc.system().serial();
        run(bmc, List.of(PYTHON, "-c", SUSHY, bmc.uri().toString(), kind, uuid, serial, types));
    }

    /** Runs it with the certificate of the BMC as the only one that it trusts, and returns what it wrote. */
    private String run(FakeBmc bmc, List<String> command) throws Exception {
        Path trusted = folder.resolve("trusted.pem");
        String base64 = Base64.getMimeEncoder(64, new byte[] {'\n'})
                .encodeToString(bmc.certificate().certificate().getEncoded());
        Files.writeString(trusted, "-----BEGIN CERTIFICATE-----\n" + base64 + "\n-----END CERTIFICATE-----\n");
        ProcessBuilder builder = process(command);
        builder.environment().put("REQUESTS_CA_BUNDLE", trusted.toString());
        Process process = builder.start();
        try {
            boolean ended = process.waitFor(2, TimeUnit.MINUTES);
            String written = Files.readString(folder.resolve("output"));
            assertThat(ended)
                    .as("%s ended; it wrote: %s", command.get(0), written)
                    .isTrue();
            assertThat(process.exitValue()).as(written).isZero();
            return written;
        } finally {
            process.destroyForcibly();
        }
    }

    private ProcessBuilder process(List<String> command) {
        ProcessBuilder builder = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve("output").toFile());
        // A proxy of this machine is none of loopback's business.
        builder.environment()
                .keySet()
                .removeIf(name -> name.toLowerCase(Locale.ROOT).endsWith("_proxy"));
        return builder;
    }
}
