package dev.shepherd.testkit.equinix;

import java.net.InetAddress;

/**
 * An address of a {@link Device}.
 *
 * @param address the address
 * @param isPublic whether the API calls it public
 */
public record Address(InetAddress address, boolean isPublic) {}
