package dev.shepherd.provider.support;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.net.Inet4Address;
import java.net.InetAddress;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class AddressLiteralTest {

    @ParameterizedTest
    @CsvSource({
        "10.0.0.1, 10.0.0.1",
        "0.0.0.1, 0.0.0.1",
        "127.0.0.1, 127.0.0.1",
        "255.255.255.254, 255.255.255.254",
        "::1, 0:0:0:0:0:0:0:1",
        "1::, 1:0:0:0:0:0:0:0",
        "2001:db8::1, 2001:db8:0:0:0:0:0:1",
        "2001:DB8::a:0:1, 2001:db8:0:0:0:a:0:1",
        "1:2:3:4:5:6:7:8, 1:2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7::, 1:2:3:4:5:6:7:0",
        "::2:3:4:5:6:7:8, 0:2:3:4:5:6:7:8",
        "0001:0002:0003:0004:0005:0006:0007:0008, 1:2:3:4:5:6:7:8",
        "64:ff9b::192.0.2.33, 64:ff9b:0:0:0:0:c000:221",
        "1:2:3:4:5:6:192.0.2.33, 1:2:3:4:5:6:c000:221",
        "fe80::1, fe80:0:0:0:0:0:0:1",
    })
    void literalsAreRead(String text, String address) {
        assertThat(AddressLiteral.address(text).getHostAddress()).isEqualTo(address);
    }

    @Test
    void anIpv4AddressInIpv6ClothesIsTheSameMachine() {
        assertThat(AddressLiteral.address("::ffff:10.0.0.1"))
                .isInstanceOf(Inet4Address.class)
                .isEqualTo(AddressLiteral.address("10.0.0.1"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " ",
                "localhost",
                "host.example.com",
                "10.0.0.1 ",
                " 10.0.0.1",
                "10.0.0",
                "10.1",
                "167772161",
                "10.0.0.1.",
                "10.0.0.1.1",
                "10..0.1",
                "10.0.0.256",
                "10.0.0.999",
                "10.0.0.1000",
                "010.0.0.1",
                "10.0.0.00",
                "10.0.0.-1",
                "10.0.0.+1",
                "0x0a.0.0.1",
                "10.0.0.a",
                "10.0.0.1:22",
                "10.0.0.0/8",
                "١٠.0.0.1",
                ":",
                ":::",
                "1",
                "1::2::3",
                ":1:2:3:4:5:6:7",
                "1:2:3:4:5:6:7:",
                "1:2:3:4:5:6:7",
                "1:2:3:4:5:6:7:8:9",
                "1:2:3:4:5:6:7::8",
                "::1:2:3:4:5:6:7:8",
                "1:2:3:4::5:6:7:8",
                "12345::",
                "g::1",
                "+1::2",
                "-1::2",
                "::١",
                "[::1]",
                "2001:db8::/32",
                "::192.0.2",
                "::192.0.2.256",
                "192.0.2.1::",
                "::192.0.2.1:1",
                "1:2:3:4:5:6:7:192.0.2.33",
                "1:2:3:4:5:6:7:8:192.0.2.33",
                "::1:2:3:4:5:6:192.0.2.33",
            })
    void whatIsNoLiteralIsRefusedWithoutALookup(String text) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> AddressLiteral.address(text))
                .withMessageEndingWith("\" is not an address");
    }

    @ParameterizedTest
    @CsvSource({
        "0.0.0.0, is the wildcard address",
        "::, is the wildcard address",
        "::ffff:0.0.0.0, is the wildcard address",
        "224.0.0.1, is a multicast address",
        "239.255.255.255, is a multicast address",
        "ff02::1, is a multicast address",
        "255.255.255.255, is the broadcast address",
        "fe80::1%eth0, 'has a zone, which means nothing to any other host'",
        "fe80::1%, 'has a zone, which means nothing to any other host'",
    })
    void anAddressThatIsNotOneMachinesIsRefused(String text, String why) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> AddressLiteral.address(text))
                .withMessage("\"" + text + "\" " + why);
    }

    @Test
    void whereATextMayBeNonsenseItIsNoAddress() throws Exception {
        assertThat(AddressLiteral.orNull("10.0.0.7")).isEqualTo(InetAddress.getByName("10.0.0.7"));
        for (String nonsense : new String[] {null, "", "rack-1-7", "10.1", "0.0.0.0", "fe80::1%eth0"}) {
            assertThat(AddressLiteral.orNull(nonsense)).isNull();
        }
    }
}
