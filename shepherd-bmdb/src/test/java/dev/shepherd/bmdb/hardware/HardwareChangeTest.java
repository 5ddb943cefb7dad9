package dev.shepherd.bmdb.hardware;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import dev.shepherd.agent.messages.hardware.EFISupport;
import dev.shepherd.agent.messages.hardware.Node;
import dev.shepherd.bmdb.hardware.HardwareChange.Kind;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

class HardwareChangeTest {

    private static List<String> changes(Node.Builder before, Node.Builder after) {
        return changes(Reports.bytes(before), Reports.bytes(after));
    }

    private static List<String> changes(byte[] before, byte[] after) {
        return HardwareChange.between(Hardware.read(before), Hardware.read(after)).stream()
                .map(change -> change.kind() + " " + change.text())
                .toList();
    }

    @Test
    void whatOnlyStandsInAnotherOrderIsNoChange() {
        Node.Builder other = Reports.node()
                .clearBlockDevice()
                .addBlockDevice(Reports.disk("D2"))
                .addBlockDevice(Reports.disk("D1"))
                .clearNetworkInterface()
                .addNetworkInterface(Reports.network(2))
                .addNetworkInterface(Reports.network(1));

        assertThat(changes(Reports.node(), other)).isEmpty();
        assertThat(changes(Reports.node(), Reports.node())).isEmpty();
    }

    @Test
    void partsThatAreGoneOrNewAreTold() {
        Node.Builder other = Reports.node()
                .setMemoryInstalledBytes(96L << 30)
                .addCpu(Reports.cpu())
                .removeBlockDevice(0)
                .addBlockDevice(Reports.disk("D3"))
                .removeNetworkInterface(1)
                .setEfiSupport(EFISupport.EFI_SUPPORT_SUPPORTED);

        assertThat(changes(Reports.node(), other))
                .containsExactly(
                        "EFI_CHANGED EFI used became not used",
                        "MEMORY_CHANGED 128 GiB became 96 GiB",
                        "CPU_NEW AuthenticAMD, AMD EPYC 7402P 24-Core Processor, 24 cores, 48 threads",
                        "DISK_GONE SAMSUNG, MZ7LH960, 960 GB, serial number D1",
                        "DISK_NEW SAMSUNG, MZ7LH960, 960 GB, serial number D3",
                        "NETWORK_GONE 02:00:00:00:00:02, ice");
        assertThat(changes(other, Reports.node()))
                .contains(
                        "CPU_GONE AuthenticAMD, AMD EPYC 7402P 24-Core Processor, 24 cores, 48 threads",
                        "NETWORK_NEW 02:00:00:00:00:02, ice");
    }

    @Test
    void aDiskThatBeginsToFailIsToldOnce() {
        Node.Builder failing =
                Reports.node().setBlockDevice(0, Reports.disk("D1").setMediaErrors(3));
        Node.Builder worse = Reports.node().setBlockDevice(0, Reports.disk("D1").setMediaErrors(4));

        assertThat(changes(Reports.node(), failing))
                .containsExactly("DISK_FAILING SAMSUNG, MZ7LH960, 960 GB, serial number D1: 3 media errors");
        assertThat(changes(failing, worse)).isEmpty();
        assertThat(changes(worse, Reports.node()))
                .containsExactly("DISK_WELL SAMSUNG, MZ7LH960, 960 GB, serial number D1");
        assertThat(changes(
                        worse,
                        Reports.node()
                                .setBlockDevice(
                                        0,
                                        Reports.disk("D1")
                                                .clearMediaErrors()
                                                .clearCriticalWarning()
                                                .clearAvailableSpareRatio()
                                                .clearUsageRatio())))
                .isEmpty();
        assertThat(changes(
                        Reports.node(),
                        Reports.node().addBlockDevice(Reports.disk("D3").setCriticalWarning(true))))
                .containsExactly(
                        "DISK_NEW SAMSUNG, MZ7LH960, 960 GB, serial number D3",
                        "DISK_FAILING SAMSUNG, MZ7LH960, 960 GB, serial number D3: critical warning");
    }

