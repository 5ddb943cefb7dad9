package dev.shepherd.testkit.equinix;

import dev.shepherd.testkit.equinix.EquinixProject.Refusal;
import dev.shepherd.testkit.http.Json;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Answers requests by what the project holds: who may ask, which call it is, pages, errors. Not safe for several threads. */
final class EquinixApi {

    static final int MAX_PAGE_SIZE = 1000;

    private static final int DEFAULT_PAGE_SIZE = 10;

    /** The status and the body of an answer. */
    record Answer(int status, String body) {
        private static Answer of(int status, Object body) {
            return new Answer(status, Json.write(body));
        }
    }

    private final String token;
    private final EquinixProject project;
    private @Nullable List<Object> frozenDevices;
    private @Nullable List<Object> frozenReservations;

    EquinixApi(String token, EquinixProject project) {
        this.token = token;
        this.project = project;
    }

    /** Makes listings show what is there now, until they are thawed. */
    void freezeListings() {
        frozenDevices = List.copyOf(project.devices.values().stream()
                .map(device -> (Object) project.json(device, List.of("hardware_reservation")))
                .toList());
        frozenReservations = List.copyOf(project.reservations.values().stream()
                .map(reservation -> (Object) project.json(reservation, List.of()))
                .toList());
    }

    void thawListings() {
        frozenDevices = null;
        frozenReservations = null;
    }

    /** Does what is asked, and answers. */
    Answer answer(@Nullable String tokenGiven, Operation operation, String path, String query, String body) {
        try {
            if (!token.equals(tokenGiven)) {
                throw new Refusal(401, "Invalid authentication token");
            }
            if (operation == Operation.OTHER) {
                throw Refusal.notFound();
            }
            String[] parts = path.split("/");
            UUID id = uuid(parts[2]);
            if (parts[1].equals("projects") && !project.id.equals(id)) {
                throw Refusal.notFound();
            }
            return effect(operation, id, EquinixQuery.parse(query), body);
        } catch (Refusal e) {
            return new Answer(e.status, errors(e.error));
        } catch (RuntimeException e) {
            // A host that does not start, say: its user should read why.
            return new Answer(500, errors(e.toString()));
        }
    }

    private Answer effect(Operation operation, UUID id, EquinixQuery query, String body) throws Refusal {
        List<String> include = query.list("include");
        return switch (operation) {
            case LIST_DEVICES -> page(query, "devices", devices(query, include));
            case LIST_RESERVATIONS -> page(query, "hardware_reservations", reservations(query, include));
            case LIST_KEYS ->
                Answer.of(
                        200,
                        Map.of(
                                "ssh_keys",
                                project.keys.values().stream()
                                        .map(EquinixProject::json)
                                        .toList()));
            case GET_DEVICE -> Answer.of(200, project.json(project.device(id), include));
            case CREATE_DEVICE -> Answer.of(201, project.json(project.create(object(body)), include));
            case UPDATE_DEVICE -> {
                project.update(id, object(body));
                yield Answer.of(200, project.json(project.device(id), include));
            }
            case DELETE_DEVICE -> {
                project.delete(id);
                yield new Answer(204, "");
            }
            case DEVICE_ACTION -> {
                project.act(id, object(body));
                yield new Answer(202, "");
            }
            case CREATE_KEY -> Answer.of(201, EquinixProject.json(project.createKey(object(body))));
            case UPDATE_KEY -> Answer.of(200, EquinixProject.json(project.updateKey(id, object(body))));
            case OTHER -> throw Refusal.notFound();
        };
    }

    private List<?> devices(EquinixQuery query, List<String> include) {
        List<?> all = frozenDevices;
        if (all == null) {
            all = project.devices.values().stream()
                    .map(device -> project.json(device, include))
                    .toList();
        }
        return all.stream()
                .filter(device -> query.matches("hostname", ((Map<?, ?>) device).get("hostname")))
                .filter(device -> query.text("tag")
                        .map(tag -> ((List<?>) Objects.requireNonNull(((Map<?, ?>) device).get("tags"))).contains(tag))
                        .orElse(true))
                .toList();
    }

    private List<?> reservations(EquinixQuery query, List<String> include) {
        List<?> all = frozenReservations;
        if (all == null) {
            all = project.reservations.values().stream()
                    .map(reservation -> project.json(reservation, include))
                    .toList();
        }
        boolean free = query.text("provisionable").isPresent();
        return all.stream()
                .filter(reservation -> !free || Boolean.TRUE.equals(((Map<?, ?>) reservation).get("provisionable")))
                .toList();
    }

    private Answer page(EquinixQuery query, String name, List<?> all) throws Refusal {
        int perPage = query.number("per_page", DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE);
        int page = query.number("page", 1, 100_000);
        int pages = Math.max(1, (all.size() + perPage - 1) / perPage);
        int from = Math.min(all.size(), (page - 1) * perPage);
        List<?> items = all.subList(from, Math.min(all.size(), from + perPage));
        Map<String, Object> meta = new LinkedHashMap<>();
        String base = "/metal/v1/projects/" + project.id + "/" + name.replace('_', '-') + "?per_page=" + perPage;
        meta.put("first", href(base, 1));
        if (page > 1) {
            meta.put("previous", href(base, page - 1));
        }
        meta.put("self", href(base, page));
        if (page < pages) {
            meta.put("next", href(base, page + 1));
        }
        meta.put("last", href(base, pages));
        meta.put("total", all.size());
        meta.put("current_page", page);
        meta.put("last_page", pages);
        return Answer.of(200, Map.of(name, items, "meta", meta));
    }

    private static Map<String, String> href(String base, int page) {
        return Map.of("href", base + "&page=" + page);
    }

    private static Map<String, @Nullable Object> object(String body) throws Refusal {
        try {
            return Json.readObject(body);
        } catch (IOException e) {
            throw Refusal.unprocessable("the body is not JSON as expected: " + e.getMessage());
        }
    }

    /** Returns the body of an answer that refuses a request. */
    static String errors(String error) {
        return Json.write(Map.of("errors", List.of(error)));
    }

    private static UUID uuid(String text) throws Refusal {
        try {
            return UUID.fromString(text);
        } catch (IllegalArgumentException e) {
            throw Refusal.notFound();
        }
    }
}
