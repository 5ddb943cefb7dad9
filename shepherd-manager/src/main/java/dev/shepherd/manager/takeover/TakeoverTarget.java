package dev.shepherd.manager.takeover;

import dev.shepherd.api.internal.Escaped;
import dev.shepherd.manager.takeover.ssh.SshPublicKey;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** A machine to take over. Immutable. */
public final class TakeoverTarget {

    /** The default port of SSH servers. */
    public static final int DEFAULT_PORT = 22;

    private final UUID machineId;
    private final InetAddress address;
    private final int port;
    private final String name;
    private final @Nullable SshPublicKey pinnedHostKey;
    private final @Nullable AgentExecutable executable;
    private final TakeoverTrace trace;

    private TakeoverTarget(Builder builder) {
        this.machineId = builder.machineId;
        this.address = builder.address;
        this.port = builder.port;
        this.name = builder.name;
        this.pinnedHostKey = builder.pinnedHostKey;
        this.executable = builder.executable;
        this.trace = TakeoverTrace.NONE;
    }

    private TakeoverTarget(TakeoverTarget other, TakeoverTrace trace) {
        this.machineId = other.machineId;
        this.address = other.address;
        this.port = other.port;
        this.name = other.name;
        this.pinnedHostKey = other.pinnedHostKey;
        this.executable = other.executable;
        this.trace = trace;
    }

    /** Returns the same machine for one takeover, which tells of its steps. */
    TakeoverTarget withTrace(TakeoverTrace trace) {
        return new TakeoverTarget(this, trace);
    }

    TakeoverTrace trace() {
        return trace;
    }

    /**
     * Starts the description of a machine.
     *
     * @param machineId its id in the bare metal database; the agent is told
     * @param address where it is called; never looked up by name, in neither direction
     */
    public static Builder builder(UUID machineId, InetAddress address) {
        return new Builder(machineId, address);
    }

    /** Returns the machine's id in the bare metal database. */
    public UUID machineId() {
        return machineId;
    }

    /** Returns where the machine is called. */
    public InetAddress address() {
        return address;
    }

    /** Returns the port of the machine's SSH server. */
    public int port() {
        return port;
    }

    /** Returns what the provider calls the machine, for messages; may be empty. */
    public String name() {
        return name;
    }

    /** Returns the host key that the machine must have, in the form of {@link TakeoverResult#hostKey()}. */
    public Optional<String> pinnedHostKey() {
        return Optional.ofNullable(pinnedHostKey).map(SshPublicKey::text);
    }

    /**
     * Returns the executable that the machine is to get instead of the takeover's own: a rollout's. A takeover that starts
     * another one, or does not {@linkplain TakeoverResult#withBuild say} which, fails the rollout on the machine.
     */
    public Optional<AgentExecutable> executable() {
        return Optional.ofNullable(executable);
    }

    @Nullable
    SshPublicKey pin() {
        return pinnedHostKey;
    }

    /** Returns the address as text, an IPv6 one as it is and without a name. */
    String host() {
        return address.getHostAddress();
    }

    /** Returns the machine for messages: {@code machine <uuid> (<name>) at <address>:<port>}. */
    @Override
    public String toString() {
        return "machine " + machineId + (name.isEmpty() ? "" : " (" + name + ")") + " at " + endpoint();
    }

    /** Returns address and port, as in a URL. */
    String endpoint() {
        return (host().indexOf(':') < 0 ? host() : "[" + host() + "]") + ":" + port;
    }

    /** A name that came with an address is one that others gave: it would show in names of threads and in logs. */
    private static InetAddress withoutName(InetAddress address) {
        try {
            return address instanceof Inet6Address scoped && scoped.getScopeId() != 0
                    ? Inet6Address.getByAddress(null, address.getAddress(), scoped.getScopeId())
                    : InetAddress.getByAddress(address.getAddress());
        } catch (UnknownHostException e) {
            throw new IllegalArgumentException("an address of " + address.getAddress().length + " bytes", e);
        }
    }

    /** Collects what is known of a machine. Not safe for several threads. */
    public static final class Builder {

        private static final int MAX_NAME_LENGTH = 256;

        private final UUID machineId;
        private final InetAddress address;
        private int port = DEFAULT_PORT;
        private String name = "";
        private @Nullable SshPublicKey pinnedHostKey;
        private @Nullable AgentExecutable executable;

        private Builder(UUID machineId, InetAddress address) {
            this.machineId = Objects.requireNonNull(machineId, "machineId");
            this.address = withoutName(Objects.requireNonNull(address, "address"));
        }

        /**
         * Sets the port of the SSH server; {@value #DEFAULT_PORT} if not set.
         *
         * @param port 1 to 65535; null for the default
         */
        public Builder port(@Nullable Integer port) {
            if (port != null && (port < 1 || port > 65535)) {
                throw new IllegalArgumentException("port is not within 1 to 65535: " + port);
            }
            this.port = port == null ? DEFAULT_PORT : port;
            return this;
        }

        /**
         * Sets what the provider calls the machine, such as {@code equinix/4f2a}: for messages only; none by default.
         *
         * @param name any text; control characters are escaped, and what is beyond 256 characters is cut off; null for
         *     none
         */
        public Builder name(@Nullable String name) {
            this.name = name == null ? "" : Escaped.text(name, MAX_NAME_LENGTH);
            return this;
        }

        /**
         * Sets the host key that the machine must have. None by default: the machine is then trusted on first use.
         *
         * @param text a key as {@link TakeoverResult#hostKey()} gives it, which is that of OpenSSH's public key
         *     files: type, base64, and possibly a comment; null for none
         * @throws IllegalArgumentException if the text is no such key
         */
        public Builder pinnedHostKey(@Nullable String text) {
            this.pinnedHostKey = text == null ? null : SshPublicKey.parse(text);
            return this;
        }

        /** Sets the executable that the machine is to get; null, as by default, for the takeover's own. */
        public Builder executable(@Nullable AgentExecutable executable) {
            this.executable = executable;
            return this;
        }

        /** Makes the target. */
        public TakeoverTarget build() {
            return new TakeoverTarget(this);
        }
    }
}
