/**
 * A provider of a fixed list of machines, from a file or a URL.
 *
 * <p>{@link dev.shepherd.provider.staticlist.StaticProviderFactory} makes it from text properties,
 * {@link dev.shepherd.provider.staticlist.StaticProvider} from code.
 */
@NullMarked
package dev.shepherd.provider.staticlist;

import org.jspecify.annotations.NullMarked;
