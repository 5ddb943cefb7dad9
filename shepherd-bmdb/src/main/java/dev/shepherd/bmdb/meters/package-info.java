/** How the classes that bind metrics to Micrometer do it: {@link dev.shepherd.bmdb.meters.BoundMeters}. */
@NullMarked
package dev.shepherd.bmdb.meters;

import org.jspecify.annotations.NullMarked;
