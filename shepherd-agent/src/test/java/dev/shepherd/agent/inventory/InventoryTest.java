package dev.shepherd.agent.inventory;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import dev.shepherd.agent.messages.hardware.AgentHardwareReport;
import dev.shepherd.agent.messages.hardware.BlockDevice;
import dev.shepherd.agent.messages.hardware.BlockDevice.Protocol;
import dev.shepherd.agent.messages.hardware.CPU;
import dev.shepherd.agent.messages.hardware.EFISupport;
import dev.shepherd.agent.messages.hardware.NetworkInterface;
import dev.shepherd.agent.messages.hardware.Node;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Looks at machines whose files were written here, as the kernels of such machines show them. */
class InventoryTest {

    @TempDir
    Path folder;

    /** Programs that say what they said elsewhere, by their names and last arguments. */
    private static final class RecordedTools implements Tools {
        private final Map<String, String> outputs = new HashMap<>();

        RecordedTools says(String command, String output) {
            outputs.put(command, output);
            return this;
        }

        @Override
        public boolean has(String program) {
            return outputs.keySet().stream().anyMatch(command -> command.startsWith(program + " "));
        }

        @Override
        public Optional<String> run(Duration limit, List<String> command) {
            return Optional.ofNullable(outputs.get(command.get(0) + " " + command.get(command.size() - 1)));
        }
    }

    private static AgentHardwareReport take(Tree tree, Tools tools) {
        return new Inventory(tree.root(), tools).take();
    }

    private static ByteString hex(String text) {
        return ByteString.copyFrom(HexFormat.of().parseHex(text));
    }

    private Tree amdServer() {
        Tree tree = new Tree(folder)
                .dmi("Supermicro", "AS -1114S-WN10RT", "S436824X2A12345")
                .memory(263_803_124)
                .smbios(true, 32768, 32768, 32768, 32768, 32768, 32768, 32768, 32768)
                .folder("/sys/firmware/efi")
                .nvme(
                        "nvme0n1",
                        1_920_383_410_176L,
                        "0x144d",
                        "SAMSUNG MZQL21T9HCJR-00A07",
                        "S64GNE0T1",
                        "eui.36344730540010250025384e00000001")
                .nvme(
                        "nvme1n1",
                        1_920_383_410_176L,
                        "0x144d",
                        "SAMSUNG MZQL21T9HCJR-00A07",
                        "S64GNE0T2",
                        "eui.36344730540010260025384e00000001")
                // What is no disk: a path to the first one, partitions of memory, a volume, an empty reader, a CD
                // drive.
                .nvme("nvme0c0n1", 1_920_383_410_176L, "0x144d", "SAMSUNG MZQL21T9HCJR-00A07", "S64GNE0T1", "x")
                .disk("loop0", 1 << 20, false, 512)
                .disk("dm-0", 1 << 30, false, 512)
                .scsi("sdx", 0, true, "Generic", "Card Reader", "1", "none")
                .scsi("sr0", 1 << 20, true, "HL-DT-ST", "DVDRAM", "1", "none")
                .network("enp65s0f0", "3c:ec:ef:00:00:01", "ixgbe", true, 10000)
                .network("enp65s0f1", "3c:ec:ef:00:00:02", "ixgbe", false, -1)
                .with("/sys/class/net/lo/address", "00:00:00:00:00:00")
                .network("enp65s0f0v0", "3c:ec:ef:00:00:03", "ixgbevf", true, 10000)
                .folder("/sys/class/net/enp65s0f0v0/device/physfn");
        StringBuilder cpuinfo = new StringBuilder();
        for (int i = 0; i < 48; i++) {
            tree.thread(
                    cpuinfo,
                    i,
                    0,
                    i % 24,
                    "vendor_id\t: AuthenticAMD\ncpu family\t: 23\nmodel\t\t: 49\n"
                            + "model name\t: AMD EPYC 7402P 24-Core Processor\nstepping\t: 0\nflags\t\t: fpu vme : de\n");
        }
        return tree.with("/proc/cpuinfo", cpuinfo.toString());
    }

