package dev.shepherd.testkit.contract;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;

/** Makes a listing one that has each element twice. All else, also in the elements, stays as it was written. */
final class DoubledJson {

    private static final JsonFactory JSON = new JsonFactory();

    private DoubledJson() {}

    /**
     * Doubles the elements of the first array: the whole text, or a member of the object that it is.
     *
     * @throws IllegalArgumentException if there is none
     */
    static String of(String json) {
        try (JsonParser parser = JSON.createParser(json)) {
            if (!findArray(parser)) {
                throw new IllegalArgumentException(
                        "it has no JSON array at the top, or as a member of the object there;"
                                + " say with duplicate(…) how it looks doubled");
            }
            StringBuilder doubled = new StringBuilder();
            int copied = 0;
            while (parser.nextToken() != JsonToken.END_ARRAY) {
                int start = (int) parser.currentTokenLocation().getCharOffset();
                parser.skipChildren();
                // Strings are read to their end only if need be.
                parser.finishToken();
                int end = (int) parser.currentLocation().getCharOffset();
                doubled.append(json, copied, end).append(',').append(json, start, end);
                copied = end;
            }
            return doubled.append(json, copied, json.length()).toString();
        } catch (IOException e) {
            throw new IllegalArgumentException("it is not JSON; say with duplicate(…) how it looks doubled", e);
        }
    }

    private static boolean findArray(JsonParser parser) throws IOException {
        JsonToken first = parser.nextToken();
        if (first != JsonToken.START_OBJECT) {
            return first == JsonToken.START_ARRAY;
        }
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
            if (parser.nextToken() == JsonToken.START_ARRAY) {
                return true;
            }
            parser.skipChildren();
        }
        return false;
    }
}
