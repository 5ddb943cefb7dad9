package dev.shepherd.bmdb.hardware;

import com.google.protobuf.ByteString;
import com.google.protobuf.CodedInputStream;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.WireFormat;
import dev.shepherd.agent.messages.hardware.AgentHardwareReport;
import dev.shepherd.agent.messages.hardware.EFISupport;
import dev.shepherd.agent.messages.hardware.Node;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Reads what agents send, of which nothing is certain. What would take many times its size as objects is refused
 * before it is parsed: a field of two bytes can become an object of a hundred.
 */
final class ReportReader {

    /** The most fields, of whatever depth: more than the largest machine that can be told of has. */
    private static final int MOST_FIELDS = 80_000;

    /** The most memory and capacity that is believed, in bytes: 1 EiB. So sums over a million machines fit. */
    private static final long MOST_BYTES = 1L << 60;

    /** The most cores or threads of a processor, and the largest block, that are believed. */
    private static final int MOST_UNITS = 1 << 20;

    private static final int MOST_SPEEDS = 64;
    private static final int LONGEST_BYTES = 32;

    private final List<String> doubts = new ArrayList<>();
    private int fields;

    private ReportReader() {}

    static Hardware read(byte[] raw) {
        ReportReader reader = new ReportReader();
        try {
            reader.count(CodedInputStream.newInstance(raw), Part.REPORT);
            AgentHardwareReport report = AgentHardwareReport.parseFrom(raw);
            if (!report.hasReport()) {
                return Hardware.unreadable(
                        raw.length == 0 ? "it is empty" : "it is no AgentHardwareReport: there is no machine in it");
            }
            return reader.hardware(report);
        } catch (TooMuchException e) {
            return Hardware.unreadable(e.why);
        } catch (InvalidProtocolBufferException e) {
            return Hardware.unreadable("it is no AgentHardwareReport: " + lowerFirst(String.valueOf(e.getMessage())));
        } catch (IOException e) {
            // There is no other: it is read from memory.
            return Hardware.unreadable(String.valueOf(e.getMessage()));
        }
    }

    private static String lowerFirst(String sentence) {
        return sentence.isEmpty()
                ? sentence
                : sentence.substring(0, 1).toLowerCase(Locale.ROOT) + sentence.substring(1);
    }

    /** The messages of a report, of which some have others in them. */
    private enum Part {
        REPORT,
        NODE,
        CPU,
        /** One without messages in it. */
        LEAF;

        /** Returns which message a field holds, or null if none that is parsed as one. */
        @Nullable
        Part in(int field) {
            return switch (this) {
                case REPORT -> field == AgentHardwareReport.REPORT_FIELD_NUMBER ? NODE : null;
                case NODE ->
                    switch (field) {
                        case Node.CPU_FIELD_NUMBER -> CPU;
                        case Node.BLOCK_DEVICE_FIELD_NUMBER, Node.NETWORK_INTERFACE_FIELD_NUMBER -> LEAF;
                        default -> null;
                    };
                case CPU -> field == dev.shepherd.agent.messages.hardware.CPU.X86_64_FIELD_NUMBER ? LEAF : null;
                case LEAF -> null;
            };
        }
    }

    @SuppressWarnings("serial")
    private static final class TooMuchException extends IOException {
        private final String why;

        TooMuchException(String why) {
            super(why);
            this.why = why;
        }
    }

    /** Counts the fields of a message and of those in it. */
    private void count(CodedInputStream in, Part part) throws IOException {
        for (int tag; (tag = in.readTag()) != 0; ) {
            if (++fields > MOST_FIELDS) {
                throw new TooMuchException("it has more than " + MOST_FIELDS + " fields");
            }
            if (WireFormat.getTagWireType(tag) == WireFormat.WIRETYPE_START_GROUP) {
                throw new TooMuchException("it is no AgentHardwareReport: it has a group");
            }
            Part inner = part.in(WireFormat.getTagFieldNumber(tag));
            if (inner == null || WireFormat.getTagWireType(tag) != WireFormat.WIRETYPE_LENGTH_DELIMITED) {
                in.skipField(tag);
                continue;
            }
            int limit = in.pushLimit(in.readRawVarint32());
            count(in, inner);
            in.popLimit(limit);
        }
    }

    private static void refuse(int count, int most, String what) throws TooMuchException {
        if (count > most) {
            throw new TooMuchException("it has more than " + most + " " + what);
        }
    }

    private Hardware hardware(AgentHardwareReport report) throws TooMuchException {
        Node node = report.getReport();
        refuse(node.getCpuCount(), Hardware.MOST_CPUS, "processors");
        refuse(node.getBlockDeviceCount(), Hardware.MOST_BLOCK_DEVICES, "block devices");
        refuse(node.getNetworkInterfaceCount(), Hardware.MOST_NETWORK_INTERFACES, "network interfaces");
        return new Hardware(
                Optional.empty(),
                text(node.getManufacturer()),
                text(node.getProduct()),
                text(node.getSerialNumber()),
                amount(node.getMemoryInstalledBytes(), MOST_BYTES, "memory_installed_bytes"),
                // 0 is what a message without the field says.
                node.getMemoryUsableRatio() == 0
                        ? OptionalDouble.empty()
                        : ratio(node.getMemoryUsableRatio(), 1, "memory_usable_ratio"),
                each(node.getCpuList(), this::cpu),
                each(node.getBlockDeviceList(), this::device),
                each(node.getNetworkInterfaceList(), this::network),
                efi(node.getEfiSupport()),
                report.getWarningList().stream()
                        .limit(Hardware.MOST_WARNINGS)
                        .map(warning -> cut(warning))
                        .toList(),
                doubts);
    }

