package dev.shepherd.testkit.agent;

import com.google.protobuf.ByteString;
import dev.shepherd.agent.messages.hardware.AgentHardwareReport;
import dev.shepherd.agent.messages.hardware.BlockDevice;
import dev.shepherd.agent.messages.hardware.CPU;
import dev.shepherd.agent.messages.hardware.EFISupport;
import dev.shepherd.agent.messages.hardware.NetworkInterface;
import dev.shepherd.agent.messages.hardware.Node;

/** Hardware reports as agents send them, for tests: serialized {@code AgentHardwareReport}s. */
public final class TestHardware {

    private TestHardware() {}

    /**
     * Returns the report of a server: two processors of 24 cores, 256 GiB, two disks of 960 GB and two network
     * interfaces.
     *
     * @param serialNumber the machine's serial number; those of its disks begin with it
     */
    public static byte[] server(String serialNumber) {
        return bytes(node(serialNumber));
    }

    /** Returns the report of the same server once its second disk has begun to fail. */
    public static byte[] withFailingDisk(String serialNumber) {
        Node.Builder node = node(serialNumber);
        node.getBlockDeviceBuilder(1)
                .setCriticalWarning(true)
                .setMediaErrors(12)
                .setAvailableSpareRatio(0.04f)
                .setUsageRatio(1.03f);
        return bytes(node);
    }

    /** Returns a report with a text in each place that takes one, and with numbers that cannot be. */
    public static byte[] hostile(String text) {
        return AgentHardwareReport.newBuilder()
                .setReport(Node.newBuilder()
                        .setManufacturer(text)
                        .setProduct(text)
                        .setSerialNumber(text)
                        .setMemoryInstalledBytes(-1)
                        .setMemoryUsableRatio(Float.NaN)
                        .addCpu(CPU.newBuilder().setVendor(text).setModel(text).setCores(Integer.MIN_VALUE))
                        .addBlockDevice(disk(text)
                                .setVendor(text)
                                .setDeviceModel(text)
                                .setMediaErrors(Long.MAX_VALUE)
                                .setCapacityBytes(Long.MAX_VALUE))
                        .addNetworkInterface(NetworkInterface.newBuilder().setDriver(text)))
                .addWarning(text)
                .build()
                .toByteArray();
    }

    private static byte[] bytes(Node.Builder node) {
        return AgentHardwareReport.newBuilder()
                .setReport(node)
                .addWarning("smartctl is not installed: the health of SATA disks is not known")
                .build()
                .toByteArray();
    }

    private static Node.Builder node(String serialNumber) {
        Node.Builder node = Node.newBuilder()
                .setManufacturer("Supermicro")
                .setProduct("SYS-1029P")
                .setSerialNumber(serialNumber)
                .setMemoryInstalledBytes(256L << 30)
                .setMemoryUsableRatio(0.98f)
                .setEfiSupport(EFISupport.EFI_SUPPORT_ENABLED);
        for (int i = 0; i < 2; i++) {
            node.addCpu(CPU.newBuilder()
                    .setX8664(CPU.X86_64.newBuilder().setFamily(6).setModel(85).setStepping(7))
                    .setCores(24)
                    .setHardwareThreads(48)
                    .setVendor("GenuineIntel")
                    .setModel("Intel(R) Xeon(R) Gold 6252 CPU @ 2.10GHz"));
            node.addBlockDevice(disk(serialNumber + "-" + i));
            node.addNetworkInterface(NetworkInterface.newBuilder()
                    .setMac(ByteString.copyFrom(new byte[] {0x02, 0, 0, 0, 0, (byte) i}))
                    .setDriver("i40e")
                    .addSupportedSpeedBytes(1_250_000_000L)
                    .addSupportedSpeedBytes(125_000_000L)
                    .setLinkUp(i == 0)
                    .setCurrentSpeedBytes(i == 0 ? 1_250_000_000L : 0));
        }
        return node;
    }

    private static BlockDevice.Builder disk(String serialNumber) {
        return BlockDevice.newBuilder()
                .setVendor("Samsung")
                .setDeviceModel("MZQLB960HAJR")
                .setSerialNumber(serialNumber)
                .setWwn(ByteString.copyFrom(new byte[] {0, 0x25, 0x38, 5, 1, 2, 3, 4}))
                .setCapacityBytes(960_197_124_096L)
                .setLogicalBlockSizeBytes(512)
                .setPhysicalBlockSizeBytes(4096)
                .setProtocol(BlockDevice.Protocol.PROTOCOL_NVME)
                .setCriticalWarning(false)
                .setMediaErrors(0)
                .setAvailableSpareRatio(1)
                .setUsageRatio(0.03f);
    }
}
