package dev.shepherd.testkit.bmc;

import dev.shepherd.testkit.ssh.Mood;
import dev.shepherd.testkit.ssh.SshHost;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** A machine whose power a {@link FakeBmc} controls. On at first. Safe for use by several threads. */
public final class FakeSystem {

    /** The states of power, with their words in Redfish. */
    public enum Power {
        /** It runs. */
        ON("On"),
        /** It is off. */
        OFF("Off"),
        /** It will be on after the delay. */
        POWERING_ON("PoweringOn"),
        /** It will be off after the delay. */
        POWERING_OFF("PoweringOff");

        private final String word;

        Power(String word) {
            this.word = word;
        }

        /** Returns the word of Redfish. */
        public String word() {
            return word;
        }
    }

    /**
     * From where it boots next.
     *
     * @param enabled {@code Disabled}, {@code Once} or {@code Continuous}
     * @param target such as {@code None} or {@code Pxe}
     * @param mode {@code UEFI} or {@code Legacy}
     */
    public record BootOverride(String enabled, String target, String mode) {}

    /** What came of a reset. */
    enum Outcome {
        ACCEPTED,
        IN_TRANSITION,
        ALREADY_ON,
        ALREADY_OFF
    }

    private final String id;
    private final UUID uuid;
    private final String serial;
    private final Duration delay;
    private final ScheduledExecutorService timer;
    private final Object lock = new Object();
    private final List<String> resets = new ArrayList<>();
    private final List<Consumer<String>> listeners = new ArrayList<>();
    private final List<SshHost> hosts = new ArrayList<>();
    private Power power = Power.ON;
    private boolean inTransition;
    private BootOverride override;
    private int pxeBoots;

    FakeSystem(String id, UUID uuid, String serial, String mode, Duration delay, ScheduledExecutorService timer) {
        this.id = id;
        this.uuid = uuid;
        this.serial = serial;
        this.delay = delay;
        this.timer = timer;
        override = new BootOverride("Disabled", "None", mode);
    }

    /** Returns its path, such as {@code /redfish/v1/Systems/1}. */
    public String path() {
        return "/redfish/v1/Systems/" + id;
    }

    String id() {
        return id;
    }

    /** Returns its UUID. */
    public UUID uuid() {
        return uuid;
    }

    /** Returns its serial number. */
    public String serial() {
        return serial;
    }

    /** Returns the state of its power. */
    public Power power() {
        synchronized (lock) {
            return power;
        }
    }

    /**
     * Sets the state of its power, as a hand at its button does, or a fuse. It is no reset, so no listener hears of it;
     * a host whose {@linkplain #powers power} it is does.
     */
    public void setPower(Power power) {
        boolean boots;
        List<SshHost> powered;
        synchronized (lock) {
            boots = this.power == Power.OFF && power == Power.ON;
            this.power = Objects.requireNonNull(power, "power");
            powered = List.copyOf(hosts);
        }
        if (boots) {
            powered.forEach(host -> boot(host, false));
        } else if (power == Power.OFF) {
            powered.forEach(FakeSystem::switchOff);
        }
    }

    /** Returns the types of the resets that took effect, in order. A copy. */
    public List<String> resets() {
        synchronized (lock) {
            return List.copyOf(resets);
        }
    }

    /** Returns from where it boots next. */
    public BootOverride bootOverride() {
        synchronized (lock) {
            return override;
        }
    }

    void setBootOverride(BootOverride override) {
        synchronized (lock) {
            this.override = override;
        }
    }

    /** Returns how often it booted from the network. */
    public int pxeBoots() {
        synchronized (lock) {
            return pxeBoots;
        }
    }

    /**
     * Calls this with the type of each reset when it has taken effect: without a delay before the BMC answers, else in
     * the thread of the BMC's timer.
     */
    public void onReset(Consumer<String> listener) {
        synchronized (lock) {
            listeners.add(Objects.requireNonNull(listener, "listener"));
        }
    }

