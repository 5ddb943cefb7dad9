package dev.shepherd.cli.settings;

import dev.shepherd.api.ConfigurationException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.common.ScalarStyle;
import org.snakeyaml.engine.v2.composer.Composer;
import org.snakeyaml.engine.v2.events.AliasEvent;
import org.snakeyaml.engine.v2.events.CollectionEndEvent;
import org.snakeyaml.engine.v2.events.CollectionStartEvent;
import org.snakeyaml.engine.v2.events.Event;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.NodeTuple;
import org.snakeyaml.engine.v2.nodes.ScalarNode;
import org.snakeyaml.engine.v2.nodes.SequenceNode;
import org.snakeyaml.engine.v2.nodes.Tag;
import org.snakeyaml.engine.v2.parser.Parser;
import org.snakeyaml.engine.v2.parser.ParserImpl;
import org.snakeyaml.engine.v2.scanner.StreamReader;

/**
 * Reads a configuration file, which is YAML 1.2 of a bounded size and depth, into texts with their places. It makes no
 * objects, whatever a file's tags say, and knows no aliases: what a value is, is for the settings to say.
 */
final class YamlReader {

    private static final int MAX_DEPTH = 20;

    private final Path file;
    private final Path folder;
    private final Problems problems;

    private YamlReader(Path file, Problems problems) {
        this.file = file;
        this.folder = Optional.ofNullable(file.toAbsolutePath().getParent()).orElse(file.toAbsolutePath());
        this.problems = problems;
    }

    /**
     * Reads a file.
     *
     * @throws ConfigurationException if it cannot be read, or is not YAML
     */
    static Entry.Table read(Path file, Problems problems) {
        return new YamlReader(file, problems).parse(OptionFile.text(Settings.CONFIG, file));
    }

    private Entry.Table parse(String text) {
        LoadSettings settings = LoadSettings.builder()
                .setLabel(file.toString())
                .setAllowDuplicateKeys(true) // They are refused below, with their places.
                .build();
        try {
            requireBounds(parser(settings, text));
            Optional<Node> root = new Composer(settings, parser(settings, text)).getSingleNode();
            if (root.isEmpty()) {
                return Entry.Table.empty(new Mark(file.toString(), 1, 1));
            }
            if (entry(root.get()) instanceof Entry.Table table) {
                return table;
            }
            throw refused(mark(root.get()), "a configuration file has keys and values, such as: database: …");
        } catch (MarkedYamlEngineException e) {
            throw refused(
                    e.getProblemMark().map(this::mark).orElse(new Mark(file.toString(), 1, 1)),
                    "this is not YAML: " + e.getProblem()
                            + e.getContextMark()
                                    .map(mark -> " (" + e.getContext() + " that begins at line " + (mark.getLine() + 1)
                                            + ")")
                                    .orElse(""));
        } catch (YamlEngineException e) {
            throw refused(new Mark(file.toString(), 1, 1), "this is not YAML: " + e.getMessage());
        }
    }

    private static Parser parser(LoadSettings settings, String text) {
        return new ParserImpl(settings, new StreamReader(settings, text));
    }

    /** The composer follows the depth of the file with its own, and each alias may stand for as much as the file. */
    private void requireBounds(Parser parser) {
        int depth = 0;
        int documents = 0;
        while (parser.hasNext()) {
            Event event = parser.next();
            if (event instanceof AliasEvent) {
                throw refused(mark(event), "aliases (*name) are not supported: write the value again");
            }
            depth += event instanceof CollectionStartEvent ? 1 : event instanceof CollectionEndEvent ? -1 : 0;
            if (depth > MAX_DEPTH) {
                throw refused(mark(event), "this is nested more than " + MAX_DEPTH + " deep");
            }
            documents += event.getEventId() == Event.ID.DocumentStart ? 1 : 0;
            if (documents > 1) {
                throw refused(mark(event), "a configuration file is a single document: here begins a second one");
            }
        }
    }

    private Entry entry(Node node) {
        if (node instanceof MappingNode mapping) {
            return ofMapping(mapping);
        }
        if (node instanceof SequenceNode sequence) {
            List<Entry> items = new ArrayList<>();
            sequence.getValue().forEach(item -> items.add(entry(item)));
            return new Entry.Items(mark(node), items);
        }
        ScalarNode scalar = (ScalarNode) node;
        if (scalar.getTag().equals(Tag.NULL) && scalar.getScalarStyle() == ScalarStyle.PLAIN) {
            problems.add(mark(node), "a value is missing: give one, or comment the key out");
        }
        return new Entry.Text(mark(node), scalar.getValue(), folder);
    }

    private Entry.Table ofMapping(MappingNode mapping) {
        Map<String, Entry.Keyed> entries = new LinkedHashMap<>();
        for (NodeTuple tuple : mapping.getValue()) {
            Mark mark = mark(tuple.getKeyNode());
            if (!(tuple.getKeyNode() instanceof ScalarNode key)) {
                problems.add(mark, "a key is a single word");
                continue;
            }
            Entry.Keyed before =
                    entries.putIfAbsent(key.getValue(), new Entry.Keyed(mark, entry(tuple.getValueNode())));
            if (before != null) {
                problems.add(
                        mark,
                        Shown.key(key.getValue()) + " is given twice; first in line "
                                + before.mark().line());
            }
        }
        return new Entry.Table(mark(mapping), entries);
    }

    private Mark mark(Node node) {
        return node.getStartMark().map(this::mark).orElse(new Mark(file.toString(), 1, 1));
    }

    private Mark mark(Event event) {
        return event.getStartMark().map(this::mark).orElse(new Mark(file.toString(), 1, 1));
    }

    private Mark mark(org.snakeyaml.engine.v2.exceptions.Mark mark) {
        return new Mark(file.toString(), mark.getLine() + 1, mark.getColumn() + 1);
    }

    private static ConfigurationException refused(Mark mark, String why) {
        return new ConfigurationException(Settings.CONFIG, mark + ": " + why);
    }
}
