package dev.shepherd.agent.messages;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import com.google.protobuf.CodedOutputStream;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import dev.shepherd.agent.messages.callback.AgentRequest;
import dev.shepherd.agent.messages.callback.AgentResponse;
import dev.shepherd.agent.messages.hardware.AgentHardwareReport;
import dev.shepherd.agent.messages.hardware.BlockDevice;
import dev.shepherd.agent.messages.hardware.CPU;
import dev.shepherd.agent.messages.hardware.EFISupport;
import dev.shepherd.agent.messages.hardware.NetworkInterface;
import dev.shepherd.agent.messages.hardware.Node;
import dev.shepherd.agent.messages.takeover.TakeoverInit;
import dev.shepherd.agent.messages.takeover.TakeoverResponse;
import dev.shepherd.agent.messages.takeover.TakeoverSuccess;
import java.io.ByteArrayOutputStream;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** Agents that are built elsewhere rely on these numbers. A test that fails here is right, and the change is wrong. */
class WireContractTest {

    @Test
    void theHardwareMessagesHaveTheNumbersOfTheContract() {
        assertThat(fields(Node.getDescriptor()))
                .isEqualTo(
                        "manufacturer=1 STRING, product=2 STRING, serial_number=3 STRING,"
                                + " memory_installed_bytes=8 INT64, memory_usable_ratio=9 FLOAT, cpu=10 repeated MESSAGE,"
                                + " block_device=11 repeated MESSAGE, network_interface=12 repeated MESSAGE, efi_support=13 ENUM");
        assertThat(fields(CPU.getDescriptor()))
                .isEqualTo("x86_64=1 MESSAGE, cores=8 INT32, hardware_threads=9 INT32, vendor=10 STRING,"
                        + " model=11 STRING");
        assertThat(fields(CPU.X86_64.getDescriptor())).isEqualTo("family=1 INT32, model=2 INT32, stepping=3 INT32");
        assertThat(fields(BlockDevice.getDescriptor()))
                .isEqualTo("vendor=1 STRING, device_model=2 STRING, serial_number=3 STRING, wwn=4 BYTES,"
                        + " rotational=5 BOOL, capacity_bytes=6 INT64, logical_block_size_bytes=7 INT32,"
                        + " physical_block_size_bytes=8 INT32, protocol=9 ENUM, critical_warning=10 optional BOOL,"
                        + " media_errors=11 optional INT64, available_spare_ratio=12 optional FLOAT,"
                        + " usage_ratio=13 optional FLOAT");
        assertThat(fields(NetworkInterface.getDescriptor()))
                .isEqualTo("mac=1 BYTES, driver=2 STRING, supported_speed_bytes=3 repeated INT64, link_up=4 BOOL,"
                        + " current_speed_bytes=5 INT64");
        assertThat(fields(AgentHardwareReport.getDescriptor()))
                .isEqualTo("report=1 MESSAGE, warning=2 repeated STRING");
        assertThat(EFISupport.getDescriptor().getValues())
                .extracting(value -> value.getName() + "=" + value.getNumber())
                .containsExactly(
                        "EFI_SUPPORT_INVALID=0",
                        "EFI_SUPPORT_UNKNOWN=1",
                        "EFI_SUPPORT_UNSUPPORTED=2",
                        "EFI_SUPPORT_SUPPORTED=3",
                        "EFI_SUPPORT_ENABLED=4");
        assertThat(BlockDevice.Protocol.getDescriptor().getValues())
                .extracting(value -> value.getName() + "=" + value.getNumber())
                .containsExactly(
                        "PROTOCOL_UNKNOWN=0", "PROTOCOL_SCSI=1", "PROTOCOL_ATA=2", "PROTOCOL_NVME=3", "PROTOCOL_MMC=4");
        assertThat(Node.getDescriptor().getFullName()).isEqualTo("cloud.agent.api.Node");
    }

    @Test
    void theMessagesOfTheTakeoverAndOfTheEndpointHaveTheNumbersOfTheContract() {
        assertThat(fields(TakeoverInit.getDescriptor()))
                .isEqualTo("machine_id=1 STRING, bmaas_endpoint=2 STRING, ca_certificate=3 BYTES");
        assertThat(fields(TakeoverSuccess.getDescriptor()))
                .isEqualTo("init_message=1 MESSAGE, key=2 BYTES, warning=3 repeated STRING");
        assertThat(fields(TakeoverResponse.getDescriptor())).isEqualTo("success=1 MESSAGE, error=2 MESSAGE");
        assertThat(fields(AgentRequest.getDescriptor()))
                .isEqualTo("hardware_report=1 optional BYTES, installation_report=2 MESSAGE");
        assertThat(fields(AgentResponse.getDescriptor())).isEqualTo("installation_request=1 MESSAGE");
    }

    @Test
    void whatAnAgentOfAnotherVersionSaysBesideIsKept() throws Exception {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        CodedOutputStream out = CodedOutputStream.newInstance(bytes);
        out.writeBytes(1, Node.newBuilder().setProduct("X11").build().toByteString());
        out.writeString(99, "of a later version");
        out.flush();

        AgentHardwareReport read = AgentHardwareReport.parseFrom(bytes.toByteArray());

        assertThat(read.getReport().getProduct()).isEqualTo("X11");
        assertThat(read.getUnknownFields().hasField(99)).isTrue();
        assertThat(read.toByteString()).isEqualTo(ByteString.copyFrom(bytes.toByteArray()));
    }

    private static String fields(Descriptor message) {
        return message.getFields().stream()
                .map(field -> field.getName() + "=" + field.getNumber() + presence(field) + " " + field.getType())
                .collect(Collectors.joining(", "));
    }

    private static String presence(FieldDescriptor field) {
        if (field.isRepeated()) {
            return " repeated";
        }
        boolean marked = field.getContainingOneof() != null && field.getRealContainingOneof() == null;
        return marked && field.getType() != FieldDescriptor.Type.MESSAGE ? " optional" : "";
    }
}