    private static <M, T> List<T> each(List<M> messages, Function<M, T> read) {
        return messages.stream().map(read).toList();
    }

    private Cpu cpu(dev.shepherd.agent.messages.hardware.CPU cpu) {
        return new Cpu(
                text(cpu.getVendor()),
                text(cpu.getModel()),
                units(cpu.getCores(), "cores"),
                units(cpu.getHardwareThreads(), "hardware_threads"),
                cpu.hasX8664()
                        ? Optional.of(new Cpu.X86(
                                cpu.getX8664().getFamily(),
                                cpu.getX8664().getModel(),
                                cpu.getX8664().getStepping()))
                        : Optional.empty());
    }

    private BlockDevice device(dev.shepherd.agent.messages.hardware.BlockDevice device) {
        return new BlockDevice(
                text(device.getVendor()),
                text(device.getDeviceModel()),
                text(device.getSerialNumber()),
                hex(device.getWwn(), "wwn", HexFormat.of()),
                device.getRotational(),
                amount(device.getCapacityBytes(), MOST_BYTES, "capacity_bytes"),
                units(device.getLogicalBlockSizeBytes(), "logical_block_size_bytes"),
                units(device.getPhysicalBlockSizeBytes(), "physical_block_size_bytes"),
                switch (device.getProtocol()) {
                    case PROTOCOL_SCSI -> BlockDevice.Protocol.SCSI;
                    case PROTOCOL_ATA -> BlockDevice.Protocol.ATA;
                    case PROTOCOL_NVME -> BlockDevice.Protocol.NVME;
                    case PROTOCOL_MMC -> BlockDevice.Protocol.MMC;
                    case PROTOCOL_UNKNOWN, UNRECOGNIZED -> BlockDevice.Protocol.UNKNOWN;
                },
                device.hasCriticalWarning() ? Optional.of(device.getCriticalWarning()) : Optional.empty(),
                device.hasMediaErrors()
                        ? within(device.getMediaErrors(), Long.MAX_VALUE, "media_errors")
                        : OptionalLong.empty(),
                device.hasAvailableSpareRatio()
                        ? ratio(device.getAvailableSpareRatio(), 1, "available_spare_ratio")
                        : OptionalDouble.empty(),
                // NVMe counts to 255 %.
                device.hasUsageRatio() ? ratio(device.getUsageRatio(), 10, "usage_ratio") : OptionalDouble.empty());
    }

    private NetworkInterface network(dev.shepherd.agent.messages.hardware.NetworkInterface network) {
        return new NetworkInterface(
                hex(network.getMac(), "mac", HexFormat.ofDelimiter(":")),
                text(network.getDriver()),
                network.getSupportedSpeedBytesList().stream()
                        .limit(MOST_SPEEDS)
                        .flatMap(speed -> amount(speed, MOST_BYTES, "supported_speed_bytes").stream()
                                .boxed())
                        .sorted()
                        .distinct()
                        .toList(),
                network.getLinkUp(),
                amount(network.getCurrentSpeedBytes(), MOST_BYTES, "current_speed_bytes"));
    }

    private static EfiSupport efi(EFISupport support) {
        return switch (support) {
            case EFI_SUPPORT_UNSUPPORTED -> EfiSupport.UNSUPPORTED;
            case EFI_SUPPORT_SUPPORTED -> EfiSupport.SUPPORTED;
            case EFI_SUPPORT_ENABLED -> EfiSupport.ENABLED;
            case EFI_SUPPORT_INVALID, EFI_SUPPORT_UNKNOWN, UNRECOGNIZED -> EfiSupport.UNKNOWN;
        };
    }

    private static Optional<String> text(String text) {
        return text.isBlank() ? Optional.empty() : Optional.of(cut(text));
    }

    private static String cut(String text) {
        if (text.length() <= Hardware.LONGEST_TEXT) {
            return text;
        }
        int end = Hardware.LONGEST_TEXT;
        return text.substring(0, Character.isHighSurrogate(text.charAt(end - 1)) ? end - 1 : end);
    }

    private Optional<String> hex(ByteString bytes, String field, HexFormat format) {
        if (bytes.size() > LONGEST_BYTES) {
            doubt(field + " has " + bytes.size() + " bytes");
            return Optional.empty();
        }
        return bytes.isEmpty() ? Optional.empty() : Optional.of(format.formatHex(bytes.toByteArray()));
    }

    private OptionalInt units(int value, String field) {
        OptionalLong amount = amount(value, MOST_UNITS, field);
        return amount.isPresent() ? OptionalInt.of((int) amount.getAsLong()) : OptionalInt.empty();
    }

    /** A number of which 0 means that it is not known. */
    private OptionalLong amount(long value, long most, String field) {
        return value == 0 ? OptionalLong.empty() : within(value, most, field);
    }

    private OptionalLong within(long value, long most, String field) {
        if (value < 0 || value > most) {
            doubt(field + " is " + value);
            return OptionalLong.empty();
        }
        return OptionalLong.of(value);
    }

    private OptionalDouble ratio(float value, float most, String field) {
        // Written so that NaN is out.
        if (!(value >= 0 && value <= most)) {
            doubt(field + " is " + value);
            return OptionalDouble.empty();
        }
        // By its shortest text: 0.1f is 0.1, and not 0.10000000149011612.
        return OptionalDouble.of(Double.parseDouble(Float.toString(value)));
    }

    private void doubt(String what) {
        if (doubts.size() < Hardware.MOST_WARNINGS) {
            doubts.add(what);
        }
    }
}
