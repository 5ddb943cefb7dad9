package dev.shepherd.web;

import dev.shepherd.web.http.WebRequest;
import dev.shepherd.web.http.WebResponse;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;

/** The style sheet, the module and the picture of the pages. There are these files, and no folder that a path could leave. */
final class Assets {

    private static final Map<String, String> TYPES = Map.of(
            "shepherd.css", "text/css; charset=utf-8",
            "shepherd.js", "text/javascript; charset=utf-8",
            "shepherd.svg", "image/svg+xml");

    private record Asset(String type, byte[] content, String tag) {}

    private final Map<String, Asset> assets = new HashMap<>();

    Assets() {
        TYPES.forEach((name, type) -> assets.put(name, load(name, type)));
    }

    private static Asset load(String name, String type) {
        try (InputStream in = Assets.class.getResourceAsStream("assets/" + name)) {
            if (in == null) {
                throw new IllegalStateException("the asset " + name + " is not beside its class");
            }
            byte[] content = in.readAllBytes();
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(content);
            return new Asset(type, content, "\"" + HexFormat.of().formatHex(digest, 0, 16) + "\"");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }

    /** Answers a request for a file; empty if there is none with this name. */
    Optional<WebResponse> find(String name, WebRequest request) {
        return Optional.ofNullable(assets.get(name)).map(asset -> {
            boolean known = request.header("If-None-Match").equals(Optional.of(asset.tag()));
            WebResponse response = known
                    ? WebResponse.of(304, asset.type(), new byte[0])
                    : WebResponse.of(200, asset.type(), asset.content());
            return response.with("ETag", asset.tag()).with("Cache-Control", "no-cache");
        });
    }
}
