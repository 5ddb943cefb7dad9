package dev.shepherd.web.pages;

import dev.shepherd.api.Selector;
import dev.shepherd.bmdb.Explanation;
import dev.shepherd.bmdb.MachineRecord;
import dev.shepherd.bmdb.MachineRecord.Label;
import dev.shepherd.bmdb.ProvidedMachine;
import dev.shepherd.bmdb.RecoveryState;
import dev.shepherd.bmdb.WorkHistoryEntry;
import dev.shepherd.bmdb.disruption.MachineDisruption;
import dev.shepherd.bmdb.fleet.MachineFilter;
import dev.shepherd.bmdb.fleet.MachineLine;
import dev.shepherd.bmdb.operator.HardwareHistoryEntry;
import dev.shepherd.bmdb.operator.HardwareReport;
import dev.shepherd.bmdb.operator.OperatorAction;
import dev.shepherd.web.pages.MachineView.Action;
import dev.shepherd.web.pages.MachineView.Fact;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** Says all there is of one machine. */
public final class OneMachinePage {

    /** How many lines of its history are shown. */
    public static final int HISTORY = 50;

    private final Say say;
    private final List<Fact> facts = new ArrayList<>();

    private OneMachinePage(Say say) {
        this.say = say;
    }

    /** Makes what the page shows. */
    public static MachineView of(
            Explanation explanation,
            Optional<MachineLine> line,
            Optional<RecoveryState> recovery,
            Optional<MachineDisruption> disruption,
            List<WorkHistoryEntry> history,
            List<OperatorAction> done,
            Optional<HardwareReport> hardware,
            List<HardwareHistoryEntry> changes,
            List<Action> actions,
            Say say) {
        OneMachinePage page = new OneMachinePage(say);
        MachineRecord machine = explanation.machine();
        page.addFacts(machine, recovery, disruption);
        return new MachineView(
                machine.machineId().toString(),
                machine.provided()
                        .map(provided -> Say.text(provided.providerId()))
                        .orElse(machine.machineId().toString()),
                line.map(one -> one.state().word()).orElse("unprovided"),
                line.map(one -> one.state().meaning()).orElse("it has no provider"),
                line.map(one -> MachinesPage.note(one, say)).orElse(""),
                List.copyOf(page.facts),
                hardware.map(report -> HardwareView.of(report, say)),
                explanation.processes().stream()
                        .map(process -> new MachineView.Process(
                                process.process().name(),
                                process.eligible(),
                                process.because(),
                                process.change(),
                                process.nextLookAt().map(say::when)))
                        .toList(),
                page.events(history, done, changes),
                history.size() > HISTORY,
                actions);
    }

    /** What loops and people did and what became of the hardware, in one list: the newest first. */
    private List<MachineView.Event> events(
            List<WorkHistoryEntry> history, List<OperatorAction> done, List<HardwareHistoryEntry> changes) {
        record Timed(Instant at, MachineView.Event event) {}
        List<Timed> all = new ArrayList<>();
        for (WorkHistoryEntry entry : history) {
            String text = Say.text(entry.failedCause().or(entry::note).orElse(""));
            all.add(new Timed(
                    entry.timestamp(),
                    new MachineView.Event(
                            say.when(entry.timestamp()),
                            entry.process().name(),
                            entry.event().databaseName(),
                            text)));
        }
        for (OperatorAction action : done) {
            ActionsView.Line line = ActionsView.line(action, say);
            String details = line.details().isEmpty() ? "" : " (" + line.details() + ")";
            all.add(new Timed(
                    action.at(),
                    new MachineView.Event(
                            line.at(),
                            line.verb(),
                            "by " + line.by() + ", " + line.through(),
                            line.reason() + details)));
        }
        for (HardwareHistoryEntry entry : changes) {
            all.add(new Timed(
                    entry.at(),
                    new MachineView.Event(
                            say.when(entry.at()),
                            "Hardware",
                            entry.change().kind().words(),
                            Say.text(entry.change().text()))));
        }
        all.sort(Comparator.comparing(Timed::at).reversed());
        return all.stream().limit(HISTORY).map(Timed::event).toList();
    }