    @Test
    void anAmdServerIsDescribedWhole() {
        RecordedTools tools = new RecordedTools()
                .says("smartctl /dev/nvme0n1", nvmeSaid(0, 100, 4, 0))
                .says("smartctl /dev/nvme1n1", nvmeSaid(4, 3, 112, 17))
                .says("ethtool enp65s0f0", """
                        Settings for enp65s0f0:
                        	Supported ports: [ TP ]
                        	Supported link modes:   100baseT/Full
                        	                        1000baseT/Full
                        	                        10000baseT/Full
                        	Supported pause frame use: Symmetric
                        	Advertised link modes:  40000baseCR4/Full
                        """);

        AgentHardwareReport report = take(amdServer(), tools);

        Node node = report.getReport();
        assertThat(node.getManufacturer()).isEqualTo("Supermicro");
        assertThat(node.getProduct()).isEqualTo("AS -1114S-WN10RT");
        assertThat(node.getSerialNumber()).isEqualTo("S436824X2A12345");
        assertThat(node.getMemoryInstalledBytes()).isEqualTo(256L << 30);
        assertThat(node.getMemoryUsableRatio()).isBetween(0.98f, 0.99f);
        assertThat(node.getEfiSupport()).isEqualTo(EFISupport.EFI_SUPPORT_ENABLED);
        assertThat(node.getCpuList())
                .containsExactly(CPU.newBuilder()
                        .setX8664(CPU.X86_64.newBuilder().setFamily(23).setModel(49))
                        .setCores(24)
                        .setHardwareThreads(48)
                        .setVendor("AuthenticAMD")
                        .setModel("AMD EPYC 7402P 24-Core Processor")
                        .build());
        assertThat(node.getBlockDeviceList())
                .containsExactly(
                        samsung("S64GNE0T1", "36344730540010250025384e00000001")
                                .setCriticalWarning(false)
                                .setMediaErrors(0)
                                .setAvailableSpareRatio(1)
                                .setUsageRatio(0.04f)
                                .build(),
                        samsung("S64GNE0T2", "36344730540010260025384e00000001")
                                .setCriticalWarning(true)
                                .setMediaErrors(17)
                                .setAvailableSpareRatio(0.03f)
                                .setUsageRatio(1.12f)
                                .build());
        assertThat(node.getNetworkInterfaceList())
                .containsExactly(
                        NetworkInterface.newBuilder()
                                .setMac(hex("3cecef000001"))
                                .setDriver("ixgbe")
                                .addAllSupportedSpeedBytes(List.of(12_500_000L, 125_000_000L, 1_250_000_000L))
                                .setLinkUp(true)
                                .setCurrentSpeedBytes(1_250_000_000L)
                                .build(),
                        NetworkInterface.newBuilder()
                                .setMac(hex("3cecef000002"))
                                .setDriver("ixgbe")
                                .build());
        assertThat(report.getWarningList()).isEmpty();
    }

    private static BlockDevice.Builder samsung(String serialNumber, String wwn) {
        return BlockDevice.newBuilder()
                .setVendor("Samsung")
                .setDeviceModel("SAMSUNG MZQL21T9HCJR-00A07")
                .setSerialNumber(serialNumber)
                .setWwn(hex(wwn))
                .setCapacityBytes(1_920_383_410_176L)
                .setLogicalBlockSizeBytes(512)
                .setPhysicalBlockSizeBytes(4096)
                .setProtocol(Protocol.PROTOCOL_NVME);
    }

