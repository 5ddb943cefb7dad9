package dev.shepherd.provider.staticlist.list;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.shepherd.api.Availability;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderID;
import dev.shepherd.provider.support.AddressLiteral;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Documents are written with ' for " here. */
class MachineListParserTest {

    private static final String PORT = "field \"SSHPort\" must be a whole number from 1 to 65535";
    private static final String ADDRESS = "field \"Addr\" must be the IPv4 or IPv6 address of one machine, such as"
            + " 10.0.0.1 or 2001:db8::1 (names are not looked up), but ";

    private final MachineListParser parser = new MachineListParser(EntryFields.NONE);

    @Test
    void entriesBecomePossiblyUsedMachinesInTheirOrder() throws Exception {
        List<MachineInfo> machines = parse("""
                [
                  {'ID': 'b', 'Addr': '10.0.0.2', 'Location': 'rack 1', 'SSHPort': 2222},
                  {'SSHPort': 65535, 'Addr': '2001:db8::1', 'ID': 'a'}
                ]
                """);

        assertThat(machines)
                .containsExactly(
                        MachineInfo.builder(new ProviderID("b"), Availability.POSSIBLY_USED)
                                .address(AddressLiteral.address("10.0.0.2"))
                                .location("rack 1")
                                .sshPort(2222)
                                .build(),
                        MachineInfo.builder(new ProviderID("a"), Availability.POSSIBLY_USED)
                                .address(AddressLiteral.address("2001:db8::1"))
                                .sshPort(65535)
                                .build());
    }

    @Test
    void anEmptyArrayIsAListWithoutMachines() throws Exception {
        assertThat(parse(" [ ]\n")).isEmpty();
    }

    @Test
    void textIsUnicodeAndMayBeEscaped() throws Exception {
        assertThat(
                        parse(
                                "[{'ID': 'Z\\u00fcrich-\uD83D\uDC11', 'Addr': '10.0.0.1', 'Location': 'Zürich \\uD83D\\uDC11'}]"))
                .singleElement()
                .satisfies(machine -> {
                    assertThat(machine.id().value()).isEqualTo("Zürich-\uD83D\uDC11");
                    assertThat(machine.location()).contains("Zürich \uD83D\uDC11");
                });
    }

    @Test
    void aByteOrderMarkIsPassedOver() throws Exception {
        assertThat(parse("\uFEFF[{'ID': 'a', 'Addr': '10.0.0.1'}]")).hasSize(1);
    }

    @Test
    void machinesMayShareAnAddressIfEachHasAPort() throws Exception {
        assertThat(parse("""
                                [{'ID': 'a', 'Addr': '127.0.0.1', 'SSHPort': 2201},
                                 {'ID': 'b', 'Addr': '127.0.0.1', 'SSHPort': 2202}]""")).hasSize(2);
    }

    @Test
    void machinesMayHaveLabels() throws Exception {
        assertThat(parse("""
                                [{'ID': 'a', 'Addr': '10.0.0.1', 'Labels': {'rack': '7', 'example.com/tier': ''}},
                                 {'ID': 'b', 'Addr': '10.0.0.2', 'Labels': {}},
                                 {'Labels': {'rack': '8'}, 'ID': 'c', 'Addr': '10.0.0.3'}]"""))
                .extracting(MachineInfo::labels)
                .containsExactly(Map.of("rack", "7", "example.com/tier", ""), Map.of(), Map.of("rack", "8"));
    }

    @Test
    void theLongestTextsAreTaken() throws Exception {
        String longest = "x".repeat(128);

        assertThat(parse("[{'ID': '" + longest + "', 'Addr': '10.0.0.1', 'Location': '" + longest + "'}]"))
                .hasSize(1);
    }