    private void addFacts(
            MachineRecord machine, Optional<RecoveryState> recovery, Optional<MachineDisruption> disruption) {
        add("Id", machine.machineId().toString());
        machine.provided().ifPresent(this::addProvided);
        machine.labels().forEach(this::addLabel);
        add("Recorded", "", machine.createdAt());
        machine.agentStarted().ifPresent(agent -> {
            add("Agent started", "", agent.startedAt());
            add("Agent's key", "ed25519 " + fingerprint(agent.publicKey()));
            agent.build().ifPresent(build -> {
                build.version().ifPresent(version -> add("Agent's version", Say.text(version)));
                add("Agent's SHA-256", build.sha256());
            });
        });
        machine.agentHeartbeatAt().ifPresent(at -> add("Agent heard", "", at));
        machine.installationRequest()
                .ifPresent(request -> add("Installation requested", "generation " + request.generation()));
        machine.installationReport()
                .ifPresent(report -> add(
                        "Installation reported",
                        "generation " + report.generation() + ": "
                                + report.result().databaseName()));
        machine.sshHostKey().ifPresent(key -> add("SSH host key", Say.text(key)));
        recovery.ifPresent(state -> add(
                state.isOpen() ? "In recovery by" : "Recovered by",
                state.action().name().toLowerCase(Locale.ROOT).replace('_', ' ') + "; "
                        + count(state.attempts(), "attempt") + ", " + count(state.failedCalls(), "failed call")
                        + "; the last",
                state.attemptedAt()));
        disruption.ifPresent(said -> {
            add("What gates say", said.describe());
            add(said.whyItWaits().isPresent() ? "First said" : "Since", "", said.since());
            if (said.until().filter(Instant.MAX::isAfter).isPresent()) {
                add("Last asked", "", said.askedAt());
            }
        });
        machine.work()
                .forEach(work ->
                        add("Worked on by session", work.sessionId() + " (" + work.process() + ")", work.startedAt()));
        machine.backoffs()
                .forEach(backoff -> add(
                        "Backed off: " + backoff.process(), Say.text(backoff.cause()) + "; until", backoff.until()));
    }

    private void addLabel(String key, Label label) {
        String source = label.source() == Label.Source.PROVIDER
                ? ""
                : " (" + label.source().databaseName().toLowerCase(Locale.ROOT) + "'s)";
        facts.add(new Fact(
                "Label " + key,
                label.value() + source,
                Optional.empty(),
                Optional.of(MachineLinks.query(MachineFilter.ALL.selected(Selector.of(key, label.value())), null))));
    }

    private void addProvided(ProvidedMachine provided) {
        facts.add(new Fact(
                "Provider",
                provided.provider().name(),
                Optional.empty(),
                Optional.of(MachineLinks.query(MachineFilter.ALL.of(provided.provider()), null))));
        add("Id there", Say.text(provided.providerId()));
        provided.reservationId().ifPresent(id -> add("Reservation", Say.text(id)));
        provided.address().ifPresent(address -> add("Address", MachinesPage.address(provided)));
        provided.location()
                .ifPresent(location -> facts.add(new Fact(
                        "Location",
                        Say.text(location),
                        Optional.empty(),
                        Optional.of(MachineLinks.query(MachineFilter.ALL.at(location), null)))));
        provided.status()
                .ifPresent(status -> add(
                        "Power, as the provider says", status.databaseName() + (provided.failed() ? " (failed)" : "")));
    }

    private void add(String name, String value) {
        facts.add(new Fact(name, value, Optional.empty(), Optional.empty()));
    }

    private void add(String name, String value, Instant when) {
        facts.add(new Fact(name, value, Optional.of(say.when(when)), Optional.empty()));
    }

    private static String count(int number, String what) {
        return number == 0 ? "no " + what : number + " " + what + (number == 1 ? "" : "s");
    }

    private static String fingerprint(byte[] key) {
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(key);
            return "SHA256:" + Base64.getEncoder().withoutPadding().encodeToString(digest);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
