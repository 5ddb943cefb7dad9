/**
 * The interfaces and values that a provider of bare-metal machines is written against.
 *
 * <p>A provider author implements {@link dev.shepherd.api.Provider} (and
 * {@link dev.shepherd.api.Recoverer} where machines can be rebooted), publishes it through a
 * {@link dev.shepherd.api.ProviderFactory} and needs nothing but this module to compile.
 */
@NullMarked
package dev.shepherd.api;

import org.jspecify.annotations.NullMarked;
