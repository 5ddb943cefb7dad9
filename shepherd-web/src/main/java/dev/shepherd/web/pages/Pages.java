package dev.shepherd.web.pages;

import dev.shepherd.web.pages.templates.JteactionsGenerated;
import dev.shepherd.web.pages.templates.JtefleetGenerated;
import dev.shepherd.web.pages.templates.JtemachineGenerated;
import dev.shepherd.web.pages.templates.JtemachinesGenerated;
import dev.shepherd.web.pages.templates.JtemessageGenerated;
import gg.jte.html.OwaspHtmlTemplateOutput;
import gg.jte.output.StringOutput;
import java.nio.charset.StandardCharsets;
import java.util.function.Consumer;

/** Writes pages as HTML. The templates are compiled with the module: nothing is looked up, and every value is escaped for its place. */
public final class Pages {

    private Pages() {}

    /** Writes the page of the whole fleet. */
    public static byte[] fleet(Frame frame, FleetView view) {
        return html(out -> JtefleetGenerated.render(out, null, frame, view));
    }

    /** Writes a page of machines. */
    public static byte[] machines(Frame frame, MachinesView view) {
        return html(out -> JtemachinesGenerated.render(out, null, frame, view));
    }

    /** Writes the page of one machine. */
    public static byte[] machine(Frame frame, MachineView view) {
        return html(out -> JtemachineGenerated.render(out, null, frame, view));
    }

    /** Writes the page of operators' actions. */
    public static byte[] actions(Frame frame, ActionsView view) {
        return html(out -> JteactionsGenerated.render(out, null, frame, view));
    }

    /** Writes a page that says one thing. */
    public static byte[] message(Frame frame, String text) {
        return html(out -> JtemessageGenerated.render(out, null, frame, text));
    }

    private static byte[] html(Consumer<OwaspHtmlTemplateOutput> page) {
        StringOutput text = new StringOutput(16 * 1024);
        page.accept(new OwaspHtmlTemplateOutput(text));
        return text.toString().getBytes(StandardCharsets.UTF_8);
    }
}