    private static String nvmeSaid(int warning, int spare, int used, int errors) {
        return """
                json = {};
                json.smartctl.exit_status = 0;
                json.device.name = "/dev/nvme0n1";
                json.smart_status = {};
                json.smart_status.passed = %s;
                json.smart_status.nvme.value = %d;
                json.nvme_smart_health_information_log = {};
                json.nvme_smart_health_information_log.critical_warning = %d;
                json.nvme_smart_health_information_log.temperature = 38;
                json.nvme_smart_health_information_log.available_spare = %d;
                json.nvme_smart_health_information_log.available_spare_threshold = 10;
                json.nvme_smart_health_information_log.percentage_used = %d;
                json.nvme_smart_health_information_log.data_units_read = 99999999999;
                json.nvme_smart_health_information_log.media_errors = %d;
                """.formatted(warning == 0, warning, warning, spare, used, errors);
    }

    @Test
    void withoutProgramsTheReportSaysWhatItLacks() {
        AgentHardwareReport report = take(amdServer(), Tools.NONE);

        assertThat(report.getReport().getBlockDeviceList()).hasSize(2).noneMatch(BlockDevice::hasCriticalWarning);
        assertThat(report.getReport().getNetworkInterface(0).getSupportedSpeedBytesList())
                .isEmpty();
        assertThat(report.getWarningList())
                .containsExactly(
                        "the health of 2 disks is not known: smartctl is not installed",
                        "ethtool is not installed: which speeds network interfaces support is not known");
    }

    @Test
    void nvmeItselfIsAskedWhereSmartctlIsNotThere() {
        RecordedTools tools = new RecordedTools().says("nvme /dev/nvme0n1", """
                        {"critical_warning":0,"temperature":311,"avail_spare":100,"spare_thresh":10,"percent_used":2,"media_errors":0}
                        """).says("nvme /dev/nvme1n1", """
                        {
                          "critical_warning" : 1,
                          "avail_spare" : 9,
                          "percent_used" : 99,
                          "data_units_read" : 340282366920938463463374607431768211455,
                          "media_errors" : 5
                        }
                        """);

        List<BlockDevice> disks = take(amdServer(), tools).getReport().getBlockDeviceList();

        assertThat(disks.get(0).getCriticalWarning()).isFalse();
        assertThat(disks.get(0).getUsageRatio()).isEqualTo(0.02f);
        assertThat(disks.get(1).getCriticalWarning()).isTrue();
        assertThat(disks.get(1).getAvailableSpareRatio()).isEqualTo(0.09f);
        assertThat(disks.get(1).getMediaErrors()).isEqualTo(5);
    }

