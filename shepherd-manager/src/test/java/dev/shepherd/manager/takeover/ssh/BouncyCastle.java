package dev.shepherd.manager.takeover.ssh;

import net.schmizz.sshj.common.SecurityUtils;

/** Lets tests of takeovers ask where cryptography comes from. */
public final class BouncyCastle {

    private BouncyCastle() {}

    public static boolean isUsed() {
        return SecurityUtils.isBouncyCastleRegistered();
    }
}
