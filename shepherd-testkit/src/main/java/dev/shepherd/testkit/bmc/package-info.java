/**
 * A BMC with Redfish in the process, for tests and demos of what reboots machines through it.
 *
 * <ul>
 *   <li>{@link dev.shepherd.testkit.bmc.FakeBmc}: the HTTPS server, and what a test tells it; start reading here
 *   <li>{@link dev.shepherd.testkit.bmc.FakeSystem}: a machine whose power it controls
 *   <li>{@link dev.shepherd.testkit.bmc.BmcMood}: what goes wrong with it
 * </ul>
 *
 * <p>Inside, {@code RedfishService} answers requests, {@code RedfishShape} has what the vendors do differently, and
 * {@code RedfishLogins} knows who may ask.
 */
@NullMarked
package dev.shepherd.testkit.bmc;

import org.jspecify.annotations.NullMarked;
