/**
 * The one way to check the values of settings: {@link dev.shepherd.api.internal.settings.Checks}; what servers
 * read for TLS, {@link dev.shepherd.api.internal.settings.PemFiles}; and where they listen, {@link
 * dev.shepherd.api.internal.settings.ListenAddress}. For this library's own modules. A package of its
 * own, since it sees {@code dev.shepherd.api}, which sees the package above.
 */
@NullMarked
package dev.shepherd.api.internal.settings;

import org.jspecify.annotations.NullMarked;
