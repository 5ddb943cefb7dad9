/**
 * An agent for tests of takeovers.
 *
 * <ul>
 *   <li>{@link dev.shepherd.testkit.agent.TestAgent}: writes it as an executable file to upload; start reading here
 *   <li>{@code Agent}: what runs in its process. It is copied into that file, and of no use elsewhere
 * </ul>
 */
@NullMarked
package dev.shepherd.testkit.agent;

import org.jspecify.annotations.NullMarked;
