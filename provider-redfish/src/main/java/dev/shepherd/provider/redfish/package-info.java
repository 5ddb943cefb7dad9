/**
 * A provider of a fixed list of machines, which are rebooted through their BMCs by Redfish or IPMI.
 *
 * <p>{@link dev.shepherd.provider.redfish.RedfishProviderFactory} makes it from text properties, and {@link
 * dev.shepherd.provider.redfish.RedfishProvider} is where to start reading. {@code Bmcs} knows the BMCs of the list, and
 * {@code Bmc} is one of them, whatever protocol it speaks. {@code RedfishBmc} speaks Redfish: {@code BmcCall} is the
 * conversation with one, {@code ComputerSystem} reads what it says of the system, and {@code Power} and {@code
 * NetworkBoot} act on it. {@code IpmiBmc} speaks IPMI: {@code IpmiTool} runs the program that does, and {@code
 * IpmiAnswer} knows its words. {@code BmcChecks} looks at many BMCs for a {@link
 * dev.shepherd.provider.redfish.BmcReport} each: {@code RedfishCheck}, which begins with the certificate ({@code
 * BmcLook}), and {@code IpmiBmc}.
 */
@NullMarked
package dev.shepherd.provider.redfish;

import org.jspecify.annotations.NullMarked;
