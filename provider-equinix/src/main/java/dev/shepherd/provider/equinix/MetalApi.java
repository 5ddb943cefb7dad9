package dev.shepherd.provider.equinix;

import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.shepherd.provider.equinix.client.ApiClient;
import dev.shepherd.provider.equinix.client.DevicesApi;
import dev.shepherd.provider.equinix.client.HardwareReservationsApi;
import dev.shepherd.provider.equinix.client.SshKeysApi;
import dev.shepherd.provider.support.CallThreads;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.time.Duration;

/**
 * The generated client's parts, on one HTTP client.
 *
 * @param devices the operations on devices
 * @param reservations the operations on hardware reservations
 * @param keys the operations on SSH keys
 */
record MetalApi(DevicesApi devices, HardwareReservationsApi reservations, SshKeysApi keys) {

    /** How long an answer may be, in bytes: some three times as much as the largest page, where the heap has room. */
    private static final int LONGEST_ANSWER =
            (int) Math.min(16L * 1024 * 1024, Runtime.getRuntime().maxMemory() / 64);

    /**
     * Makes the client.
     *
     * @param endpoint where the API is
     * @param token what calls carry
     * @param connectTimeout how long connecting may take
     * @param threads what the HTTP client runs on, and ends with
     */
    static MetalApi open(URI endpoint, String token, Duration connectTimeout, CallThreads threads) {
        HttpClient http = threads.client(
                HttpClient.newBuilder()
                        .version(HttpClient.Version.HTTP_1_1)
                        .followRedirects(HttpClient.Redirect.NEVER)
                        .connectTimeout(connectTimeout),
                LONGEST_ANSWER);
        // The client appends paths that begin with a slash.
        String base = endpoint.toString().replaceFirst("/+$", "");
        ApiClient client = new ApiClient(HttpClient.newBuilder(), mapper(), base) {
            @Override
            public HttpClient getHttpClient() {
                return http;
            }
        };
        client.setRequestInterceptor(request -> authenticate(request, token));
        return new MetalApi(new DevicesApi(client), new HardwareReservationsApi(client), new SshKeysApi(client));
    }

    /** An empty object of two bytes is a device of some 150 of the heap: so tokens are counted, beside the bytes. */
    static ObjectMapper mapper() {
        ObjectMapper mapper = ApiClient.createDefaultObjectMapper();
        mapper.getFactory()
                .setStreamReadConstraints(StreamReadConstraints.builder()
                        .maxTokenCount(LONGEST_ANSWER / 24)
                        .maxNestingDepth(100)
                        .build());
        return mapper;
    }

    private static void authenticate(HttpRequest.Builder request, String token) {
        request.header("X-Auth-Token", token);
    }
}