    static List<Arguments> malformedDocuments() {
        String long129 = "x".repeat(129);
        String shown = "x".repeat(40) + "…";
        return List.of(
                bad("", "the document is empty; a list without machines is []"),
                bad(" \n ", "the document is empty; a list without machines is []"),
                bad("{}", "line 1, column 1: the document must be an array of entries, but is an object"),
                bad("\n 'a'", "line 2, column 2: the document must be an array of entries, but is a string"),
                bad("null", "line 1, column 1: the document must be an array of entries, but is null"),
                bad("12", "line 1, column 1: the document must be an array of entries, but is a number"),
                bad(
                        "hello",
                        "line 1, column 1: cannot be read as JSON: Unrecognized token 'hello': was expecting (JSON"
                                + " String, Number, Array, Object or token 'null', 'true' or 'false')"),
                bad("[", "line 1, column 2: the document ends before the array does"),
                bad("[{'ID': 'a'", "entry 1 (line 1, column 12): the document ends before the array does"),
                bad("[{'ID': 'a", "entry 1 (line 1, column 11): the document ends before the array does"),
                bad(
                        "[{'ID': 'a', 'Addr': '10.0.0.1'}\n",
                        "after entry 1 (line 2, column 1): the document ends before the array does"),
                bad("[] []", "line 1, column 4: nothing may follow the end of the array"),
                bad("[]\n\n}", "line 3, column 1: nothing may follow the end of the array"),
                bad("[]\n//", "line 2, column 1: nothing may follow the end of the array"),
                bad("[null]", "entry 1 (line 1, column 2): an entry must be an object, but is null"),
                bad(
                        "[{'ID': 'a', 'Addr': '10.0.0.1'},\n  'b']",
                        "entry 2 (line 2, column 3): an entry must be an object, but is a string"),
                bad("[[]]", "entry 1 (line 1, column 2): an entry must be an object, but is an array"),
                bad(
                        "[1.5]",
                        "entry 1 (line 1, column 2): an entry must be an object, but is a number with a fraction"
                                + " or an exponent"),
                bad("[{}]", "entry 1 (line 1, column 2): field \"ID\" is missing"),
                bad("[{'Addr': '10.0.0.1'}]", "entry 1 (line 1, column 2): field \"ID\" is missing"),
                bad("[\n\n  {'ID': 'a'}]", "entry 1 (line 3, column 3): field \"Addr\" is missing"),
                bad(
                        "[{'ID': 'a', 'Addr': '10.0.0.1'} {'ID'",
                        "after entry 1 (line 1, column 34): cannot be read as JSON: Unexpected character ('{' (code"
                                + " 123)): was expecting comma to separate Array entries"),
                bad(
                        "[{'ID': 'a', 'Addr': '10.0.0.1',}]",
                        "entry 1 (line 1, column 33): cannot be read as JSON: Unexpected character ('}' (code 125)):"
                                + " was expecting double-quote to start field name"),
                bad(
                        "[{'ID': 'a', 'addr': '10.0.0.1'}]",
                        "entry 1 (line 1, column 14): there is no field \"addr\"; an entry has the fields ID, Addr,"
                                + " Location, SSHPort, Labels"),
                bad(
                        "[{'ID': 'a', 'Addr': '10.0.0.1',\n  'Pass\\nword\\u202e': 'hunter2'}]",
                        "entry 1 (line 2, column 3): there is no field \"Pass\\nword\\u202e\"; an entry has the"
                                + " fields ID, Addr, Location, SSHPort, Labels"),
                bad(
                        "[{'ID': 'a', 'Addr': '10.0.0.1', 'ID': 'a'}]",
                        "entry 1 (line 1, column 34): field \"ID\" stands twice in the same entry"),
                bad(
                        "[{'ID': 'a', 'Addr': '10.0.0.1', 'SSHPort': 1, 'SSHPort': 1}]",
                        "entry 1 (line 1, column 48): field \"SSHPort\" stands twice in the same entry"),
                bad("[{'ID': 7}]", "entry 1 (line 1, column 9): field \"ID\" must be a string, but is a number"),
                bad("[{'ID': null}]", "entry 1 (line 1, column 9): field \"ID\" must be a string, but is null"),
                bad("[{'ID': ['a']}]", "entry 1 (line 1, column 9): field \"ID\" must be a string, but is an array"),
                bad("[{'ID': {}}]", "entry 1 (line 1, column 9): field \"ID\" must be a string, but is an object"),
                bad(
                        "[{'Addr': true}]",
                        "entry 1 (line 1, column 11): field \"Addr\" must be a string, but is a boolean"),
                bad(
                        "[{'Location': null}]",
                        "entry 1 (line 1, column 15): field \"Location\" must be a string, but is null"),
                bad("[{'ID': ''}]", "entry 1 (line 1, column 9): " + text("ID") + "\"\""),
                bad("[{'ID': ' \\t'}]", "entry 1 (line 1, column 9): " + text("ID") + "\" \\t\""),
                bad("[{'ID': 'a\\u0000'}]", "entry 1 (line 1, column 9): " + text("ID") + "\"a\\u0000\""),
                bad("[{'ID': '" + long129 + "'}]", "entry 1 (line 1, column 9): " + text("ID") + "\"" + shown + "\""),
                bad(
                        "[{'ID': 'invalid'}]",
                        "entry 1 (line 1, column 9): field \"ID\" must not be \"invalid\", which stands for having no"
                                + " id"),
                bad(
                        "[{'ID': 'a\\ud800'}]",
                        "entry 1 (line 1, column 9): field \"ID\" must be Unicode text, but has half a surrogate pair:"
                                + " \"a\\ud800\""),
                bad("[{'Location': ''}]", "entry 1 (line 1, column 15): " + text("Location") + "\"\""),
                bad(
                        "[{'Location': '" + long129 + "'}]",
                        "entry 1 (line 1, column 15): " + text("Location") + "\"" + shown + "\""),
                bad("[{'Location': 'a\\nb'}]", "entry 1 (line 1, column 15): " + text("Location") + "\"a\\nb\""),
                bad(
                        "[{'Addr': 'rack1.example.com'}]",
                        "entry 1 (line 1, column 11): " + ADDRESS + "\"rack1.example.com\" is not an address"),
                bad("[{'Addr': ''}]", "entry 1 (line 1, column 11): " + ADDRESS + "\"\" is not an address"),
                bad(
                        "[{'Addr': '0.0.0.0'}]",
                        "entry 1 (line 1, column 11): " + ADDRESS + "\"0.0.0.0\" is the wildcard address"),
                bad(
                        "[{'Addr': 'ff02::1'}]",
                        "entry 1 (line 1, column 11): " + ADDRESS + "\"ff02::1\" is a multicast address"),
                bad(
                        "[{'Addr': 'fe80::1%eth0'}]",
                        "entry 1 (line 1, column 11): " + ADDRESS
                                + "\"fe80::1%eth0\" has a zone, which means nothing to any other host"),
                bad("[{'SSHPort': '22'}]", "entry 1 (line 1, column 14): " + PORT + ", but is a string"),
                bad("[{'SSHPort': null}]", "entry 1 (line 1, column 14): " + PORT + ", but is null"),
                bad(
                        "[{'SSHPort': 22.0}]",
                        "entry 1 (line 1, column 14): " + PORT + ", but is a number with a fraction or an exponent"),
                bad(
                        "[{'SSHPort': 2e1}]",
                        "entry 1 (line 1, column 14): " + PORT + ", but is a number with a fraction or an exponent"),
                bad("[{'SSHPort': 0}]", "entry 1 (line 1, column 14): " + PORT + ", not 0"),
                bad("[{'SSHPort': -22}]", "entry 1 (line 1, column 14): " + PORT + ", not -22"),
                bad("[{'SSHPort': 65536}]", "entry 1 (line 1, column 14): " + PORT + ", not 65536"),
                bad("[{'SSHPort': 4294967318}]", "entry 1 (line 1, column 14): " + PORT + ", not 4294967318"),
                bad(
                        "[{'SSHPort': " + "9".repeat(500) + "}]",
                        "entry 1 (line 1, column 14): " + PORT + ", not " + "9".repeat(40) + "…"),
                bad(
                        "[{'Labels': 'rack'}]",
                        "entry 1 (line 1, column 13): field \"Labels\" must be an object, but is a string"),
                bad(
                        "[{'Labels': {'rack': 7}}]",
                        "entry 1 (line 1, column 22): field \"Labels\": the label \"rack\" must be a string, but is a"
                                + " number"),
                bad(
                        "[{'Labels': {'rack': '7', 'rack': '8'}}]",
                        "entry 1 (line 1, column 35): field \"Labels\": the label rack stands twice in the same entry"),
                bad(
                        "[{'Labels': {'rack nr': '7'}}]",
                        "entry 1 (line 1, column 25): field \"Labels\": the label key \"rack nr\" has a name that is not 1 to"
                                + " 63 letters, digits, -, _ and ., with a letter or a digit at both ends"),
                bad(
                        "[{'Labels': {}, 'Labels': {}}]",
                        "entry 1 (line 1, column 17): field \"Labels\" stands twice in the same entry"),
                bad(
                        """
                        [{'ID': 'a', 'Addr': '10.0.0.1'},
                         {'ID': 'b', 'Addr': '10.0.0.2'},
                         {'Addr': '10.0.0.3', 'ID': 'a'}]""",
                        "entry 3 (line 3, column 29): field \"ID\" is \"a\", as in entry 1; each machine needs its own"
                                + " id"),
                bad(
                        """
                        [{'ID': 'a', 'Addr': '10.0.0.1'},
                         {'ID': 'b', 'Addr': '::ffff:10.0.0.1'}]""",
                        "entry 2 (line 2, column 22): field \"Addr\" is 10.0.0.1, as in entry 1; one machine would be"
                                + " listed under two ids"),
                bad(
                        """
                        [{'ID': 'a', 'Addr': '2001:db8::1', 'SSHPort': 22},
                         {'ID': 'b', 'Addr': '2001:DB8:0::1', 'SSHPort': 22}]""",
                        "entry 2 (line 2, column 22): field \"Addr\" is 2001:db8:0:0:0:0:0:1 with field \"SSHPort\" 22,"
                                + " as in entry 1; one machine would be listed under two ids"),
                bad(
                        """
                        [{'ID': 'a', 'Addr': '10.0.0.1', 'SSHPort': 22},
                         {'ID': 'b', 'Addr': '10.0.0.2'},
                         {'ID': 'c', 'Addr': '10.0.0.1'}]""",
                        "entry 3 (line 3, column 22): field \"Addr\" is 10.0.0.1, as in entry 1; entries that share an"
                                + " address each need a field \"SSHPort\""),
                bad(
                        """
                        [{'ID': 'a', 'Addr': '10.0.0.1'},
                         {'ID': 'b', 'Addr': '10.0.0.1', 'SSHPort': 22}]""",
                        "entry 2 (line 2, column 22): field \"Addr\" is 10.0.0.1, as in entry 1; entries that share an"
                                + " address each need a field \"SSHPort\""));
    }

