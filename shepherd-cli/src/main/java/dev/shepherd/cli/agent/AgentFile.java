package dev.shepherd.cli.agent;

import dev.shepherd.agent.AgentJar;
import dev.shepherd.agent.Main;
import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.spi.ToolProvider;
import java.util.stream.Stream;
import java.util.zip.Deflater;
import java.util.zip.GZIPOutputStream;
import org.jspecify.annotations.Nullable;

/**
 * The agent's executable: a script for a POSIX shell, and after its end an archive with a linked Java and the agent's
 * classes. The same sources and the same JDK give the same bytes.
 */
final class AgentFile {

    /** The agent's own needs, and what protobuf's classes refer to. */
    private static final String MODULES = "java.base,java.net.http,java.logging,jdk.crypto.ec,jdk.unsupported";

    /** Libraries that some JDKs bring along and others, such as Debian's, expect on the machine. */
    private static final List<String> OTHERS = List.of("libstdc++.so.6", "libz.so.1");

    private static final String CLASSES = "agent.jar";
    private static final int LINK_MINUTES = 5;

    /**
     * What was written.
     *
     * @param digest its SHA-256, in hexadecimal
     * @param needs the libraries that a machine must have beside glibc
     */
    record Written(String digest, List<String> needs) {}

    private final Path jdk;
    private final Map<String, String> release;
    private final boolean own;

    private AgentFile(Path jdk, boolean own) throws IOException {
        this.jdk = jdk;
        this.own = own;
        release = new TreeMap<>();
        Path file = jdk.resolve("release");
        if (Files.exists(file)) {
            for (String line : Files.readAllLines(file)) {
                int equals = line.indexOf('=');
                if (equals > 0) {
                    release.put(
                            line.substring(0, equals),
                            line.substring(equals + 1).replace("\"", ""));
                }
            }
        }
    }

    /**
     * Prepares to link from a JDK.
     *
     * @param jdk null for the one that runs this
     * @throws IllegalArgumentException if no agent can be made from it; the message is for people
     */
    static AgentFile from(@Nullable Path jdk) throws IOException {
        Path running = Path.of(System.getProperty("java.home")).toRealPath();
        if (jdk != null && !Files.isDirectory(jdk)) {
            throw new IllegalArgumentException("--jdk " + jdk + " is no folder");
        }
        Path named = jdk == null ? running : jdk.toRealPath();
        AgentFile file = new AgentFile(named, named.equals(running));
        file.requireUsable();
        return file;
    }

    private void requireUsable() {
        if (own && ToolProvider.findFirst("jlink").isEmpty()) {
            throw new IllegalArgumentException(
                    "the Java at " + jdk + " has no jlink: run this with a JDK, or name one with --jdk");
        }
        if (!own && !Files.isDirectory(jdk.resolve("jmods"))) {
            throw new IllegalArgumentException("--jdk " + jdk + " has no folder jmods, which an agent is linked from");
        }
        String system = own ? System.getProperty("os.name") : release.getOrDefault("OS_NAME", "of no name");
        if (!system.equals("Linux")) {
            throw new IllegalArgumentException(
                    "the JDK at " + jdk + " is for " + system + ": name one for Linux with --jdk");
        }
        int feature = Runtime.version().feature();
        if (!own && !version().startsWith(feature + ".") && !version().equals(String.valueOf(feature))) {
            throw new IllegalArgumentException(
                    "the JDK at " + jdk + " is Java " + version() + ", and this runs on Java " + feature
                            + ", whose jlink knows no other: run this with JAVA_HOME set to a JDK of that version");
        }
    }

    /** Returns the name of the architecture that {@code uname -m} prints there. */
    String architecture() {
        String name = own ? System.getProperty("os.arch") : release.getOrDefault("OS_ARCH", "unknown");
        return name.equals("amd64") ? "x86_64" : name;
    }

    /** Returns the version of the linked Java. */
    String version() {
        return own ? Runtime.version().toString() : release.getOrDefault("JAVA_VERSION", "of no version");
    }

