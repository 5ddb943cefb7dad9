package dev.shepherd.agent.inventory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.shepherd.agent.messages.hardware.AgentHardwareReport;
import dev.shepherd.agent.messages.hardware.BlockDevice;
import dev.shepherd.agent.messages.hardware.CPU;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/**
 * Compares the report of the machine that the test runs on with what programs of others say of it, where it has them.
 */
@EnabledOnOs(OS.LINUX)
class ThisMachineTest {

    private static AgentHardwareReport report;

    @BeforeAll
    static void take() {
        report = Inventory.ofThisMachine().take();
    }

    private static List<String> lines(String... command) {
        Optional<String> output = Tools.ofThisMachine().run(Duration.ofSeconds(20), List.of(command));
        assumeThat(output).as(command[0] + " is installed").isPresent();
        return output.orElseThrow().lines().toList();
    }

    @Test
    void theProcessorsAreThoseOfLscpu() {
        Map<String, String> said = new HashMap<>();
        for (String line : lines("lscpu")) {
            said.putIfAbsent(
                    line.replaceFirst(":.*", "").strip(),
                    line.replaceFirst("[^:]*:", "").strip());
        }
        assumeThat(said.get("Socket(s)")).as("lscpu counts sockets").matches("\\d+");
        List<CPU> cpus = report.getReport().getCpuList();

        assertThat(cpus).hasSize(Integer.parseInt(said.get("Socket(s)")));
        int online = 0;
        for (String range : said.get("On-line CPU(s) list").split(",")) {
            String[] ends = range.split("-");
            online += Integer.parseInt(ends[ends.length - 1]) - Integer.parseInt(ends[0]) + 1;
        }
        assertThat(cpus.stream().mapToInt(CPU::getHardwareThreads).sum()).isEqualTo(online);
        assertThat(cpus.stream().mapToInt(CPU::getCores).sum())
                .isLessThanOrEqualTo(online)
                .isPositive();
        if (said.get("Architecture").equals("x86_64")) {
            assertThat(cpus.get(0).getVendor()).isEqualTo(said.get("Vendor ID"));
            assertThat(cpus.get(0).getModel()).isEqualTo(said.get("Model name"));
            assertThat(cpus.get(0).getX8664().getFamily()).isEqualTo(Integer.parseInt(said.get("CPU family")));
            assertThat(cpus.get(0).getX8664().getModel()).isEqualTo(Integer.parseInt(said.get("Model")));
        }
    }

    @Test
    void theDisksAreThoseOfLsblk() {
        // What has a bus or is of a virtual machine, with a size; no volumes, no memory.
        List<String> expected =
                lines("lsblk", "--bytes", "--nodeps", "--noheadings", "--output", "NAME,SIZE,TYPE").stream()
                        .map(line -> line.strip().split("\\s+"))
                        .filter(words -> words.length == 3 && words[2].equals("disk") && !words[1].equals("0"))
                        .filter(words -> Files.exists(Path.of("/sys/block", words[0], "device")))
                        .map(words -> words[1])
                        .toList();

        assertThat(report.getReport().getBlockDeviceList())
                .extracting(BlockDevice::getCapacityBytes)
                .extracting(String::valueOf)
                .containsExactlyInAnyOrderElementsOf(expected);
        assertThat(report.getReport().getBlockDeviceList())
                .allMatch(disk -> disk.getLogicalBlockSizeBytes() >= 512)
                .allMatch(disk -> disk.getPhysicalBlockSizeBytes() >= disk.getLogicalBlockSizeBytes());
    }

    @Test
    void theUsableMemoryIsThatOfTheKernel() throws Exception {
        long usable = Files.readAllLines(Path.of("/proc/meminfo")).stream()
                .filter(line -> line.startsWith("MemTotal:"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) * 1024)
                .findFirst()
                .orElseThrow();
        double installed = report.getReport().getMemoryInstalledBytes();

        assertThat(installed).isGreaterThanOrEqualTo(usable * 0.999).isLessThan(usable * 2.0);
        assertThat(installed * report.getReport().getMemoryUsableRatio() / usable)
                .isBetween(0.999, 1.001);
    }

    @Test
    void theNetworkInterfacesAreThoseWithADevice() throws Exception {
        Path folder = Path.of("/sys/class/net");
        assumeThat(folder).exists();
        long expected;
        try (var names = Files.list(folder)) {
            expected = names.filter(name ->
                            Files.exists(name.resolve("device")) && !Files.exists(name.resolve("device/physfn")))
                    .count();
        }
        assertThat(report.getReport().getNetworkInterfaceList()).hasSize((int) expected);
    }

    @Test
    void theReportIsSmall() {
        assertThat(report.getSerializedSize()).isLessThan(64 * 1024);
        assertThat(report.getWarningList())
                .allSatisfy(warning -> assertThat(warning).hasSizeLessThan(200));
    }
}
