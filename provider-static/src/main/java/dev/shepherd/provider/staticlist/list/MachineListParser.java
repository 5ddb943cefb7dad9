package dev.shepherd.provider.staticlist.list;

import com.fasterxml.jackson.core.ErrorReportConfiguration;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.io.JsonEOFException;
import dev.shepherd.api.Availability;
import dev.shepherd.api.Labels;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.internal.Escaped;
import dev.shepherd.provider.support.AddressLiteral;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Reader;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Reads the document that names the machines.
 *
 * <p>Strict on purpose: a misspelt field that is ignored, or an ambiguous address, would be noticed only when the wrong
 * machine has been taken over. Safe for use by several threads.
 */
final class MachineListParser {

    private static final int MAX_PORT = 65535;

    /** The fields of an entry, spelled as in the document. */
    private enum Field {
        ID("ID"),
        ADDRESS("Addr"),
        LOCATION("Location"),
        SSH_PORT("SSHPort"),
        LABELS("Labels");

        private final String key;

        Field(String key) {
            this.key = key;
        }

        static Optional<Field> of(String key) {
            return Arrays.stream(values())
                    .filter(field -> field.key.equals(key))
                    .findFirst();
        }

        static Stream<String> keys() {
            return Arrays.stream(values()).map(field -> field.key);
        }

        @Override
        public String toString() {
            return called(key);
        }
    }

    private static String called(String key) {
        return "field \"" + key + "\"";
    }

    /** How much is shown of a value from the list, in characters. */
    static final int EXCERPT = 40;

    /** How much is shown of the message of the JSON parser, which may repeat something of the list; in characters. */
    private static final int LONGEST_MESSAGE = 200;

    /** What a machine of a list takes of the heap without its texts, in bytes, with what is made of it while it is read. */
    private static final int BYTES_OF_A_MACHINE = 600;

    private final EntryFields more;
    private final long room;

    private final JsonFactory json = JsonFactory.builder()
            // The parser's own excerpts of the document are longer than an error should show.
            .disable(StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION)
            .errorReportConfiguration(ErrorReportConfiguration.builder()
                    .maxErrorTokenLength(EXCERPT)
                    .build())
            .build();

    /**
     * Makes one that reads as many machines as an eighth of the heap has room for: while a list is read, the one before is
     * still there.
     *
     * @param more the fields that entries have beyond those of every list
     */
    MachineListParser(EntryFields more) {
        this(more, Runtime.getRuntime().maxMemory() / 8);
    }

    MachineListParser(EntryFields more, long room) {
        this.more = more;
        this.room = room;
    }

    /**
     * Reads a whole document.
     *
     * @param document the bytes of the document, in UTF-8
     * @throws MalformedListException at the first thing that is wrong
     */
    MachineList parse(byte[] document) throws MalformedListException {
        checkEncoding(document);
        // From characters rather than bytes, so that columns count characters.
        try (JsonParser parser = json.createParser(decode(document))) {
            return new Reading(parser, more, room).document();
        } catch (IOException e) {
            throw new AssertionError("a document in memory, known to be UTF-8, cannot be read", e);
        }
    }

    private static Reader decode(byte[] document) {
        int start = startsWithByteOrderMark(document) ? 3 : 0;
        return new InputStreamReader(
                new ByteArrayInputStream(document, start, document.length - start), StandardCharsets.UTF_8);
    }

    private static boolean startsWithByteOrderMark(byte[] document) {
        return document.length >= 3
                && document[0] == (byte) 0xEF
                && document[1] == (byte) 0xBB
                && document[2] == (byte) 0xBF;
    }

    private static void checkEncoding(byte[] document) throws MalformedListException {
        CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder();
        ByteBuffer bytes = ByteBuffer.wrap(document);
        CharBuffer ignored = CharBuffer.allocate(8192);
        CoderResult result;
        do {
            ignored.clear();
            result = decoder.decode(bytes, ignored, true);
        } while (result.isOverflow());
        if (result.isError()) {
            int line = 1;
            for (int i = 0; i < bytes.position(); i++) {
                if (document[i] == '\n') {
                    line++;
                }
            }
            throw new MalformedListException("line " + line + ": the document must be UTF-8, but its byte "
                    + (bytes.position() + 1) + " does not belong there");
        }
    }

