package dev.shepherd.callback;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.shepherd.agent.messages.callback.AgentRequest;
import dev.shepherd.agent.messages.callback.InstallationReport;
import dev.shepherd.bmdb.InstallationResult;
import dev.shepherd.bmdb.agent.AgentCall;
import dev.shepherd.callback.AgentEndpointStatus.Outcome;
import java.nio.ByteBuffer;
import java.security.GeneralSecurityException;
import java.time.Clock;
import java.time.Duration;
import java.util.Base64;
import java.util.UUID;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * What the headers of a request say, before anything of it is believed. Reading them is cheap; {@link #verify} is not.
 *
 * @param agent who the caller claims to be
 * @param machineText the machine's id as it was sent, and so signed
 * @param time the time as it was sent
 * @param signature what is to be the signature
 */
@SuppressWarnings("ArrayRecordComponent")
record SignedRequest(Agent agent, String machineText, String time, byte[] signature) {

    static final String MACHINE = "Shepherd-Machine";
    static final String KEY = "Shepherd-Key";
    static final String TIME = "Shepherd-Time";
    static final String SIGNATURE = "Shepherd-Signature";

    private static final int KEY_BYTES = 32;
    private static final int SIGNATURE_BYTES = 64;

    /** A machine and the key of its agent. */
    record Agent(UUID machineId, ByteBuffer key) {}

    /**
     * Reads the headers.
     *
     * @param headers returns a header's value by its name
     * @throws Refusal if one is missing or malformed, or the time is not recent
     */
    static SignedRequest read(Function<String, @Nullable String> headers, Clock clock, Duration maxClockSkew)
            throws Refusal {
        String machine = header(headers, MACHINE);
        UUID machineId = machineId(machine);
        byte[] key = bytes(headers, KEY, KEY_BYTES);
        byte[] signature = bytes(headers, SIGNATURE, SIGNATURE_BYTES);
        String time = header(headers, TIME);
        requireRecent(time, clock, maxClockSkew);
        return new SignedRequest(new Agent(machineId, ByteBuffer.wrap(key)), machine, time, signature);
    }

    private static String header(Function<String, @Nullable String> headers, String name) throws Refusal {
        String value = headers.apply(name);
        if (value == null) {
            throw Refusal.malformed("the header " + name + " is missing");
        }
        return value;
    }

    private static byte[] bytes(Function<String, @Nullable String> headers, String name, int count) throws Refusal {
        byte[] bytes;
        try {
            bytes = Base64.getDecoder().decode(header(headers, name));
        } catch (IllegalArgumentException e) {
            throw Refusal.malformed("the header " + name + " is not base64");
        }
        if (bytes.length != count) {
            throw Refusal.malformed("the header " + name + " has " + count + " bytes in base64");
        }
        return bytes;
    }

    private static UUID machineId(String text) throws Refusal {
        Refusal malformed = Refusal.malformed(MACHINE + " is a UUID in lower case");
        try {
            UUID id = UUID.fromString(text);
            // Others are read as well, but only one way to write an id is signed.
            if (id.toString().equals(text)) {
                return id;
            }
        } catch (IllegalArgumentException e) {
            malformed.addSuppressed(e);
        }
        throw malformed;
    }

    private static void requireRecent(String time, Clock clock, Duration maxClockSkew) throws Refusal {
        long millis;
        try {
            millis = Long.parseLong(time);
        } catch (NumberFormatException e) {
            throw Refusal.malformed(TIME + " is in milliseconds since 1970");
        }
        long now = clock.millis();
        if (millis < now - maxClockSkew.toMillis() || millis > now + maxClockSkew.toMillis()) {
            throw new Refusal(
                    401,
                    Outcome.OTHER_TIME,
                    TIME + " is more than " + maxClockSkew.toSeconds() + " s away from the time here, " + now);
        }
    }

    /**
     * Checks the signature and reads the body.
     *
     * @throws Refusal if the signature is not by that key and for that body, or the body is malformed
     */
    AgentCall verify(byte[] body) throws Refusal {
        try {
            byte[] text = RequestSignature.text("POST", AgentEndpoint.PATH, machineText, time, body);
            if (!RequestSignature.isValid(agent.key().array(), text, signature)) {
                throw new Refusal(401, Outcome.NOT_SIGNED, "the signature is not by that key and for that request");
            }
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
        return call(body);
    }

    private AgentCall call(byte[] body) throws Refusal {
        AgentRequest request;
        try {
            request = AgentRequest.parseFrom(body);
        } catch (InvalidProtocolBufferException e) {
            throw Refusal.malformed("the body is not an AgentRequest");
        }
        AgentCall call = AgentCall.of(agent.machineId(), agent.key().array());
        if (request.hasHardwareReport()) {
            call = call.withHardwareReport(request.getHardwareReport().toByteArray());
        }
        if (request.hasInstallationReport()) {
            InstallationReport report = request.getInstallationReport();
            call = call.withInstallationReport(
                    report.getGeneration(), result(report), report.getRaw().toByteArray());
        }
        return call;
    }

    private static InstallationResult result(InstallationReport report) throws Refusal {
        return switch (report.getResult()) {
            case RESULT_SUCCESS -> InstallationResult.SUCCESS;
            case RESULT_ERROR -> InstallationResult.ERROR;
            default -> throw Refusal.malformed("the installation report has no result");
        };
    }
}
