package dev.shepherd.bmdb.hardware;

import com.google.protobuf.ByteString;
import dev.shepherd.agent.messages.hardware.AgentHardwareReport;
import dev.shepherd.agent.messages.hardware.BlockDevice;
import dev.shepherd.agent.messages.hardware.CPU;
import dev.shepherd.agent.messages.hardware.EFISupport;
import dev.shepherd.agent.messages.hardware.NetworkInterface;
import dev.shepherd.agent.messages.hardware.Node;
import java.util.List;

/** Reports as agents send them. */
public final class Reports {

    private Reports() {}

    public static BlockDevice.Builder disk(String serialNumber) {
        return BlockDevice.newBuilder()
                .setVendor("SAMSUNG")
                .setDeviceModel("MZ7LH960")
                .setSerialNumber(serialNumber)
                .setCapacityBytes(960_197_124_096L)
                .setLogicalBlockSizeBytes(512)
                .setPhysicalBlockSizeBytes(4096)
                .setProtocol(BlockDevice.Protocol.PROTOCOL_ATA)
                .setCriticalWarning(false)
                .setMediaErrors(0)
                .setAvailableSpareRatio(1)
                .setUsageRatio(0.03f);
    }

    public static CPU.Builder cpu() {
        return CPU.newBuilder()
                .setX8664(CPU.X86_64.newBuilder().setFamily(23).setModel(49).setStepping(0))
                .setCores(24)
                .setHardwareThreads(48)
                .setVendor("AuthenticAMD")
                .setModel("AMD EPYC 7402P 24-Core Processor");
    }

    public static NetworkInterface.Builder network(int lastByte) {
        return NetworkInterface.newBuilder()
                .setMac(ByteString.copyFrom(new byte[] {0x02, 0, 0, 0, 0, (byte) lastByte}))
                .setDriver("ice")
                .addSupportedSpeedBytes(3_125_000_000L)
                .addSupportedSpeedBytes(1_250_000_000L)
                .setLinkUp(true)
                .setCurrentSpeedBytes(3_125_000_000L);
    }

    public static Node.Builder node() {
        return Node.newBuilder()
                .setManufacturer("Supermicro")
                .setProduct("AS-1114S")
                .setSerialNumber("S1234")
                .setMemoryInstalledBytes(128L << 30)
                .setMemoryUsableRatio(0.98f)
                .addCpu(cpu())
                .addBlockDevice(disk("D1"))
                .addBlockDevice(disk("D2"))
                .addNetworkInterface(network(1))
                .addNetworkInterface(network(2))
                .setEfiSupport(EFISupport.EFI_SUPPORT_ENABLED);
    }

    public static byte[] bytes(Node.Builder node, String... warnings) {
        return AgentHardwareReport.newBuilder()
                .setReport(node)
                .addAllWarning(List.of(warnings))
                .build()
                .toByteArray();
    }
}
