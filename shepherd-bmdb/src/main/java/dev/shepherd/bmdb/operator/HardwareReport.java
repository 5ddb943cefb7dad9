package dev.shepherd.bmdb.operator;

import dev.shepherd.bmdb.hardware.Hardware;
import java.time.Instant;
import java.util.Optional;

/**
 * What an agent last said of its machine's hardware. The content comes from the machine: not to be trusted.
 *
 * @param raw the report, as the agent wrote it
 * @param at since when the report is this one; empty if an older version of the library recorded it
 */
@SuppressWarnings("ArrayRecordComponent") // It is read, never compared.
public record HardwareReport(byte[] raw, Optional<Instant> at) {

    /** Reads the report. Each call reads it again. */
    public Hardware hardware() {
        return Hardware.read(raw);
    }
}
