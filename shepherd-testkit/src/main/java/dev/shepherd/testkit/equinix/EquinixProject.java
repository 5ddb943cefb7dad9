package dev.shepherd.testkit.equinix;

import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** What the fake holds: one project with its reservations, devices and SSH keys. Not safe for several threads. */
final class EquinixProject {

    static final String PLAN = "c3.small.x86";
    static final String METRO = "fr";
    private static final String FACILITY = "fr2";

    /** A request that the API refuses, with the status and the texts of its answer. */
    static final class Refusal extends Exception {
        private static final long serialVersionUID = 1L;

        final int status;
        final String error;

        Refusal(int status, String error) {
            super(error);
            this.status = status;
            this.error = error;
        }

        static Refusal notFound() {
            return new Refusal(404, "Not found");
        }

        static Refusal unprocessable(String error) {
            return new Refusal(422, error);
        }
    }

    static final class Reservation {
        final UUID id = UUID.randomUUID();
        boolean provisionable = true;
        boolean needOfService;
        boolean spare;

        @Nullable
        UUID device;
    }

    static final class DeviceRow {
        final UUID id = UUID.randomUUID();
        final Instant createdAt;
        String hostname;

        @Nullable
        Reservation reservation;

        List<String> tags = List.of();
        List<String> sshKeys = List.of();
        String operatingSystem = "";

        @Nullable
        Instant reinstalledAt;

        @Nullable
        String fixedState;

        List<Address> addresses = List.of();
        Host host = Host.NONE;

        DeviceRow(String hostname, Instant createdAt) {
            this.hostname = hostname;
            this.createdAt = createdAt;
        }
    }

    static final class Key {
        final UUID id = UUID.randomUUID();
        String label;
        String key;

        Key(String label, String key) {
            this.label = label;
            this.key = key;
        }
    }

    final UUID id = UUID.randomUUID();
    final Map<UUID, Reservation> reservations = new LinkedHashMap<>();
    final Map<UUID, DeviceRow> devices = new LinkedHashMap<>();
    final Map<UUID, Key> keys = new LinkedHashMap<>();
    private final Set<UUID> moved = new HashSet<>();

    private final Clock clock;
    private final Duration queued;
    private final Duration provisioning;
    private final Function<Device, Host> hosts;
    private int addressesGiven;

    EquinixProject(Clock clock, Duration queued, Duration provisioning, Function<Device, Host> hosts) {
        this.clock = clock;
        this.queued = queued;
        this.provisioning = provisioning;
        this.hosts = hosts;
    }

    DeviceRow create(Map<String, @Nullable Object> input) throws Refusal {
        String plan = text(input, "plan");
        String operatingSystem = text(input, "operating_system");
        if (plan == null || operatingSystem == null) {
            throw Refusal.unprocessable((plan == null ? "plan" : "operating_system") + " can't be blank");
        }
        if (text(input, "metro") == null && texts(input, "facility").isEmpty()) {
            throw Refusal.unprocessable("either metro or facility is required");
        }
        if (!plan.equals(PLAN)) {
            throw Refusal.unprocessable(plan + " is not a valid plan");
        }
        String reservationId = text(input, "hardware_reservation_id");
        if (reservationId == null) {
            throw Refusal.unprocessable(
                    "hardware_reservation_id can't be blank: this project has reserved machines only");
        }
        Reservation reservation = reservation(reservationId);
        List<String> sshKeys = new ArrayList<>();
        List<String> named = texts(input, "project_ssh_keys");
        for (String key : named) {
            sshKeys.add(keys.values().stream()
                    .filter(known -> known.id.toString().equals(key))
                    .findFirst()
                    .orElseThrow(
                            () -> Refusal.unprocessable("project_ssh_keys: " + key + " is not a key of the project"))
                    .key);
        }
        if (named.isEmpty()) {
            keys.values().forEach(key -> sshKeys.add(key.key)); // None named means all of the project's.
        }
        String hostname = text(input, "hostname");
        DeviceRow device = new DeviceRow(hostname == null ? "unnamed" : hostname, clock.instant());
        device.reservation = reservation;
        device.tags = texts(input, "tags");
        device.sshKeys = List.copyOf(sshKeys);
        device.operatingSystem = operatingSystem;
        add(device);
        reservation.device = device.id;
        reservation.provisionable = false;
        return device;
    }

    private Reservation reservation(String reservationId) throws Refusal {
        Reservation reservation = reservations.values().stream()
                .filter(candidate -> candidate.id.toString().equals(reservationId))
                .findFirst()
                .orElseThrow(() -> Refusal.unprocessable("hardware_reservation_id " + reservationId + " is not found"));
        if (!reservation.provisionable) {
            throw Refusal.unprocessable("hardware_reservation_id " + reservationId + " is not provisionable");
        }
        return reservation;
    }

