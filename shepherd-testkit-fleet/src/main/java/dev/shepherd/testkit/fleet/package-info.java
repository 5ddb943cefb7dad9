/**
 * A whole fleet for a test of a program that embeds Shepherd.
 *
 * <ul>
 *   <li>{@link dev.shepherd.testkit.fleet.ShepherdTest}: gives a JUnit test a fleet by one annotation; start reading here
 *   <li>{@link dev.shepherd.testkit.fleet.TestFleet}: database, provider, machines with SSH, and managers; the same without
 *       JUnit
 *   <li>{@link dev.shepherd.testkit.fleet.TestMachine}: one machine, to be broken and waited for
 *   <li>{@link dev.shepherd.testkit.fleet.ShepherdExtension}: for what an annotation cannot say
 * </ul>
 */
@NullMarked
package dev.shepherd.testkit.fleet;

import org.jspecify.annotations.NullMarked;
