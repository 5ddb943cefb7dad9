/**
 * What tests and demos of a fleet are made of: {@link dev.shepherd.testkit.SshHost} stands for a machine,
 * {@link dev.shepherd.testkit.TestAgent} for the agent that runs on it, and
 * {@link dev.shepherd.testkit.FakeProvider} for whoever rents it out. The contract of providers is in
 * {@code dev.shepherd.testkit.contract}.
 */
@NullMarked
package dev.shepherd.testkit;

import org.jspecify.annotations.NullMarked;