    /** Six fast cores with two threads each, eight slow ones with one. */
    @Test
    void aHybridProcessorOfIntelHasMoreCoresThanHalfItsThreads() {
        Tree tree = new Tree(folder)
                .dmi("LENOVO", "ThinkStation P3", "To be filled by O.E.M.")
                .memory(32_000_000)
                .smbios(true, 16384, 0, 16384, 0)
                .scsi("sda", 4_000_787_030_016L, true, "ATA", "ST4000NM000A-2HZ1", "WS21ABCD", "naa.5000c500c1a2b3c4")
                .scsi("sdb", 960_197_124_096L, false, "SEAGATE", "XS960SE70084", "HLL0ABCD", "naa.5000c500a1b2c3d7");
        StringBuilder cpuinfo = new StringBuilder();
        String said = "vendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 183\nmodel name\t: 13th Gen Intel(R)"
                + " Core(TM) i5-13600K\nstepping\t: 1\ncpu cores\t: 14\n";
        for (int i = 0; i < 20; i++) {
            tree.thread(cpuinfo, i, 0, i < 12 ? i / 2 * 4 : 24 + i - 12, said);
        }
        tree.with("/proc/cpuinfo", cpuinfo.toString());
        RecordedTools tools = new RecordedTools().says("smartctl /dev/sda", """
                        json.smart_status.passed = true;
                        json.ata_smart_attributes.table[0].id = 1;
                        json.ata_smart_attributes.table[0].raw.value = 200000000;
                        json.ata_smart_attributes.table[10].id = 187;
                        json.ata_smart_attributes.table[10].name = "Reported_Uncorrect";
                        json.ata_smart_attributes.table[10].raw.value = 6;
                        """).says("smartctl /dev/sdb", """
                        json.smart_status.passed = false;
                        json.scsi_error_counter_log.read.total_uncorrected_errors = 2;
                        json.scsi_error_counter_log.write.total_uncorrected_errors = 1;
                        json.scsi_percentage_used_endurance_indicator = 17;
                        """);

        AgentHardwareReport report = take(tree, tools);

        CPU cpu = report.getReport().getCpu(0);
        assertThat(cpu.getCores()).isEqualTo(14);
        assertThat(cpu.getHardwareThreads()).isEqualTo(20);
        assertThat(cpu.getX8664().getModel()).isEqualTo(183);
        assertThat(report.getReport().getMemoryInstalledBytes()).isEqualTo(32L << 30);
        assertThat(report.getReport().getEfiSupport()).isEqualTo(EFISupport.EFI_SUPPORT_SUPPORTED);
        assertThat(report.getReport().getSerialNumber()).isEmpty();
        BlockDevice ata = report.getReport().getBlockDevice(0);
        assertThat(ata.getProtocol()).isEqualTo(Protocol.PROTOCOL_ATA);
        assertThat(ata.getVendor()).isEmpty();
        assertThat(ata.getDeviceModel()).isEqualTo("ST4000NM000A-2HZ1");
        assertThat(ata.getSerialNumber()).isEqualTo("WS21ABCD");
        assertThat(ata.getWwn()).isEqualTo(hex("5000c500c1a2b3c4"));
        assertThat(ata.getRotational()).isTrue();
        assertThat(ata.getCriticalWarning()).isFalse();
        assertThat(ata.getMediaErrors()).isEqualTo(6);
        BlockDevice sas = report.getReport().getBlockDevice(1);
        assertThat(sas.getProtocol()).isEqualTo(Protocol.PROTOCOL_SCSI);
        assertThat(sas.getVendor()).isEqualTo("SEAGATE");
        assertThat(sas.getCriticalWarning()).isTrue();
        assertThat(sas.getMediaErrors()).isEqualTo(3);
        assertThat(sas.getUsageRatio()).isEqualTo(0.17f);
        assertThat(report.getWarningList())
                .containsExactly(
                        "the machine's serial number is not known: the firmware has none, or only root may read it");
    }

    @Test
    void twoSocketsAreTwoProcessorsAlsoIfCoresHaveTheSameNumbers() {
        Tree tree = new Tree(folder).memory(1000);
        StringBuilder cpuinfo = new StringBuilder();
        for (int i = 0; i < 16; i++) {
            tree.thread(cpuinfo, i, i % 2, i / 4, "vendor_id\t: GenuineIntel\nmodel name\t: Xeon\n");
        }
        tree.with("/proc/cpuinfo", cpuinfo.toString());

        assertThat(take(tree, Tools.NONE).getReport().getCpuList())
                .hasSize(2)
                .allMatch(cpu -> cpu.getCores() == 4 && cpu.getHardwareThreads() == 8);
    }

