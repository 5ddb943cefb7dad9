/**
 * Writes X.509 certificates, which the JDK can sign and read but not write: {@code CertificateWriter}, by {@code Der}. For
 * the agent, whose certificate shows its key, and for the endpoint that it reports to; not for others.
 */
@NullMarked
package dev.shepherd.agent.messages.internal.certificates;

import org.jspecify.annotations.NullMarked;
