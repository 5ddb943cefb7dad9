package dev.shepherd.testkit.equinix;

import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * A device of {@link FakeEquinix} at one moment.
 *
 * @param id its id
 * @param hostname its hostname
 * @param reservationId the reservation behind it
 * @param state its state, in the words of the API
 * @param tags its tags
 * @param sshKeys the public keys that it lets in, as lines of {@code authorized_keys}
 * @param operatingSystem what is installed on it
 */
public record Device(
        UUID id,
        String hostname,
        Optional<UUID> reservationId,
        String state,
        List<String> tags,
        List<String> sshKeys,
        String operatingSystem) {}
