package dev.shepherd.callback.grpc;

import com.google.protobuf.CodedInputStream;
import com.google.protobuf.CodedOutputStream;
import com.google.protobuf.WireFormat;
import dev.shepherd.bmdb.InstallationResult;
import dev.shepherd.bmdb.MachineRecord.InstallationRequest;
import dev.shepherd.bmdb.agent.AgentCall;
import dev.shepherd.bmdb.agent.AgentReply;
import dev.shepherd.callback.transport.AgentMessage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Locale;
import java.util.UUID;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * A {@code HeartbeatRequest}, and the {@code HeartbeatResponse} to it. What agents and operators put into the messages
 * within is passed on byte for byte, with fields that no one here knows: so these messages are read and written by
 * hand, and only as far as needed. {@code docs/agents.md} has their fields.
 */
final class Heartbeat implements AgentMessage {

    private static final int MACHINE_ID = 1;
    private static final int HARDWARE_REPORT = 2;
    private static final int INSTALLATION_REPORT = 3;
    private static final int INSTALLATION_REQUEST = 1;
    private static final int GENERATION = 1;
    private static final int SUCCESS = 2;
    private static final int ERROR = 3;

    /** The request is not one; the message says why. */
    @SuppressWarnings("serial")
    static final class MalformedException extends Exception {
        private static final long serialVersionUID = 1L;

        MalformedException(String message) {
            super(message, null, false, false);
        }

        String text() {
            return String.valueOf(getMessage());
        }
    }

    private record Report(long generation, InstallationResult result, byte[] raw) {}

    private final UUID machineId;
    private final byte[] hardwareReport;
    private final @Nullable Report installationReport;
    private final BiConsumer<String, String> failures;

    private Heartbeat(
            UUID machineId,
            byte[] hardwareReport,
            @Nullable Report installationReport,
            BiConsumer<String, String> failures) {
        this.machineId = machineId;
        this.hardwareReport = hardwareReport;
        this.installationReport = installationReport;
        this.failures = failures;
    }

    /**
     * Reads a request.
     *
     * @param failures is told what cannot be passed on, by any thread
     */
    static Heartbeat parse(byte[] request, BiConsumer<String, String> failures) throws MalformedException {
        String machineId = "";
        // A message that comes in parts is all of them, one after another.
        ByteArrayOutputStream hardware = new ByteArrayOutputStream(0);
        ByteArrayOutputStream installation = new ByteArrayOutputStream(0);
        boolean hasInstallation = false;
        try {
            CodedInputStream in = CodedInputStream.newInstance(request);
            for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
                boolean isBytes = WireFormat.getTagWireType(tag) == WireFormat.WIRETYPE_LENGTH_DELIMITED;
                switch (isBytes ? WireFormat.getTagFieldNumber(tag) : 0) {
                    case MACHINE_ID -> machineId = in.readStringRequireUtf8();
                    case HARDWARE_REPORT -> hardware.writeBytes(in.readByteArray());
                    case INSTALLATION_REPORT -> {
                        hasInstallation = true;
                        installation.writeBytes(in.readByteArray());
                    }
                    default -> in.skipField(tag);
                }
            }
        } catch (IOException e) {
            throw new MalformedException("the message is not a HeartbeatRequest");
        }
        return new Heartbeat(
                machineId(machineId),
                hardware.toByteArray(),
                hasInstallation ? report(installation.toByteArray()) : null,
                failures);
    }

    private static UUID machineId(String text) throws MalformedException {
        try {
            UUID id = UUID.fromString(text);
            if (id.toString().equals(text.toLowerCase(Locale.ROOT))) {
                return id;
            }
        } catch (IllegalArgumentException e) {
            // As below.
        }
        throw new MalformedException("machine_id is a UUID");
    }

    private static Report report(byte[] raw) throws MalformedException {
        long generation = 0;
        InstallationResult result = null;
        try {
            CodedInputStream in = CodedInputStream.newInstance(raw);
            for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
                int field = WireFormat.getTagFieldNumber(tag);
                int type = WireFormat.getTagWireType(tag);
                if (field == GENERATION && type == WireFormat.WIRETYPE_VARINT) {
                    generation = in.readInt64();
                    continue;
                }
                if (field == SUCCESS && type == WireFormat.WIRETYPE_LENGTH_DELIMITED) {
                    result = InstallationResult.SUCCESS;
                } else if (field == ERROR && type == WireFormat.WIRETYPE_LENGTH_DELIMITED) {
                    result = InstallationResult.ERROR;
                }
                in.skipField(tag);
            }
        } catch (IOException e) {
            throw new MalformedException("installation_report is not an OSInstallationReport");
        }
        if (result == null) {
            throw new MalformedException("the installation report has no result");
        }
        return new Report(generation, result, raw);
    }

    @Override
    public UUID machineId() {
        return machineId;
    }

    @Override
    public boolean hasReports() {
        return hardwareReport.length > 0 || installationReport != null;
    }

    @Override
    public AgentCall addReports(AgentCall call) {
        AgentCall whole = hardwareReport.length == 0 ? call : call.withHardwareReport(hardwareReport);
        return installationReport == null
                ? whole
                : whole.withInstallationReport(
                        installationReport.generation(), installationReport.result(), installationReport.raw());
    }

    @Override
    public byte[] answer(AgentReply reply) {
        return reply.installationRequest().map(this::answer).orElse(new byte[0]);
    }

    private byte[] answer(InstallationRequest request) {
        try {
            byte[] raw = request.raw();
            byte[] generation = missingGeneration(raw, request.generation());
            int size = raw.length + generation.length;
            ByteArrayOutputStream bytes = new ByteArrayOutputStream(size + 8);
            CodedOutputStream out = CodedOutputStream.newInstance(bytes);
            out.writeTag(INSTALLATION_REQUEST, WireFormat.WIRETYPE_LENGTH_DELIMITED);
            out.writeUInt32NoTag(size);
            out.writeRawBytes(raw);
            out.writeRawBytes(generation);
            out.flush();
            return bytes.toByteArray();
        } catch (IOException e) {
            failures.accept(
                    "Installation requests are not passed on over gRPC",
                    "that of machine " + machineId + ", generation " + request.generation()
                            + ", is not an OSInstallationRequest");
            return new byte[0];
        }
    }

    /**
     * Returns what is to be added to an {@code OSInstallationRequest} so that it has its generation, which its maker
     * could not know. Of a field that comes twice, the last one counts.
     *
     * @throws IOException if it is no message
     */
    private static byte[] missingGeneration(byte[] raw, long generation) throws IOException {
        long last = 0;
        CodedInputStream in = CodedInputStream.newInstance(raw);
        for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
            if (tag == (GENERATION << 3 | WireFormat.WIRETYPE_VARINT)) {
                last = in.readInt64();
            } else {
                in.skipField(tag);
            }
        }
        if (last == generation) {
            return new byte[0];
        }
        byte[] added = new byte[CodedOutputStream.computeInt64Size(GENERATION, generation)];
        CodedOutputStream.newInstance(added).writeInt64(GENERATION, generation);
        return added;
    }
}
