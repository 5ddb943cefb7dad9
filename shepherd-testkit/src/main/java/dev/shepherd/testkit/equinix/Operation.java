package dev.shepherd.testkit.equinix;

/** The calls of the API of Equinix Metal that {@link FakeEquinix} answers. */
public enum Operation {
    /** {@code GET /projects/ID/devices}. */
    LIST_DEVICES,
    /** {@code POST /projects/ID/devices}. */
    CREATE_DEVICE,
    /** {@code GET /devices/ID}. */
    GET_DEVICE,
    /** {@code PUT /devices/ID}. */
    UPDATE_DEVICE,
    /** {@code DELETE /devices/ID}. */
    DELETE_DEVICE,
    /** {@code POST /devices/ID/actions}. */
    DEVICE_ACTION,
    /** {@code GET /projects/ID/hardware-reservations}. */
    LIST_RESERVATIONS,
    /** {@code GET /projects/ID/ssh-keys}. */
    LIST_KEYS,
    /** {@code POST /projects/ID/ssh-keys}. */
    CREATE_KEY,
    /** {@code PUT /ssh-keys/ID}. */
    UPDATE_KEY,
    /** Anything else, which is answered with 404. */
    OTHER;

    /** Tells which call a request is, by its method and its path below the endpoint. */
    static Operation of(String method, String path) {
        String[] parts = path.split("/");
        if (parts.length < 3 || parts.length > 4) {
            return OTHER;
        }
        return switch (method + " " + parts[1] + "/" + (parts.length == 4 ? parts[3] : "")) {
            case "GET projects/devices" -> LIST_DEVICES;
            case "POST projects/devices" -> CREATE_DEVICE;
            case "GET projects/hardware-reservations" -> LIST_RESERVATIONS;
            case "GET projects/ssh-keys" -> LIST_KEYS;
            case "POST projects/ssh-keys" -> CREATE_KEY;
            case "GET devices/" -> GET_DEVICE;
            case "PUT devices/" -> UPDATE_DEVICE;
            case "DELETE devices/" -> DELETE_DEVICE;
            case "POST devices/actions" -> DEVICE_ACTION;
            case "PUT ssh-keys/" -> UPDATE_KEY;
            default -> OTHER;
        };
    }
}
