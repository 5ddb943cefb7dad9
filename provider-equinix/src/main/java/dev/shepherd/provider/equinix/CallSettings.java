package dev.shepherd.provider.equinix;

import java.time.Duration;

/**
 * How calls behave.
 *
 * @param attemptTimeout how long one request may take, from connecting to the last byte of its answer
 * @param totalTimeout how long a call may take with all its repetitions and waits
 * @param backoffInitial the most that is waited before the first repetition; doubled for each further one
 * @param backoffMaximum the most that is waited before any repetition
 * @param callsPerSecond how many requests are sent a second, in the long run
 * @param maxConcurrentCalls how many requests are under way at once
 */
record CallSettings(
        Duration attemptTimeout,
        Duration totalTimeout,
        Duration backoffInitial,
        Duration backoffMaximum,
        int callsPerSecond,
        int maxConcurrentCalls) {}