    /** The reading of one document. */
    private static final class Reading {

        private final JsonParser parser;
        private final EntryFields more;
        private final EntryFields.Comparison comparison;
        private long room;
        private final Map<ProviderID, MachineInfo> machines = new LinkedHashMap<>();
        private final Map<ProviderID, Map<String, String>> moreOf = new HashMap<>();
        private final Map<ProviderID, Integer> entryOfId = new HashMap<>();
        private final Map<Endpoint, Integer> entryOfEndpoint = new HashMap<>();
        private final Map<InetAddress, Integer> firstEntryAt = new HashMap<>();

        /** The position of the entry being read, or of the last one; 0 before the first. */
        private int entry;

        private boolean insideEntry;

        Reading(JsonParser parser, EntryFields more, long room) {
            this.parser = parser;
            this.more = more;
            this.comparison = more.comparison().get();
            this.room = room;
        }

        MachineList document() throws IOException, MalformedListException {
            try {
                array();
            } catch (JsonProcessingException e) {
                throw at(
                        e.getLocation(),
                        e instanceof JsonEOFException
                                ? "the document ends before the array does"
                                : "cannot be read as JSON: "
                                        + Escaped.text(String.valueOf(e.getOriginalMessage()), LONGEST_MESSAGE));
            }
            expectEnd();
            return new MachineList(machines, moreOf);
        }

        private void array() throws IOException, MalformedListException {
            JsonToken first = parser.nextToken();
            if (first == null) {
                throw new MalformedListException("the document is empty; a list without machines is []");
            }
            if (first != JsonToken.START_ARRAY) {
                throw at(here(), "the document must be an array of entries, but is " + word(first));
            }
            for (JsonToken token = parser.nextToken(); token != JsonToken.END_ARRAY; token = parser.nextToken()) {
                entry++;
                room -= BYTES_OF_A_MACHINE;
                if (room < 0) {
                    throw new MalformedListException("there are more than " + (entry - 1)
                            + " machines, for which the process has no memory; give it a larger heap (-Xmx)");
                }
                insideEntry = true;
                if (token != JsonToken.START_OBJECT) {
                    throw at(here(), "an entry must be an object, but is " + word(token));
                }
                entry();
                insideEntry = false;
            }
        }

        private void expectEnd() throws IOException, MalformedListException {
            JsonLocation where;
            try {
                if (parser.nextToken() == null) {
                    return;
                }
                where = here();
            } catch (JsonProcessingException e) {
                where = e.getLocation();
            }
            throw new MalformedListException(lineAndColumn(where) + ": nothing may follow the end of the array");
        }

        private void entry() throws IOException, MalformedListException {
            JsonLocation start = here();
            EnumMap<Field, JsonLocation> seen = new EnumMap<>(Field.class);
            Map<String, String> others = new HashMap<>();
            ProviderID id = ProviderID.INVALID;
            InetAddress address = null;
            String location = null;
            int port = 0;
            Map<String, String> labels = Map.of();
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                Optional<EntryFields.Field> other = more.field(parser.currentName());
                if (other.isPresent()) {
                    other(other.get(), others);
                    continue;
                }
                Field field = field(seen);
                JsonToken value = parser.nextToken();
                seen.put(field, here());
                switch (field) {
                    case ID -> id = id(value);
                    case ADDRESS -> address = address(value);
                    case LOCATION -> location = location(value);
                    case SSH_PORT -> port = port(value);
                    case LABELS -> labels = labels(value);
                }
            }
            JsonLocation idAt = seen.get(Field.ID);
            JsonLocation addressAt = seen.get(Field.ADDRESS);
            if (idAt == null) {
                throw at(start, Field.ID + " is missing");
            }
            if (address == null || addressAt == null) {
                throw at(start, Field.ADDRESS + " is missing");
            }
            checkUnique(id, idAt, address, addressAt, port);
            checkOthers(start, others);
            machines.put(
                    id,
                    MachineInfo.builder(id, Availability.POSSIBLY_USED)
                            .address(address)
                            .location(location)
                            .sshPort(port == 0 ? null : port)
                            .labels(labels)
                            .build());
            if (!others.isEmpty()) {
                moreOf.put(id, Map.copyOf(others));
            }
        }