    @Test
    void disksAreTheSameByAnyNameThatTheyKept() {
        ByteString wwn = ByteString.copyFrom(new byte[] {0x50, 0x02, 0x53, 0x01});
        ByteString other = ByteString.copyFrom(new byte[] {0x50, 0x02, 0x53, 0x02});
        Node.Builder bySerial = Node.newBuilder().addBlockDevice(Reports.disk("D1"));
        Node.Builder both = Node.newBuilder().addBlockDevice(Reports.disk("D1").setWwn(wwn));
        Node.Builder byName = Node.newBuilder().addBlockDevice(Reports.disk("").setWwn(wwn));
        Node.Builder namespaces = Node.newBuilder()
                .addBlockDevice(Reports.disk("D1").setWwn(other).setCapacityBytes(1_000_000_000_000L))
                .addBlockDevice(Reports.disk("D1").setWwn(wwn));

        assertThat(changes(bySerial, both)).isEmpty();
        assertThat(changes(both, byName)).isEmpty();
        assertThat(changes(both, namespaces)).containsExactly("DISK_NEW SAMSUNG, MZ7LH960, 1 TB, serial number D1");
        assertThat(changes(namespaces, both)).containsExactly("DISK_GONE SAMSUNG, MZ7LH960, 1 TB, serial number D1");
        assertThat(changes(
                        both,
                        Node.newBuilder()
                                .addBlockDevice(Reports.disk("D1").setWwn(wwn).setCapacityBytes(1_000_000_000_000L))))
                .containsExactly("DISK_CHANGED SAMSUNG, MZ7LH960, 960 GB, serial number D1 became 1 TB");
    }

    @Test
    void disksWithoutANameAreCounted() {
        Node.Builder two = Node.newBuilder().addBlockDevice(Reports.disk("")).addBlockDevice(Reports.disk(""));
        Node.Builder three = two.clone().addBlockDevice(Reports.disk(""));

        assertThat(changes(two, three)).containsExactly("DISK_NEW SAMSUNG, MZ7LH960, 960 GB");
        assertThat(changes(three, two)).containsExactly("DISK_GONE SAMSUNG, MZ7LH960, 960 GB");
    }

    @Test
    void whatOneOfTheReportsDoesNotKnowIsNoChange() {
        Node.Builder less = Reports.node()
                .clearManufacturer()
                .clearSerialNumber()
                .clearMemoryInstalledBytes()
                .setEfiSupport(EFISupport.EFI_SUPPORT_UNKNOWN);

        assertThat(changes(Reports.node(), less)).isEmpty();
        assertThat(changes(less, Reports.node())).isEmpty();
        assertThat(changes(Reports.node(), Reports.node().setSerialNumber("S9")))
                .containsExactly("MACHINE_CHANGED Supermicro, AS-1114S, serial number S1234 became Supermicro,"
                        + " AS-1114S, serial number S9");
    }

    @Test
    void aReportThatCannotBeReadIsAChangeAndSoIsTheNextThatCan() {
        byte[] good = Reports.bytes(Reports.node());
        byte[] bad = "8 cores".getBytes(StandardCharsets.UTF_8);

        assertThat(changes(good, bad)).hasSize(1).allMatch(change -> change.startsWith("REPORT_UNREADABLE it is no"));
        assertThat(changes(bad, good)).containsExactly("REPORT_READABLE the report before could not be read");
        assertThat(changes(bad, new byte[0])).isEmpty();
    }

    @Test
    void textsOfMachinesAreEscapedAndManyChangesAreCounted() {
        Node.Builder many = Reports.node().addBlockDevice(Reports.disk("a\0b\n\u202e"));
        for (int i = 0; i < 1000; i++) {
            many.addBlockDevice(Reports.disk("N" + i));
        }

        List<HardwareChange> changes = HardwareChange.between(
                Hardware.read(Reports.bytes(Reports.node())), Hardware.read(Reports.bytes(many)));

        assertThat(changes).hasSize(HardwareChange.MOST);
        assertThat(changes.get(0).text()).endsWith("serial number a\\u0000b\\n\\u202e");
        assertThat(changes.get(HardwareChange.MOST - 1))
                .isEqualTo(new HardwareChange(Kind.MORE, "and 952 more changes"));
    }
}
