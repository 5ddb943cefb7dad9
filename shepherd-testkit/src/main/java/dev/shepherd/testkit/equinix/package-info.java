/**
 * The API of Equinix Metal in the process, for tests and demos of {@code provider-equinix}.
 *
 * <ul>
 *   <li>{@link dev.shepherd.testkit.equinix.FakeEquinix}: the HTTP server, and what a test tells it; start reading here
 *   <li>{@link dev.shepherd.testkit.equinix.Operation}, {@link dev.shepherd.testkit.equinix.Fault}: its calls, and what
 *       goes wrong with one
 *   <li>{@link dev.shepherd.testkit.equinix.Device}, {@link dev.shepherd.testkit.equinix.Address},
 *       {@link dev.shepherd.testkit.equinix.Host}: a device, and what stands behind it
 * </ul>
 *
 * <p>Inside, {@code EquinixProject} is what it holds, with the rules by which it changes, and {@code EquinixApi} answers
 * requests from it; {@code EquinixQuery} reads them.
 */
@NullMarked
package dev.shepherd.testkit.equinix;

import org.jspecify.annotations.NullMarked;
