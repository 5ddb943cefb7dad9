/** Telling open pages that something changed. */
@NullMarked
package dev.shepherd.web.live;

import org.jspecify.annotations.NullMarked;
