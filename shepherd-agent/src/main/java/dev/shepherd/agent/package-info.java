/**
 * The agent that runs on machines: a program, not a library.
 *
 * <ul>
 *   <li>{@link dev.shepherd.agent.Main}: what its executable runs; start reading here
 *   <li>{@code Takeover}: answers a takeover, and leaves behind a process that goes on
 *   <li>{@code Reporting}: is that process; it says that the machine is alive, and what it is made of
 *   <li>{@code Installations}: carries out what the endpoint asks for
 * </ul>
 */
@NullMarked
package dev.shepherd.agent;

import org.jspecify.annotations.NullMarked;
