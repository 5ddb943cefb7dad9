package dev.shepherd.provider.redfish;

import dev.shepherd.api.NotSupportedException;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderException.Scope;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.provider.redfish.BmcReport.Cause;
import dev.shepherd.provider.redfish.BmcReport.Draft;
import dev.shepherd.provider.redfish.Credentials.Login;
import dev.shepherd.provider.support.CallGate;
import dev.shepherd.provider.support.Excerpts;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A BMC that speaks IPMI 2.0, through the program {@code ipmitool}. */
final class IpmiBmc implements Bmc {

    private static final Logger log = LoggerFactory.getLogger(RedfishProvider.class);

    private static final Duration LONGEST_ROUND = Duration.ofSeconds(1);

    private final IpmiTool tool;
    private final Credentials credentials;
    private final boolean uefi;
    private final BmcEntry entry;
    private final CallGate gate;
    private final String name;

    /** @param uefi whether its machine boots by UEFI, which IPMI does not tell */
    IpmiBmc(IpmiTool tool, Credentials credentials, boolean uefi, BmcEntry entry, CallGate gate) {
        this.tool = tool;
        this.credentials = credentials;
        this.uefi = uefi;
        this.entry = entry;
        this.gate = gate;
        this.name = entry.bmcName();
    }

    @Override
    public ProviderStatus status(Duration limit) throws InterruptedException {
        Call call = new Call(limit);
        return call.isOn(call.left()) ? ProviderStatus.RUNNING : ProviderStatus.STOPPED;
    }

    @Override
    public void reboot(Duration limit, Duration graceful) throws InterruptedException {
        Call call = new Call(limit);
        boolean on = call.isOn(call.left().dividedBy(2));
        call.telling(() -> {
            if (on && !graceful.isZero() && call.shutDown(graceful)) {
                call.change("chassis", "power", "on");
            } else {
                call.restart(on);
            }
        });
    }

    @Override
    public void reinstall(Duration limit, Duration takeBack) throws InterruptedException {
        Call call = new Call(limit);
        boolean on = call.isOn(call.left().dividedBy(2));
        call.telling(() -> {
            try {
                call.bootFromNetwork();
                call.restart(on);
            } catch (ProviderException e) {
                if (call.changed || !e.reason().isWithoutEffect()) {
                    bootAsUsual(takeBack);
                }
                throw e;
            }
        });
    }

    /**
     * {@inheritDoc}
     *
     * <p>Which resets the BMC has, it only tells by refusing one: the report has the first that a reboot would send.
     */
    @Override
    public BmcReport check(Duration limit, boolean gracefully) throws InterruptedException {
        Draft draft = new Draft(entry);
        Call call;
        try {
            call = new Call(limit);
        } catch (ProviderException e) {
            if (e.scope() == Scope.PROVIDER) {
                throw e;
            }
            return draft.fails(
                    Cause.NO_CREDENTIALS,
                    e,
                    "Give the name a user and a password that fit, in the file of credentials or in the environment.");
        }
        boolean on;
        try {
            on = call.isOn(call.left());
        } catch (ProviderException e) {
            return failed(draft, e);
        }
        draft.reachable = true;
        draft.login = BmcReport.Login.ACCEPTED;
        draft.power = on ? "On" : "Off";
        call.describe(draft);
        String forced = on ? "chassis power reset" : "chassis power on";
        return draft.reboots(on && gracefully ? "chassis power soft, then chassis power on; else " + forced : forced);
    }

