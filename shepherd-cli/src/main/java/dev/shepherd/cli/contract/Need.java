package dev.shepherd.cli.contract;

import java.util.List;
import java.util.Optional;

/** What a rule that was skipped lacks, in the words of the command line: the contract's own name methods of fixtures. */
enum Need {
    MACHINES("a free machine, or one more, that may be created: --machine", "machineBudget()", "none may be created"),
    FAULTS("faults: --faults, and --listing for those on listings", "faults()", "inject(", "Faults."),
    REINSTALLATIONS("--reinstall", "reinstallsMachines()"),
    OUTSIDE("an outside that no one else uses: a test in Java", "outside that others use"),
    SECRETS("a property that is a secret", "secrets()");

    private final String words;
    private final List<String> marks;

    Need(String words, String... marks) {
        this.words = words;
        this.marks = List.of(marks);
    }

    /** Returns what would have to be given. */
    String words() {
        return words;
    }

    /** Finds it in what the contract says. */
    static Optional<Need> in(String why) {
        for (Need need : values()) {
            if (need.marks.stream().anyMatch(why::contains)) {
                return Optional.of(need);
            }
        }
        return Optional.empty();
    }

    /** Returns why a rule was skipped, in the words of the command line. */
    static String reason(String why) {
        return in(why).map(need -> "needs " + need.words).orElse(why);
    }
}
