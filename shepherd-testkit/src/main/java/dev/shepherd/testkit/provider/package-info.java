/**
 * Fakes for tests of what uses a provider, and of what a provider uses.
 *
 * <ul>
 *   <li>{@link dev.shepherd.testkit.provider.FakeProvider}: a provider in memory that keeps the contract, records its
 *       calls and fails when it is told to; start reading here
 *   <li>{@link dev.shepherd.testkit.provider.FakeSession}: a session on a map, which a provider records its machines in
 * </ul>
 *
 * <p>Inside, {@code FakeMachines} is what the provider has, and {@code FakeCalls} what was called and is to fail.
 */
@NullMarked
package dev.shepherd.testkit.provider;

import org.jspecify.annotations.NullMarked;
