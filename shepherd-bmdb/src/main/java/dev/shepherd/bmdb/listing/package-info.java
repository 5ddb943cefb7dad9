/**
 * What is recorded of a provider's machines, for comparison with what it lists: {@link
 * dev.shepherd.bmdb.listing.Listings}. Exported to the manager alone.
 */
@NullMarked
package dev.shepherd.bmdb.listing;

import org.jspecify.annotations.NullMarked;
