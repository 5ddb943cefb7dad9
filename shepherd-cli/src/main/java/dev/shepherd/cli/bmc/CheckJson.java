package dev.shepherd.cli.bmc;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import dev.shepherd.provider.redfish.BmcReport;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** Shows programs what was found: one JSON object, in ASCII. What is not known is left out. */
final class CheckJson {

    private CheckJson() {}

    static void write(List<BmcReport> reports, PrintWriter out) {
        JsonFactory factory =
                JsonFactory.builder().enable(JsonWriteFeature.ESCAPE_NON_ASCII).build();
        try (JsonGenerator json = factory.createGenerator(out)) {
            json.disable(JsonGenerator.Feature.AUTO_CLOSE_TARGET);
            json.useDefaultPrettyPrinter();
            json.writeStartObject();
            json.writeNumberField("machines", reports.size());
            json.writeNumberField(
                    "can_reboot", reports.stream().filter(BmcReport::canReboot).count());
            json.writeArrayFieldStart("reports");
            for (BmcReport report : reports) {
                write(report, json);
            }
            json.writeEndArray();
            json.writeEndObject();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        out.println();
        out.flush();
    }

    private static void write(BmcReport report, JsonGenerator json) throws IOException {
        json.writeStartObject();
        json.writeStringField("id", report.id().value());
        json.writeStringField("bmc", report.bmc().toString());
        json.writeBooleanField("can_reboot", report.canReboot());
        json.writeBooleanField("reachable", report.reachable());
        json.writeStringField("login", name(report.login()));
        text(json, "vendor", report.vendor());
        text(json, "model", report.model());
        text(json, "serial_number", report.serialNumber());
        text(json, "firmware", report.firmware());
        text(json, "power", report.power());
        text(json, "reboot", report.reboot());
        json.writeArrayFieldStart("systems");
        for (String path : report.systems()) {
            json.writeString(path);
        }
        json.writeEndArray();
        json.writeNumberField("took_ms", report.took().toMillis());
        if (report.certificate().isPresent()) {
            BmcReport.Certificate certificate = report.certificate().get();
            json.writeObjectFieldStart("certificate");
            json.writeStringField("fingerprint", certificate.fingerprint());
            json.writeStringField("expires", certificate.expires().toString());
            json.writeStringField("trust", name(certificate.trust()));
            text(json, "refusal", certificate.refusal());
            json.writeEndObject();
        }
        if (report.problem().isPresent()) {
            BmcReport.Problem problem = report.problem().get();
            json.writeObjectFieldStart("problem");
            json.writeStringField("cause", name(problem.cause()));
            json.writeStringField("text", problem.text());
            json.writeStringField("advice", problem.advice());
            json.writeEndObject();
        }
        json.writeEndObject();
    }

    private static String name(Enum<?> value) {
        return value.name().toLowerCase(Locale.ROOT);
    }

    private static void text(JsonGenerator json, String field, Optional<String> value) throws IOException {
        if (value.isPresent()) {
            json.writeStringField(field, value.get());
        }
    }
}