    private static Arguments bad(String document, String message) {
        return Arguments.of(document, message);
    }

    private static String text(String field) {
        return "field \"" + field + "\" must be text of 1 to 128 characters, not blank and without control characters,"
                + " not ";
    }

    @ParameterizedTest
    @MethodSource("malformedDocuments")
    void aMistakeIsNamedWithItsPlace(String document, String message) {
        assertThatExceptionOfType(MalformedListException.class)
                .isThrownBy(() -> parse(document))
                .withMessage(message);
    }

    @Test
    void columnsCountCharactersAndNotBytes() {
        assertThatExceptionOfType(MalformedListException.class)
                .isThrownBy(() -> parse("[{'Location': 'Zürich', 'ID': 5}]"))
                .withMessageStartingWith("entry 1 (line 1, column 31): ");
    }

    @Test
    void thePlaceIsRightFarIntoALongDocument() {
        StringBuilder document = new StringBuilder("[\n");
        for (int i = 1; i < 5000; i++) {
            document.append("{'ID': 'm%d', 'Addr': '10.1.%d.%d'},\n".formatted(i, i / 250, i % 250));
        }
        document.append("  {'ID': 'last', 'Addr': 'x'}]");

        assertThatExceptionOfType(MalformedListException.class)
                .isThrownBy(() -> parse(document.toString()))
                .withMessageStartingWith("entry 5000 (line 5001, column 26): ");
    }

