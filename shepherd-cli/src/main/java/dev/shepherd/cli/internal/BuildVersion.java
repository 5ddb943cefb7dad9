package dev.shepherd.cli.internal;

import java.util.Optional;

/** The version of this build. */
public final class BuildVersion {

    private BuildVersion() {}

    /** Reads it from the jar's manifest; empty where the classes come from a folder. */
    public static Optional<String> inManifest() {
        return Optional.ofNullable(BuildVersion.class.getPackage().getImplementationVersion());
    }

    /** Returns it for people. */
    public static String text() {
        return inManifest().orElse("(built from source)");
    }
}
