package dev.shepherd.bmdb.hardware;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import com.google.protobuf.CodedOutputStream;
import dev.shepherd.agent.messages.hardware.AgentHardwareReport;
import dev.shepherd.agent.messages.hardware.CPU;
import dev.shepherd.agent.messages.hardware.EFISupport;
import dev.shepherd.agent.messages.hardware.Node;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import javax.management.JMException;
import javax.management.ObjectName;
import org.junit.jupiter.api.Test;

class HardwareTest {

    private interface Writer {
        void write(CodedOutputStream out) throws IOException;
    }

    private static byte[] message(Writer writer) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        CodedOutputStream out = CodedOutputStream.newInstance(bytes);
        writer.write(out);
        out.flush();
        return bytes.toByteArray();
    }

    private static byte[] report(byte[] node) throws IOException {
        return message(out -> out.writeByteArray(1, node));
    }

    private static byte[] repeated(byte[] part, int times) {
        byte[] all = new byte[part.length * times];
        for (int i = 0; i < times; i++) {
            System.arraycopy(part, 0, all, i * part.length, part.length);
        }
        return all;
    }

    private static String refusal(byte[] raw) {
        Hardware hardware = Hardware.read(raw);
        assertThat(hardware.cpus()).isEmpty();
        assertThat(hardware.blockDevices()).isEmpty();
        assertThat(hardware.warnings()).isEmpty();
        return hardware.unreadable().orElseThrow();
    }

    @Test
    void allThatAReportSaysIsRead() {
        Hardware hardware = Hardware.read(Reports.bytes(Reports.node(), "no smartctl"));

        assertThat(hardware.unreadable()).isEmpty();
        assertThat(hardware.doubts()).isEmpty();
        assertThat(hardware.warnings()).containsExactly("no smartctl");
        assertThat(hardware.manufacturer()).contains("Supermicro");
        assertThat(hardware.product()).contains("AS-1114S");
        assertThat(hardware.serialNumber()).contains("S1234");
        assertThat(hardware.memoryBytes()).hasValue(128L << 30);
        assertThat(hardware.memoryUsableRatio()).hasValue(0.98);
        assertThat(hardware.efiSupport()).isEqualTo(EfiSupport.ENABLED);
        assertThat(hardware.cores()).isEqualTo(24);
        assertThat(hardware.threads()).isEqualTo(48);
        assertThat(hardware.capacityBytes()).isEqualTo(2 * 960_197_124_096L);
        Cpu cpu = hardware.cpus().get(0);
        assertThat(cpu.x86()).contains(new Cpu.X86(23, 49, 0));
        assertThat(cpu.model()).contains("AMD EPYC 7402P 24-Core Processor");
        BlockDevice disk = hardware.blockDevices().get(1);
        assertThat(disk.serialNumber()).contains("D2");
        assertThat(disk.protocol()).isEqualTo(BlockDevice.Protocol.ATA);
        assertThat(disk.usageRatio()).hasValue(0.03);
        assertThat(disk.criticalWarning()).contains(false);
        assertThat(disk.mediaErrors()).hasValue(0);
        assertThat(disk.wwn()).isEmpty();
        assertThat(disk.willFail()).isFalse();
        NetworkInterface network = hardware.networkInterfaces().get(0);
        assertThat(network.mac()).contains("02:00:00:00:00:01");
        assertThat(network.supportedBytesPerSecond()).containsExactly(1_250_000_000L, 3_125_000_000L);
        assertThat(network.bytesPerSecond()).hasValue(3_125_000_000L);
    }

    @Test
    void whatAReportLeavesOutIsNotKnown() {
        Hardware hardware = Hardware.read(Reports.bytes(Node.newBuilder()
                .addCpu(CPU.newBuilder())
                .addBlockDevice(Reports.disk("").clear())));

        assertThat(hardware.unreadable()).isEmpty();
        assertThat(hardware.manufacturer()).isEmpty();
        assertThat(hardware.memoryBytes()).isEmpty();
        assertThat(hardware.memoryUsableRatio()).isEmpty();
        assertThat(hardware.efiSupport()).isEqualTo(EfiSupport.UNKNOWN);
        assertThat(hardware.cpus().get(0))
                .isEqualTo(new Cpu(
                        Optional.empty(),
                        Optional.empty(),
                        OptionalInt.empty(),
                        OptionalInt.empty(),
                        Optional.empty()));
        assertThat(hardware.blockDevices().get(0).criticalWarning()).isEmpty();
        assertThat(hardware.blockDevices().get(0).mediaErrors()).isEmpty();
        assertThat(hardware.blockDevices().get(0).willFail()).isFalse();
        assertThat(hardware.doubts()).isEmpty();
    }

    @Test
    void aDiskThatSaysSoWillFail() {
        Hardware hardware = Hardware.read(Reports.bytes(Node.newBuilder()
                .addBlockDevice(Reports.disk("A").setCriticalWarning(true))
                .addBlockDevice(Reports.disk("B").setMediaErrors(1))
                .addBlockDevice(Reports.disk("C").setAvailableSpareRatio(0.09f))
                .addBlockDevice(Reports.disk("D").setAvailableSpareRatio(0.1f).setUsageRatio(0.99f))
                .addBlockDevice(Reports.disk("E").setUsageRatio(1.2f).setMediaErrors(7))));

        assertThat(hardware.blockDevices())
                .extracting(disk -> String.join(", ", disk.troubles()))
                .containsExactly(
                        "critical warning",
                        "1 media error",
                        "9 % of its spare blocks left",
                        "",
                        "7 media errors, 120 % of its life used up");
        assertThat(hardware.failingDevices()).isEqualTo(4);
    }

    @Test
    void fieldsOfALaterVersionAreNoHindrance() throws Exception {
        byte[] node = message(out -> {
            out.writeRawBytes(Reports.node().build().toByteArray());
            out.writeString(77, "of a later version");
            out.writeFixed64(78, 5);
            out.writeEnum(13, 99);
        });

        Hardware hardware = Hardware.read(report(node));

        assertThat(hardware.unreadable()).isEmpty();
        assertThat(hardware.product()).contains("AS-1114S");
        assertThat(hardware.efiSupport()).isEqualTo(EfiSupport.UNKNOWN);
    }

    @Test
    void whatIsNoReportIsUnreadableAndSaysWhy() throws Exception {
        assertThat(refusal(new byte[0])).isEqualTo("it is empty");
        assertThat(refusal("8 cores".getBytes(StandardCharsets.UTF_8))).startsWith("it is no AgentHardwareReport: ");
        assertThat(refusal(
                        AgentHardwareReport.newBuilder().addWarning("x").build().toByteArray()))
                .isEqualTo("it is no AgentHardwareReport: there is no machine in it");
        byte[] cutOff = Reports.bytes(Reports.node());
        assertThat(refusal(Arrays.copyOf(cutOff, cutOff.length - 3))).contains("it is no AgentHardwareReport: ");
        // A length beyond the end of what it is in, and one below zero.
        assertThat(refusal(new byte[] {0x0a, 2, 0x52, 0x7f})).contains("it is no AgentHardwareReport: ");
        assertThat(refusal(new byte[] {0x0a, -1, -1, -1, -1, 0x0f})).contains("it is no AgentHardwareReport: ");
        assertThat(refusal(report(message(out -> out.writeByteArray(1, new byte[] {(byte) 0xff, (byte) 0xfe})))))
                .contains("UTF-8");
    }

    @Test
    void groupsInsideGroupsAreRefusedAtTheFirst() throws Exception {
        byte[] deep = repeated(new byte[] {0x0b}, 500_000);

        assertThat(refusal(deep)).isEqualTo("it is no AgentHardwareReport: it has a group");
        assertThat(refusal(report(Arrays.copyOf(deep, 100_000))))
                .isEqualTo("it is no AgentHardwareReport: it has a group");
    }

    @Test
    void moreThanAMachineCanHaveIsRefused() throws Exception {
        assertThat(refusal(report(repeated(new byte[] {0x52, 0}, Hardware.MOST_CPUS + 1))))
                .isEqualTo("it has more than 1024 processors");
        assertThat(refusal(report(repeated(new byte[] {0x5a, 0}, Hardware.MOST_BLOCK_DEVICES + 1))))
                .isEqualTo("it has more than 4096 block devices");
        assertThat(refusal(report(repeated(new byte[] {0x62, 0}, Hardware.MOST_NETWORK_INTERFACES + 1))))
                .isEqualTo("it has more than 1024 network interfaces");
        assertThat(refusal(report(repeated(new byte[] {0x52, 0}, 500_000)))).isEqualTo("it has more than 80000 fields");
        // In pieces, which the parser puts together.
        byte[] pieces = repeated(report(repeated(new byte[] {0x52, 0}, 1000)), 2);
        assertThat(refusal(pieces)).isEqualTo("it has more than 1024 processors");
    }

    @Test
    void aLargestMachineIsRead() {
        Node.Builder node = Reports.node().clearBlockDevice();
        for (int i = 0; i < Hardware.MOST_BLOCK_DEVICES; i++) {
            node.addBlockDevice(Reports.disk("D" + i).setWwn(ByteString.copyFrom(new byte[16])));
        }

        assertThat(Hardware.read(Reports.bytes(node)).blockDevices()).hasSize(Hardware.MOST_BLOCK_DEVICES);
    }

    @Test
    void aReportOfAMebibyteTakesLittleMemoryWhateverIsInIt() throws Exception {
        byte[] cpuWithUnknownFields =
                message(out -> out.writeByteArray(10, message(in -> in.writeByteArray(1, unknown(100_000)))));
        for (byte[] raw : new byte[][] {
            report(repeated(new byte[] {0x52, 0}, 500_000)),
            report(unknown(200_000)),
            report(cpuWithUnknownFields),
            repeated(new byte[] {0x12, 0}, 500_000)
        }) {
            Hardware.read(raw);
            long before = allocated();

            Hardware.read(raw);

            assertThat(allocated() - before).as("of %,d bytes", raw.length).isLessThan(32 << 20);
        }
    }

    /**
     * Fields that no one knows, each with a number of its own: what a parser keeps of each is a hundred times its size.
     */
    private static byte[] unknown(int count) throws IOException {
        return message(out -> {
            for (int i = 0; i < count; i++) {
                out.writeBool(100 + i, true);
            }
        });
    }

    private static long allocated() throws JMException {
        return (Long) ManagementFactory.getPlatformMBeanServer()
                .invoke(
                        new ObjectName(ManagementFactory.THREAD_MXBEAN_NAME),
                        "getThreadAllocatedBytes",
                        new Object[] {Thread.currentThread().getId()},
                        new String[] {"long"});
    }

    @Test
    void numbersThatCannotBeAreLeftOutAndNamed() {
        Hardware hardware = Hardware.read(Reports.bytes(Node.newBuilder()
                .setMemoryInstalledBytes(-5)
                .setMemoryUsableRatio(Float.NaN)
                .setEfiSupport(EFISupport.EFI_SUPPORT_INVALID)
                .addCpu(Reports.cpu().setCores(-1).setHardwareThreads(Integer.MAX_VALUE))
                .addBlockDevice(Reports.disk("D")
                        .setCapacityBytes(Long.MAX_VALUE)
                        .setMediaErrors(-1)
                        .setAvailableSpareRatio(Float.POSITIVE_INFINITY)
                        .setUsageRatio(-0.5f)
                        .setWwn(ByteString.copyFrom(new byte[1000])))
                .addNetworkInterface(Reports.network(1).addSupportedSpeedBytes(-7))));

        assertThat(hardware.doubts())
                .containsExactly(
                        "memory_installed_bytes is -5",
                        "memory_usable_ratio is NaN",
                        "cores is -1",
                        "hardware_threads is 2147483647",
                        "wwn has 1000 bytes",
                        "capacity_bytes is 9223372036854775807",
                        "media_errors is -1",
                        "available_spare_ratio is Infinity",
                        "usage_ratio is -0.5",
                        "supported_speed_bytes is -7");
        assertThat(hardware.memoryBytes()).isEmpty();
        assertThat(hardware.cores()).isZero();
        assertThat(hardware.blockDevices().get(0).willFail()).isFalse();
        assertThat(hardware.networkInterfaces().get(0).supportedBytesPerSecond())
                .hasSize(2);
    }

    @Test
    void textsAreCutOffBetweenCharacters() {
        String long1 = "x".repeat(Hardware.LONGEST_TEXT - 1) + "\ud83d\ude00".repeat(1000);

        Hardware hardware =
                Hardware.read(Reports.bytes(Reports.node().setProduct(long1), repeatedText("a warning", 1000)));

        assertThat(hardware.product()).contains("x".repeat(Hardware.LONGEST_TEXT - 1));
        assertThat(hardware.warnings()).hasSize(Hardware.MOST_WARNINGS);
    }

    private static String[] repeatedText(String text, int times) {
        String[] texts = new String[times];
        Arrays.fill(texts, text);
        return texts;
    }

    @Test
    void randomBytesAndReportsThatWereDamagedAreReadOrRefused() {
        Random random = new Random(19);
        byte[] good = Reports.bytes(Reports.node(), "a warning");
        int readable = 0;
        for (int i = 0; i < 20_000; i++) {
            byte[] raw = good.clone();
            for (int damage = random.nextInt(4); damage >= 0; damage--) {
                raw[random.nextInt(raw.length)] = (byte) random.nextInt();
            }
            Hardware hardware = Hardware.read(i % 2 == 0 ? raw : Arrays.copyOf(raw, random.nextInt(raw.length)));
            readable += hardware.unreadable().isEmpty() ? 1 : 0;
            assertThat(hardware.cores()).isNotNegative();
            assertThat(hardware.capacityBytes()).isNotNegative();
            HardwareChange.between(Hardware.read(good), hardware);
        }
        assertThat(readable).isBetween(100, 19_000);
    }
}
