/**
 * The API of Equinix Metal in the process, for tests and demos of {@code provider-equinix}.
 *
 * <ul>
 *   <li>{@link dev.shepherd.testkit.equinix.FakeEquinix}: the HTTP server, and what a test tells it; start reading here
 *   <li>{@code EquinixProject}: what it holds, and the rules by which it changes
 *   <li>{@code EquinixQuery}, {@code EquinixJson}: what it is asked and answers, as text
 * </ul>
 */
@NullMarked
package dev.shepherd.testkit.equinix;

import org.jspecify.annotations.NullMarked;
