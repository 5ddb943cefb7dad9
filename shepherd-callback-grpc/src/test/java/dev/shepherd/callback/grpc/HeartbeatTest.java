package dev.shepherd.callback.grpc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import client.api.AgentHardwareReport;
import client.api.HeartbeatRequest;
import client.api.HeartbeatResponse;
import client.api.OSInstallationReport;
import client.api.OSInstallationRequest;
import com.google.protobuf.ByteString;
import com.google.protobuf.UnknownFieldSet;
import dev.shepherd.bmdb.InstallationResult;
import dev.shepherd.bmdb.MachineRecord.InstallationRequest;
import dev.shepherd.bmdb.agent.AgentCall;
import dev.shepherd.bmdb.agent.AgentReply;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** The messages, byte by byte. */
class HeartbeatTest {

    private static final UUID MACHINE = UUID.fromString("3f2c8a0e-0000-4000-8000-000000000001");

    private final List<String> failures = new ArrayList<>();

    private Heartbeat parse(byte[] request) throws Heartbeat.MalformedException {
        return Heartbeat.parse(request, (kind, cause) -> failures.add(kind + ": " + cause));
    }

    private static HeartbeatRequest.Builder request() {
        return HeartbeatRequest.newBuilder().setMachineId(MACHINE.toString());
    }

    private static AgentCall call(Heartbeat heartbeat) {
        return heartbeat.addReports(AgentCall.of(heartbeat.machineId(), new byte[32]));
    }

    private byte[] answer(long generation, byte[] raw) throws Exception {
        return parse(request().build().toByteArray())
                .answer(new AgentReply(Optional.of(new InstallationRequest(generation, raw))));
    }

    private OSInstallationRequest handedOut(long generation, byte[] raw) throws Exception {
        return HeartbeatResponse.parseFrom(answer(generation, raw)).getInstallationRequest();
    }

    @Test
    void reportsArePassedOnByteForByteWhateverIsInThem() throws Exception {
        // Fields out of order, one twice, and a varint that is longer than it need be.
        byte[] hardware = HexFormat.of().parseHex("12016112016208818000" + "0a020800");
        byte[] report = HexFormat.of().parseHex("1a050a03626164" + "a2060101" + "0805");
        Heartbeat heartbeat = parse(request()
                .setUnknownFields(UnknownFieldSet.newBuilder()
                        .addField(
                                2,
                                UnknownFieldSet.Field.newBuilder()
                                        .addLengthDelimited(ByteString.copyFrom(hardware))
                                        .build())
                        .addField(
                                3,
                                UnknownFieldSet.Field.newBuilder()
                                        .addLengthDelimited(ByteString.copyFrom(report))
                                        .build())
                        .build())
                .build()
                .toByteArray());
        assertThat(heartbeat.machineId()).isEqualTo(MACHINE);
        assertThat(heartbeat.hasReports()).isTrue();
        assertThat(call(heartbeat).hardwareReport().orElseThrow()).isEqualTo(hardware);
        assertThat(call(heartbeat).installationReport()).hasValueSatisfying(installation -> {
            assertThat(installation.generation()).isEqualTo(5);
            assertThat(installation.result()).isEqualTo(InstallationResult.ERROR);
            assertThat(installation.raw()).isEqualTo(report);
        });
    }

    @Test
    void aMessageThatComesInPartsIsAllOfThem() throws Exception {
        ByteArrayOutputStream parts = new ByteArrayOutputStream();
        parts.writeBytes(request()
                .setHardwareReport(AgentHardwareReport.newBuilder().addWarning("one"))
                .setInstallationReport(OSInstallationReport.newBuilder().setGeneration(7))
                .build()
                .toByteArray());
        parts.writeBytes(HeartbeatRequest.newBuilder()
                .setHardwareReport(AgentHardwareReport.newBuilder().addWarning("two"))
                .setInstallationReport(
                        OSInstallationReport.newBuilder().setSuccess(OSInstallationReport.Success.getDefaultInstance()))
                .build()
                .toByteArray());
        AgentCall call = call(parse(parts.toByteArray()));
        assertThat(AgentHardwareReport.parseFrom(call.hardwareReport().orElseThrow())
                        .getWarningList())
                .containsExactly("one", "two");
        assertThat(call.installationReport().orElseThrow().generation()).isEqualTo(7);
    }

