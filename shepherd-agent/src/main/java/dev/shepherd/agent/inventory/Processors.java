package dev.shepherd.agent.inventory;

import dev.shepherd.agent.messages.hardware.CPU;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/** Reads the processors: what the kernel runs on, put together by the packages that they are in. */
final class Processors {

    /** 2,000 processors with 2,000 characters of flags each. */
    private static final int LONGEST = 4 << 20;

    private static final Map<String, String> ARM_IMPLEMENTERS = Map.of(
            "0x41", "ARM",
            "0x42", "Broadcom",
            "0x43", "Cavium",
            "0x46", "Fujitsu",
            "0x48", "HiSilicon",
            "0x4e", "NVIDIA",
            "0x51", "Qualcomm",
            "0x61", "Apple",
            "0xc0", "Ampere");

    /** Of those that are in servers, by implementer and part. */
    private static final Map<String, String> ARM_PARTS = Map.ofEntries(
            Map.entry("0x41 0xd03", "Cortex-A53"),
            Map.entry("0x41 0xd07", "Cortex-A57"),
            Map.entry("0x41 0xd08", "Cortex-A72"),
            Map.entry("0x41 0xd0b", "Cortex-A76"),
            Map.entry("0x41 0xd0c", "Neoverse-N1"),
            Map.entry("0x41 0xd40", "Neoverse-V1"),
            Map.entry("0x41 0xd49", "Neoverse-N2"),
            Map.entry("0x41 0xd4f", "Neoverse-V2"),
            Map.entry("0x43 0x0af", "ThunderX2"),
            Map.entry("0x48 0xd01", "Kunpeng-920"),
            Map.entry("0xc0 0xac3", "Ampere-1"),
            Map.entry("0xc0 0xac4", "Ampere-1a"));

    private final SystemFiles files;
    private final List<String> warnings;

    Processors(SystemFiles files, List<String> warnings) {
        this.files = files;
        this.warnings = warnings;
    }

    /** A package while it is being put together: the first of its processors says what it is. */
    private static final class Socket {
        private final Map<String, String> first;
        private final Set<String> cores = new HashSet<>();
        private int threads;

        Socket(Map<String, String> first) {
            this.first = first;
        }
    }

    List<CPU> read() {
        Map<Long, Socket> sockets = new TreeMap<>();
        for (Map<String, String> processor : processors()) {
            String number = processor.getOrDefault("processor", "");
            Socket socket = sockets.computeIfAbsent(socket(processor, number), any -> new Socket(processor));
            socket.threads++;
            socket.cores.add(core(processor, number));
        }
        if (sockets.isEmpty()) {
            warnings.add("the processors are not known: /proc/cpuinfo says nothing of them");
        }
        return sockets.values().stream().map(Processors::cpu).toList();
    }

    /** Reads what the kernel says of each processor that is switched on. */
    private List<Map<String, String>> processors() {
        List<Map<String, String>> processors = new ArrayList<>();
        Map<String, String> processor = new HashMap<>();
        for (String line : files.lines("/proc/cpuinfo", LONGEST)) {
            int colon = line.indexOf(':');
            if (colon < 0) {
                continue;
            }
            String name = line.substring(0, colon).strip();
            if (name.equals("processor")) {
                processor = new HashMap<>();
                processors.add(processor);
            }
            if (!name.equals("flags") && !name.equals("bugs")) {
                processor.put(name, SystemFiles.clean(line.substring(colon + 1)));
            }
        }
        return processors;
    }

    private long socket(Map<String, String> processor, String number) {
        return topology(number, "physical_package_id")
                .or(() -> Optional.ofNullable(processor.get("physical id")))
                .map(id -> SystemFiles.number(Optional.of(id)).orElse(0))
                // The kernel says -1 where the firmware does not say.
                .filter(id -> id >= 0)
                .orElse(0L);
    }

    /** The number of a core is its own within its die or cluster only. */
    private String core(Map<String, String> processor, String number) {
        String core = topology(number, "core_id")
                .or(() -> Optional.ofNullable(processor.get("core id")))
                .orElse("of " + number);
        String die = topology(number, "die_id").orElse("");
        return topology(number, "thread_siblings_list").orElse(die + "/" + core);
    }

    private Optional<String> topology(String number, String name) {
        return number.matches("\\d{1,6}")
                ? files.text("/sys/devices/system/cpu/cpu" + number + "/topology/" + name)
                : Optional.empty();
    }

    private static CPU cpu(Socket socket) {
        Map<String, String> said = socket.first;
        CPU.Builder cpu = CPU.newBuilder().setCores(socket.cores.size()).setHardwareThreads(socket.threads);
        Optional<String> implementer = Optional.ofNullable(said.get("CPU implementer"));
        if (implementer.isPresent()) {
            String part = said.getOrDefault("CPU part", "");
            cpu.setVendor(ARM_IMPLEMENTERS.getOrDefault(implementer.get(), "implementer " + implementer.get()));
            cpu.setModel(ARM_PARTS.getOrDefault(implementer.get() + " " + part, "part " + part));
            return cpu.build();
        }
        cpu.setVendor(said.getOrDefault("vendor_id", ""));
        cpu.setModel(said.getOrDefault("model name", ""));
        if (said.containsKey("cpu family")) {
            cpu.setX8664(CPU.X86_64
                    .newBuilder()
                    .setFamily(number(said, "cpu family"))
                    .setModel(number(said, "model"))
                    .setStepping(number(said, "stepping")));
        }
        return cpu.build();
    }

    private static int number(Map<String, String> said, String name) {
        return (int) SystemFiles.number(Optional.ofNullable(said.get(name))).orElse(0);
    }
}
