package dev.shepherd.provider.redfish;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.testkit.LogCapture;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the entries of a list may say of BMCs. */
class RedfishListTest {

    private static final String SHA = "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef";

    @RegisterExtension
    final LogCapture log = LogCapture.of(RedfishProvider.class.getName());

    private Rack rack;

    @BeforeEach
    void open(@TempDir Path folder) {
        rack = new Rack(folder);
    }

    @AfterEach
    void close() {
        rack.close();
    }

    private static String entry(int number, String more) {
        return "{\"ID\": \"m%d\", \"Addr\": \"10.0.0.%d\"%s}".formatted(number, number, more);
    }

    private String refusal(String document) {
        rack.write(document);
        ProviderException refused = catchThrowableOfType(
                ProviderException.class, () -> rack.provider().listMachines());
        assertThat(refused.reason()).isEqualTo(Reason.PERMANENT);
        return refused.getMessage();
    }

    @Test
    void anEntryNamesItsBmcAndPerhapsASystemCredentialsAndAFingerprint() throws Exception {
        rack.write("["
                + String.join(
                        ",",
                        List.of(
                                entry(1, ", \"BMC\": \"https://10.0.1.1\""),
                                entry(
                                        2,
                                        ", \"BMC\": \"https://[2001:db8::1]:8443/\", \"Credentials\": \"rack-2.old_1\""),
                                entry(
                                        3,
                                        ", \"BMC\": \"https://blades.example.com\", \"System\": \"/redfish/v1/Systems/1\""),
                                entry(
                                        4,
                                        ", \"BMC\": \"https://blades.example.com:443\", \"System\": \"/redfish/v1/Systems/2\""),
                                entry(7, ", \"BMC\": \"ipmi://10.0.1.7\", \"Credentials\": \"old\""),
                                entry(8, ", \"BMC\": \"IPMI://[2001:db8::1]:1623/\""),
                                entry(5, ", \"BMC\": \"https://10.0.1.5\", \"Fingerprint\": \"" + SHA + "\""),
                                entry(
                                        6,
                                        ", \"BMC\": \"https://10.0.1.6\", \"Fingerprint\": \"" + "0a:".repeat(31)
                                                + "0A\"")))
                + "]");

        assertThat(rack.provider().listMachines()).hasSize(8);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "'' | field \"BMC\" is missing",
                ", \"BMC\": 7 | field \"BMC\" must be a string, but is a number",
                ", \"BMC\": \"10.0.1.7\" | field \"BMC\" must be the https: or ipmi: URL of a host and perhaps a port,"
                        + " such as https://10.0.1.7 or ipmi://10.0.1.8, not \"10.0.1.7\"",
                ", \"BMC\": \"https://10.0.1.7/redfish/v1\" | not \"https://10.0.1.7/redfish/v1\"",
                ", \"BMC\": \"https://10.0.1.7:0\" | not \"https://10.0.1.7:0\"",
                ", \"BMC\": \"ipmi://10.0.1.8/1\" | not \"ipmi://10.0.1.8/1\"",
                ", \"BMC\": \"ipmi:10.0.1.8\" | not \"ipmi:10.0.1.8\"",
                ", \"BMC\": \"ipmi://b\", \"System\": \"/redfish/v1/Systems/1\" | field \"System\" means nothing to IPMI, by"
                        + " which \"ipmi://b\" is reached; leave it out",
                ", \"BMC\": \"ipmi://b\", \"Fingerprint\": \"" + SHA
                        + "\" | field \"Fingerprint\" means nothing to IPMI",
                ", \"BMC\": \"http://10.0.1.8\" | over which the password would be sent in the clear; the property"
                        + " \"allow-http\" allows it",
                ", \"BMC\": \"https://b\", \"Systen\": \"/a\" | there is no field \"Systen\"; an entry has the fields ID,"
                        + " Addr, Location, SSHPort, Labels, BMC, System, Credentials, Fingerprint",
                ", \"BMC\": \"https://b\", \"BMC\": \"https://c\" | field \"BMC\" stands twice in the same entry",
                ", \"BMC\": \"https://b\", \"System\": \"1\" | field \"System\" must be the path of a system of the BMC,"
                        + " such as /redfish/v1/Systems/1, not \"1\"",
                ", \"BMC\": \"https://b\", \"System\": \"//evil.example.com/1\" | field \"System\" must be the path",
                ", \"BMC\": \"https://b\", \"Credentials\": \"\" | field \"Credentials\" must be the name of a user",
                ", \"BMC\": \"https://b\", \"Fingerprint\": \"AB:CD\" | field \"Fingerprint\" must be the SHA-256 of a"
                        + " certificate, 64 hexadecimal digits with colons or without, not \"AB:CD\""
            })
    void aMistakeIsRefusedWithTheNumberOfItsEntry(String fields, String message) {
        String second = entry(2, fields);

        assertThat(refusal("[" + entry(1, ", \"BMC\": \"https://a\"") + ",\n" + second + "]"))
                .contains("entry 2 (line 2, column ")
                .contains(message);
    }

    @Test
    void passwordsInAListAreRefusedAndNotShown() {
        assertThat(refusal("[" + entry(1, ", \"BMC\": \"https://root:calvin@10.0.1.7\"") + "]"))
                .contains("entry 1", "without a user or a password")
                .doesNotContain("calvin");
        assertThat(refusal("[" + entry(1, ", \"BMC\": \"https://10.0.1.7\", \"Credentials\": \"root:calvin\"") + "]"))
                .contains("entry 1", "kept elsewhere")
                .doesNotContain("calvin");
    }

    @Test
    void entriesThatShareABmcEachNameTheirSystem() {
        String first = entry(1, ", \"BMC\": \"https://10.0.1.7\"");
        String second = entry(2, ", \"BMC\": \"https://10.0.1.7:443/\", \"System\": \"/redfish/v1/Systems/1\"");

        assertThat(refusal("[" + first + "," + second + "]"))
                .contains(
                        "entry 2",
                        "is \"https://10.0.1.7\", as in entry 1; entries that share a BMC each need a field"
                                + " \"System\"");
        assertThat(refusal("[" + second + "," + second.replace("m2", "m3").replace("10.0.0.2", "10.0.0.3") + "]"))
                .contains("entry 2", "is \"/redfish/v1/Systems/1\", as in an entry before");
        assertThat(refusal("[" + second + ","
                        + entry(
                                3,
                                ", \"BMC\": \"https://10.0.1.7\", \"System\": \"/redfish/v1/Systems/3\","
                                        + " \"Fingerprint\": \"" + SHA + "\"")
                        + "]"))
                .contains("entry 2", "field \"Fingerprint\" is not as in entry 1");
    }

    @Test
    void aBmcThatIsReachedByIpmiHasOneMachine() {
        assertThat(refusal("[" + entry(1, ", \"BMC\": \"ipmi://10.0.1.7\"") + ","
                        + entry(2, ", \"BMC\": \"IPMI://10.0.1.7:623/\"") + "]"))
                .contains(
                        "entry 2",
                        "is \"ipmi://10.0.1.7\", as in entry 1; a BMC that is reached by IPMI has one machine");
    }

    @Test
    void settingsThatContradictEachOtherAreRefused() {
        ConfigurationException refused = catchThrowableOfType(
                ConfigurationException.class, () -> rack.provider("trust", "none", "ca", "/etc/ssl/ca.pem"));
        assertThat(refused.property()).contains("trust");
        refused = catchThrowableOfType(
                ConfigurationException.class,
                () -> rack.provider("ca", rack.credentials().toString()));
        assertThat(refused.property()).contains("ca");
        assertThat(refused).hasMessageContaining("cannot be used");
        refused = catchThrowableOfType(
                ConfigurationException.class,
                () -> rack.provider(Map.of("list", "https://root:calvin@10.0.1.7/list"), Map.of()));
        assertThat(refused.property()).contains("list");
        assertThat(refused.getMessage()).doesNotContain("calvin");
    }
}
