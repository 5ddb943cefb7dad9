package dev.shepherd.web.api;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.shepherd.bmdb.fleet.FleetSummary;
import dev.shepherd.bmdb.fleet.FleetSummary.HardwareSum;
import dev.shepherd.bmdb.hardware.BlockDevice;
import dev.shepherd.bmdb.hardware.Cpu;
import dev.shepherd.bmdb.hardware.EfiSupport;
import dev.shepherd.bmdb.hardware.Hardware;
import dev.shepherd.bmdb.hardware.NetworkInterface;
import dev.shepherd.bmdb.operator.HardwareHistoryEntry;
import dev.shepherd.bmdb.operator.HardwareReport;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** What the HTTP API and the command line say of hardware, as JSON; otherwise as {@link Json}. */
public final class HardwareJson {

    private HardwareJson() {}

    /** Says what a machine is made of, as far as its agent reported it, and what changed. */
    public static ObjectNode machine(Optional<HardwareReport> report, List<HardwareHistoryEntry> changes) {
        ObjectNode json = Json.list("changes", changes, HardwareJson::change);
        report.ifPresent(found -> {
            json.put("reportBytes", found.raw().length);
            Json.put(json, "reportedAt", found.at());
            hardware(json, found.hardware());
        });
        return json;
    }

    /** Says the same as a text. */
    public static String machineText(Optional<HardwareReport> report, List<HardwareHistoryEntry> changes) {
        return Json.ascii(machine(report, changes));
    }

    /**
     * Says what the machines of each provider and location are made of together, and when they were counted, as a text.
     */
    public static String sumsText(FleetSummary counted) {
        return Json.ascii(Json.list("hardware", counted.hardware(), HardwareJson::sum)
                .put("countedAt", counted.countedAt().toString()));
    }

    private static void change(ObjectNode json, HardwareHistoryEntry entry) {
        json.put("id", entry.id());
        json.put("at", entry.at().toString());
        json.put("kind", entry.change().kind().name());
        json.put("text", entry.change().text());
    }

    private static void hardware(ObjectNode json, Hardware hardware) {
        if (hardware.unreadable().isPresent()) {
            Json.put(json, "unreadable", hardware.unreadable());
            return;
        }
        Json.put(json, "manufacturer", hardware.manufacturer());
        Json.put(json, "product", hardware.product());
        Json.put(json, "serialNumber", hardware.serialNumber());
        hardware.memoryBytes().ifPresent(bytes -> json.put("memoryBytes", bytes));
        hardware.memoryUsableRatio().ifPresent(ratio -> json.put("memoryUsableRatio", ratio));
        if (hardware.efiSupport() != EfiSupport.UNKNOWN) {
            json.put("efi", hardware.efiSupport().name().toLowerCase(Locale.ROOT));
        }
        Json.add(json, "cpus", hardware.cpus(), HardwareJson::cpu);
        Json.add(json, "blockDevices", hardware.blockDevices(), HardwareJson::device);
        Json.add(json, "networkInterfaces", hardware.networkInterfaces(), HardwareJson::network);
        texts(json.putArray("warnings"), hardware.warnings());
        texts(json.putArray("doubts"), hardware.doubts());
    }

    private static void texts(ArrayNode list, List<String> texts) {
        texts.forEach(list::add);
    }

    private static void cpu(ObjectNode json, Cpu cpu) {
        Json.put(json, "vendor", cpu.vendor());
        Json.put(json, "model", cpu.model());
        cpu.cores().ifPresent(cores -> json.put("cores", cores));
        cpu.threads().ifPresent(threads -> json.put("threads", threads));
        cpu.x86()
                .ifPresent(x86 -> json.putObject("x86")
                        .put("family", x86.family())
                        .put("model", x86.model())
                        .put("stepping", x86.stepping()));
    }

    private static void device(ObjectNode json, BlockDevice device) {
        Json.put(json, "vendor", device.vendor());
        Json.put(json, "model", device.model());
        Json.put(json, "serialNumber", device.serialNumber());
        Json.put(json, "wwn", device.wwn());
        json.put("rotational", device.rotational());
        device.capacityBytes().ifPresent(bytes -> json.put("capacityBytes", bytes));
        device.logicalBlockBytes().ifPresent(bytes -> json.put("logicalBlockBytes", bytes));
        device.physicalBlockBytes().ifPresent(bytes -> json.put("physicalBlockBytes", bytes));
        if (device.protocol() != BlockDevice.Protocol.UNKNOWN) {
            json.put("protocol", device.protocol().name().toLowerCase(Locale.ROOT));
        }
        device.criticalWarning().ifPresent(warns -> json.put("criticalWarning", warns));
        device.mediaErrors().ifPresent(errors -> json.put("mediaErrors", errors));
        device.availableSpareRatio().ifPresent(ratio -> json.put("availableSpareRatio", ratio));
        device.usageRatio().ifPresent(ratio -> json.put("usageRatio", ratio));
        texts(json.putArray("troubles"), device.troubles());
    }

    private static void network(ObjectNode json, NetworkInterface network) {
        Json.put(json, "mac", network.mac());
        Json.put(json, "driver", network.driver());
        ArrayNode speeds = json.putArray("supportedBytesPerSecond");
        network.supportedBytesPerSecond().forEach(speeds::add);
        json.put("linkUp", network.linkUp());
        network.bytesPerSecond().ifPresent(speed -> json.put("bytesPerSecond", speed));
    }

    /** Says what the machines of a provider at a location are made of together. */
    public static void sum(ObjectNode json, HardwareSum sum) {
        json.put("provider", sum.provider().name());
        json.put("location", sum.location());
        json.put("machines", sum.machines());
        json.put("unreadable", sum.unreadable());
        json.put("cpus", sum.cpus());
        json.put("cores", sum.cores());
        json.put("threads", sum.threads());
        json.put("memoryBytes", sum.memoryBytes());
        json.put("disks", sum.disks());
        json.put("diskBytes", sum.diskBytes());
        json.put("failingDisks", sum.failingDisks());
    }
}
