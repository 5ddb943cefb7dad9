/**
 * The contract of providers as tests. {@code docs/provider-contract.md} has the rules with their reasons.
 *
 * <ul>
 *   <li>{@link dev.shepherd.testkit.contract.ProviderContract}: extend it, say how to make your provider, and run it;
 *       start reading here
 *   <li>{@link dev.shepherd.testkit.contract.RecovererContract}: the same for a provider that reboots and reinstalls
 *   <li>{@link dev.shepherd.testkit.contract.ProviderFactoryContract}: the same for its factory
 *   <li>{@link dev.shepherd.testkit.contract.Rule}: every rule, with its force and what to check when it is broken
 *   <li>{@link dev.shepherd.testkit.contract.FaultProxy}: lets faults in between a provider over HTTP and any server;
 *       {@link dev.shepherd.testkit.contract.Faults} is what it is for the rules
 * </ul>
 *
 * <p>Inside, {@code ContractRun} is the test of one rule under way, {@code ProviderRun} one that has machines made,
 * {@code Records} where these are recorded, and {@code ContractReport} what is said at the end. {@code ProxyFaults} decides what becomes of a request of the proxy,
 * {@code ProxyAnswers}, {@code StaleListings} and {@code DoubledJson} are what it answers.
 */
@NullMarked
package dev.shepherd.testkit.contract;

import org.jspecify.annotations.NullMarked;