    @Test
    void aMachineWithArmIsNamedByItsDeviceTree() {
        Tree tree = new Tree(folder)
                .with("/proc/device-tree/model", "Ampere Mt. Jade\0".getBytes())
                .with("/proc/device-tree/serial-number", "0123ABC\0".getBytes())
                .memory(65_000_000)
                .with("/sys/devices/system/memory/block_size_bytes", "8000000")
                .disk("mmcblk0", 31_268_536_320L, false, 512)
                .with("/sys/block/mmcblk0/device/name", "BJTD4R")
                .with("/sys/block/mmcblk0/device/serial", "0x1234abcd")
                .disk("mmcblk0boot0", 4 << 20, false, 512)
                .folder("/sys/block/mmcblk0boot0/device");
        for (int i = 0; i < 512; i++) {
            tree.folder("/sys/devices/system/memory/memory" + i);
        }
        StringBuilder cpuinfo = new StringBuilder();
        for (int i = 0; i < 80; i++) {
            tree.thread(
                    cpuinfo,
                    i,
                    -1,
                    i,
                    "BogoMIPS\t: 50.00\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\n"
                            + "CPU architecture: 8\nCPU variant\t: 0x3\nCPU part\t: 0xd0c\nCPU revision\t: 1\n");
        }
        tree.with("/proc/cpuinfo", cpuinfo.toString());

        AgentHardwareReport report = take(tree, Tools.NONE);

        Node node = report.getReport();
        assertThat(node.getProduct()).isEqualTo("Ampere Mt. Jade");
        assertThat(node.getSerialNumber()).isEqualTo("0123ABC");
        assertThat(node.getMemoryInstalledBytes()).isEqualTo(64L << 30);
        assertThat(node.getCpuList())
                .containsExactly(CPU.newBuilder()
                        .setCores(80)
                        .setHardwareThreads(80)
                        .setVendor("ARM")
                        .setModel("Neoverse-N1")
                        .build());
        assertThat(node.getBlockDeviceList()).hasSize(1);
        assertThat(node.getBlockDevice(0).getProtocol()).isEqualTo(Protocol.PROTOCOL_MMC);
        assertThat(node.getBlockDevice(0).getSerialNumber()).isEqualTo("0x1234abcd");
        assertThat(report.getWarningList())
                .containsExactly(
                        "the memory modules cannot be read: the memory is what the kernel was given",
                        "whether the firmware has EFI is not known");
    }

    @Test
    void aVirtualMachineWithoutFirmwareTablesHasLittleToSay() {
        Tree tree = new Tree(folder)
                .with("/sys/class/dmi/id/sys_vendor", "")
                .with("/sys/class/dmi/id/product_name", "To Be Filled By O.E.M.")
                .memory(24_683_620)
                .disk("vda", 274_877_906_944L, true, 4096)
                .folder("/sys/block/vda/device")
                .with(
                        "/proc/cpuinfo",
                        "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Common KVM processor\n");

        AgentHardwareReport report = take(tree, Tools.NONE);

        assertThat(report.getReport().getManufacturer()).isEmpty();
        assertThat(report.getReport().getMemoryInstalledBytes()).isEqualTo(24_683_620L * 1024);
        assertThat(report.getReport().getMemoryUsableRatio()).isEqualTo(1);
        assertThat(report.getReport().getCpu(0).getHardwareThreads()).isEqualTo(1);
        assertThat(report.getReport().getBlockDevice(0).getProtocol()).isEqualTo(Protocol.PROTOCOL_UNKNOWN);
        assertThat(report.getWarningList())
                .containsExactly(
                        "the firmware does not say what machine this is",
                        "the memory modules cannot be read: the memory is what the kernel can use",
                        "whether the firmware has EFI is not known");
    }

    @Test
    void aMachineThatShowsNothingIsAReportOfWarnings() {
        AgentHardwareReport report = take(new Tree(folder), Tools.NONE);

        assertThat(report.getReport().getCpuList()).isEmpty();
        assertThat(report.getReport().getBlockDeviceList()).isEmpty();
        assertThat(report.getWarningList())
                .contains("the amount of memory is not known")
                .contains("the processors are not known: /proc/cpuinfo says nothing of them");
    }

