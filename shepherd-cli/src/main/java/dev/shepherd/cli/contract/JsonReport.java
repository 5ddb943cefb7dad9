package dev.shepherd.cli.contract;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import dev.shepherd.cli.contract.RuleResult.Kind;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Tells it to programs: one JSON object, at the end, in ASCII. */
final class JsonReport implements Report {

    private final PrintWriter out;
    private final Report warning;
    private final List<RuleResult> results = new ArrayList<>();
    private @Nullable Plan plan;

    /** Makes one that has another tell people beforehand what will be done. */
    JsonReport(PrintWriter out, Report warning) {
        this.out = out;
        this.warning = warning;
    }

    @Override
    public void begins(Plan plan) {
        this.plan = plan;
        if (!plan.machines().isEmpty()) {
            warning.begins(plan);
        }
    }

    @Override
    public void rule(RuleResult result) {
        results.add(result);
    }

    @Override
    public void ends(List<String> left, List<String> refused, boolean ended) {
        JsonFactory factory =
                JsonFactory.builder().enable(JsonWriteFeature.ESCAPE_NON_ASCII).build();
        try (JsonGenerator json = factory.createGenerator(out)) {
            json.disable(JsonGenerator.Feature.AUTO_CLOSE_TARGET);
            json.useDefaultPrettyPrinter();
            json.writeStartObject();
            json.writeStringField("provider", plan == null ? "" : plan.provider());
            texts(json, "machines", plan == null ? List.of() : plan.machines());
            json.writeBooleanField("ended", ended);
            for (Kind kind : Kind.values()) {
                json.writeNumberField(
                        name(kind),
                        results.stream().filter(result -> result.kind() == kind).count());
            }
            json.writeArrayFieldStart("rules");
            for (RuleResult result : results) {
                json.writeStartObject();
                json.writeStringField("rule", result.rule().name());
                json.writeStringField("force", result.rule().force().name());
                json.writeStringField("text", result.rule().text());
                json.writeStringField("result", name(result.kind()));
                json.writeNumberField("trials", result.trials());
                if (result.kind() == Kind.BROKEN) {
                    json.writeStringField("failure", result.text());
                } else if (result.kind() == Kind.SKIPPED) {
                    json.writeStringField("reason", Need.reason(result.text()));
                }
                json.writeEndObject();
            }
            json.writeEndArray();
            texts(json, "left", left);
            texts(json, "refused", refused);
            json.writeEndObject();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        out.println();
        out.flush();
    }

    private static String name(Kind kind) {
        return kind.name().toLowerCase(Locale.ROOT);
    }

    private static void texts(JsonGenerator json, String field, List<String> texts) throws IOException {
        json.writeArrayFieldStart(field);
        for (String text : texts) {
            json.writeString(text);
        }
        json.writeEndArray();
    }
}
