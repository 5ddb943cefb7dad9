package dev.shepherd.spring.boot;

import dev.shepherd.bmdb.BmdbConfig;

/**
 * Sets what no property does: a bean of this type is called with the builder once the properties are set, in the order of {@code
 * @Order}. Such as the offset of time in tests.
 */
@FunctionalInterface
public interface BmdbConfigCustomizer {

    /** Sets something. What it throws ends the start of the application. */
    void customize(BmdbConfig.Builder builder);
}
