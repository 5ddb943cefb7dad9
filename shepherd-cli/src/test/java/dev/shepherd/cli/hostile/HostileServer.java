package dev.shepherd.cli.hostile;

import dev.shepherd.testkit.http.HttpListener;
import dev.shepherd.testkit.http.HttpMessage;
import java.io.IOException;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;

/** A server that means harm by one attack, in the protocol that it is asked by. */
final class HostileServer implements AutoCloseable {

    /** What it is asked by. */
    enum Protocol {
        /** A BMC that is looked at, rebooted and reinstalled. */
        REDFISH(250_000, 500_000, 1_000_000, 3_900_000),
        /** A list of machines. */
        LIST(1_000_000, 3_900_000, 15_900_000, 63_000_000),
        /** The API of Equinix Metal. */
        EQUINIX(1_000_000, 2_000_000, 3_900_000, 15_900_000),
        /** What a provider of one's own asks by {@code HttpCalls}. */
        CALLS(1_000_000, 2_000_000, 7_900_000, 15_900_000);

        /** How long a document is, one after the other: just within the limits for several sizes of the heap. */
        private final int[] sizes;

        Protocol(int... sizes) {
            this.sizes = sizes;
        }
    }

    private static final int OK = 200;
    private static final String SYSTEM = "/redfish/v1/Systems/1";

    private final Protocol protocol;
    private final Attack attack;
    private final HttpListener listener;
    private final AtomicInteger requests = new AtomicInteger();

    private HostileServer(Protocol protocol, Attack attack, @Nullable SSLContext tls) {
        this.protocol = protocol;
        this.attack = attack;
        listener = new HttpListener("hostile-" + attack + "-", tls);
    }

    static HostileServer start(Protocol protocol, Attack attack, @Nullable SSLContext tls) {
        HostileServer server = new HostileServer(protocol, attack, tls);
        server.listener.start(server::handle);
        return server;
    }

    String origin() {
        return listener.origin();
    }

    private boolean handle(HttpMessage request, HttpListener.Connection connection) throws IOException {
        if (attack.isFraming()) {
            return attack.frame(request, connection);
        }
        String document = switch (protocol) {
            case REDFISH -> redfish(request.method(), request.target());
            case LIST -> list();
            case EQUINIX -> equinix(request.target());
            case CALLS -> calls();
        };
        HttpMessage answer = HttpMessage.answer(OK, "OK", document).withLength();
        connection.send(answer.head(), answer.body());
        return true;
    }

    private int size() {
        return protocol.sizes[requests.getAndIncrement() % protocol.sizes.length];
    }

    private String document() {
        return attack.value(size());
    }

    private String redfish(String method, String target) {
        if (target.equals("/redfish/v1/")) {
            return "{\"@odata.id\":\"/redfish/v1/\",\"Systems\":{\"@odata.id\":\"/redfish/v1/Systems\"}}";
        }
        if (!method.equals("GET")) {
            return "{}";
        }
        if (target.startsWith("/redfish/v1/Systems?") || target.equals("/redfish/v1/Systems")) {
            return systems(target);
        }
        String more = attack.isDocument() ? "\"Oem\":" + document() + "," : "";
        String values = "\"On\",\"ForceRestart\"";
        String path = SYSTEM;
        if (attack == Attack.LONG_ITEMS) {
            path = target;
            more = "\"@odata.etag\":\"" + "b".repeat(100_000) + "\",\"Model\":\"" + "b".repeat(300_000) + "\",";
        } else if (attack == Attack.COUNTS) {
            values += IntStream.range(0, 20_000).mapToObj(i -> ",\"" + i + "\"").collect(Collectors.joining());
        }
        return "{" + more + "\"@odata.id\":\"" + SYSTEM + "\",\"PowerState\":\"On\","
                + "\"Boot\":{\"BootSourceOverrideEnabled\":\"Disabled\",\"BootSourceOverrideTarget\":\"None\"},"
                + "\"Actions\":{\"#ComputerSystem.Reset\":{\"target\":\"" + path + "/Reset\","
                + "\"ResetType@Redfish.AllowableValues\":[" + values + "]}}}";
    }

