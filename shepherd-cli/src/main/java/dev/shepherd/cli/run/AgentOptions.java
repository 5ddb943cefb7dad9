package dev.shepherd.cli.run;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.cli.internal.Setting;
import dev.shepherd.cli.settings.Given;
import dev.shepherd.cli.settings.OptionFile;
import dev.shepherd.manager.takeover.SshCredentials;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options that say how agents are started. */
final class AgentOptions {

    private static final Path DEFAULT_KEY = Path.of(".shepherd", "id_ed25519");

    @Option(names = "--agent", paramLabel = "FILE", description = "the agent's executable")
    private @Nullable String agent;

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

    @Option(names = "--ssh-user", paramLabel = "USER", description = "user to log in as (default: root)")
    private @Nullable String sshUser;

    @Option(
            names = "--agent-path",
            paramLabel = "PATH",
            description = "where to put the agent on the machines (default: /root/agent)")
    private @Nullable String agentPath;

    @Option(
            names = "--endpoint",
            paramLabel = "TEXT",
            description =
                    "where agents report to, such as https://HOST:PORT, or HOST:PORT for those that speak gRPC; passed to"
                            + " them unchanged (default: the URL of --agent-listen or, without it, the address of"
                            + " --agent-grpc-listen)")
    private @Nullable String endpoint;

    @Option(
            names = "--agent-listen",
            paramLabel = "[HOST:]PORT",
            description = "take reports from agents here (default host: 127.0.0.1), by HTTPS unless that is a loopback"
                    + " address; docs/agents.md describes the protocol")
    private @Nullable String agentListen;

    @Option(
            names = "--agent-grpc-listen",
            paramLabel = "[HOST:]PORT",
            description = "take reports by gRPC here (default host: 127.0.0.1), from agents of the original system; has"
                    + " TLS spoken at --agent-listen, too")
    private @Nullable String agentGrpcListen;

    @Option(
            names = "--agent-certificate",
            paramLabel = "FILE",
            description = "the certificate of --agent-listen, in PEM, with those that vouch for it; read again when it"
                    + " changes (default: made in --agent-tls-folder)")
    private @Nullable Path agentCertificate;

    @Option(
            names = "--agent-key",
            paramLabel = "FILE",
            description = "the key of --agent-certificate, in PEM, readable by its owner alone")
    private @Nullable Path agentKey;

    @Option(
            names = "--agent-tls-folder",
            paramLabel = "FOLDER",
            description = "where the certificate authority of --agent-listen is, which is made if there is none and"
                    + " told to agents (default: .shepherd/agent-tls). Managers of one fleet share it, or copies")
    private @Nullable Path agentTlsFolder;

    @Option(
            names = "--agent-name",
            paramLabel = "NAME",
            description = "host name or address that agents reach --agent-listen by, for its certificate, beside that"
                    + " in --endpoint; repeatable")
    private List<String> agentNames = new ArrayList<>();

    @Option(
            names = "--agent-plain-http",
            description = "speak plain HTTP at --agent-listen, on whatever address: behind a proxy that ends TLS")
    private boolean agentPlainHttp;

    @Option(
            names = "--agent-connections",
            paramLabel = "COUNT",
            description =
                    "connections of agents that may be open at once; fewer where the process may not open that many"
                            + " files (default: 10000)")
    private @Nullable String agentConnections;

    @Option(
            names = "--agent-connections-per-address",
            paramLabel = "COUNT",
            description = "connections that may be open from one address (default: 64)")
    private @Nullable String agentConnectionsPerAddress;

    @Option(
            names = "--agent-heartbeats-per-minute",
            paramLabel = "COUNT",
            description = "calls accepted from one machine per minute (default: 60)")
    private @Nullable String agentHeartbeatsPerMinute;

    @Option(
            names = "--agent-reports-per-hour",
            paramLabel = "COUNT",
            description = "reports accepted from one machine per hour (default: 60)")
    private @Nullable String agentReportsPerHour;

