/** What the packages of this module share, and nothing outside of it uses: {@code Escaped} makes text fit for a log. */
@NullMarked
package dev.shepherd.manager.internal;

import org.jspecify.annotations.NullMarked;
