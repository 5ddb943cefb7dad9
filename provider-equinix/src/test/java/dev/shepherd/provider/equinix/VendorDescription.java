package dev.shepherd.provider.equinix;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import dev.shepherd.testkit.equinix.FakeEquinix.Call;
import dev.shepherd.testkit.equinix.Operation;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.OffsetDateTime;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;

/**
 * The vendor's own description of the API, where it is present: what requests and answers are held against.
 *
 * <p>It knows as much of OpenAPI as that description uses for the operations in question.
 */
final class VendorDescription {

    /** The system property that says where the description is. */
    static final String PROPERTY = "shepherd.equinix.openapi";

    /** The environment variable that says so where the property does not. */
    static final String VARIABLE = "SHEPHERD_EQUINIX_OPENAPI";

    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Optional<VendorDescription> PRESENT = load();

    /** States that tests give devices although the description does not know them. */
    private static final List<String> INVENTED_STATES =
            List.of("state is \"levitating\"", "state is \"post_provisioning\"");

    private final JsonNode root;

    private VendorDescription(JsonNode root) {
        this.root = root;
    }

    static Optional<VendorDescription> find() {
        return PRESENT;
    }

    private static Optional<VendorDescription> load() {
        String place = System.getProperty(PROPERTY, System.getenv(VARIABLE));
        if (place == null || !Files.isRegularFile(Path.of(place))) {
            return Optional.empty();
        }
        try {
            return Optional.of(new VendorDescription(
                    new ObjectMapper(new YAMLFactory()).readTree(Path.of(place).toFile())));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Holds calls against the description if it is there. */
    static void checkIfPresent(List<Call> calls) {
        PRESENT.ifPresent(
                description -> assertThat(description.violations(calls)).isEmpty());
    }

    /** Returns what is wrong with calls: with the requests, and with the answers but those that a fault made. */
    Set<String> violations(List<Call> calls) {
        Set<String> violations = new LinkedHashSet<>();
        for (Call call : calls) {
            if (call.operation() != Operation.OTHER) {
                String where = call.method() + " " + call.path() + "?" + call.query() + " " + call.status() + ": ";
                violations(call).stream()
                        .filter(violation -> INVENTED_STATES.stream().noneMatch(violation::contains))
                        .forEach(violation -> violations.add(where + violation));
            }
        }
        return violations;
    }

    private List<String> violations(Call call) {
        List<String> found = new ArrayList<>();
        Optional<JsonNode> path = path(call.path());
        if (path.isEmpty()) {
            return List.of("there is no such path");
        }
        JsonNode operation = path.get().path(call.method().toLowerCase(java.util.Locale.ROOT));
        if (operation.isMissingNode()) {
            return List.of("there is no such operation");
        }
        checkQuery(call.query(), operation, path.get(), found);
        JsonNode requestSchema = operation
                .path("requestBody")
                .path("content")
                .path("application/json")
                .path("schema");
        if (!call.requestBody().isEmpty()) {
            if (requestSchema.isMissingNode()) {
                found.add("the request has a body");
            } else {
                checkBody(call.requestBody(), requestSchema, "request", found);
            }
        } else if (!requestSchema.isMissingNode()) {
            found.add("the request has no body");
        }
        if (call.fault().isEmpty()) {
            checkAnswer(call, operation, found);
        }
        return found;
    }

    private void checkAnswer(Call call, JsonNode operation, List<String> found) {
        JsonNode answer = operation.path("responses").path(String.valueOf(call.status()));
        if (answer.isMissingNode()) {
            found.add("an answer with this status is not described");
            return;
        }
        JsonNode schema =
                resolve(answer).path("content").path("application/json").path("schema");
        if (schema.isMissingNode()) {
            if (!call.responseBody().isEmpty()) {
                found.add("the answer has a body");
            }
        } else {
            checkBody(call.responseBody(), schema, "answer", found);
        }
    }

    private void checkBody(String text, JsonNode schema, String where, List<String> found) {
        try {
            check(JSON.readTree(text), schema, where, found);
        } catch (IOException e) {
            found.add(where + " is not JSON: " + e.getMessage());
        }
    }

    private Optional<JsonNode> path(String path) {
        for (Map.Entry<String, JsonNode> candidate : root.path("paths").properties()) {
            if (path.matches(candidate.getKey().replaceAll("\\{[^}]+}", "[^/]+"))) {
                return Optional.of(candidate.getValue());
            }
        }
        return Optional.empty();
    }

    private void checkQuery(String query, JsonNode operation, JsonNode path, List<String> found) {
        List<JsonNode> parameters = new ArrayList<>();
        operation.path("parameters").forEach(parameter -> parameters.add(resolve(parameter)));
        path.path("parameters").forEach(parameter -> parameters.add(resolve(parameter)));
        for (String part : query.isEmpty() ? new String[0] : query.split("&")) {
            String[] pair = part.split("=", 2);
            String value = URLDecoder.decode(pair[1], StandardCharsets.UTF_8);
            Optional<JsonNode> parameter = parameters.stream()
                    .filter(p -> p.path("in").asText().equals("query")
                            && p.path("name").asText().equals(pair[0]))
                    .findFirst();
            if (parameter.isEmpty()) {
                found.add("there is no query parameter " + pair[0]);
                continue;
            }
            JsonNode schema = resolve(parameter.get().path("schema"));
            JsonNode read = switch (schema.path("type").asText()) {
                case "integer" -> JSON.getNodeFactory().numberNode(Integer.parseInt(value));
                case "boolean" -> JSON.getNodeFactory().booleanNode(Boolean.parseBoolean(value));
                case "array" -> {
                    var array = JSON.createArrayNode();
                    for (String element : value.split(",")) {
                        array.add(element);
                    }
                    yield array;
                }
                default -> JSON.getNodeFactory().textNode(value);
            };
            check(read, schema, pair[0], found);
        }
    }

    private JsonNode resolve(JsonNode node) {
        JsonNode ref = node.path("$ref");
        return ref.isTextual() ? resolve(root.at(ref.asText().substring(1))) : node;
    }

    private void check(JsonNode value, JsonNode unresolved, String where, List<String> found) {
        JsonNode schema = resolve(unresolved);
        schema.path("allOf").forEach(part -> check(value, part, where, found));
        if (schema.has("oneOf")) {
            List<List<String>> tried = new ArrayList<>();
            for (JsonNode alternative : schema.path("oneOf")) {
                List<String> violations = new ArrayList<>();
                check(value, alternative, where, violations);
                tried.add(violations);
            }
            long fitting = tried.stream().filter(List::isEmpty).count();
            if (fitting != 1) {
                found.add(where + " fits " + fitting + " of the alternatives: " + tried);
            }
        }
        checkType(value, schema, where, found);
        if (schema.has("enum")) {
            boolean known = false;
            for (JsonNode allowed : schema.path("enum")) {
                known |= allowed.asText().equals(value.asText());
            }
            if (!known) {
                found.add(where + " is " + value + ", which is none of " + schema.path("enum"));
            }
        }
        if (schema.has("minimum") && value.asLong() < schema.path("minimum").asLong()
                || schema.has("maximum")
                        && value.asLong() > schema.path("maximum").asLong()) {
            found.add(where + " is out of range: " + value);
        }
        for (JsonNode required : schema.path("required")) {
            if (!value.has(required.asText())) {
                found.add(where + " lacks " + required.asText());
            }
        }
        value.properties().forEach(field -> {
            JsonNode property = schema.path("properties").path(field.getKey());
            if (!property.isMissingNode()) {
                check(field.getValue(), property, where + "." + field.getKey(), found);
            } else if (schema.path("additionalProperties").isBoolean()
                    && !schema.path("additionalProperties").asBoolean()) {
                found.add(where + " must not have " + field.getKey());
            }
        });
        if (value.isArray() && schema.has("items")) {
            value.forEach(element -> check(element, schema.path("items"), where + "[]", found));
        }
    }

    private static void checkType(JsonNode value, JsonNode schema, String where, List<String> found) {
        boolean fits = switch (schema.path("type").asText()) {
            case "object" -> value.isObject();
            case "array" -> value.isArray();
            case "string" ->
                value.isTextual()
                        && fitsFormat(value.asText(), schema.path("format").asText());
            case "integer" -> value.isIntegralNumber();
            case "number" -> value.isNumber();
            case "boolean" -> value.isBoolean();
            default -> true;
        };
        if (!fits) {
            found.add(where + " is " + value + ", but should be "
                    + schema.path("type").asText() + " " + schema.path("format").asText());
        }
    }

    private static boolean fitsFormat(String text, String format) {
        try {
            return switch (format) {
                case "uuid" -> UUID.fromString(text).toString().equals(text);
                case "date-time" -> OffsetDateTime.parse(text) != null;
                default -> true;
            };
        } catch (IllegalArgumentException | DateTimeParseException e) {
            return false;
        }
    }
}
