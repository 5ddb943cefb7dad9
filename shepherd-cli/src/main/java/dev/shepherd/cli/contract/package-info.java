/**
 * {@code shepherd contract}: the rules of {@code dev.shepherd.testkit.contract} on a provider that is configured by options,
 * for people who write no tests in Java. Start reading in {@link dev.shepherd.cli.contract.ContractCommand}.
 *
 * <ul>
 *   <li>{@code Permit}: what may be done to which machines, and what was done
 *   <li>{@code GuardedProvider}: a provider that does no more than that, whatever a rule asks for
 *   <li>{@code ProviderUnderTest}, {@code ProviderRules}, {@code RecovererRules}: the fixtures of the contract
 *   <li>{@code Rules}: runs the rules and collects what became of them
 *   <li>{@code TextReport}, {@code JsonReport}: tell it to people and to programs
 * </ul>
 */
@NullMarked
package dev.shepherd.cli.contract;

import org.jspecify.annotations.NullMarked;
