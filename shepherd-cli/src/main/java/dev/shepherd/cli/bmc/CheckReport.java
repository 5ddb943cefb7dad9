package dev.shepherd.cli.bmc;

import dev.shepherd.provider.redfish.BmcReport;
import dev.shepherd.provider.redfish.BmcReport.Cause;
import dev.shepherd.provider.redfish.BmcReport.Certificate;
import dev.shepherd.provider.redfish.BmcReport.Login;
import dev.shepherd.provider.redfish.BmcReport.Problem;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** Shows people what was found: a table that fits a terminal, and below it what does not fit there. */
final class CheckReport {

    private static final int WIDTH = 100;
    private static final String NONE = "-";
    private static final List<String> HEADINGS =
            List.of("MACHINE", "VENDOR", "MODEL", "POWER", "REBOOT BY", "CERTIFICATE", "TIME");

    /** How wide a column may be. */
    private static final int[] WIDEST = {24, 12, 20, 11, 20, 11, 8};

    private final PrintWriter out;

    CheckReport(PrintWriter out) {
        this.out = out;
    }

    void print(List<BmcReport> reports, boolean details) {
        if (!reports.isEmpty()) {
            table(reports);
        }
        for (BmcReport report : reports) {
            if (details) {
                describe(report);
            } else {
                report.problem().ifPresent(problem -> {
                    out.println();
                    out.println(report.id() + " at " + report.bmc());
                    explain(problem);
                });
            }
        }
        if (!reports.isEmpty()) {
            out.println();
        }
        out.println(summary(reports));
        out.flush();
    }

    private void table(List<BmcReport> reports) {
        List<List<String>> rows = new ArrayList<>(List.of(HEADINGS));
        reports.forEach(report -> rows.add(row(report)));
        int columns = HEADINGS.size();
        int[] widths = new int[columns];
        for (List<String> row : rows) {
            for (int i = 0; i < columns; i++) {
                widths[i] = Math.min(WIDEST[i], Math.max(widths[i], row.get(i).length()));
            }
        }
        for (List<String> row : rows) {
            StringBuilder line = new StringBuilder();
            for (int i = 0; i < columns; i++) {
                String cell = row.get(i);
                String cut = cell.length() > widths[i] ? cell.substring(0, widths[i] - 1) + "…" : cell;
                line.append(cut).append(" ".repeat(widths[i] - cut.length() + 2));
            }
            out.println(line.toString().stripTrailing());
        }
    }

    private static List<String> row(BmcReport report) {
        return List.of(
                report.id().toString(),
                report.vendor().orElse(NONE),
                report.model().orElse(NONE),
                report.power().orElse(NONE),
                report.reboot().orElse("nothing"),
                report.certificate().map(CheckReport::trust).orElse(NONE),
                seconds(report.took()));
    }

    private static String trust(Certificate certificate) {
        return switch (certificate.trust()) {
            case PINNED -> "pinned";
            case VERIFIED -> "verified";
            case UNCHECKED -> "not checked";
            case REFUSED -> "not trusted";
        };
    }

    private static String seconds(Duration took) {
        return String.format(Locale.ROOT, "%.1f s", took.toMillis() / 1000.0);
    }

    private void describe(BmcReport report) {
        out.println();
        out.println(report.id() + " at " + report.bmc());
        line("reachable", Optional.of(report.reachable() ? "yes" : "no"));
        report.certificate().ifPresent(certificate -> {
            line("certificate", Optional.of(trust(certificate) + ", expires " + certificate.expires()));
            line("fingerprint", Optional.of(certificate.fingerprintWithColons()));
        });
        line("password", Optional.of(password(report.login())));
        line("vendor", report.vendor());
        line("model", report.model());
        line("serial number", report.serialNumber());
        line("firmware", report.firmware());
        line("power", report.power());
        if (report.systems().size() > 1) {
            report.systems().forEach(path -> line("system", Optional.of(path)));
        }
        line("reboot by", report.reboot());
        report.problem().ifPresent(this::explain);
    }

    private static String password(Login login) {
        return switch (login) {
            case ACCEPTED -> "accepted";
            case REFUSED -> "refused";
            case UNKNOWN -> "not tried, or not answered";
        };
    }

    private void line(String name, Optional<String> value) {
        value.ifPresent(text -> out.printf("  %-13s  %s%n", name, text));
    }

    private void explain(Problem problem) {
        wrap(problem.text());
        wrap("→ " + problem.advice());
    }

    /** Breaks a text between its words. */
    private void wrap(String text) {
        StringBuilder line = new StringBuilder(" ");
        for (String word : text.split(" ")) {
            if (line.length() + word.length() + 1 > WIDTH && !line.toString().isBlank()) {
                out.println(line);
                line = new StringBuilder(text.startsWith("→") ? "   " : " ");
            }
            line.append(' ').append(word);
        }
        out.println(line);
    }

    /** Counts each machine once. */
    private static String summary(List<BmcReport> reports) {
        Map<Cause, Long> causes = new EnumMap<>(Cause.class);
        reports.forEach(report -> report.problem().ifPresent(problem -> causes.merge(problem.cause(), 1L, Long::sum)));
        long can = reports.stream().filter(BmcReport::canReboot).count();
        StringBuilder summary = new StringBuilder(can + " of " + reports.size() + " can be rebooted");
        causes.forEach(
                (cause, count) -> summary.append("; ").append(count).append(' ').append(words(cause)));
        return summary.toString();
    }

    private static String words(Cause cause) {
        return switch (cause) {
            case UNREACHABLE -> "out of reach";
            case SILENT -> "silent";
            case NO_TLS -> "without TLS";
            case NOT_TRUSTED -> "not trusted";
            case NO_CREDENTIALS -> "without a password";
            case NO_PROGRAM -> "without ipmitool";
            case LOGIN_REFUSED -> "with a password that is refused";
            case BUSY -> "busy";
            case NO_BMC -> "that are no BMC";
            case WHICH_SYSTEM -> "without their system";
            case NO_RESET -> "without a reset";
            case FAILED -> "that failed";
        };
    }
}
