package dev.shepherd.cli.settings;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** What is wrong with what is given: all of it is told at once. */
public final class Problems {

    private record Problem(Mark mark, String what) {
        @Override
        public String toString() {
            return mark.isOption() && (mark.source().isEmpty() || what.startsWith(mark.source()))
                    ? what
                    : mark + ": " + what;
        }
    }

    private final List<Problem> problems = new ArrayList<>();

    /** Notes one. */
    public void add(Mark mark, String what) {
        problems.add(new Problem(mark, what));
    }

    /** Returns how many there are so far. */
    public int count() {
        return problems.size();
    }

    /**
     * Ends if there is one.
     *
     * @throws WrongSettingsException that says all of them
     */
    void requireNone() {
        if (!problems.isEmpty()) {
            throw new WrongSettingsException(problems.stream()
                    .sorted(Comparator.comparing(Problem::mark))
                    .map(Problem::toString)
                    .distinct()
                    .toList());
        }
    }
}
