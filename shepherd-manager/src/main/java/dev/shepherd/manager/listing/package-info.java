/**
 * Keeps what is recorded of machines up to date with what their provider says. Start reading at {@link
 * dev.shepherd.manager.listing.Updater}.
 *
 * <ul>
 *   <li>{@link dev.shepherd.manager.listing.UpdaterSettings}: settings
 *   <li>{@code Changes}, {@code DescriptionHash}: what is new in a description, and whether anything is
 * </ul>
 */
@NullMarked
package dev.shepherd.manager.listing;

import org.jspecify.annotations.NullMarked;