    private BmcReport failed(Draft draft, ProviderException e) {
        if (e.getCause() instanceof IOException) {
            return draft.fails(Cause.NO_PROGRAM, e, "Install the package \"ipmitool\" on this host.");
        }
        // What gets no answer may be out of reach or silent: IPMI has no connections.
        draft.reachable = e.reason() != Reason.TRANSIENT;
        return switch (e.reason()) {
            case UNAUTHENTICATED -> {
                draft.login = BmcReport.Login.REFUSED;
                yield draft.fails(
                        Cause.LOGIN_REFUSED,
                        e,
                        "Correct the user or the password of the name \"" + entry.credentials()
                                + "\", or see the property \"" + RedfishProviderFactory.IPMI_PRIVILEGE + "\".");
            }
            case RATE_LIMITED ->
                draft.fails(
                        Cause.BUSY, e, "Check again later; if it stays so, close sessions on the BMC, or restart it.");
            case TRANSIENT ->
                draft.fails(
                        Cause.UNREACHABLE,
                        e,
                        "See that the BMC has power and is in this network, that IPMI over LAN is switched on there, and that"
                                + " the property \"" + RedfishProviderFactory.IPMI_CIPHER_SUITE + "\" fits.");
            default ->
                draft.fails(
                        Cause.FAILED, e, "See that IPMI over LAN is switched on there, and its firmware up to date.");
        };
    }

    private void bootAsUsual(Duration limit) throws InterruptedException {
        try {
            new Call(limit).change("chassis", "bootdev", "none");
            log.info("{}: it will boot as usual again", name);
        } catch (ProviderException e) {
            log.warn("{}; it may still boot from the network at its next start", e.getMessage());
        }
    }

    private interface Act {
        void run() throws InterruptedException;
    }

    /** What one call of the provider has to say to the BMC, within one limit for all of it. */
    private final class Call {

        private final Login login;
        private final Excerpts excerpts;
        private final Duration round;
        private final long deadline;
        private boolean changed;

        Call(Duration limit) {
            login = credentials.find(entry.credentials());
            IpmiTool.check(entry, login);
            excerpts = Excerpts.hiding(login.password());
            Duration twentieth = limit.dividedBy(20);
            round = twentieth.compareTo(LONGEST_ROUND) < 0 ? twentieth : LONGEST_ROUND;
            deadline = System.nanoTime() + limit.toNanos();
        }

        Duration left() {
            return Duration.ofNanos(Math.max(0, deadline - System.nanoTime()));
        }

        /** Changes something; a failure after the first change says so. */
        void telling(Act act) throws InterruptedException {
            try {
                act.run();
            } catch (ProviderException e) {
                throw changed ? Bmc.afterAStep(e) : e;
            }
        }

        boolean isOn(Duration limit) throws InterruptedException {
            List<String> command = List.of("chassis", "power", "status");
            IpmiAnswer answer = send(command, limit, false);
            if (!answer.isAccepted()) {
                throw failure(command, answer.refusal());
            }
            return answer.power()
                    .orElseThrow(() -> failed(
                            Reason.TRANSIENT,
                            "chassis power status does not say whether it is on: " + excerpts.of(answer.text())));
        }

        /** Finds out what the machine is, as far as the BMC says so: nice to know, and no reason to fail. */
        void describe(Draft draft) throws InterruptedException {
            try {
                IpmiAnswer fru = send(List.of("fru", "print", "0"), left().dividedBy(3), false);
                draft.vendor = first(fru, "Product Manufacturer", "Board Mfg");
                draft.model = first(fru, "Product Name", "Board Product");
                draft.serialNumber = first(fru, "Product Serial", "Chassis Serial", "Board Serial");
                IpmiAnswer mc = send(List.of("mc", "info"), left().dividedBy(2), false);
                draft.firmware = first(mc, "Firmware Revision");
                if (draft.vendor == null) {
                    draft.vendor = first(mc, "Manufacturer Name");
                }
            } catch (ProviderException e) {
                log.debug("{}: it does not say what it is", name, e);
            }
        }

        private @Nullable String first(IpmiAnswer answer, String... fields) {
            for (String field : fields) {
                Optional<String> value = answer.field(field).filter(text -> !text.isBlank());
                if (value.isPresent()) {
                    return excerpts.of(value.get());
                }
            }
            return null;
        }

        /** Has the BMC change something. */
        void change(String... words) throws InterruptedException {
            List<String> command = List.of(words);
            IpmiAnswer answer = send(command, left(), true);
            if (!answer.isAccepted()) {
                throw failure(command, answer.refusal());
            }
            accepted(command);
        }