    @Test
    void whatIsNotUtf8IsRefusedWithTheLineAndTheByte() throws Exception {
        ByteArrayOutputStream document = new ByteArrayOutputStream();
        document.write("[\n{\"ID\": \"Z".getBytes(StandardCharsets.UTF_8));
        document.write(0xFC);
        document.write("rich\"}]".getBytes(StandardCharsets.UTF_8));

        assertThatExceptionOfType(MalformedListException.class)
                .isThrownBy(() -> parser.parse(document.toByteArray()))
                .withMessage("line 2: the document must be UTF-8, but its byte 12 does not belong there");
    }

    @Test
    void aDocumentCutInsideACharacterIsRefused() {
        assertThatExceptionOfType(MalformedListException.class)
                .isThrownBy(() -> parser.parse(new byte[] {'[', (byte) 0xC3}))
                .withMessage("line 1: the document must be UTF-8, but its byte 2 does not belong there");
    }

    @Test
    void deepNestingIsRefusedAtItsFirstLevel() {
        assertThatExceptionOfType(MalformedListException.class)
                .isThrownBy(() -> parse("[{'ID': " + "[".repeat(1_000_000)))
                .withMessage("entry 1 (line 1, column 9): field \"ID\" must be a string, but is an array");
    }

    @Test
    void aMessageNeverRepeatsMuchOfTheDocument() {
        for (String document : List.of(
                "x".repeat(100_000),
                "[{'" + "x".repeat(100_000) + "': 1}]",
                "[{'ID': '" + "x".repeat(100_000) + "'}]",
                "[{'Addr': '" + "x".repeat(100_000) + "'}]",
                "[{'ID': " + "x".repeat(100_000) + "}]",
                "[{'SSHPort': " + "1".repeat(100_000) + "}]")) {
            assertThat(catchThrowable(() -> parse(document)))
                    .isInstanceOf(MalformedListException.class)
                    .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(400));
        }
    }

    /** Whatever a document is cut or changed into, the answer is a list or a mistake with its place. */
    @Test
    void noDocumentBringsTheParserDown() throws Exception {
        byte[] good = bytes("""
                [{'ID': 'a', 'Addr': '10.0.0.1', 'Location': 'Zürich', 'SSHPort': 22},
                 {'ID': 'b', 'Addr': '2001:db8::1'}]
                """);
        Random random = new Random(7);
        List<byte[]> documents = new ArrayList<>();
        for (int i = 0; i < 4_000; i++) {
            byte[] document = good.clone();
            for (int changes = random.nextInt(3); changes >= 0; changes--) {
                document[random.nextInt(document.length)] =
                        (byte) "[]{}\",:0aZ\\\n\u0000\u00ff\u00c3".charAt(random.nextInt(15));
            }
            documents.add(document);
        }
        for (int length = 0; length < good.length - 2; length++) {
            documents.add(Arrays.copyOf(good, length));
        }

        int refused = 0;
        for (byte[] document : documents) {
            try {
                parser.parse(document);
            } catch (MalformedListException e) {
                refused++;
                assertThat(e.getMessage()).matches("(entry|after entry|line) \\d.*|the document is empty.*");
            }
        }
        assertThat(refused).isGreaterThan(3_000).isLessThan(documents.size());
    }

    /** Nothing is read by recursion, and the first bracket too many is the last one looked at. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "LEVELS",
                "[LEVELS",
                "[{LEVELS",
                "[{'ID': LEVELS",
                "[{'ID': 'a', 'Addr': LEVELS",
                "[{'ID': 'a', 'Addr': '10.0.0.1', 'SSHPort': LEVELS",
                "[{'unheard-of': LEVELS",
                "[] LEVELS",
            })
    void jsonWithoutBottomIsRefused(String document) {
        for (String level : List.of("[", "{'a':", "[{'ID':")) {
            assertThatExceptionOfType(MalformedListException.class)
                    .isThrownBy(() -> parse(document.replace("LEVELS", level.repeat(200_000))))
                    .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(400));
        }
    }

    private List<MachineInfo> parse(String document) throws MalformedListException {
        return List.copyOf(parser.parse(bytes(document)).machines().values());
    }

    private static byte[] bytes(String document) {
        return document.replace('\'', '"').getBytes(StandardCharsets.UTF_8);
    }

    @Test
    void aListWithMoreMachinesThanThereIsMemoryForIsRefused() throws Exception {
        byte[] three = """
                [{"ID": "a", "Addr": "192.0.2.1"}, {"ID": "b", "Addr": "192.0.2.2"}, {"ID": "c", "Addr": "192.0.2.3"}]
                """.getBytes(StandardCharsets.UTF_8);

        assertThat(new MachineListParser(EntryFields.NONE, 2000).parse(three).size())
                .isEqualTo(3);
        assertThatExceptionOfType(MalformedListException.class)
                .isThrownBy(() -> new MachineListParser(EntryFields.NONE, 1800).parse(three))
                .withMessageContaining("more than 2 machines")
                .withMessageContaining("-Xmx");
    }
}
