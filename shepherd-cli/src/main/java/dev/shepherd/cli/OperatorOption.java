package dev.shepherd.cli;

import picocli.CommandLine.Option;

/** Says on whose behalf something is done to a running fleet. */
final class OperatorOption {

    @Option(
            names = "--by",
            paramLabel = "NAME",
            defaultValue = "${sys:user.name}",
            description = "who asks for it (default: the user's name)")
    private String by = "";

    String by() {
        return Setting.text("--by", by);
    }
}