        private void other(EntryFields.Field field, Map<String, String> values)
                throws IOException, MalformedListException {
            if (values.containsKey(field.key())) {
                throw at(here(), called(field.key()) + " stands twice in the same entry");
            }
            String text = string(called(field.key()), parser.nextToken());
            try {
                values.put(field.key(), field.check().apply(text));
            } catch (IllegalArgumentException e) {
                throw at(here(), called(field.key()) + " " + e.getMessage());
            }
        }

        private void checkOthers(JsonLocation start, Map<String, String> values) throws MalformedListException {
            for (EntryFields.Field field : more.fields()) {
                if (field.required() && !values.containsKey(field.key())) {
                    throw at(start, called(field.key()) + " is missing");
                }
            }
            try {
                comparison.compare(entry, values);
            } catch (IllegalArgumentException e) {
                throw at(start, String.valueOf(e.getMessage()));
            }
        }

        private Field field(Map<Field, JsonLocation> seen) throws IOException, MalformedListException {
            String name = parser.currentName();
            Optional<Field> field = Field.of(name);
            if (field.isEmpty()) {
                throw at(
                        here(),
                        "there is no field " + Escaped.quoted(name, EXCERPT) + "; an entry has the fields "
                                + Stream.concat(
                                                Field.keys(),
                                                more.fields().stream().map(EntryFields.Field::key))
                                        .collect(Collectors.joining(", ")));
            }
            if (seen.containsKey(field.get())) {
                throw at(here(), field.get() + " stands twice in the same entry");
            }
            return field.get();
        }

        private ProviderID id(@Nullable JsonToken value) throws IOException, MalformedListException {
            String text = string(Field.ID, value);
            ProviderID id;
            try {
                id = new ProviderID(text);
            } catch (IllegalArgumentException e) {
                throw at(
                        here(),
                        Field.ID + " must be text of 1 to " + ProviderID.MAX_LENGTH
                                + " characters, not blank and without control characters, not "
                                + Escaped.quoted(text, EXCERPT));
            }
            if (!id.isValid()) {
                throw at(
                        here(),
                        Field.ID + " must not be " + Escaped.quoted(text, EXCERPT) + ", which stands for having no id");
            }
            return id;
        }

        private InetAddress address(@Nullable JsonToken value) throws IOException, MalformedListException {
            String text = string(Field.ADDRESS, value);
            try {
                return AddressLiteral.address(text);
            } catch (IllegalArgumentException e) {
                throw at(
                        here(),
                        Field.ADDRESS + " must be the IPv4 or IPv6 address of one machine, such as 10.0.0.1 or"
                                + " 2001:db8::1 (names are not looked up), but " + e.getMessage());
            }
        }

        private String location(@Nullable JsonToken value) throws IOException, MalformedListException {
            String text = string(Field.LOCATION, value);
            // PostgreSQL holds no NUL, and the other control characters would break up lines of a log.
            if (text.isBlank() || text.length() > MachineInfo.MAX_TEXT_LENGTH || Escaped.firstRefused(text) >= 0) {
                throw at(
                        here(),
                        Field.LOCATION + " must be text of 1 to " + MachineInfo.MAX_TEXT_LENGTH
                                + " characters, not blank and without control characters, not "
                                + Escaped.quoted(text, EXCERPT));
            }
            return text;
        }

        private String string(Object field, @Nullable JsonToken value) throws IOException, MalformedListException {
            if (value != JsonToken.VALUE_STRING) {
                throw at(here(), field + " must be a string, but is " + word(value));
            }
            String text = parser.getText();
            // Half a surrogate pair has no UTF-8: in the database two such ids would become one.
            if (text.codePoints().anyMatch(c -> c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE)) {
                throw at(
                        here(),
                        field + " must be Unicode text, but has half a surrogate pair: "
                                + Escaped.quoted(text, EXCERPT));
            }
            room -= 2L * text.length();
            return text;
        }

