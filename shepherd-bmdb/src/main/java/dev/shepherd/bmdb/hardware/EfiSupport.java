package dev.shepherd.bmdb.hardware;

/** Whether a machine has EFI, and was started by it. */
public enum EfiSupport {
    /** The agent did not say, or could not find out. */
    UNKNOWN,
    /** It has none. */
    UNSUPPORTED,
    /** It has EFI, but was started in another way. */
    SUPPORTED,
    /** It was started by EFI. */
    ENABLED
}
