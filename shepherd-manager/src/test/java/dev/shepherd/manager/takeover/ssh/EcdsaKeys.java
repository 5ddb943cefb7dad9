package dev.shepherd.manager.takeover.ssh;

/** Lets tests of takeovers ask what the connections offer. */
public final class EcdsaKeys {

    private EcdsaKeys() {}

    public static boolean areKnown() {
        return SshConfig.hasEcdsa();
    }
}
