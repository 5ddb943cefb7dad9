/**
 * Trying Shepherd out without machines.
 *
 * <ul>
 *   <li>{@link dev.shepherd.cli.demo.DemoCommand}: {@code shepherd demo}; start reading here
 *   <li>{@code DemoFleet}: the machines and loops of the demo, on {@code DemoProvider}; {@code DemoRecovery} breaks
 *       some
 *   <li>{@code DemoProgress}, {@code DemoSummary}: what is printed meanwhile and at the end
 *   <li>{@link dev.shepherd.cli.demo.FakeEquinixCommand}: {@code shepherd fake-equinix}, with {@code FakeEquinixHosts}
 *       behind its devices
 *   <li>{@link dev.shepherd.cli.demo.FakeBmcCommand}: {@code shepherd fake-bmc}, with a {@code FakeRack} of BMCs and
 *       machines
 * </ul>
 */
@NullMarked
package dev.shepherd.cli.demo;

import org.jspecify.annotations.NullMarked;
