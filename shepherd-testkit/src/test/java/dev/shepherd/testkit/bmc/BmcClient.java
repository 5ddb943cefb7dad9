package dev.shepherd.testkit.bmc;

import dev.shepherd.testkit.http.Json;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/** Asks a BMC, as its user, over the HTTPS of the JDK. */
final class BmcClient {

    static final String BASIC =
            "Basic " + Base64.getEncoder().encodeToString("root:secret".getBytes(StandardCharsets.UTF_8));

    private final FakeBmc bmc;
    private final HttpClient http;

    BmcClient(FakeBmc bmc) {
        this.bmc = bmc;
        http = HttpClient.newBuilder()
                .sslContext(bmc.certificate().clientContext())
                .version(HttpClient.Version.HTTP_1_1)
                .build();
    }

    HttpResponse<String> send(String method, String path, String body, String... headers)
            throws IOException, InterruptedException {
        return http.send(request(method, path, body, headers), BodyHandlers.ofString());
    }

    CompletableFuture<HttpResponse<String>> sendAsync(String method, String path, String body) {
        return http.sendAsync(request(method, path, body), BodyHandlers.ofString());
    }

    private HttpRequest request(String method, String path, String body, String... headers) {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(bmc.uri() + path))
                .timeout(Duration.ofSeconds(20))
                .method(method, body.isEmpty() ? BodyPublishers.noBody() : BodyPublishers.ofString(body))
                .setHeader("Authorization", BASIC);
        for (int i = 0; i < headers.length; i += 2) {
            request.setHeader(headers[i], headers[i + 1]);
        }
        return request.build();
    }

    HttpResponse<String> get(String path) throws IOException, InterruptedException {
        return send("GET", path, "");
    }

    Map<String, @Nullable Object> read(String path) throws IOException, InterruptedException {
        return Json.readObject(get(path).body());
    }

    Map<String, @Nullable Object> system() throws IOException, InterruptedException {
        return read(bmc.system().path());
    }

    HttpResponse<String> reset(String type) throws IOException, InterruptedException {
        Object target = at(system(), "Actions", "#ComputerSystem.Reset", "target");
        return send("POST", String.valueOf(target), Json.write(Map.of("ResetType", type)));
    }

    HttpResponse<String> bootOnceFromNetwork(String path, String... headers) throws IOException, InterruptedException {
        Map<String, Object> boot = Map.of("BootSourceOverrideEnabled", "Once", "BootSourceOverrideTarget", "Pxe");
        return send("PATCH", path, Json.write(Map.of("Boot", boot)), headers);
    }

    /** Returns what is at a path of names within an object; a number as a name takes that element of a list. */
    static @Nullable Object at(Map<String, @Nullable Object> object, String... names) {
        Object at = object;
        for (String name : names) {
            if (at instanceof List<?> list) {
                at = list.get(Integer.parseInt(name));
            } else {
                at = ((Map<?, ?>) Objects.requireNonNull(at, name)).get(name);
            }
        }
        return at;
    }
}
