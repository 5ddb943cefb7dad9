/** What the packages of this module share, and nothing outside of it uses: {@code Escaped} makes text fit for a
 * log, {@code Ed25519Point} tells keys from what is none. */
@NullMarked
package dev.shepherd.manager.internal;

import org.jspecify.annotations.NullMarked;
