package dev.shepherd.api;

import dev.shepherd.api.internal.Escaped;
import java.net.InetAddress;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.UUID;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A plain {@link Machine}, made with {@link #builder(ProviderID, Availability)}.
 *
 * <p>The constructor holds a machine to the rules of its availability, so a provider that uses this record cannot hand
 * out one that breaks them. Immutable.
 *
 * @param id the provider's id; must be valid for {@link Availability#POSSIBLY_USED} and {@link Availability#KNOWN_USED}
 * @param address where the machine is reached; must be present for the same two, except for a machine that is known to
 *     be used and whose status says that it is not running: one that is still being made may have none yet
 * @param availability whether the machine is in use
 * @param failed whether the machine is in a failed state
 * @param status the state of the machine at the provider
 * @param location where the machine stands, at most {@value #MAX_TEXT_LENGTH} characters
 * @param reservationId the reservation behind the machine, at most {@value #MAX_TEXT_LENGTH} characters
 * @param sshPort the port of the machine's SSH server, 1 to 65535
 * @param intentId the intent that the machine was created for
 * @param labels the machine's labels, in the order of their keys; see {@link Labels}
 */
public record MachineInfo(
        ProviderID id,
        Optional<InetAddress> address,
        Availability availability,
        boolean failed,
        Optional<ProviderStatus> status,
        Optional<String> location,
        Optional<String> reservationId,
        OptionalInt sshPort,
        Optional<UUID> intentId,
        Map<String, String> labels)
        implements Machine {

    /** The longest location and reservation id, in characters. */
    public static final int MAX_TEXT_LENGTH = 128;

    private static final int MAX_PORT = 65535;

    /**
     * Checks the machine.
     *
     * @throws IllegalArgumentException if the availability is {@link Availability#UNDEFINED}, if a used or
     *     possibly used machine lacks a valid id or an address, if a text is blank, too long, or has control
     *     characters or half a surrogate pair, if the port is out of range, or if a label breaks a rule of {@link
     *     Labels}
     */
    public MachineInfo {
        Objects.requireNonNull(id, "id");
        Objects.requireNonNull(address, "address");
        Objects.requireNonNull(availability, "availability");
        Objects.requireNonNull(status, "status");
        Objects.requireNonNull(location, "location");
        Objects.requireNonNull(reservationId, "reservationId");
        Objects.requireNonNull(sshPort, "sshPort");
        Objects.requireNonNull(intentId, "intentId");
        switch (availability) {
            case UNDEFINED -> throw new IllegalArgumentException("machine " + id + " has an undefined availability");
            case POSSIBLY_USED, KNOWN_USED -> {
                if (!id.isValid()) {
                    throw new IllegalArgumentException("a machine that is " + availability + " needs a valid id");
                }
                boolean mayHaveNone = availability == Availability.KNOWN_USED
                        && status.isPresent()
                        && status.get() != ProviderStatus.RUNNING;
                if (address.isEmpty() && !mayHaveNone) {
                    throw new IllegalArgumentException(
                            "machine " + id + " is " + availability + " and so needs an address");
                }
            }
            case KNOWN_UNUSED -> {}
        }
        location.ifPresent(text -> checkText(id, "location", text));
        reservationId.ifPresent(text -> checkText(id, "reservation id", text));
        if (sshPort.isPresent() && (sshPort.getAsInt() < 1 || sshPort.getAsInt() > MAX_PORT)) {
            throw new IllegalArgumentException(
                    "machine " + id + " has SSH port " + sshPort.getAsInt() + ", which is not from 1 to 65535");
        }
        try {
            labels = Labels.copyOf(labels);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException("machine " + id + ": " + e.getMessage(), e);
        }
    }

    private static void checkText(ProviderID id, String what, String text) {
        if (text.isBlank() || text.length() > MAX_TEXT_LENGTH) {
            throw new IllegalArgumentException("machine " + id + " has a " + what + " of " + text.length()
                    + " characters; it must not be blank and has at most " + MAX_TEXT_LENGTH);
        }
        int refused = Escaped.firstRefused(text);
        if (refused >= 0) {
            throw new IllegalArgumentException("machine " + id + " has a " + what
                    + String.format(Locale.ROOT, " with a control character or half a character, U+%04X", refused));
        }
    }

    /** Copies any machine into a record, and so checks it. */
    public static MachineInfo copyOf(Machine machine) {
        return machine instanceof MachineInfo info ? info : copyOf(machine, machine.labels());
    }

    /**
     * Copies any machine into a record, without those of its labels that break a rule, and so checks the rest.
     *
     * @param passedOver is told of each label that was left out, and why
     */
    public static MachineInfo copyOf(Machine machine, Consumer<String> passedOver) {
        return machine instanceof MachineInfo info ? info : copyOf(machine, fitting(machine.labels(), passedOver));
    }

    private static Map<String, String> fitting(
            Map<String, ? extends @Nullable String> labels, Consumer<String> passedOver) {
        if (labels.isEmpty()) {
            return Map.of();
        }
        Map<String, String> fitting = new LinkedHashMap<>();
        labels.forEach((key, value) -> {
            Optional<String> problem = Labels.problem(key, value)
                    .or(() -> fitting.size() < Labels.MOST
                            ? Optional.empty()
                            : Optional.of("there are more than " + Labels.MOST + " labels"));
            problem.ifPresentOrElse(passedOver, () -> fitting.put(key, Objects.requireNonNull(value)));
        });
        return fitting;
    }

    private static MachineInfo copyOf(Machine machine, Map<String, String> labels) {
        return new MachineInfo(
                machine.id(),
                machine.address(),
                machine.availability(),
                machine.failed(),
                machine.status(),
                machine.location(),
                machine.reservationId(),
                machine.sshPort(),
                machine.intentId(),
                labels);
    }

    /** Starts a machine with the two things that every machine has. */
    public static Builder builder(ProviderID id, Availability availability) {
        return new Builder(id, availability);
    }

    /** Starts a builder from this machine's values. */
    public Builder toBuilder() {
        Builder builder = new Builder(id, availability);
        builder.address = address.orElse(null);
        builder.failed = failed;
        builder.status = status.orElse(null);
        builder.location = location.orElse(null);
        builder.reservationId = reservationId.orElse(null);
        builder.sshPort = sshPort.isPresent() ? sshPort.getAsInt() : null;
        builder.intentId = intentId.orElse(null);
        builder.labels = labels;
        return builder;
    }

    /** Collects the values of a {@link MachineInfo}. A null clears an optional value. Not safe for several threads. */
    public static final class Builder {
        private ProviderID id;
        private Availability availability;
        private @Nullable InetAddress address;
        private boolean failed;
        private @Nullable ProviderStatus status;
        private @Nullable String location;
        private @Nullable String reservationId;
        private @Nullable Integer sshPort;
        private @Nullable UUID intentId;
        private Map<String, String> labels = Map.of();

        private Builder(ProviderID id, Availability availability) {
            this.id = id;
            this.availability = availability;
        }

        /** Sets {@link MachineInfo#id()}. */
        public Builder id(ProviderID id) {
            this.id = id;
            return this;
        }

        /** Sets {@link MachineInfo#availability()}. */
        public Builder availability(Availability availability) {
            this.availability = availability;
            return this;
        }

        /** Sets {@link MachineInfo#address()}; none by default. */
        public Builder address(@Nullable InetAddress address) {
            this.address = address;
            return this;
        }

        /** Sets {@link MachineInfo#failed()}; false by default. */
        public Builder failed(boolean failed) {
            this.failed = failed;
            return this;
        }

        /** Sets {@link MachineInfo#status()}; none by default. */
        public Builder status(@Nullable ProviderStatus status) {
            this.status = status;
            return this;
        }

        /** Sets {@link MachineInfo#location()}; none by default. */
        public Builder location(@Nullable String location) {
            this.location = location;
            return this;
        }

        /** Sets {@link MachineInfo#reservationId()}; none by default. */
        public Builder reservationId(@Nullable String reservationId) {
            this.reservationId = reservationId;
            return this;
        }

        /** Sets {@link MachineInfo#sshPort()}; none by default. */
        public Builder sshPort(@Nullable Integer sshPort) {
            this.sshPort = sshPort;
            return this;
        }

        /** Sets {@link MachineInfo#intentId()}; none by default. */
        public Builder intentId(@Nullable UUID intentId) {
            this.intentId = intentId;
            return this;
        }

        /** Sets {@link MachineInfo#labels()}; none by default. */
        public Builder labels(Map<String, String> labels) {
            this.labels = labels;
            return this;
        }

        /**
         * Makes the machine.
         *
         * @throws IllegalArgumentException as the record's constructor does
         */
        public MachineInfo build() {
            return new MachineInfo(
                    id,
                    Optional.ofNullable(address),
                    availability,
                    failed,
                    Optional.ofNullable(status),
                    Optional.ofNullable(location),
                    Optional.ofNullable(reservationId),
                    sshPort == null ? OptionalInt.empty() : OptionalInt.of(sshPort),
                    Optional.ofNullable(intentId),
                    labels);
        }

        /**
         * Makes the machine from those of its values that fit, so that nonsense about one machine breaks no listing. Text
         * that {@link #build()} refuses is left out, and so is a label. With a port that is none, the address is left out too: it would lead
         * to another host. A machine that is known to be used, lacks an address and is not said to be in another state
         * has the status {@link ProviderStatus#UNKNOWN}.
         *
         * @throws IllegalArgumentException if the availability is {@link Availability#UNDEFINED}, a used machine lacks a
         *     valid id, or a possibly used one lacks an address
         */
        public MachineInfo buildFromWhatFits() {
            Integer port = sshPort;
            boolean badPort = port != null && (port < 1 || port > MAX_PORT);
            InetAddress usable = badPort ? null : address;
            boolean unreachable = availability == Availability.KNOWN_USED
                    && usable == null
                    && (status == null || status == ProviderStatus.RUNNING);
            return new Builder(id, availability)
                    .address(usable)
                    .failed(failed)
                    .status(unreachable ? ProviderStatus.UNKNOWN : status)
                    .location(fits(location) ? location : null)
                    .reservationId(fits(reservationId) ? reservationId : null)
                    .sshPort(badPort ? null : port)
                    .intentId(intentId)
                    .labels(fitting(labels, why -> {}))
                    .build();
        }

        private static boolean fits(@Nullable String text) {
            return text != null
                    && !text.isBlank()
                    && text.length() <= MAX_TEXT_LENGTH
                    && Escaped.firstRefused(text) < 0;
        }
    }
}
