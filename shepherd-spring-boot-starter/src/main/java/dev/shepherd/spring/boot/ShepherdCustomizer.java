package dev.shepherd.spring.boot;

import dev.shepherd.manager.Shepherd;

/**
 * Sets what no property does: a bean of this type is called with the builder once the properties are set, in the order of {@code
 * @Order}. Such as the executor.
 */
@FunctionalInterface
public interface ShepherdCustomizer {

    /** Sets something. What it throws ends the start of the application. */
    void customize(Shepherd.Builder builder);
}
