/**
 * A provider of the machines of Equinix Metal, and the example to start a provider over another REST API from.
 *
 * <p>{@link dev.shepherd.provider.equinix.EquinixProviderFactory} makes it from text properties,
 * {@link dev.shepherd.provider.equinix.EquinixProvider} from code.
 */
@NullMarked
package dev.shepherd.provider.equinix;

import org.jspecify.annotations.NullMarked;
