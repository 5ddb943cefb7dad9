package dev.shepherd.postgres;

import dev.shepherd.postgres.PostgresException.Reason;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.UserPrincipal;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The account that PostgreSQL's programs run under: they refuse to run as root, and initdb without a name for the user.
 * For root on Linux, and for a user id without a name, that is a separate user namespace, in which it is an
 * unprivileged user and still owns its files. Where none can be made, as in most containers, root takes an unprivileged
 * account, {@code postgres} or else {@code nobody}; a user without a name has no other.
 */
final class Account {

    private static final Logger LOG = LoggerFactory.getLogger(Account.class);
    private static final long PROBE_SECONDS = 10;
    private static final Path SELF = Path.of("/proc/self");

    /** What Java calls a user whom the system has no name for. */
    private static final String NAMELESS = "?";

    /** Found out once, since that runs a program or two. */
    private static @Nullable Account current;

    private final List<String> prefix;
    private final @Nullable UserPrincipal owner;

    private Account(List<String> prefix, @Nullable UserPrincipal owner) {
        this.prefix = prefix;
        this.owner = owner;
    }

    static synchronized Account current() {
        Account account = current;
        if (account == null) {
            account = find();
            current = account;
        }
        return account;
    }

    private static Account find() {
        Object user = userOnLinux();
        boolean root = user.equals(0);
        if (!root && !user.toString().equals(userName())) {
            return new Account(List.of(), null);
        }
        String name = output("unshare", "-U", "id", "-un");
        if (name != null && !name.isEmpty() && !name.equals("root")) {
            return new Account(List.of("unshare", "-U"), null);
        }
        return root ? unprivileged() : new Account(List.of(), null);
    }

    /** Returns the account {@code postgres} or else {@code nobody}; only root can take it on. */
    static Account unprivileged() {
        for (String name : List.of("postgres", "nobody")) {
            UserPrincipal owner;
            try {
                owner = FileSystems.getDefault().getUserPrincipalLookupService().lookupPrincipalByName(name);
            } catch (IOException | UnsupportedOperationException e) {
                continue;
            }
            List<String> prefix = List.of("su", "-s", "/bin/sh", "--", name, "-c", "exec \"$0\" \"$@\"");
            if (name.equals(output("su", "-s", "/bin/sh", "--", name, "-c", "exec \"$0\" \"$@\"", "id", "-un"))) {
                LOG.debug("PostgreSQL runs as {}, since it refuses to run as root", name);
                return new Account(prefix, owner);
            }
        }
        throw new PostgresException(
                Reason.UNSUPPORTED_PLATFORM,
                "PostgreSQL refuses to run as root, and neither a user namespace (unshare -U) nor an account named"
                        + " postgres or nobody (su) can be had: run this as an ordinary user");
    }

    /** Returns the user id of this process, or {@code unknown}. */
    private static Object userOnLinux() {
        try {
            return Files.getAttribute(SELF, "unix:uid");
        } catch (IOException | UnsupportedOperationException | IllegalArgumentException e) {
            return "unknown";
        }
    }

    /** Returns the name of the user of this process, or the user id where that has no name, as in OpenShift. */
    static String userName() {
        String name = System.getProperty("user.name", NAMELESS);
        return name.equals(NAMELESS) ? userOnLinux().toString() : name;
    }

    private static @Nullable String output(String... command) {
        try {
            Process process = new ProcessBuilder(command)
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start();
            process.getOutputStream().close();
            if (!process.waitFor(PROBE_SECONDS, TimeUnit.SECONDS)) {
                process.descendants().forEach(ProcessHandle::destroyForcibly);
                process.destroyForcibly();
                return null;
            }
            return process.exitValue() == 0
                    ? new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip()
                    : null;
        } catch (IOException e) {
            return null;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return null;
        }
    }

    /** Returns what a command line must begin with. */
    List<String> prefix() {
        return prefix;
    }

    /** Tells whether the account is another than this process's. */
    boolean isOther() {
        return owner != null;
    }

    /** Makes the account the owner of a file or folder. */
    void own(Path path) throws IOException {
        if (owner != null) {
            Files.setOwner(path, owner);
        }
    }
}
