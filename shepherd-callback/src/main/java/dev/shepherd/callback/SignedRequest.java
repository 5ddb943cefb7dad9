package dev.shepherd.callback;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.shepherd.agent.messages.callback.AgentRequest;
import dev.shepherd.agent.messages.callback.AgentResponse;
import dev.shepherd.agent.messages.callback.InstallationReport;
import dev.shepherd.agent.messages.callback.InstallationRequest;
import dev.shepherd.bmdb.InstallationResult;
import dev.shepherd.bmdb.agent.AgentCall;
import dev.shepherd.bmdb.agent.AgentReply;
import dev.shepherd.callback.AgentEndpointStatus.Outcome;
import java.nio.ByteBuffer;
import java.security.GeneralSecurityException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Base64;
import java.util.UUID;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * What a request says of its sender, before anything of it is believed. Reading it is cheap; {@link #verify} is not.
 *
 * @param agent who the caller claims to be
 * @param machineText the machine's id as it was sent, and so signed
 * @param signed the signature; null if the caller has proved by TLS that it has the key
 */
record SignedRequest(
        Agent agent, String machineText, @Nullable Signed signed) implements IncomingCall {

    static final String MACHINE = "Shepherd-Machine";
    static final String KEY = "Shepherd-Key";
    static final String TIME = "Shepherd-Time";
    static final String SIGNATURE = "Shepherd-Signature";

    private static final int KEY_BYTES = 32;
    private static final int SIGNATURE_BYTES = 64;

    /**
     * A signature.
     *
     * @param text the time as it was sent, and so signed
     * @param millis that time, in milliseconds since 1970
     * @param signature what is to be the signature
     */
    @SuppressWarnings("ArrayRecordComponent")
    record Signed(String text, long millis, byte[] signature) {}

    /**
     * Reads the headers.
     *
     * @param headers returns a header's value by its name
     * @param certificate what the caller has shown by TLS, if it has
     * @throws Refusal if one is missing or malformed, the time is not recent, or the certificate is not one of an agent
     */
    static SignedRequest read(
            Function<String, @Nullable String> headers,
            @Nullable ClientCertificate certificate,
            Clock clock,
            Duration maxClockSkew)
            throws Refusal {
        String machine = header(headers, MACHINE);
        UUID machineId = machineId(machine);
        byte[] shown = certificate == null ? null : certificate.key(clock);
        if (shown != null && Stream.of(KEY, TIME, SIGNATURE).allMatch(name -> headers.apply(name) == null)) {
            return new SignedRequest(new Agent(machineId, ByteBuffer.wrap(shown)), machine, null);
        }
        byte[] key = bytes(headers, KEY, KEY_BYTES);
        if (shown != null && !Arrays.equals(shown, key)) {
            throw new Refusal(401, Outcome.NOT_SIGNED, KEY + " is not the key of the client's certificate");
        }
        byte[] signature = bytes(headers, SIGNATURE, SIGNATURE_BYTES);
        String time = header(headers, TIME);
        long millis = recent(time, clock, maxClockSkew);
        return new SignedRequest(
                new Agent(machineId, ByteBuffer.wrap(key)), machine, new Signed(time, millis, signature));
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
        try {
            UUID id = UUID.fromString(text);
            // Others are read as well, but only one way to write an id is signed.
            if (id.toString().equals(text)) {
                return id;
            }
        } catch (IllegalArgumentException e) {
            // As below.
        }
        throw Refusal.malformed(MACHINE + " is a UUID in lower case");
    }

    private static long recent(String time, Clock clock, Duration maxClockSkew) throws Refusal {
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
        return millis;
    }

    @Override
    public @Nullable Long signedMillis() {
        return signed == null ? null : signed.millis();
    }

    @Override
    public AgentCall verify(byte[] body) throws Refusal {
        if (signed == null) {
            return call(body);
        }
        try {
            byte[] text = RequestSignature.text("POST", AgentEndpoint.PATH, machineText, signed.text(), body);
            if (!RequestSignature.isValid(agent.key().array(), text, signed.signature())) {
                throw new Refusal(401, Outcome.NOT_SIGNED, "the signature is not by that key and for that request");
            }
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
        return call(body).withSignedTime(Instant.ofEpochMilli(signed.millis()));
    }

    @Override
    public byte[] answer(AgentReply reply) {
        AgentResponse.Builder response = AgentResponse.newBuilder();
        reply.installationRequest()
                .ifPresent(request -> response.setInstallationRequest(InstallationRequest.newBuilder()
                        .setGeneration(request.generation())
                        .setRaw(ByteString.copyFrom(request.raw()))));
        return response.build().toByteArray();
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
