/**
 * What the modules of this library share and no other code uses: {@code Escaped} is the one place through which the
 * text of others passes, {@code Spans} says spans of time to people, {@code Ed25519Point} knows which keys prove
 * something.
 */
@NullMarked
package dev.shepherd.api.internal;

import org.jspecify.annotations.NullMarked;