    @Test
    void anEmptyHardwareReportIsNone() throws Exception {
        Heartbeat heartbeat = parse(request()
                .setHardwareReport(AgentHardwareReport.getDefaultInstance())
                .build()
                .toByteArray());
        assertThat(heartbeat.hasReports()).isFalse();
        assertThat(call(heartbeat).hardwareReport()).isEmpty();
    }

    @Test
    void theLastResultCounts() throws Exception {
        byte[] both = HexFormat.of().parseHex("1200" + "1a00" + "1200");
        Heartbeat heartbeat = parse(request()
                .setUnknownFields(UnknownFieldSet.newBuilder()
                        .addField(
                                3,
                                UnknownFieldSet.Field.newBuilder()
                                        .addLengthDelimited(ByteString.copyFrom(both))
                                        .build())
                        .build())
                .build()
                .toByteArray());
        assertThat(call(heartbeat).installationReport().orElseThrow().result()).isEqualTo(InstallationResult.SUCCESS);
    }

    @Test
    void whatIsNoRequestIsRefused() {
        assertThatThrownBy(() -> parse(new byte[0])).hasMessage("machine_id is a UUID");
        assertThatThrownBy(() -> parse(new byte[] {10, 100})).hasMessage("the message is not a HeartbeatRequest");
        assertThatThrownBy(() -> parse(new byte[] {10, 1, (byte) 0xff}))
                .hasMessage("the message is not a HeartbeatRequest");
        assertThatThrownBy(() -> parse(request()
                        .setUnknownFields(UnknownFieldSet.newBuilder()
                                .addField(
                                        3,
                                        UnknownFieldSet.Field.newBuilder()
                                                .addLengthDelimited(ByteString.copyFrom(new byte[] {8}))
                                                .build())
                                .build())
                        .build()
                        .toByteArray()))
                .hasMessage("installation_report is not an OSInstallationReport");
    }

    @Test
    void anInstallationRequestIsHandedOutByteForByteWithItsGenerationBehindIt() throws Exception {
        byte[] raw = HexFormat.of().parseHex("12031a0161" + "c20c0162" + "f8ffffff0f01" + "1200");
        byte[] answer = answer(300, raw);
        assertThat(HexFormat.of().formatHex(answer))
                .isEqualTo("0a" + HexFormat.of().toHexDigits((byte) (raw.length + 3))
                        + HexFormat.of().formatHex(raw) + "08ac02");
        assertThat(handedOut(300, raw).getGeneration()).isEqualTo(300);
    }

    @Test
    void oneThatHasItsGenerationIsHandedOutAsItIs() throws Exception {
        byte[] raw = OSInstallationRequest.newBuilder()
                .setGeneration(4)
                .setNote("n")
                .build()
                .toByteArray();
        assertThat(answer(4, raw)).endsWith(raw).hasSize(raw.length + 2);
        // Made for another generation, of which its maker knew nothing.
        assertThat(handedOut(5, raw).getGeneration()).isEqualTo(5);
        assertThat(handedOut(5, raw).getNote()).isEqualTo("n");
        assertThat(handedOut(6, new byte[0]).getGeneration()).isEqualTo(6);
        assertThat(failures).isEmpty();
    }

    @Test
    void whatIsNoMessageIsNotHandedOutAndNamed() throws Exception {
        assertThat(answer(1, "<install/>".getBytes(StandardCharsets.UTF_8))).isEmpty();
        assertThat(failures)
                .containsExactly("Installation requests are not passed on over gRPC: that of machine " + MACHINE
                        + ", generation 1, is not an OSInstallationRequest");
    }

    @Test
    void textsForPeopleAreEncodedAsHeadersHaveThem() {
        assertThat(GrpcStatus.encoded("100% of \"ü\"\n")).isEqualTo("100%25 of \"%C3%BC\"%0A");
    }
}
