/**
 * The contract of providers as tests: extend {@link dev.shepherd.testkit.contract.ProviderContract},
 * {@link dev.shepherd.testkit.contract.RecovererContract} or
 * {@link dev.shepherd.testkit.contract.ProviderFactoryContract}, say how to make what is to be tested, and run it.
 *
 * <p>The rules are {@link dev.shepherd.testkit.contract.Rule}; {@code docs/provider-contract.md} gives their reasons.
 */
@NullMarked
package dev.shepherd.testkit.contract;

import org.jspecify.annotations.NullMarked;
