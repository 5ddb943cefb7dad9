package dev.shepherd.provider.redfish;

import dev.shepherd.api.ProviderConfig;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.testkit.bmc.FakeBmc;
import dev.shepherd.testkit.bmc.FakeSystem;
import dev.shepherd.testkit.http.TestCertificate;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.cert.CertificateEncodingException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A list of machines in a file, with their BMCs and a file of credentials. */
final class Rack {

    static final String USER = "operator";
    static final String PASSWORD = "calvin \"and\" hobbes+42";

    private final Path folder;
    private final List<String> entries = new ArrayList<>();
    private final List<RedfishProvider> providers = new ArrayList<>();

    Rack(Path folder) {
        this.folder = folder;
        credentials("default " + USER + " " + PASSWORD + "\n");
        write();
    }

    static FakeBmc.Builder bmc() {
        return FakeBmc.builder().credentials(USER, PASSWORD);
    }

    static ProviderID id(int number) {
        return new ProviderID("rack-1-" + number);
    }

    /** Adds a machine with a BMC of its own, whose certificate is pinned. */
    ProviderID add(FakeBmc bmc) {
        return add(bmc.uri(), ", \"Fingerprint\": \"" + bmc.fingerprint() + "\"");
    }

    /** Adds a machine whose BMC has several. */
    ProviderID add(URI bmc, String fingerprint, FakeSystem system) {
        return add(bmc, ", \"Fingerprint\": \"" + fingerprint + "\", \"System\": \"" + system.path() + "\"");
    }

    ProviderID add(URI bmc, String more) {
        int number = entries.size() + 1;
        entries.add(
                "{\"ID\": \"%s\", \"Addr\": \"10.%d.%d.%d\", \"Location\": \"rack 1\", \"SSHPort\": 2222, \"BMC\": \"%s\"%s}"
                        .formatted(id(number), number >> 16, number >> 8 & 255, number & 255, bmc, more));
        write();
        return id(number);
    }

    void remove(ProviderID id) {
        entries.removeIf(entry -> entry.contains("\"" + id + "\""));
        write();
    }

    void write(String document) {
        try {
            Files.writeString(folder.resolve("machines.json"), document);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void write() {
        write("[" + String.join(",\n", entries) + "]");
    }

    /** Writes a certificate into a file, as the property {@code ca} takes it. */
    Path pem(TestCertificate certificate) {
        try {
            String encoded = Base64.getMimeEncoder()
                    .encodeToString(certificate.certificate().getEncoded());
            return Files.writeString(
                    folder.resolve("ca.pem"),
                    "-----BEGIN CERTIFICATE-----\n" + encoded + "\n-----END CERTIFICATE-----\n");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (CertificateEncodingException e) {
            throw new IllegalStateException(e);
        }
    }

    Path credentials() {
        return folder.resolve("bmc-credentials");
    }

    void credentials(String text) {
        try {
            Files.writeString(credentials(), text);
            Files.setPosixFilePermissions(credentials(), PosixFilePermissions.fromString("rw-------"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Makes a provider of the list. The properties are names and values in turn. */
    RedfishProvider provider(String... properties) {
        Map<String, String> all = new HashMap<>();
        all.put("list", folder.resolve("machines.json").toUri().toString());
        all.put("credentials", credentials().toString());
        for (int i = 0; i < properties.length; i += 2) {
            all.put(properties[i], properties[i + 1]);
        }
        return provider(all, Map.of());
    }

    RedfishProvider provider(Map<String, String> properties, Map<String, String> environment) {
        Map<String, String> all = new HashMap<>(properties);
        all.putIfAbsent("list", folder.resolve("machines.json").toUri().toString());
        RedfishProvider provider = new RedfishProvider(
                ProviderConfig.of(new RedfishProviderFactory(), new ProviderType("racks"), all), environment::get);
        providers.add(provider);
        return provider;
    }

    void close() {
        providers.forEach(RedfishProvider::close);
    }
}
