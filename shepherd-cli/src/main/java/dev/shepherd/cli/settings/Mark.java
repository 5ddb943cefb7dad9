package dev.shepherd.cli.settings;

/**
 * Where a value is given: a place in a file, or an option of the command line.
 *
 * @param source the file or the option
 * @param line the line, from 1; 0 for an option
 * @param column the column, from 1; 0 for an option
 */
public record Mark(String source, int line, int column) implements Comparable<Mark> {

    static Mark ofOption(String option) {
        return new Mark(option, 0, 0);
    }

    boolean isOption() {
        return line == 0;
    }

    @Override
    public int compareTo(Mark other) {
        return line != other.line ? Integer.compare(line, other.line) : Integer.compare(column, other.column);
    }

    @Override
    public String toString() {
        return isOption() ? source : source + ":" + line + ":" + column;
    }
}