    @Option(
            names = "--agent-report-mib-per-hour",
            paramLabel = "MIB",
            description = "MiB of reports accepted from one machine per hour (default: 16)")
    private @Nullable String agentReportMibPerHour;

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
            description =
                    "certificate that agents verify the endpoint with, in PEM or DER (default: that of the authority"
                            + " in --agent-tls-folder, if the endpoint has its certificate from there)")
    private @Nullable String caCertificate;

    @Option(
            names = "--takeover-timeout",
            paramLabel = "SECONDS",
            description = "limit for a whole takeover (default: 60)")
    private @Nullable String takeoverTimeout;

    @Option(
            names = "--accept-any-host-key",
            description =
                    "do not check the SSH host keys of machines; an attacker on the network can then pose as a machine")
    private boolean acceptAnyHostKey;

    /**
     * Gives what was given.
     *
     * @param hasFile whether the rest comes from a file
     */
    void give(Given given, boolean hasFile) {
        given.put("agent.executable", "--agent", agent);
        given.put("agent.endpoint", "--endpoint", endpoint);
        given.put("agent.user", "--ssh-user", sshUser);
        given.put("agent.remote-path", "--agent-path", agentPath);
        given.putSpan("agent.total-timeout", "--takeover-timeout", takeoverTimeout);
        given.put("agent.host-key-policy", "--accept-any-host-key", acceptAnyHostKey ? "accept-any" : null);
        given.put("agent.ca-certificate", "--ca-certificate", caCertificate);
        giveCredentials(given, hasFile);
        given.put("agent-endpoint.address", "--agent-listen", agentListen);
        given.put("agent-endpoint.grpc-address", "--agent-grpc-listen", agentGrpcListen);
        if (agentCertificate != null || agentTlsFolder != null || agentPlainHttp) {
            given.replace("agent-endpoint.tls");
        }
        given.put("agent-endpoint.tls.certificate", "--agent-certificate", agentCertificate);
        given.put("agent-endpoint.tls.key", "--agent-key", agentKey);
        given.put("agent-endpoint.tls.folder", "--agent-tls-folder", agentTlsFolder);
        given.putAll("agent-endpoint.tls.names", "--agent-name", agentNames);
        given.put("agent-endpoint.plain-http", "--agent-plain-http", agentPlainHttp ? "true" : null);
        String limits = "agent-endpoint.limits.";
        given.put(limits + "max-connections", "--agent-connections", agentConnections);
        given.put(
                limits + "max-connections-per-address", "--agent-connections-per-address", agentConnectionsPerAddress);
        given.put(limits + "heartbeats-per-minute", "--agent-heartbeats-per-minute", agentHeartbeatsPerMinute);
        given.put(limits + "reports-per-hour", "--agent-reports-per-hour", agentReportsPerHour);
        given.put(
                limits + "report-bytes-per-hour",
                "--agent-report-mib-per-hour",
                agentReportMibPerHour == null ? null : agentReportMibPerHour + "MiB");
        given.putAll(limits + "proxies", "--agent-proxy", agentProxies);
    }

    private void giveCredentials(Given given, boolean hasFile) {
        if (sshPasswordFile != null && (key != null || keyPassphraseFile != null)) {
            throw new ConfigurationException(
                    "--ssh-password-file", "--ssh-password-file and --key exclude one another: log in with one");
        }
        if (key != null || sshPasswordFile != null) {
            given.replace("agent.credentials");
        }
        boolean isDefaultKey = !hasFile && key == null && keyPassphraseFile != null;
        given.put("agent.credentials.key", "--key", isDefaultKey ? DEFAULT_KEY : key);
        given.put(
                "agent.credentials.key-passphrase",
                "--key-passphrase-file",
                secret("--key-passphrase-file", keyPassphraseFile));
        given.put("agent.credentials.password", "--ssh-password-file", secret("--ssh-password-file", sshPasswordFile));
    }

    private static @Nullable String secret(String option, @Nullable Path file) {
        return file == null ? null : OptionFile.firstLine(option, file);
    }

    /** Returns the key that is used where none is named, and makes it if it does not exist. */
    static Optional<SshCredentials> defaultKey() {
        boolean generated = !Files.exists(DEFAULT_KEY);
        SshCredentials credentials = Setting.of("--key", DEFAULT_KEY, SshCredentials::generateIfAbsent);
        if (generated) {
            System.err.println("shepherd: generated the key " + DEFAULT_KEY + "; let it in on every machine: "
                    + credentials.publicKey().orElse(""));
        }
        return Optional.of(credentials);
    }
}
