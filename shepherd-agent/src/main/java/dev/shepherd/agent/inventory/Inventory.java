package dev.shepherd.agent.inventory;

import dev.shepherd.agent.messages.hardware.AgentHardwareReport;
import dev.shepherd.agent.messages.hardware.Node;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * Finds out what a machine with Linux is made of, from {@code /sys} and {@code /proc}, and from programs of the
 * machine where these say more. What is not known is left out, with a warning in words for people. Changes nothing,
 * and needs to be root for serial numbers and memory modules only. Takes some seconds on a machine with many disks,
 * and about three minutes at most: each read and each program has a limit, and so have all of them.
 */
public final class Inventory {

    /** How long one file may take to be read: 2 s. */
    static final Duration READ_LIMIT = Duration.ofSeconds(2);

    /** More warnings than a reader keeps are of no use. */
    private static final int MOST_WARNINGS = 50;

    private final Path root;
    private final Tools tools;
    private final Duration readLimit;

    /**
     * Makes one.
     *
     * @param root the folder that holds {@code sys} and {@code proc}: {@code /}, or a tree that was recorded
     * @param tools programs to ask; {@link Tools#NONE} for a tree that was recorded
     */
    public Inventory(Path root, Tools tools) {
        this(root, tools, READ_LIMIT);
    }

    Inventory(Path root, Tools tools, Duration readLimit) {
        this.root = root;
        this.tools = tools;
        this.readLimit = readLimit;
    }

    /** Returns one of the machine that this runs on. */
    public static Inventory ofThisMachine() {
        return new Inventory(Path.of("/"), Tools.ofThisMachine());
    }

    /** Looks at the machine as it is now. */
    public AgentHardwareReport take() {
        List<String> warnings = new ArrayList<>();
        SystemFiles files = new SystemFiles(root, readLimit, warnings);
        Node.Builder node = Node.newBuilder();
        new Machine(files, warnings).read(node);
        node.addAllCpu(new Processors(files, warnings).read());
        node.addAllBlockDevice(new Disks(files, new Health(tools, warnings), warnings).read());
        node.addAllNetworkInterface(new Networks(files, tools, warnings).read());
        Set<String> each = new LinkedHashSet<>(warnings);
        return AgentHardwareReport.newBuilder()
                .setReport(node)
                .addAllWarning(each.stream().limit(MOST_WARNINGS).toList())
                .build();
    }
}