        private int port(@Nullable JsonToken value) throws IOException, MalformedListException {
            String expected = Field.SSH_PORT + " must be a whole number from 1 to " + MAX_PORT;
            if (value != JsonToken.VALUE_NUMBER_INT) {
                throw at(here(), expected + ", but is " + word(value));
            }
            String digits = parser.getText();
            int port = digits.length() > 5 ? 0 : Integer.parseInt(digits);
            if (port < 1 || port > MAX_PORT) {
                throw at(here(), expected + ", not " + Escaped.text(digits, EXCERPT));
            }
            return port;
        }

        private Map<String, String> labels(@Nullable JsonToken value) throws IOException, MalformedListException {
            if (value != JsonToken.START_OBJECT) {
                throw at(here(), Field.LABELS + " must be an object, but is " + word(value));
            }
            Map<String, String> labels = new HashMap<>();
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String key = parser.currentName();
                room -= 2L * key.length();
                String text = string(Field.LABELS + ": the label " + Escaped.quoted(key, EXCERPT), parser.nextToken());
                if (labels.put(key, text) != null) {
                    throw at(here(), Field.LABELS + ": the label " + key + " stands twice in the same entry");
                }
                try {
                    Labels.copyOf(labels);
                } catch (IllegalArgumentException e) {
                    throw at(here(), Field.LABELS + ": " + e.getMessage());
                }
            }
            return labels;
        }

        /**
         * Refuses machines that would be taken over twice. Without a port an entry means the fleet's, which the list
         * does not know; next to any other entry it could be the same machine.
         */
        private void checkUnique(
                ProviderID id, JsonLocation idAt, InetAddress address, JsonLocation addressAt, int port)
                throws MalformedListException {
            Integer sameId = entryOfId.putIfAbsent(id, entry);
            if (sameId != null) {
                throw at(
                        idAt,
                        Field.ID + " is " + Escaped.quoted(id.value(), EXCERPT) + ", as in entry " + sameId
                                + "; each machine needs its own id");
            }
            String shown = address.getHostAddress();
            Integer sameEndpoint = entryOfEndpoint.putIfAbsent(new Endpoint(address, port), entry);
            if (sameEndpoint != null) {
                throw at(
                        addressAt,
                        Field.ADDRESS + " is " + shown + (port == 0 ? "" : " with " + Field.SSH_PORT + " " + port)
                                + ", as in entry " + sameEndpoint + "; one machine would be listed under two ids");
            }
            Integer ambiguous = port == 0 ? firstEntryAt.get(address) : entryOfEndpoint.get(new Endpoint(address, 0));
            if (ambiguous != null) {
                throw at(
                        addressAt,
                        Field.ADDRESS + " is " + shown + ", as in entry " + ambiguous
                                + "; entries that share an address each need a " + Field.SSH_PORT);
            }
            firstEntryAt.putIfAbsent(address, entry);
        }

        private JsonLocation here() {
            return parser.currentTokenLocation();
        }

        private MalformedListException at(@Nullable JsonLocation where, String message) {
            String place = lineAndColumn(where);
            if (entry > 0) {
                place = (insideEntry ? "entry " : "after entry ") + entry + " (" + place + ")";
            }
            return new MalformedListException(place + ": " + message);
        }

        private static String lineAndColumn(@Nullable JsonLocation where) {
            return where == null ? "somewhere" : "line " + where.getLineNr() + ", column " + where.getColumnNr();
        }

        private static String word(@Nullable JsonToken token) {
            if (token == null) {
                return "missing";
            }
            return switch (token) {
                case START_OBJECT -> "an object";
                case START_ARRAY -> "an array";
                case VALUE_STRING -> "a string";
                case VALUE_NUMBER_INT -> "a number";
                case VALUE_NUMBER_FLOAT -> "a number with a fraction or an exponent";
                case VALUE_TRUE, VALUE_FALSE -> "a boolean";
                case VALUE_NULL -> "null";
                default -> "something else";
            };
        }
    }

    private record Endpoint(InetAddress address, int port) {}
}