        /** Has the BMC change something, and tells whether it can; the refusals of those that it cannot are collected. */
        private boolean tryChange(List<String> refusals, String... words) throws InterruptedException {
            List<String> command = List.of(words);
            IpmiAnswer answer = send(command, left(), true);
            if (!answer.isAccepted()) {
                IpmiAnswer.Refusal refusal = answer.refusal();
                if (!refusal.unsupported()) {
                    throw failure(command, refusal);
                }
                refusals.add(excerpts.of(refusal.words()));
                return false;
            }
            accepted(command);
            return true;
        }

        private void accepted(List<String> command) {
            changed = true;
            log.info("{}: {} was accepted", name, String.join(" ", command));
        }

        private IpmiAnswer send(List<String> command, Duration limit, boolean onceOnly) throws InterruptedException {
            String what = name + ": " + String.join(" ", command);
            Duration time = limit.compareTo(left()) < 0 ? limit : left();
            if (time.toMillis() == 0) {
                throw failed(Reason.TRANSIENT, String.join(" ", command) + " was not sent: no time is left");
            }
            long end = System.nanoTime() + time.toNanos();
            try (CallGate.Turn turn = gate.enter(what, time.multipliedBy(9).dividedBy(10), Scope.MACHINE)) {
                return tool.run(entry, login, Duration.ofNanos(end - System.nanoTime()), onceOnly, command);
            }
        }

        /** Restarts the machine by force: by a hard reset, which all BMCs must have, or else by what comes closest to it. */
        void restart(boolean on) throws InterruptedException {
            if (!on) {
                change("chassis", "power", "on");
                return;
            }
            List<String> refusals = new ArrayList<>();
            if (tryChange(refusals, "chassis", "power", "reset") || tryChange(refusals, "chassis", "power", "cycle")) {
                return;
            }
            if (!tryChange(refusals, "chassis", "power", "off")) {
                throw new NotSupportedException(
                        name + ": the machine is on and cannot be restarted: " + String.join("; ", refusals));
            }
            // A quarter of the time is kept for the second step.
            if (!awaitOff(left().multipliedBy(3).dividedBy(4))) {
                throw failed(
                        Reason.TRANSIENT,
                        "the machine was not off in time after chassis power off, which was accepted");
            }
            change("chassis", "power", "on");
        }

        /** Has the operating system shut down, and tells whether the machine is off. */
        boolean shutDown(Duration graceful) throws InterruptedException {
            try {
                change("chassis", "power", "soft");
            } catch (ProviderException e) {
                boolean thisCommandOnly = e.reason() == Reason.PERMANENT || e.reason() == Reason.CONFLICT;
                if (!thisCommandOnly) {
                    throw e;
                }
                log.info("{}; it is restarted by force", e.getMessage());
                return false;
            }
            boolean off = awaitOff(graceful);
            if (!off) {
                log.info("{}: the system did not shut down in time; it is restarted by force", name);
            }
            return off;
        }

        private boolean awaitOff(Duration limit) throws InterruptedException {
            long end = System.nanoTime() + limit.toNanos();
            while (true) {
                try {
                    if (!isOn(left().dividedBy(2))) {
                        return true;
                    }
                } catch (ProviderException e) {
                    // A look does no harm, and many BMCs are silent for a moment while the power changes.
                    log.debug("{}: the power state is unknown", name, e);
                }
                if (end - System.nanoTime() <= 0) {
                    return false;
                }
                Thread.sleep(round.toMillis() + 1);
            }
        }

        void bootFromNetwork() throws InterruptedException {
            List<String> refusals = new ArrayList<>();
            boolean set = uefi
                    ? tryChange(refusals, "chassis", "bootdev", "pxe", "options=efiboot")
                    : tryChange(refusals, "chassis", "bootdev", "pxe");
            if (!set) {
                throw new NotSupportedException(name + ": the machine cannot be told to boot from the network once: "
                        + String.join("; ", refusals));
            }
        }

        private ProviderException failure(List<String> command, IpmiAnswer.Refusal refusal) {
            return failed(refusal.reason(), String.join(" ", command) + ": " + excerpts.of(refusal.words()));
        }

        private ProviderException failed(Reason reason, String what) {
            return ProviderException.builder(reason, name + ": " + what)
                    .scope(Scope.MACHINE)
                    .build();
        }
    }
}
