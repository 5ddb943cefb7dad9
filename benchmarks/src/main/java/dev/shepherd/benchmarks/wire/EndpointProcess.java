package dev.shepherd.benchmarks.wire;

import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.agent.AgentCallback;
import dev.shepherd.callback.AgentEndpoint;
import dev.shepherd.callback.AgentEndpointLimits;
import dev.shepherd.callback.AgentTls;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;

/** An endpoint of agents in a process of its own, with a heap of a given size. Belongs to one thread. */
public final class EndpointProcess implements AutoCloseable {

    private static final String URL = "ENDPOINT_JDBC_URL";
    private static final String MEASURE = "measure";
    private static final long LONGEST_STOP_SECONDS = 30;
    private static final long KIB = 1024;

    /**
     * What it takes.
     *
     * @param connections how many connections are open
     * @param evicted how many were closed for others
     * @param heap bytes of the heap that are in use after a collection
     * @param heapPeak the most bytes of the heap that were in use, garbage included
     * @param direct bytes outside of the heap that buffers have
     * @param resident bytes of physical memory
     * @param residentPeak the most of these so far
     * @param threads how many threads there are
     * @param cpuNanos processor time so far
     */
    public record Measures(
            long connections,
            long evicted,
            long heap,
            long heapPeak,
            long direct,
            long resident,
            long residentPeak,
            long threads,
            long cpuNanos) {}

    private final Process process;
    private final BufferedReader said;
    private final InetSocketAddress address;
    private final byte[] authority;

    /** Starts one on a database. Its limits are the defaults, but for the number of connections. */
    public EndpointProcess(Path tls, String jdbcUrl, long heapMegabytes, int connections) throws IOException {
        ProcessBuilder builder = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx" + heapMegabytes + "m",
                        "-cp",
                        System.getProperty("java.class.path"),
                        EndpointProcess.class.getName(),
                        tls.toString(),
                        String.valueOf(connections))
                .redirectError(ProcessBuilder.Redirect.INHERIT);
        builder.environment().put(URL, jdbcUrl);
        process = builder.start();
        said = process.inputReader(StandardCharsets.UTF_8);
        String[] first = line().split(" ");
        address = new InetSocketAddress(InetAddress.getLoopbackAddress(), Integer.parseInt(first[0]));
        authority = Base64.getDecoder().decode(first[1]);
    }

    private String line() throws IOException {
        String line = said.readLine();
        if (line == null) {
            throw new IOException("the endpoint has ended");
        }
        return line;
    }

    /** Returns where it listens. */
    public InetSocketAddress address() {
        return address;
    }

    /** Returns the certificate that it is to be known by, in DER. */
    public byte[] authority() {
        return authority.clone();
    }

    /** Has it collect its garbage and say what it takes. */
    public Measures measure() throws IOException {
        process.getOutputStream().write((MEASURE + "\n").getBytes(StandardCharsets.UTF_8));
        process.getOutputStream().flush();
        List<Long> numbers = new ArrayList<>();
        for (String word : line().split(" ")) {
            numbers.add(Long.valueOf(word));
        }
        return new Measures(
                numbers.get(0),
                numbers.get(1),
                numbers.get(2),
                numbers.get(3),
                numbers.get(4),
                numbers.get(5),
                numbers.get(6),
                numbers.get(7),
                numbers.get(8));
    }

    /** Ends it. */
    @Override
    public void close() {
        try {
            process.getOutputStream().close();
            process.waitFor(LONGEST_STOP_SECONDS, TimeUnit.SECONDS);
        } catch (IOException e) {
            // It has ended.
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            process.destroyForcibly();
        }
    }

    /**
     * Is that process, until its standard input ends.
     *
     * @param args the folder of the authority, and the number of connections
     */
    public static void main(String[] args) throws Exception {
        AgentTls tls = AgentTls.builder().folder(Path.of(args[0])).build();
        try (Bmdb bmdb = Bmdb.open(System.getenv(URL));
                AgentCallback callback = AgentCallback.of(bmdb);
                AgentEndpoint endpoint = AgentEndpoint.builder()
                        .callback(callback)
                        .address(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
                        .tls(tls)
                        .limits(AgentEndpointLimits.builder()
                                .maxConnections(Integer.parseInt(args[1]))
                                .build())
                        .build()) {
            callback.start();
            endpoint.start();
            System.out.println(endpoint.address().getPort() + " "
                    + Base64.getEncoder().encodeToString(tls.caCertificate().orElseThrow()));
            BufferedReader commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            for (String command = commands.readLine(); command != null; command = commands.readLine()) {
                if (command.equals(MEASURE)) {
                    System.out.println(measures(endpoint));
                }
            }
        }
        System.exit(0);
    }

    private static String measures(AgentEndpoint endpoint) throws IOException {
        System.gc();
        long heap = ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
        long peak = ManagementFactory.getMemoryPoolMXBeans().stream()
                .filter(pool -> pool.getType() == MemoryType.HEAP)
                .map(MemoryPoolMXBean::getPeakUsage)
                .mapToLong(usage -> usage.getUsed())
                .sum();
        long direct = ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class).stream()
                .mapToLong(BufferPoolMXBean::getMemoryUsed)
                .sum();
        return String.format(
                Locale.ROOT,
                "%d %d %d %d %d %d %d %d %d",
                endpoint.status().connections(),
                endpoint.status().evicted(),
                heap,
                peak,
                direct,
                status("VmRSS:"),
                status("VmHWM:"),
                ManagementFactory.getThreadMXBean().getThreadCount(),
                ProcessHandle.current().info().totalCpuDuration().orElseThrow().toNanos());
    }

    private static long status(String name) throws IOException {
        for (String line : Files.readAllLines(new File("/proc/self/status").toPath())) {
            if (line.startsWith(name)) {
                return Long.parseLong(line.replaceAll("\\D", "")) * KIB;
            }
        }
        return 0;
    }
}
