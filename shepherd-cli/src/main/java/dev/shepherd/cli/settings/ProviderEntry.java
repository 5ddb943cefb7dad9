package dev.shepherd.cli.settings;

import dev.shepherd.api.ProviderType;
import java.util.List;

/**
 * A provider as a file or the options name it.
 *
 * @param mark where it is named
 * @param kind its kind
 * @param type the name of this instance
 * @param properties its properties
 * @param overrides the sections that hold for this provider alone
 */
public record ProviderEntry(Mark mark, String kind, ProviderType type, Entry.Table properties, Entry.Table overrides) {

    /** The sections that a provider may have of its own. */
    static final List<String> SECTIONS = List.of(
            Sections.PROVISIONER,
            Sections.INITIALIZER,
            Sections.RECOVERER,
            Sections.RECOVERY,
            Sections.UPDATER,
            Sections.AGENT);
}
