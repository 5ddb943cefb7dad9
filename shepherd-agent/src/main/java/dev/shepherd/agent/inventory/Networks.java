package dev.shepherd.agent.inventory;

import com.google.protobuf.ByteString;
import dev.shepherd.agent.messages.hardware.NetworkInterface;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.OptionalLong;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Reads the network interfaces that have hardware of their own: no bridges, bonds and tunnels, and no virtual
 * functions.
 */
final class Networks {

    private static final String FOLDER = "/sys/class/net/";
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9._@:-]{1,32}");
    private static final Pattern MAC = Pattern.compile("[0-9a-f]{2}(:[0-9a-f]{2}){5,31}");
    private static final Pattern MODE = Pattern.compile("\\b(\\d{2,6})base[A-Za-z0-9]+/(?:Full|Half)");
    private static final Duration LIMIT = Duration.ofSeconds(5);
    /** For all interfaces of the machine. */
    private static final Duration LONGEST = Duration.ofSeconds(30);

    private static final int MOST = 1024;

    /** The kernel says speeds in millions of bits per second. */
    private static final long BYTES_OF_MBIT = 125_000;

    private static final long MOST_MBITS = 100_000_000;

    private final SystemFiles files;
    private final Tools tools;
    private final List<String> warnings;
    private final long start = System.nanoTime();

    Networks(SystemFiles files, Tools tools, List<String> warnings) {
        this.files = files;
        this.tools = tools;
        this.warnings = warnings;
    }

    List<NetworkInterface> read() {
        List<NetworkInterface> networks = new ArrayList<>();
        for (String name : files.names(FOLDER)) {
            String path = FOLDER + name + "/";
            if (NAME.matcher(name).matches()
                    && files.has(path + "device")
                    && !files.has(path + "device/physfn")
                    && networks.size() < MOST) {
                networks.add(network(name, path));
            }
        }
        if (!networks.isEmpty() && !tools.has("ethtool")) {
            warnings.add("ethtool is not installed: which speeds network interfaces support is not known");
        }
        return networks;
    }

    private NetworkInterface network(String name, String path) {
        NetworkInterface.Builder network = NetworkInterface.newBuilder();
        // In a bond it shows the bond's address.
        files.text(path + "bonding_slave/perm_hwaddr")
                .or(() -> files.text(path + "address"))
                .filter(mac -> MAC.matcher(mac).matches())
                .ifPresent(mac -> network.setMac(
                        ByteString.copyFrom(HexFormat.ofDelimiter(":").parseHex(mac))));
        for (String line : files.lines(path + "device/uevent", SystemFiles.LONGEST)) {
            if (line.startsWith("DRIVER=")) {
                network.setDriver(SystemFiles.clean(line.substring("DRIVER=".length())));
            }
        }
        // An interface that is switched off has no carrier that could be read.
        boolean linkUp = files.number(path + "carrier").orElse(0) == 1;
        network.setLinkUp(linkUp);
        OptionalLong speed = files.number(path + "speed");
        if (linkUp && speed.isPresent() && speed.getAsLong() > 0 && speed.getAsLong() <= MOST_MBITS) {
            network.setCurrentSpeedBytes(speed.getAsLong() * BYTES_OF_MBIT);
        }
        if (System.nanoTime() - start < LONGEST.toNanos()) {
            tools.run(LIMIT, List.of("ethtool", name))
                    .ifPresent(output -> network.addAllSupportedSpeedBytes(speeds(output)));
        }
        return network.build();
    }

    /** Reads what ethtool lists as supported link modes, such as 10000baseT/Full, up to the next heading. */
    static List<Long> speeds(String output) {
        TreeSet<Long> speeds = new TreeSet<>();
        boolean within = false;
        for (String line : output.lines().toList()) {
            int colon = line.indexOf(':');
            if (colon >= 0) {
                within = line.substring(0, colon).strip().equals("Supported link modes");
            }
            Matcher mode = MODE.matcher(line);
            while (within && mode.find()) {
                speeds.add(Long.parseLong(mode.group(1)) * BYTES_OF_MBIT);
            }
        }
        return List.copyOf(speeds);
    }
}
