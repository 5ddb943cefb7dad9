/**
 * HTTP/1.1 on the wire, for servers of tests that have to misbehave where a server of the JDK cannot: a head without its
 * body, half of a head, a connection that is reset.
 *
 * <ul>
 *   <li>{@link dev.shepherd.testkit.http.TestCertificate}: a certificate for HTTPS on loopback
 *   <li>{@link dev.shepherd.testkit.http.HttpListener}: accepts connections and reads requests; start reading here
 *   <li>{@link dev.shepherd.testkit.http.HttpUpstream}: passes a request on to another server
 *   <li>{@link dev.shepherd.testkit.http.HttpMessage}: a request or an answer
 *   <li>{@link dev.shepherd.testkit.http.Links}: makes links to the one server links to the other
 *   <li>{@link dev.shepherd.testkit.http.Json}: the bodies of servers that speak it
 * </ul>
 */
@NullMarked
package dev.shepherd.testkit.http;

import org.jspecify.annotations.NullMarked;
