package dev.shepherd.cli.run;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.internal.settings.Checks;
import dev.shepherd.callback.AgentEndpoint;
import dev.shepherd.callback.AgentEndpointLimits;
import dev.shepherd.cli.internal.ListenAddress;
import dev.shepherd.cli.internal.OptionFile;
import dev.shepherd.cli.internal.Setting;
import dev.shepherd.manager.takeover.AgentTakeover;
import dev.shepherd.manager.takeover.HostKeyPolicy;
import dev.shepherd.manager.takeover.SshCredentials;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options that say how agents are started. */
final class AgentOptions {

    private static final Path DEFAULT_KEY = Path.of(".shepherd", "id_ed25519");

    @Option(names = "--agent", required = true, paramLabel = "FILE", description = "the agent's executable")
    private Path agent = Path.of("agent");

    @Option(
            names = "--key",
            paramLabel = "FILE",
            description =
                    "OpenSSH private key to log in with (default: .shepherd/id_ed25519, generated if it does not exist)")
    private @Nullable Path key;

    @Option(
            names = "--key-passphrase-file",
            paramLabel = "FILE",
            description = "file whose first line is the key's passphrase")
    private @Nullable Path keyPassphraseFile;

    @Option(
            names = "--ssh-password-file",
            paramLabel = "FILE",
            description = "log in with the password in this file's first line instead of a key")
    private @Nullable Path sshPasswordFile;

    @Option(
            names = "--ssh-user",
            paramLabel = "USER",
            defaultValue = "root",
            description = "user to log in as (default: ${DEFAULT-VALUE})")
    private String sshUser = "root";

    @Option(
            names = "--agent-path",
            paramLabel = "PATH",
            defaultValue = AgentTakeover.DEFAULT_REMOTE_PATH,
            description = "where to put the agent on the machines (default: ${DEFAULT-VALUE})")
    private String agentPath = AgentTakeover.DEFAULT_REMOTE_PATH;

    @Option(
            names = "--endpoint",
            paramLabel = "TEXT",
            description =
                    "where agents report to, such as http://HOST:PORT; passed to them unchanged (default: the URL of"
                            + " --agent-listen)")
    private @Nullable String endpoint;

    @Option(
            names = "--agent-listen",
            paramLabel = "[HOST:]PORT",
            description = "take reports from agents here, over HTTP (default host: 127.0.0.1); docs/agents.md describes"
                    + " the protocol")
    private @Nullable String agentListen;

    @Option(
            names = "--agent-connections",
            paramLabel = "COUNT",
            defaultValue = "10000",
            description =
                    "connections of agents that may be open at once; fewer where the process may not open that many"
                            + " files (default: ${DEFAULT-VALUE})")
    private int agentConnections = 10000;

    @Option(
            names = "--agent-connections-per-address",
            paramLabel = "COUNT",
            defaultValue = "64",
            description = "connections that may be open from one address (default: ${DEFAULT-VALUE})")
    private int agentConnectionsPerAddress = 64;

    @Option(
            names = "--agent-heartbeats-per-minute",
            paramLabel = "COUNT",
            defaultValue = "60",
            description = "calls accepted from one machine per minute (default: ${DEFAULT-VALUE})")
    private int agentHeartbeatsPerMinute = 60;

    @Option(
            names = "--agent-reports-per-hour",
            paramLabel = "COUNT",
            defaultValue = "60",
            description = "reports accepted from one machine per hour (default: ${DEFAULT-VALUE})")
    private int agentReportsPerHour = 60;

    @Option(
            names = "--agent-report-mib-per-hour",
            paramLabel = "MIB",
            defaultValue = "16",
            description = "MiB of reports accepted from one machine per hour (default: ${DEFAULT-VALUE})")
    private int agentReportMibPerHour = 16;

    @Option(
            names = "--agent-proxy",
            paramLabel = "ADDRESS",
            description =
                    "address of a proxy that agents connect through and that sets X-Forwarded-For; limits then apply"
                            + " to the last address in that header; repeatable")
    private List<String> agentProxies = new ArrayList<>();

    @Option(
            names = "--ca-certificate",
            paramLabel = "FILE",
            description = "certificate that agents verify the endpoint with; passed to them unchanged")
    private @Nullable Path caCertificate;

    @Option(
            names = "--takeover-timeout",
            paramLabel = "SECONDS",
            defaultValue = "60",
            description = "limit for a whole takeover (default: ${DEFAULT-VALUE})")
    private int takeoverTimeout = 60;

    @Option(
            names = "--accept-any-host-key",
            description =
                    "do not check the SSH host keys of machines; an attacker on the network can then pose as a machine")
    private boolean acceptAnyHostKey;

