/** The statements on hardware reports and on what is taken from them. A part of the core, as the package around it. */
@NullMarked
package dev.shepherd.bmdb.internal.hardware;

import org.jspecify.annotations.NullMarked;