    /**
     * Lets this be the power of a host. When this boots, the host reboots, or is reinstalled if this boots from the
     * network, and is in {@link Mood#NORMAL}, since a reboot ends what hangs. While this is off, the host has no
     * processes, and refuses connections.
     */
    public void powers(SshHost host) {
        synchronized (lock) {
            hosts.add(Objects.requireNonNull(host, "host"));
        }
    }

    private static void boot(SshHost host, boolean fromNetwork) {
        if (fromNetwork) {
            host.reinstall();
        } else {
            host.reboot();
        }
        host.setMood(Mood.NORMAL);
    }

    private static void switchOff(SshHost host) {
        host.setMood(Mood.REFUSE);
        host.reboot();
    }

    /**
     * Resets it, if its power allows.
     *
     * @param startsWhenOff whether a restart switches on a system that is off
     * @param isEffective whether anything happens
     * @param done what runs when the reset has taken effect; at once if nothing happens
     */
    Outcome reset(String type, boolean startsWhenOff, boolean isEffective, Runnable done) {
        boolean isOff;
        synchronized (lock) {
            isOff = power == Power.OFF;
            if (inTransition || power == Power.POWERING_ON || power == Power.POWERING_OFF) {
                return Outcome.IN_TRANSITION;
            }
            boolean turnsOn = type.equals("On") || type.equals("ForceOn") || type.equals("PushPowerButton");
            if (isOff && !turnsOn && (!startsWhenOff || isShutdown(type) || type.equals("Nmi"))) {
                return Outcome.ALREADY_OFF;
            }
            if (!isOff && turnsOn && !type.equals("PushPowerButton")) {
                return Outcome.ALREADY_ON;
            }
            if (isEffective && !delay.isZero()) {
                inTransition = true;
                if (isOff) {
                    power = Power.POWERING_ON;
                } else if (isShutdown(type) || type.equals("PowerCycle")) {
                    power = Power.POWERING_OFF;
                }
            }
        }
        if (!isEffective) {
            done.run();
        } else if (delay.isZero()) {
            takeEffect(type, isOff, done);
        } else if (type.equals("PowerCycle") && !isOff) {
            later(() -> {
                synchronized (lock) {
                    power = Power.OFF;
                }
                later(() -> takeEffect(type, false, done));
            });
        } else {
            later(() -> takeEffect(type, isOff, done));
        }
        return Outcome.ACCEPTED;
    }

    /** A push of the button of a system that is on is heard by its operating system. */
    private static boolean isShutdown(String type) {
        return type.equals("ForceOff") || type.equals("GracefulShutdown") || type.equals("PushPowerButton");
    }

    private void later(Runnable task) {
        try {
            timer.schedule(task, delay.toNanos(), TimeUnit.NANOSECONDS);
        } catch (RejectedExecutionException e) {
            // The BMC was closed: its systems stay as they are.
        }
    }

    private void takeEffect(String type, boolean wasOff, Runnable done) {
        boolean shutsDown = isShutdown(type) && !wasOff;
        boolean boots = !shutsDown && !type.equals("Nmi");
        boolean fromNetwork;
        List<SshHost> powered;
        List<Consumer<String>> told;
        synchronized (lock) {
            fromNetwork = boots && !override.enabled.equals("Disabled") && override.target.equals("Pxe");
            powered = List.copyOf(hosts);
            told = List.copyOf(listeners);
        }
        // The hosts first: a client that sees the state finds them in it.
        if (shutsDown) {
            powered.forEach(FakeSystem::switchOff);
        } else if (boots) {
            powered.forEach(host -> boot(host, fromNetwork));
        }
        synchronized (lock) {
            power = shutsDown ? Power.OFF : Power.ON;
            inTransition = false;
            if (fromNetwork) {
                pxeBoots++;
            }
            if (boots && override.enabled.equals("Once")) {
                override = new BootOverride("Disabled", "None", override.mode);
            }
            resets.add(type);
        }
        told.forEach(listener -> listener.accept(type));
        done.run();
    }

    @Override
    public String toString() {
        return path();
    }
}
