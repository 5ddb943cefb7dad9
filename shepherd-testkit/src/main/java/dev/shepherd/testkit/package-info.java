/**
 * What tests and demos of a fleet are made of. Start reading at the package of what you need:
 *
 * <ul>
 *   <li>{@code dev.shepherd.testkit.provider}: a provider in memory, and a session without a database
 *   <li>{@code dev.shepherd.testkit.ssh}: SSH servers in the process that stand for machines
 *   <li>{@code dev.shepherd.testkit.agent}: an executable agent to take such a machine over with
 *   <li>{@code dev.shepherd.testkit.database}: a bare metal database for each test
 *   <li>{@code dev.shepherd.testkit.equinix}: the API of Equinix Metal in the process
 *   <li>{@code dev.shepherd.testkit.bmc}: BMCs with Redfish in the process
 *   <li>{@code dev.shepherd.testkit.http}: HTTP that can misbehave, and certificates for HTTPS
 *   <li>{@code dev.shepherd.testkit.contract}: the contract of providers as tests
 * </ul>
 *
 * <p>{@link dev.shepherd.testkit.LogCapture}, which holds what a test logs, is for all of them.
 */
@NullMarked
package dev.shepherd.testkit;

import org.jspecify.annotations.NullMarked;