    private String systems(String target) {
        String members = "{\"@odata.id\":\"" + SYSTEM + "\"}";
        String next = "";
        switch (attack) {
            case PAGES -> next = "/redfish/v1/Systems?" + Attack.next();
            case PAGES_IN_A_CIRCLE -> next = "/redfish/v1/Systems?" + (target.endsWith("?1") ? 2 : 1);
            case ITEMS -> {
                next = "/redfish/v1/Systems?" + Attack.next();
                members = IntStream.range(0, 5_000)
                        .mapToObj(i -> "{\"@odata.id\":\"/redfish/v1/Systems/" + Attack.next() + "\"}")
                        .collect(Collectors.joining(","));
            }
            case LONG_ITEMS -> members = "{\"@odata.id\":\"" + SYSTEM + "b".repeat(60_000) + "\"}";
            default -> {}
        }
        String counted = attack == Attack.COUNTS ? "\"Members@odata.count\":" + "9".repeat(900) + "," : "";
        String link = next.isEmpty() ? "" : ",\"Members@odata.nextLink\":\"" + next + "\"";
        return "{" + counted + "\"Members\":[" + members + "]" + link + "}";
    }

    private String list() {
        int size = size();
        if (attack.isDocument()) {
            String value = attack.value(size);
            return requests.get() % 2 == 0
                    ? value
                    : "[{\"ID\":\"a\",\"Addr\":\"10.0.0.1\",\"Location\":" + value + "}]";
        }
        StringBuilder entries = new StringBuilder("[");
        String location = attack == Attack.LONG_ITEMS ? "b".repeat(250) : "b";
        for (int i = 0; entries.length() < size; i++) {
            entries.append("{\"ID\":\"m-%d\",\"Addr\":\"10.%d.%d.%d\",\"Location\":\"%s\"},"
                    .formatted(i, i >> 16 & 255, i >> 8 & 255, i & 255, location));
        }
        return entries.append("{\"ID\":\"last\",\"Addr\":\"11.0.0.1\"}]").toString();
    }

    private String equinix(String target) {
        int last = 1;
        String total = "1";
        String items;
        if (attack.isDocument()) {
            String value = document();
            items = switch (requests.get() % 3) {
                case 0 -> value;
                case 1 -> "[{\"id\":\"" + UUID.randomUUID() + "\",\"customdata\":" + value + "}]";
                default -> "[],\"more\":" + value;
            };
        } else {
            int size = size();
            items = switch (attack) {
                case ITEMS, LONG_ITEMS -> "[" + item("b".repeat(Math.min(size, 1_500_000))) + "]";
                case COUNTS ->
                    "[" + IntStream.range(0, size / 60).mapToObj(i -> item("")).collect(Collectors.joining(",")) + "]";
                default -> "[" + item("") + "]";
            };
            last = attack == Attack.PAGES ? Integer.MAX_VALUE : 9_999;
            total = "999999";
        }
        String meta = ",\"meta\":{\"total\":" + total + ",\"last_page\":" + last + ",\"current_page\":1}";
        return target.contains("hardware-reservations")
                ? "{\"hardware_reservations\":" + items + meta + "}"
                : "{\"id\":\"" + UUID.randomUUID() + "\",\"devices\":" + items + meta + "}";
    }

    private static String item(String text) {
        return "{\"id\":\"" + UUID.randomUUID() + "\",\"hostname\":\"fleet-" + text + "\"}";
    }

    private String calls() {
        return switch (attack) {
            case PAGES -> "{\"next\":\"" + Attack.next() + "\"}";
            case PAGES_IN_A_CIRCLE -> "{\"next\":\"same\"}";
            default -> attack.isDocument() ? document() : " ".repeat(size());
        };
    }

    @Override
    public void close() {
        listener.close();
    }
}