    void add(DeviceRow device) {
        device.host = hosts.apply(describe(device));
        device.addresses = device.host
                .address()
                .map(address -> List.of(new Address(address, true)))
                .orElseGet(this::invent);
        devices.put(device.id, device);
    }

    /** From the ranges that RFC 2544, RFC 1918 and RFC 3849 keep free of anybody else's machines. */
    private List<Address> invent() {
        int n = ++addressesGiven;
        byte high = (byte) (n >> 8);
        byte low = (byte) n;
        byte[] v6 = new byte[16];
        v6[0] = 0x20;
        v6[1] = 0x01;
        v6[2] = 0x0d;
        v6[3] = (byte) 0xb8;
        v6[14] = high;
        v6[15] = low;
        try {
            return List.of(
                    new Address(InetAddress.getByAddress(new byte[] {(byte) 198, 18, high, low}), true),
                    new Address(InetAddress.getByAddress(v6), true),
                    new Address(InetAddress.getByAddress(new byte[] {10, 18, high, low}), false));
        } catch (UnknownHostException e) {
            throw new IllegalStateException(e);
        }
    }

    DeviceRow device(UUID deviceId) throws Refusal {
        DeviceRow device = devices.get(deviceId);
        if (device == null && moved.contains(deviceId)) {
            throw new Refusal(403, "You are not authorized to view this device");
        }
        if (device == null) {
            throw Refusal.notFound();
        }
        return device;
    }

    void update(UUID deviceId, Map<String, @Nullable Object> input) throws Refusal {
        DeviceRow device = device(deviceId);
        List<String> tags = texts(input, "tags");
        String hostname = text(input, "hostname");
        if (hostname != null) {
            device.hostname = hostname;
        }
        if (input.containsKey("tags")) {
            device.tags = tags;
        }
    }

    /** Takes a device to another project. */
    void move(UUID deviceId) throws Refusal {
        delete(deviceId);
        moved.add(deviceId);
    }

    void delete(UUID deviceId) throws Refusal {
        DeviceRow device = device(deviceId);
        devices.remove(deviceId);
        Reservation reservation = device.reservation;
        if (reservation != null) {
            reservation.device = null;
            reservation.provisionable = true;
        }
        device.host.close();
    }

    void act(UUID deviceId, Map<String, @Nullable Object> input) throws Refusal {
        DeviceRow device = device(deviceId);
        String type = text(input, "type");
        if (type == null) {
            throw Refusal.unprocessable("type can't be blank");
        }
        String state = state(device);
        boolean allowed = switch (type) {
            case "power_on" -> state.equals("inactive");
            case "power_off", "reboot", "rescue" -> state.equals("active");
            case "reinstall" -> state.equals("active") || state.equals("inactive");
            default -> throw Refusal.unprocessable("type " + type + " is not an action");
        };
        if (!allowed) {
            throw Refusal.unprocessable("Cannot " + type + " a device that is " + state);
        }
        switch (type) {
            case "reboot" -> device.host.reboot();
            case "reinstall" -> {
                device.reinstalledAt = clock.instant();
                device.fixedState = null;
                String operatingSystem = text(input, "operating_system");
                if (operatingSystem != null) {
                    device.operatingSystem = operatingSystem;
                }
                device.host.reinstall();
            }
            case "power_off" -> device.fixedState = "inactive";
            default -> device.fixedState = null;
        }
    }

    Key createKey(Map<String, @Nullable Object> input) throws Refusal {
        String label = text(input, "label");
        String key = text(input, "key");
        if (label == null || key == null) {
            throw Refusal.unprocessable((label == null ? "label" : "key") + " can't be blank");
        }
        requireUnused(key, null);
        Key made = new Key(label, requireKey(key));
        keys.put(made.id, made);
        return made;
    }

    Key updateKey(UUID keyId, Map<String, @Nullable Object> input) throws Refusal {
        Key known = keys.get(keyId);
        if (known == null) {
            throw Refusal.notFound();
        }
        String label = text(input, "label");
        String key = text(input, "key");
        if (key != null) {
            requireUnused(key, known);
            known.key = requireKey(key);
        }
        if (label != null) {
            known.label = label;
        }
        return known;
    }

    private void requireUnused(String key, @Nullable Key except) throws Refusal {
        for (Key other : keys.values()) {
            if (other != except && other.key.equals(key)) {
                throw Refusal.unprocessable("key has already been taken");
            }
        }
    }

    private static String requireKey(String key) throws Refusal {
        if (!key.matches("(ssh|ecdsa|sk)-[a-z0-9@.-]+ [A-Za-z0-9+/=]+( .*)?")) {
            throw Refusal.unprocessable("key is invalid");
        }
        return key;
    }

