package dev.shepherd.cli.internal;

import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** What a person can do about the causes that machines are backed off for. */
public final class Advice {

    private Advice() {}

    /** Returns what helps against causes of a kind, if that is known. */
    public static Optional<String> on(String kind) {
        @Nullable
        String advice = switch (kind) {
            case "unreachable" ->
                "check that the machines are on, that address and port in the list are right, and that no"
                        + " firewall is in between";
            case "timeout" -> "the step says what took too long; see --takeover-timeout";
            case "connection_lost" -> "mostly a machine that starts or shuts down; it passes";
            case "turned_away" ->
                "something answers and refuses connections: check the port, MaxStartups and access rules of sshd";
            case "host_key_mismatch" ->
                "find out why the host key changed; if the machine was reinstalled: shepherd trust MACHINE"
                        + " --reason TEXT";
            case "authentication_failed" ->
                "add the public key of --key to the authorized_keys of the user of --ssh-user, and check that"
                        + " sshd lets that user in";
            case "protocol" -> "check that an SSH server listens at the port, and which algorithms it offers";
            case "executable_unreadable" ->
                "the file of --agent cannot be read where Shepherd runs; no machine is at fault";
            case "executable_damaged" ->
                "find out what changed the database, and start a rollout with the same file again, which replaces the damaged one";
            case "upload_failed" ->
                "check that the folder of --agent-path exists, is writable for the user and has room";
            case "agent_failed", "bad_answer" ->
                "log in and run the agent by hand; its stderr is in 'shepherd history MACHINE'";
            case "no_address" -> "give the machines an address in the list or at the provider";
            case "host_key_unusable" -> "forget the pinned key: shepherd trust MACHINE --reason TEXT";
            case "provider_unauthenticated" -> "check the provider's credentials";
            case "provider_free" -> "the provider says that the machines belong to no one: check there";
            case "lost" -> "the process that worked on them died or froze: see its log first";
            default -> null;
        };
        return Optional.ofNullable(advice);
    }
}
