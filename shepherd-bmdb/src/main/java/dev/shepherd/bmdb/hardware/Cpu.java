package dev.shepherd.bmdb.hardware;

import java.util.Optional;
import java.util.OptionalInt;

/**
 * A processor package (a socket). Texts come from the machine: escape them where they are shown. Immutable.
 *
 * @param vendor the vendor as the processor says, such as {@code GenuineIntel}
 * @param model the model as the processor says
 * @param cores physical cores
 * @param threads what the operating system schedules on: as many as cores, or more
 * @param x86 what CPUID says of it; empty for other architectures
 */
public record Cpu(
        Optional<String> vendor, Optional<String> model, OptionalInt cores, OptionalInt threads, Optional<X86> x86) {

    /**
     * A processor as CPUID names it, with extended family and model added in.
     *
     * @param family such as 23
     * @param model such as 49
     * @param stepping such as 0
     */
    public record X86(int family, int model, int stepping) {}
}
