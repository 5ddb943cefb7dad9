package dev.shepherd.web;

import dev.shepherd.api.ShepherdException;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.Freeze;
import dev.shepherd.bmdb.MachineRecord;
import dev.shepherd.bmdb.disruption.MachineDisruption;
import dev.shepherd.bmdb.operator.Actor;
import dev.shepherd.bmdb.operator.BackoffFilter;
import dev.shepherd.bmdb.operator.DisruptionActions;
import dev.shepherd.bmdb.operator.LabelActions;
import dev.shepherd.bmdb.operator.LabelActions.Changes;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.bmdb.operator.OperatorActions;
import dev.shepherd.bmdb.operator.Pause;
import dev.shepherd.bmdb.operator.RolloutActions;
import dev.shepherd.bmdb.operator.Verb;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.web.access.Authorizer;
import dev.shepherd.web.http.BadRequestException;
import dev.shepherd.web.http.Query;
import dev.shepherd.web.pages.MachineView.Action;
import dev.shepherd.web.pages.MachineView.Action.Field;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** What can be done through the console, and who may do it. Each of these writes its own record. */
final class ConsoleActions {

    private static final long LONGEST_PAUSE = Duration.ofDays(365).toMinutes();

    private static final Pattern BETWEEN = Pattern.compile("[\\s,]+");

    private final Bmdb bmdb;
    private final Optional<Shepherd> shepherd;
    private final Authorizer authorizer;

    ConsoleActions(Bmdb bmdb, Optional<Shepherd> shepherd, Authorizer authorizer) {
        this.bmdb = bmdb;
        this.shepherd = shepherd;
        this.authorizer = authorizer;
    }

