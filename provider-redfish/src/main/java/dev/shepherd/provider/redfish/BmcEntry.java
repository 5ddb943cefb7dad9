package dev.shepherd.provider.redfish;

import dev.shepherd.api.ProviderID;
import dev.shepherd.provider.staticlist.list.EntryFields;
import dev.shepherd.provider.staticlist.list.EntryFields.Field;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What an entry of the list says of its machine's BMC.
 *
 * @param id the machine
 * @param bmc where the BMC is: scheme, host and perhaps a port, without a slash at its end
 * @param system the path of the system, where the entry names one
 * @param credentials the name of the user and password
 * @param fingerprint the SHA-256 of the certificate, in lower-case digits, where the entry pins one
 */
record BmcEntry(ProviderID id, URI bmc, Optional<String> system, String credentials, Optional<String> fingerprint) {

    static final String BMC = "BMC";
    static final String SYSTEM = "System";
    static final String CREDENTIALS = "Credentials";
    static final String FINGERPRINT = "Fingerprint";

    private static final String IPMI = "ipmi";
    private static final Map<String, Integer> USUAL_PORTS = Map.of("https", 443, "http", 80, IPMI, 623);

    private static final Pattern SYSTEM_PATH = Pattern.compile("/[A-Za-z0-9._~!$&'()*+,;=:@%/-]{1,500}");
    private static final Pattern CREDENTIALS_NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,63}");
    private static final Pattern SHA_256 = Pattern.compile("[0-9a-f]{64}");

    /** Returns what an entry of the list says, whose fields have been checked. */
    static BmcEntry of(ProviderID id, Map<String, String> fields) {
        return new BmcEntry(
                id,
                URI.create(String.valueOf(fields.get(BMC))),
                Optional.ofNullable(fields.get(SYSTEM)),
                fields.getOrDefault(CREDENTIALS, Credentials.DEFAULT),
                Optional.ofNullable(fields.get(FINGERPRINT)));
    }

    /** Tells whether it is reached by IPMI, and by Redfish otherwise. */
    boolean isIpmi() {
        return IPMI.equals(bmc.getScheme());
    }

    /** Returns what messages call the BMC. */
    String bmcName() {
        return "BMC of " + id + " at " + bmc;
    }

    /** The fields that name the BMC. */
    static EntryFields fields(boolean allowHttp) {
        return new EntryFields(
                List.of(
                        new Field(BMC, true, text -> bmc(text, allowHttp)),
                        new Field(SYSTEM, false, BmcEntry::system),
                        new Field(CREDENTIALS, false, BmcEntry::credentials),
                        new Field(FINGERPRINT, false, BmcEntry::fingerprint)),
                () -> new Sharing()::compare);
    }

    private static String bmc(String text, boolean allowHttp) {
        String expected =
                "must be the https: or ipmi: URL of a host and perhaps a port, such as https://10.0.1.7 or ipmi://10.0.1.8";
        if (text.indexOf('@') >= 0) {
            // Not shown: what stands before it may be a password.
            throw new IllegalArgumentException(expected + ", without a user or a password (what stands before the @)");
        }
        URI uri = uri(text);
        String scheme =
                uri == null || uri.getScheme() == null ? "" : uri.getScheme().toLowerCase(Locale.ROOT);
        if (scheme.equals("http") && !allowHttp) {
            throw new IllegalArgumentException(expected + ", not " + EntryFields.quoted(text)
                    + ", over which the password would be sent in the clear; the property \"allow-http\" allows it");
        }
        boolean fits = uri != null
                && USUAL_PORTS.containsKey(scheme)
                && uri.getHost() != null
                && uri.getPort() != 0
                && uri.getPort() <= 65535
                && (uri.getRawPath().isEmpty() || uri.getRawPath().equals("/"))
                && uri.getRawQuery() == null
                && uri.getRawFragment() == null;
        if (!fits || uri == null) {
            throw new IllegalArgumentException(expected + ", not " + EntryFields.quoted(text));
        }
        boolean usual = uri.getPort() < 0 || Objects.equals(uri.getPort(), USUAL_PORTS.get(scheme));
        String port = usual ? "" : ":" + uri.getPort();
        return scheme + "://" + uri.getHost().toLowerCase(Locale.ROOT) + port;
    }

    private static @Nullable URI uri(String text) {
        try {
            return new URI(text);
        } catch (URISyntaxException e) {
            return null;
        }
    }

    private static String system(String text) {
        if (!SYSTEM_PATH.matcher(text).matches() || uri(text) == null || text.contains("/../") || text.contains("//")) {
            throw new IllegalArgumentException(
                    "must be the path of a system of the BMC, such as /redfish/v1/Systems/1, not "
                            + EntryFields.quoted(text));
        }
        return text;
    }

    private static String credentials(String text) {
        if (!CREDENTIALS_NAME.matcher(text).matches()) {
            // Not shown: it may be the password itself.
            throw new IllegalArgumentException("must be the name of a user and password that are kept elsewhere:"
                    + " 1 to 64 letters, digits, dots, dashes and underscores");
        }
        return text;
    }

    private static String fingerprint(String text) {
        String digits = text.replace(":", "").toLowerCase(Locale.ROOT);
        if (!SHA_256.matcher(digits).matches()) {
            throw new IllegalArgumentException(
                    "must be the SHA-256 of a certificate, 64 hexadecimal digits with colons or without, not "
                            + EntryFields.quoted(text));
        }
        return digits;
    }

    /** Refuses entries of which one's machine could be rebooted for another's. */
    private static final class Sharing {

        private record First(
                int entry,
                @Nullable String system,
                @Nullable String fingerprint) {}

        private final Map<String, First> firstOf = new HashMap<>();
        private final Set<String> systems = new HashSet<>();

        void compare(int entry, Map<String, String> values) {
            String bmc = String.valueOf(values.get(BMC));
            String system = values.get(SYSTEM);
            String fingerprint = values.get(FINGERPRINT);
            if (fingerprint != null && bmc.startsWith("http:")) {
                throw new IllegalArgumentException(named(FINGERPRINT) + " needs an https: URL in " + named(BMC));
            }
            boolean ipmi = bmc.startsWith(IPMI + ":");
            if (ipmi && (system != null || fingerprint != null)) {
                throw new IllegalArgumentException(named(system != null ? SYSTEM : FINGERPRINT)
                        + " means nothing to IPMI, by which " + EntryFields.quoted(bmc) + " is reached; leave it out");
            }
            First first = firstOf.putIfAbsent(bmc, new First(entry, system, fingerprint));
            if (first != null && ipmi) {
                throw new IllegalArgumentException(named(BMC) + " is " + EntryFields.quoted(bmc) + ", as in entry "
                        + first.entry() + "; a BMC that is reached by IPMI has one machine");
            }
            if (first != null && (system == null || first.system() == null)) {
                throw new IllegalArgumentException(named(BMC) + " is " + EntryFields.quoted(bmc) + ", as in entry "
                        + first.entry() + "; entries that share a BMC each need a " + named(SYSTEM));
            }
            if (first != null && !Objects.equals(fingerprint, first.fingerprint())) {
                throw new IllegalArgumentException(named(FINGERPRINT) + " is not as in entry " + first.entry()
                        + ", which has the same " + named(BMC));
            }
            if (system != null && !systems.add(bmc + system)) {
                throw new IllegalArgumentException(named(SYSTEM) + " of " + EntryFields.quoted(bmc) + " is "
                        + EntryFields.quoted(system) + ", as in an entry before; each machine is a system of its own");
            }
        }

        private static String named(String key) {
            return "field \"" + key + "\"";
        }
    }
}
