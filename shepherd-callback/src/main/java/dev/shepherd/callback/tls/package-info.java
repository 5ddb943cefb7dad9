/**
 * How the endpoint speaks TLS: {@code ServerTls} has the certificate of the moment, which it takes from files or has
 * {@code Authority} make; {@code Certificates} makes certificates.
 */
@NullMarked
package dev.shepherd.callback.tls;

import org.jspecify.annotations.NullMarked;