    /** Returns where to accept calls of agents, if anywhere. */
    Optional<InetSocketAddress> listen() {
        return Optional.ofNullable(agentListen).map(text -> ListenAddress.of("--agent-listen", text));
    }

    /** Returns the limits of the endpoint. */
    AgentEndpointLimits limits() {
        AgentEndpointLimits.Builder limits = AgentEndpointLimits.builder()
                .maxConnections(atLeastOne("--agent-connections", agentConnections))
                .maxConnectionsPerAddress(atLeastOne("--agent-connections-per-address", agentConnectionsPerAddress))
                .heartbeatsPerMinute(atLeastOne("--agent-heartbeats-per-minute", agentHeartbeatsPerMinute))
                .reportsPerHour(atLeastOne("--agent-reports-per-hour", agentReportsPerHour))
                .reportBytesPerHour((long) atLeastOne("--agent-report-mib-per-hour", agentReportMibPerHour) << 20)
                .proxies(agentProxies.stream().map(AgentOptions::proxy).toList());
        return limits.build();
    }

    private static int atLeastOne(String option, int value) {
        Checks.count(option, value, 1, 1_000_000);
        return value;
    }

    private static InetAddress proxy(String text) {
        try {
            return InetAddress.getByName(text);
        } catch (UnknownHostException e) {
            throw new ConfigurationException("--agent-proxy", "--agent-proxy: there is no host " + text, e);
        }
    }

    private String endpoint() {
        if (endpoint != null) {
            return endpoint;
        }
        InetSocketAddress address = listen().orElseThrow(() -> new ConfigurationException(
                "--endpoint", "where agents report to is missing: give --endpoint, --agent-listen or both"));
        if (address.getAddress().isAnyLocalAddress()) {
            throw new ConfigurationException(
                    "--endpoint",
                    "--agent-listen listens on all interfaces: give --endpoint, with the URL that agents reach it by");
        }
        return AgentEndpoint.url(address);
    }

    AgentTakeover takeover() {
        if (!Files.isRegularFile(agent) || !Files.isReadable(agent)) {
            throw new ConfigurationException("--agent", "--agent: " + agent + " is not a file that can be read");
        }
        AgentTakeover.Builder takeover = AgentTakeover.builder()
                .executable(agent)
                .credentials(credentials())
                .endpoint(endpoint())
                .user(sshUser)
                .remotePath(agentPath)
                .totalTimeout(Duration.ofSeconds(takeoverTimeout));
        if (acceptAnyHostKey) {
            takeover.hostKeyPolicy(HostKeyPolicy.ACCEPT_ANY);
        }
        if (caCertificate != null) {
            takeover.caCertificate(OptionFile.bytes("--ca-certificate", caCertificate));
        }
        return Setting.build(
                Map.of(
                        "endpoint", "--endpoint",
                        "user", "--ssh-user",
                        "remotePath", "--agent-path",
                        "totalTimeout", "--takeover-timeout",
                        "caCertificate", "--ca-certificate"),
                takeover::build);
    }

    private SshCredentials credentials() {
        if (sshPasswordFile != null) {
            if (key != null || keyPassphraseFile != null) {
                throw new ConfigurationException(
                        "--ssh-password-file", "--ssh-password-file and --key exclude one another: log in with one");
            }
            return SshCredentials.password(
                    OptionFile.firstLine("--ssh-password-file", sshPasswordFile).toCharArray());
        }
        return key == null && keyPassphraseFile == null ? defaultKey() : namedKey(key == null ? DEFAULT_KEY : key);
    }

    /** A key that was named is not generated: if the name is mistyped, no machine would accept it. */
    private SshCredentials namedKey(Path file) {
        if (!Files.exists(file)) {
            throw OptionFile.missing("--key", file, null);
        }
        if (keyPassphraseFile == null) {
            return Setting.of("--key", file, SshCredentials::privateKey);
        }
        char[] passphrase =
                OptionFile.firstLine("--key-passphrase-file", keyPassphraseFile).toCharArray();
        return Setting.of("--key", file, it -> SshCredentials.privateKey(it, passphrase));
    }

    private static SshCredentials defaultKey() {
        boolean generated = !Files.exists(DEFAULT_KEY);
        SshCredentials credentials = Setting.of("--key", DEFAULT_KEY, SshCredentials::generateIfAbsent);
        if (generated) {
            System.err.println("shepherd: generated the key " + DEFAULT_KEY + "; let it in on every machine: "
                    + credentials.publicKey().orElse(""));
        }
        return credentials;
    }
}
