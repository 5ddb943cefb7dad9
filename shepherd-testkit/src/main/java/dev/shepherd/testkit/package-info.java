/**
 * What tests and demos of a fleet are made of: {@link dev.shepherd.testkit.SshHost} stands for a machine and
 * {@link dev.shepherd.testkit.TestAgent} for the agent that runs on it.
 */
@NullMarked
package dev.shepherd.testkit;

import org.jspecify.annotations.NullMarked;