    /**
     * Writes it, in place of what the file held.
     *
     * @param version how the agent calls itself: printable ASCII, of 1 to 100 characters
     */
    Written write(Path to, String version, String installer, int installerSeconds)
            throws IOException, InterruptedException {
        Path work = Files.createTempDirectory("shepherd-agent");
        try {
            link(work.resolve("jre"));
            List<String> needs = needs(work.resolve("jre"));
            try (OutputStream jar = new BufferedOutputStream(Files.newOutputStream(work.resolve(CLASSES)))) {
                // The archive compresses all of it, and an agent reads it sooner.
                AgentJar.write(jar, Deflater.NO_COMPRESSION);
            }
            Path start = Files.writeString(work.resolve("agent"), start(installer, installerSeconds));
            Files.setPosixFilePermissions(start, PosixFilePermissions.fromString("rwxr-xr-x"));

            ByteArrayOutputStream packed = new ByteArrayOutputStream();
            try (OutputStream compressed = new GZIPOutputStream(packed, 1 << 16) {
                {
                    def.setLevel(Deflater.BEST_COMPRESSION);
                }
            }) {
                new Tar(compressed).writeAll(work);
            }
            byte[] archive = packed.toByteArray();
            Path whole = to.toAbsolutePath();
            Path next = whole.resolveSibling(whole.getFileName() + ".next");
            try (DigestOutputStream out =
                    new DigestOutputStream(new BufferedOutputStream(Files.newOutputStream(next)), sha256())) {
                out.write(stub(version, HexFormat.of().formatHex(sha256().digest(archive)))
                        .getBytes(StandardCharsets.UTF_8));
                out.write(archive);
                out.flush();
                Files.setPosixFilePermissions(next, PosixFilePermissions.fromString("rwxr-xr-x"));
                Files.move(next, whole, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
                return new Written(
                        HexFormat.of().formatHex(out.getMessageDigest().digest()), needs);
            } finally {
                Files.deleteIfExists(next);
            }
        } finally {
            delete(work);
        }
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    private void link(Path into) throws IOException, InterruptedException {
        List<String> arguments = new ArrayList<>(List.of(
                "--add-modules",
                MODULES,
                "--output",
                into.toString(),
                "--strip-java-debug-attributes",
                // It writes classes that depend on what this JVM has done before.
                "--disable-plugin",
                "generate-jli-classes",
                "--no-header-files",
                "--no-man-pages"));
        Path modules = jdk.resolve("jmods");
        if (Files.isDirectory(modules)) {
            arguments.addAll(List.of("--module-path", modules.toString()));
        }
        StringWriter said = new StringWriter();
        int status;
        if (ToolProvider.findFirst("jlink").isPresent()) {
            PrintWriter both = new PrintWriter(said);
            status = ToolProvider.findFirst("jlink").get().run(both, both, arguments.toArray(String[]::new));
        } else {
            arguments.add(0, jdk.resolve("bin/jlink").toString());
            Process process =
                    new ProcessBuilder(arguments).redirectErrorStream(true).start();
            try {
                // What it says fits into the pipe, and is read once it has ended: reading has no limit of its own.
                if (!process.waitFor(LINK_MINUTES, TimeUnit.MINUTES)) {
                    throw new IOException("jlink does not end within " + LINK_MINUTES + " min");
                }
                status = process.exitValue();
                said.write(new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8));
            } finally {
                process.destroyForcibly();
            }
        }
        if (status != 0) {
            throw new IOException(
                    "jlink cannot link from " + jdk + ": " + said.toString().strip());
        }
    }

    /** Looks for the names of libraries in those of a linked Java. */
    private static List<String> needs(Path jre) throws IOException {
        StringBuilder names = new StringBuilder();
        try (Stream<Path> files = Files.walk(jre)) {
            for (Path library :
                    files.filter(file -> file.toString().endsWith(".so")).toList()) {
                String content = Files.readString(library, StandardCharsets.ISO_8859_1);
                OTHERS.stream().filter(name -> content.contains(name + "\0")).forEach(names::append);
            }
        }
        return OTHERS.stream().filter(name -> names.indexOf(name) >= 0).toList();
    }

    /** Starts the agent from where it was unpacked. The limits keep it under 64 MB. */
    private static String start(String installer, int installerSeconds) {
        return """
                #!/bin/sh
                here=${0%%/*}
                exec "$here/jre/bin/java" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData -Xms4m -Xmx24m \\
                    -Xss256k -XX:ReservedCodeCacheSize=16m -XX:MaxDirectMemorySize=4m -XX:+ExitOnOutOfMemoryError \\
                    -Djdk.httpclient.keepalive.timeout=80 \\
                    -Dshepherd.agent.installer=%s -Dshepherd.agent.installer.seconds=%s \\
                    -cp "$here/%s" %s "$@"
                """.formatted(installer, installerSeconds, CLASSES, Main.class.getName());
    }

    private String stub(String version, String digest) {
        String script = """
                #!/bin/sh
                # Shepherd-Agent-Version: %3$s
                # An agent of Shepherd, for Linux on %1$s with glibc: this script, and an archive after its end. At a takeover it
                # is run without arguments. It unpacks itself into $SHEPHERD_AGENT_HOME, which is /var/lib/shepherd-agent for
                # root and $HOME/.local/state/shepherd-agent for others.
                set -eu
                umask 077
                name=%2$s
                if [ "$(uname -s) $(uname -m)" != "Linux %1$s" ]; then
                    echo "this agent is for Linux on %1$s, and this machine is $(uname -s) on $(uname -m)" >&2
                    exit 1
                fi
                if [ "$(id -u)" = 0 ]; then
                    home=${SHEPHERD_AGENT_HOME:-/var/lib/shepherd-agent}
                else
                    home=${SHEPHERD_AGENT_HOME:-${XDG_STATE_HOME:-$HOME/.local/state}/shepherd-agent}
                fi
                program=$home/runtime/$name
                if [ ! -x "$program/agent" ]; then
                    new=$home/runtime/.new.$$
                    rm -rf "$home"/runtime/.new.*
                    if ! { mkdir -p "$new" && tail -n +@LINES@ "$0" | tar -xzf - -C "$new"; }; then
                        rm -rf "$new"
                        echo "this agent cannot be unpacked in $home; what ran here goes on" >&2
                        exit 1
                    fi
                    rm -rf "$program"
                    mv "$new" "$program"
                fi
                SHEPHERD_AGENT_RUNTIME=$name
                export SHEPHERD_AGENT_RUNTIME
                exec "$program/agent" takeover "$home"
                """.formatted(architecture(), digest.substring(0, 32), version);
        return script.replace("@LINES@", String.valueOf(script.lines().count() + 1));
    }

    private static void delete(Path folder) throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }
}
