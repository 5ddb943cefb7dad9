/**
 * The one way to check the values of settings: {@link dev.shepherd.api.internal.settings.Checks}; and what servers
 * read for TLS, {@link dev.shepherd.api.internal.settings.PemFiles}. For this library's own modules. A package of its
 * own, since it sees {@code dev.shepherd.api}, which sees the package above.
 */
@NullMarked
package dev.shepherd.api.internal.settings;

import org.jspecify.annotations.NullMarked;
