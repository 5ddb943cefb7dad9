package dev.shepherd.cli.settings;

import dev.shepherd.api.ConfigurationException;
import java.util.List;

/** Several settings may be wrong at once. */
public final class WrongSettingsException extends ConfigurationException {

    private static final long serialVersionUID = 1L;

    private final transient List<String> problems;

    WrongSettingsException(List<String> problems) {
        super(null, String.join("; ", problems), null);
        this.problems = List.copyOf(problems);
    }

    /** Returns what is wrong, one after the other. */
    public List<String> problems() {
        return problems;
    }
}
