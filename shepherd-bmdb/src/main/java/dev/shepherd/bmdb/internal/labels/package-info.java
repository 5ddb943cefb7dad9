/** The statements on labels, and how a selector is asked of the database. A part of the core, as the package around it. */
@NullMarked
package dev.shepherd.bmdb.internal.labels;

import org.jspecify.annotations.NullMarked;