    /** The state at this moment: that of its own clock, unless a test has set another. */
    String state(DeviceRow device) {
        if (device.fixedState != null) {
            return device.fixedState;
        }
        Instant now = clock.instant();
        Instant reinstalledAt = device.reinstalledAt;
        if (reinstalledAt != null) {
            return now.isBefore(reinstalledAt.plus(provisioning)) ? "reinstalling" : "active";
        }
        Instant provisionedFrom = device.createdAt.plus(queued);
        if (now.isBefore(provisionedFrom)) {
            return "queued";
        }
        return now.isBefore(provisionedFrom.plus(provisioning)) ? "provisioning" : "active";
    }

    Device describe(DeviceRow device) {
        return new Device(
                device.id,
                device.hostname,
                Optional.ofNullable(device.reservation).map(reservation -> reservation.id),
                state(device),
                device.tags,
                device.sshKeys,
                device.operatingSystem);
    }

    Map<String, @Nullable Object> json(DeviceRow device, List<String> include) {
        Map<String, @Nullable Object> json = new LinkedHashMap<>();
        String state = state(device);
        json.put("id", device.id);
        json.put("short_id", device.id.toString().substring(0, 8));
        json.put("href", deviceHref(device.id));
        json.put("hostname", device.hostname);
        json.put("state", state);
        json.put("tags", device.tags);
        json.put("created_at", device.createdAt);
        json.put("always_pxe", false);
        json.put("locked", false);
        json.put("operating_system", Map.of("slug", device.operatingSystem));
        json.put("plan", Map.of("slug", PLAN, "name", PLAN));
        json.put("metro", Map.of("code", METRO, "name", "Frankfurt"));
        json.put("facility", facility());
        json.put("project", Map.of("href", "/metal/v1/projects/" + id));
        // A device has no address before it is being set up.
        json.put(
                "ip_addresses",
                state.equals("queued")
                        ? List.of()
                        : device.addresses.stream().map(EquinixProject::json).toList());
        Reservation reservation = device.reservation;
        if (reservation != null) {
            json.put(
                    "hardware_reservation",
                    include.contains("hardware_reservation")
                            ? json(reservation, List.of())
                            : Map.of("href", "/metal/v1/hardware-reservations/" + reservation.id));
        }
        return json;
    }

    private static Map<String, Object> json(Address address) {
        boolean v4 = address.address() instanceof Inet4Address;
        return Map.of(
                "address",
                address.address().getHostAddress(),
                "address_family",
                v4 ? 4 : 6,
                "public",
                address.isPublic(),
                "management",
                true,
                "enabled",
                true,
                "cidr",
                v4 ? 31 : 127);
    }

    Map<String, @Nullable Object> json(Reservation reservation, List<String> include) {
        Map<String, @Nullable Object> json = new LinkedHashMap<>();
        json.put("id", reservation.id);
        json.put("short_id", reservation.id.toString().substring(0, 8));
        json.put("href", "/metal/v1/hardware-reservations/" + reservation.id);
        json.put("provisionable", reservation.provisionable);
        json.put("spare", reservation.spare);
        json.put("need_of_service", reservation.needOfService);
        json.put("facility", facility());
        json.put("plan", Map.of("slug", PLAN, "name", PLAN));
        UUID device = reservation.device;
        if (device != null) {
            json.put(
                    "device",
                    include.contains("device")
                            ? json(Objects.requireNonNull(devices.get(device)), List.of())
                            : Map.of("href", deviceHref(device)));
        }
        return json;
    }

    static Map<String, @Nullable Object> json(Key key) {
        Map<String, @Nullable Object> json = new LinkedHashMap<>();
        json.put("id", key.id);
        json.put("href", "/metal/v1/ssh-keys/" + key.id);
        json.put("label", key.label);
        json.put("key", key.key);
        return json;
    }

    private static String deviceHref(UUID device) {
        return "/metal/v1/devices/" + device;
    }

    private static Map<String, Object> facility() {
        return Map.of("code", FACILITY, "name", "Frankfurt 2", "metro", Map.of("code", METRO, "name", "Frankfurt"));
    }

    private static @Nullable String text(Map<String, @Nullable Object> input, String name) throws Refusal {
        Object value = input.get(name);
        if (value != null && !(value instanceof String)) {
            throw Refusal.unprocessable(name + " must be a string");
        }
        return value == null || ((String) value).isBlank() ? null : (String) value;
    }

    private static List<String> texts(Map<String, @Nullable Object> input, String name) throws Refusal {
        Object value = input.get(name);
        if (value == null) {
            return List.of();
        }
        List<String> texts = new ArrayList<>();
        if (!(value instanceof List<?> list)) {
            throw Refusal.unprocessable(name + " must be an array");
        }
        for (Object element : list) {
            if (!(element instanceof String text)) {
                throw Refusal.unprocessable(name + " must be an array of strings");
            }
            texts.add(text);
        }
        return List.copyOf(texts);
    }
}
