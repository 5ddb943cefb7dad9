package dev.shepherd.provider.redfish;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.ProviderConfig;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Scope;
import dev.shepherd.provider.redfish.Credentials.Login;
import dev.shepherd.provider.support.CallGate;
import dev.shepherd.provider.support.CallThreads;
import dev.shepherd.provider.support.HttpCalls;
import java.net.http.HttpClient;
import java.nio.file.Path;
import java.time.Duration;
import javax.net.ssl.SSLParameters;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What all BMCs that speak Redfish share: one HTTP client with its threads, and the word on which certificates it trusts.
 * Safe for use by several threads.
 */
final class RedfishClient {

    private static final Logger log = LoggerFactory.getLogger(RedfishProvider.class);

    private static final Duration LONGEST_CONNECT = Duration.ofSeconds(10);

    /**
     * How long an answer may be, in bytes: ten times what the largest systems say of themselves, or less where the heap
     * has no room for that from as many BMCs as are asked at a time.
     */
    static final int LONGEST_ANSWER =
            (int) Math.min(4L * 1024 * 1024, Runtime.getRuntime().maxMemory() / 256);

    private final HttpCalls calls;
    private final BmcTrust trust;
    private final BmcLook look;

    /**
     * Reads the settings; no connection or thread exists before the first call.
     *
     * @throws ConfigurationException if the certificates cannot be read, or the settings contradict each other
     */
    RedfishClient(ProviderConfig config, CallThreads threads) {
        trust = trust(config);
        SSLParameters parameters = parameters(config);
        Duration half =
                config.duration(RedfishProviderFactory.TIMEOUT).orElseThrow().dividedBy(2);
        Duration connect = half.compareTo(LONGEST_CONNECT) < 0 ? half : LONGEST_CONNECT;
        look = new BmcLook(threads, trust, parameters, connect);
        calls = HttpCalls.builder("BMCs", threads)
                .client(client(trust, parameters, connect))
                .maxBody(LONGEST_ANSWER)
                .build();
    }

    private static BmcTrust trust(ProviderConfig config) {
        Path authorities = config.path(RedfishProviderFactory.CA).orElse(null);
        boolean hostNames = config.bool(RedfishProviderFactory.HOST_NAMES).orElseThrow();
        if (config.string(RedfishProviderFactory.TRUST).orElseThrow().strip().equals("verify")) {
            return BmcTrust.of(authorities, hostNames);
        }
        if (authorities != null) {
            throw new ConfigurationException(
                    RedfishProviderFactory.TRUST,
                    "\"trust\" is none, so that \"ca\" would mean nothing; leave out one");
        }
        log.warn(
                "provider {}: BMCs are not verified (trust=none): any host in their place gets their passwords;"
                        + " fingerprints in the list are still checked",
                config.type());
        return BmcTrust.none();
    }

    private static SSLParameters parameters(ProviderConfig config) {
        SSLParameters parameters = new SSLParameters();
        boolean old =
                config.string(RedfishProviderFactory.TLS).orElseThrow().strip().equals("1.2");
        parameters.setProtocols(old ? new String[] {"TLSv1.2"} : new String[] {"TLSv1.3", "TLSv1.2"});
        // As the client has it anyway; for the look at a certificate.
        parameters.setEndpointIdentificationAlgorithm("HTTPS");
        return parameters;
    }

    private static HttpClient.Builder client(BmcTrust trust, SSLParameters parameters, Duration connect) {
        return HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1)
                // Redirections are followed by hand: the client would take the password to another host.
                .followRedirects(HttpClient.Redirect.NEVER)
                // A proxy of the process is for the internet, not for the network of the BMCs.
                .proxy(HttpClient.Builder.NO_PROXY)
                .connectTimeout(connect)
                .sslContext(trust.context())
                .sslParameters(parameters);
    }

    /**
     * Looks at the certificate of the BMC of an entry. The BMC is asked nothing, and sent nothing.
     *
     * @param gate lets the look through
     */
    BmcReport.Certificate certificate(BmcEntry entry, CallGate gate, Duration limit)
            throws BmcLook.NoCertificateException, InterruptedException {
        trust.pin(entry);
        long end = System.nanoTime() + limit.toNanos();
        try (CallGate.Turn turn = gate.enter(entry.bmcName() + ": looking at its certificate", limit, Scope.MACHINE)) {
            return look.at(entry.bmc(), Duration.ofNanos(Math.max(1, end - System.nanoTime())));
        } catch (ProviderException e) {
            throw new BmcLook.NoCertificateException(BmcReport.Cause.BUSY, String.valueOf(e.getMessage()));
        }
    }

    /**
     * Starts a call to the BMC of an entry.
     *
     * @param gate lets the requests through
     * @param limit how long all of it may take
     */
    BmcCall call(BmcEntry entry, Login login, CallGate gate, Duration limit) {
        trust.pin(entry);
        String name = entry.bmcName();
        HttpCalls own = calls.toBuilder()
                .name(name)
                .basic(login.user(), login.password())
                .gate(gate)
                .scope(Scope.MACHINE)
                .limit(limit)
                .build();
        return new BmcCall(own, name, entry.bmc(), limit);
    }
}