    @Test
    void whatFirmwareSaysBadlyIsMadeFitForAReport() {
        Tree tree = new Tree(folder)
                .with("/sys/class/dmi/id/sys_vendor", new byte[] {'A', (byte) 0xff, 7, 'B', 0, '\n'})
                .with("/sys/class/dmi/id/product_name", "X\u202eY")
                .with("/proc/meminfo", "MemTotal: -5 kB")
                .with("/sys/firmware/dmi/tables/DMI", HexFormat.of().parseHex("11ff0100"))
                .with("/sys/class/net/eth0/address", "not an address")
                .with("/sys/class/net/eth0/speed", "99999999999999")
                .with("/sys/class/net/eth0/carrier", "1")
                .folder("/sys/class/net/eth0/device")
                .disk("sda", 1 << 30, false, 512)
                .with("/sys/block/sda/device/vpd_pg80", new byte[] {0, (byte) 0x80, (byte) 0xff, (byte) 0xff, 'S', '1'})
                .with("/sys/block/sda/device/vendor", "x".repeat(200_000));

        Node node = take(tree, Tools.NONE).getReport();

        assertThat(node.getManufacturer()).isEqualTo("AB");
        assertThat(node.getProduct()).isEqualTo("XY");
        assertThat(node.getMemoryInstalledBytes()).isZero();
        assertThat(node.getNetworkInterface(0).getMac()).isEmpty();
        assertThat(node.getNetworkInterface(0).getCurrentSpeedBytes()).isZero();
        assertThat(node.getBlockDevice(0).getSerialNumber()).isEqualTo("S1");
        assertThat(node.getBlockDevice(0).getVendor()).hasSizeLessThanOrEqualTo(SystemFiles.LONGEST);
    }

    /** A pipe that no one writes into is read for ever, as an attribute of a device that hangs. */
    @Test
    @EnabledOnOs(OS.LINUX)
    void whatHangsIsLeftBehind() throws Exception {
        Tree tree = amdServer();
        for (String path : List.of(
                "/sys/block/nvme0n1/device/serial",
                "/sys/block/nvme0n1/device/model",
                "/sys/block/nvme1n1/device/serial",
                "/sys/block/nvme1n1/device/model")) {
            Path file = folder.resolve(path.substring(1));
            Files.delete(file);
            assertThat(new ProcessBuilder("mkfifo", file.toString()).start().waitFor())
                    .isZero();
        }
        long start = System.nanoTime();

        AgentHardwareReport report = new Inventory(folder, Tools.NONE, Duration.ofSeconds(1)).take();

        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(30));
        assertThat(report.getReport().getCpu(0).getCores()).isEqualTo(24);
        assertThat(report.getWarningList())
                .contains("/sys/block/nvme0n1/device/model could not be read within 1 s")
                .contains("/sys/block/nvme1n1/device/model could not be read within 1 s: nothing more was read");
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void aProgramThatDoesNotEndIsEnded() {
        long start = System.nanoTime();

        assertThat(Tools.ofThisMachine().run(Duration.ofMillis(300), List.of("sleep", "3600")))
                .isEmpty();

        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(30));
        assertThat(ProcessHandle.current().children().flatMap(ProcessHandle::descendants))
                .isEmpty();
        assertThat(Tools.ofThisMachine().run(Duration.ofSeconds(20), List.of("echo", "a", "b")))
                .contains("a b\n");
        assertThat(Tools.ofThisMachine().run(Duration.ofSeconds(20), List.of("no-such-program")))
                .isEmpty();
    }

    @Test
    void theFirmwaresTableIsReadToItsEndWhateverIsInIt() {
        List<String> results = new ArrayList<>();
        for (String table : List.of(
                "", "00", "0004", "11040000", "1128", "11050000000000", "1128" + "00".repeat(38), "ff".repeat(4000))) {
            Tree tree = new Tree(folder)
                    .with("/sys/firmware/dmi/tables/DMI", HexFormat.of().parseHex(table));
            results.add(
                    String.valueOf(Smbios.read(new SystemFiles(tree.root(), Duration.ofSeconds(5), new ArrayList<>()))
                            .map(Smbios::memoryBytes)));
        }
        assertThat(results).allMatch(result -> result.matches("Optional(.empty|\\[OptionalLong.empty\\])"));
    }
}