    /** Thrown where the person may not do what was asked for. */
    static final class RefusedException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        RefusedException(String message) {
            super(message);
        }
    }

    boolean may(String principal, Verb verb, @Nullable UUID machine) {
        return !principal.isBlank() && authorizer.mayAct(principal, verb, machine);
    }

    private void require(String principal, Verb verb, @Nullable UUID machine) {
        if (principal.isBlank()) {
            throw new RefusedException("This console does not know who you are, and so changes nothing: "
                    + "start it with tokens, or with an authenticator");
        }
        if (!authorizer.mayAct(principal, verb, machine)) {
            throw new RefusedException(principal + " may not " + verb + (machine == null ? "" : " machine " + machine));
        }
    }

    /** Returns what a person may do to a machine, as it is now. */
    List<Action> offered(
            String principal, MachineRecord machine, boolean quarantined, Optional<MachineDisruption> disruption) {
        List<Action> offers = new ArrayList<>();
        if (shepherd.isPresent() && machine.provided().isPresent()) {
            offers.add(Action.harmful(
                            word(Verb.REBOOT),
                            "Reboot",
                            "Has the provider reboot it now. Counts against the limits of recovery.")
                    .asking(Field.FORCE));
            offers.add(Action.harmful(
                            word(Verb.REINSTALL),
                            "Reinstall",
                            "Has the provider reinstall it now: what is on its disks is lost.")
                    .asking(Field.FORCE));
        }
        offers.add(Action.harmless(word(Verb.PAUSE), "Pause", "Keeps the loops off it for a while.")
                .asking(Field.MINUTES));
        offers.add(
                quarantined
                        ? Action.harmless(
                                word(Verb.RELEASE), "Release", "Lets the loops back to it, with a clean record.")
                        : Action.harmless(
                                word(Verb.QUARANTINE), "Quarantine", "Keeps every loop off it until it is released."));
        if (disruption.filter(MachineDisruption::mayBeTakenBack).isPresent()) {
            offers.add(Action.harmless(
                    word(Verb.ASK_AGAIN),
                    "Ask the gates again",
                    "Takes back what gates said of it: those that hold it back or refuse are asked again, and an approval"
                            + " that was not used is none any more."));
        }
        offers.add(Action.harmless(
                        word(Verb.LABEL),
                        "Label",
                        "Sets labels and takes labels off. One that is set here counts before those of the same key that"
                                + " its provider or a program says.")
                .asking(Field.LABELS));
        if (!machine.backoffs().isEmpty()) {
            offers.add(Action.harmless(word(Verb.RETRY), "Try again now", "Ends the waiting after its last failures."));
        }
        if (machine.agentStarted().isPresent()) {
            offers.add(Action.harmless(
                    word(Verb.RESTART_AGENT),
                    "Start its agent again",
                    "Forgets its agent, which is refused from then on: it is taken over again, without a reboot."));
        }
        offers.add(Action.harmful(
                        word(Verb.INSTALL),
                        "Install",
                        "Asks its agent to install what a request says. What is on its disks may be lost.")
                .asking(Field.REQUEST));
        if (machine.installationRequest().isPresent()) {
            offers.add(Action.harmful(
                    word(Verb.TAKE_BACK_INSTALLATION),
                    "Take the installation back",
                    "Takes the request back. An agent that has it already may go on with it. A machine that is installed"
                            + " comes back to the loops."));
        }
        if (machine.sshHostKey().isPresent()) {
            offers.add(Action.harmful(
                    word(Verb.TRUST),
                    "Forget its host key",
                    "The next takeover pins the SSH host key that it finds then. Only for a machine that has a good reason"
                            + " for a new one."));
        }
        if (machine.work().isEmpty()) {
            offers.add(Action.harmful(
                    word(Verb.FORGET),
                    "Forget it",
                    "Deletes all that is recorded of it, except its history. For a machine that its provider no longer"
                            + " has."));
        }
        return offers.stream()
                .filter(offer -> may(principal, verb(offer.verb()), machine.machineId()))
                .toList();
    }

    /** Returns how a verb is written in a path. */
    static String word(Verb verb) {
        return verb.toString().replace(' ', '-');
    }

    /**
     * Does what a path says: {@code machines/ID/VERB}, {@code pauses/ID/end}, {@code freezes/release} or {@code
     * rollouts/NUMBER/VERB}.
     *
     * @param form {@code reason}, and what else the verb needs: {@code minutes}, {@code force}, {@code request}, {@code
     *     labels}
     * @return what came of it; empty if nothing is done at this path
     * @throws RefusedException if the person may not
     * @throws BadRequestException if the form lacks something, or there is no such verb
     * @throws ShepherdException if it cannot be done now
     */
    Optional<Outcome> carryOut(List<String> path, String principal, Actor.Channel channel, Query form)
            throws InterruptedException {
        if (path.size() == 3 && path.get(0).equals("machines")) {
            return Optional.of(toMachine(Routes.id(path.get(1)), path.get(2), principal, channel, form));
        }
        if (path.size() == 3 && path.get(0).equals("pauses") && path.get(2).equals("end")) {
            return Optional.of(resume(Routes.id(path.get(1)), principal, channel, form));
        }
        if (path.equals(List.of("freezes", "release"))) {
            return Optional.of(unfreeze(principal, channel, form));
        }
        if (path.size() == 3 && path.get(0).equals("rollouts")) {
            return Optional.of(toRollout(path.get(1), path.get(2), principal, channel, form));
        }
        return Optional.empty();
    }

    private Outcome toRollout(String number, String word, String principal, Actor.Channel channel, Query form)
            throws InterruptedException {
        Verb verb = switch (word) {
            case "pause" -> Verb.PAUSE_ROLLOUT;
            case "resume" -> Verb.RESUME_ROLLOUT;
            case "abort" -> Verb.ABORT_ROLLOUT;
            default -> throw new BadRequestException("a rollout can be paused, resumed and aborted here");
        };
        long rollout =
                Routes.rollout(number).orElseThrow(() -> new BadRequestException("a rollout is named by its number"));
        require(principal, verb, null);
        String reason = reason(form);
        RolloutActions actions = RolloutActions.of(bmdb, new Actor(principal, channel));
        return switch (verb) {
            case PAUSE_ROLLOUT -> actions.pause(rollout, reason) ? Outcome.ROLLOUT_PAUSED : Outcome.ROLLOUT_NOT_RUNNING;
            case RESUME_ROLLOUT ->
                actions.resume(rollout, reason) ? Outcome.ROLLOUT_RESUMED : Outcome.ROLLOUT_NOT_PAUSED;
            default -> actions.abort(rollout, reason) ? Outcome.ROLLOUT_ABORTED : Outcome.ROLLOUT_ENDED_BEFORE;
        };
    }

    private Outcome toMachine(UUID machine, String word, String principal, Actor.Channel channel, Query form)
            throws InterruptedException {
        Verb verb = verb(word);
        require(principal, verb, machine);
        String reason = reason(form);
        Actor actor = new Actor(principal, channel);
        OperatorActions actions = OperatorActions.of(bmdb, actor);
        return switch (verb) {
            case PAUSE -> {
                actions.pause(machine, null, null, reason, span(form));
                yield Outcome.PAUSED;
            }
            case QUARANTINE -> actions.quarantine(machine, reason) ? Outcome.QUARANTINED : Outcome.QUARANTINED_BEFORE;
            case RELEASE -> actions.release(machine, reason) ? Outcome.RELEASED : Outcome.NOT_QUARANTINED;
            case RETRY -> {
                long lifted = actions.retry(BackoffFilter.ALL.ofMachine(machine), reason, one -> {});
                yield lifted == 0 ? Outcome.NOT_BACKED_OFF : Outcome.RETRIED;
            }
            case RESTART_AGENT -> actions.restartAgent(machine, reason) ? Outcome.AGENT_FORGOTTEN : Outcome.NO_AGENT;
            case INSTALL -> {
                actions.requestInstallation(machine, request(form), reason);
                yield Outcome.INSTALLATION_REQUESTED;
            }
            case TAKE_BACK_INSTALLATION ->
                actions.takeBackInstallation(machine, reason) ? Outcome.INSTALLATION_TAKEN_BACK : Outcome.NOT_REQUESTED;
            case TRUST -> actions.trust(machine, reason) ? Outcome.TRUSTED : Outcome.NOT_PINNED;
            case FORGET -> actions.forget(machine, reason) ? Outcome.FORGOTTEN : Outcome.UNKNOWN;
            case LABEL ->
                LabelActions.of(bmdb, actor)
                                .change(machine, labels(form), reason)
                                .isEmpty()
                        ? Outcome.NOT_LABELED
                        : Outcome.LABELED;
            case ASK_AGAIN ->
                DisruptionActions.of(bmdb, actor).askAgain(machine, reason) ? Outcome.ASKED_AGAIN : Outcome.NOT_ASKED;
            case REBOOT, REINSTALL -> {
                Shepherd running = shepherd.orElseThrow(
                        () -> new BadRequestException("this process runs no loops, and cannot call the provider"));
                boolean force = form.get("force").equals(Optional.of("true"));
                if (verb == Verb.REBOOT) {
                    running.reboot(machine, actor, reason, force);
                    yield Outcome.REBOOTED;
                }
                running.reinstall(machine, actor, reason, force);
                yield Outcome.REINSTALLED;
            }
            default -> throw new BadRequestException(verb + " is not done to a machine here");
        };
    }

    /** Reads which labels to set and to take off: with blanks, commas or line breaks between. */
    private static Changes labels(Query form) {
        List<String> changes = form.get("labels").stream()
                .flatMap(BETWEEN::splitAsStream)
                .filter(change -> !change.isEmpty())
                .toList();
        if (changes.isEmpty()) {
            throw new BadRequestException("the labels are missing: key=value sets one, key- takes one off");
        }
        return Changes.parse(changes);
    }

    /** Reads what to install. Base64 may come with line breaks, as programs print it. */
    private static byte[] request(Query form) {
        byte[] request;
        try {
            request = Base64.getMimeDecoder().decode(form.get("request").orElse(""));
        } catch (IllegalArgumentException e) {
            throw new BadRequestException("the request is not Base64: " + e.getMessage());
        }
        if (request.length == 0) {
            throw new BadRequestException("the request is missing: give what the agent is to install, in Base64");
        }
        return request;
    }

    private static Verb verb(String word) {
        for (Verb verb : Verb.values()) {
            if (word(verb).equals(word)) {
                return verb;
            }
        }
        throw new BadRequestException("there is no action of this name");
    }

    /** Ends a pause. */
    private Outcome resume(UUID pauseId, String principal, Actor.Channel channel, Query form)
            throws InterruptedException {
        Optional<Pause> pause = Operator.of(bmdb).pauses().stream()
                .filter(one -> one.id().equals(pauseId))
                .findFirst();
        require(principal, Verb.RESUME, pause.flatMap(Pause::machineId).orElse(null));
        String reason = reason(form);
        boolean ended = OperatorActions.of(bmdb, new Actor(principal, channel)).resume(pauseId, reason);
        return ended ? Outcome.RESUMED : Outcome.NOT_PAUSED;
    }

    /** Ends a freeze of recovery. */
    private Outcome unfreeze(String principal, Actor.Channel channel, Query form) throws InterruptedException {
        require(principal, Verb.UNFREEZE, null);
        String reason = reason(form);
        String provider = form.get("provider").orElse("");
        String location = form.get("location").orElse("");
        Optional<Freeze> freeze = Operator.of(bmdb).freezes().stream()
                .filter(one ->
                        one.provider().map(type -> type.name()).orElse("").equals(provider)
                                && one.location().orElse("").equals(location))
                .findFirst();
        boolean released = freeze.isPresent()
                && OperatorActions.of(bmdb, new Actor(principal, channel)).release(freeze.get(), reason);
        return released ? Outcome.UNFROZEN : Outcome.NOT_FROZEN;
    }

    private static String reason(Query form) {
        return form.get("reason").orElseThrow(() -> new BadRequestException("say why: reason is missing"));
    }

    private static @Nullable Duration span(Query form) {
        Optional<String> minutes = form.get("minutes");
        if (minutes.isEmpty()) {
            return null;
        }
        try {
            long number = Long.parseLong(minutes.get());
            if (number >= 1 && number <= LONGEST_PAUSE) {
                return Duration.ofMinutes(number);
            }
        } catch (NumberFormatException e) {
            // Said below.
        }
        throw new BadRequestException("minutes must be a whole number from 1 to " + LONGEST_PAUSE);
    }
}
