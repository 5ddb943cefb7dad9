package dev.shepherd.provider.equinix;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.shepherd.provider.equinix.client.ApiClient;
import dev.shepherd.provider.equinix.client.DevicesApi;
import dev.shepherd.provider.equinix.client.HardwareReservationsApi;
import dev.shepherd.provider.equinix.client.SshKeysApi;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Executor;
import javax.net.ssl.SSLSession;
import org.jspecify.annotations.Nullable;

/**
 * The generated client's parts, on one HTTP client.
 *
 * @param devices the operations on devices
 * @param reservations the operations on hardware reservations
 * @param keys the operations on SSH keys
 */
record MetalApi(DevicesApi devices, HardwareReservationsApi reservations, SshKeysApi keys) {

    /** How long an answer may be, in bytes: some three times as much as the largest page, where the heap has room. */
    private static final long LONGEST_ANSWER =
            Math.min(16L * 1024 * 1024, Runtime.getRuntime().maxMemory() / 32);

    /**
     * Makes the client. Its threads belong to the group of the calling thread.
     *
     * @param endpoint where the API is
     * @param token what calls carry
     * @param connectTimeout how long connecting may take
     * @param executor what the HTTP client runs on
     */
    static MetalApi open(URI endpoint, String token, Duration connectTimeout, Executor executor) {
        HttpClient http = HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1)
                .followRedirects(HttpClient.Redirect.NEVER)
                .connectTimeout(connectTimeout)
                .executor(executor)
                .build();
        // The client appends paths that begin with a slash.
        String base = endpoint.toString().replaceFirst("/+$", "");
        ApiClient client = new ApiClient(HttpClient.newBuilder(), mapper(), base) {
            @Override
            public HttpClient getHttpClient() {
                return http;
            }
        };
        client.setRequestInterceptor(request -> authenticate(request, token));
        client.setResponseInterceptor(BoundedResponse::new);
        return new MetalApi(new DevicesApi(client), new HardwareReservationsApi(client), new SshKeysApi(client));
    }

    static ObjectMapper mapper() {
        return ApiClient.createDefaultObjectMapper();
    }

    private static void authenticate(HttpRequest.Builder request, String token) {
        request.header("X-Auth-Token", token);
    }

    /** An answer that ends in an error if it is far longer than any that the API gives. */
    private record BoundedResponse(HttpResponse<InputStream> response) implements HttpResponse<InputStream> {

        @Override
        public @Nullable InputStream body() {
            InputStream body = response.body();
            return body == null ? null : new BoundedStream(body);
        }

        @Override
        public int statusCode() {
            return response.statusCode();
        }

        @Override
        public HttpRequest request() {
            return response.request();
        }

        @Override
        public Optional<HttpResponse<InputStream>> previousResponse() {
            return response.previousResponse();
        }

        @Override
        public HttpHeaders headers() {
            return response.headers();
        }

        @Override
        public Optional<SSLSession> sslSession() {
            return response.sslSession();
        }

        @Override
        public URI uri() {
            return response.uri();
        }

        @Override
        public HttpClient.Version version() {
            return response.version();
        }
    }

    private static final class BoundedStream extends FilterInputStream {
        private long left = LONGEST_ANSWER;

        BoundedStream(InputStream in) {
            super(in);
        }

        @Override
        public int read() throws IOException {
            int read = super.read();
            count(read < 0 ? 0 : 1);
            return read;
        }

        @Override
        public int read(byte[] buffer, int offset, int length) throws IOException {
            int read = super.read(buffer, offset, length);
            count(Math.max(read, 0));
            return read;
        }

        private void count(int read) throws IOException {
            left -= read;
            if (left < 0) {
                throw new IOException("the answer is longer than " + LONGEST_ANSWER + " bytes");
            }
        }
    }
}
