package dev.shepherd.spring.boot;

import static dev.shepherd.spring.boot.Setting.set;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.manager.takeover.AgentTakeover;
import dev.shepherd.manager.takeover.HostKeyPolicy;
import dev.shepherd.manager.takeover.SshCredentials;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.NestedConfigurationProperty;
import org.springframework.boot.context.properties.bind.DefaultValue;
import org.springframework.util.unit.DataSize;

/**
 * How agents are started.
 *
 * @param executable File of the agent's executable, which is uploaded and run.
 * @param endpoint Where agents report to; the URL of agent-endpoint.address by default.
 * @param user Who logs in.
 * @param remotePath Where the executable is put.
 * @param hostKeyPolicy Whether host keys are pinned at the first takeover, or any is accepted.
 * @param caCertificate File of the certificate that agents verify the endpoint with; that of the authority in
 *     agent-endpoint.tls.folder by default, if there is one.
 * @param connectTimeout Until TCP is open.
 * @param totalTimeout A takeover as a whole.
 * @param maxStdout What an agent may write to its standard output.
 * @param maxStderr What an agent may write to its standard error.
 */
record AgentProperties(
        @Nullable Path executable,
        @Nullable String endpoint,
        @NestedConfigurationProperty @DefaultValue Credentials credentials,
        @Nullable String user,
        @Nullable String remotePath,
        @Nullable HostKeyPolicy hostKeyPolicy,
        @Nullable Path caCertificate,
        @Nullable Duration connectTimeout,
        @Nullable Duration totalTimeout,
        @Nullable DataSize maxStdout,
        @Nullable DataSize maxStderr) {

    /**
     * What to log in with: a key or a password. A bean of type SshCredentials stands in for it.
     *
     * @param key File of an SSH private key.
     * @param keyPassphrase Its passphrase; never shown.
     * @param password A password in place of a key; never shown.
     */
    record Credentials(
            @Nullable Path key,
            @Nullable String keyPassphrase,
            @Nullable String password) {

        boolean isGiven() {
            return key != null || keyPassphrase != null || password != null;
        }

        /** Reads them; the caller has asked whether they are given. */
        SshCredentials read() {
            if (password != null) {
                if (key != null || keyPassphrase != null) {
                    throw new ConfigurationException("password", "log in with either a key or a password: give one");
                }
                return SshCredentials.password(password.toCharArray());
            }
            if (key == null) {
                throw new ConfigurationException("keyPassphrase", "the passphrase goes with key, which is not given");
            }
            try {
                return keyPassphrase == null
                        ? SshCredentials.privateKey(key)
                        : SshCredentials.privateKey(key, keyPassphrase.toCharArray());
            } catch (IllegalArgumentException e) {
                throw new ConfigurationException("key", String.valueOf(e.getMessage()), e);
            } catch (ConfigurationException e) {
                throw e.property().isPresent()
                        ? e
                        : new ConfigurationException("key", String.valueOf(e.getMessage()), e);
            }
        }

        /** Says what is given, not the secrets. */
        @Override
        public String toString() {
            return "Credentials[key=" + key + ", password=" + (password == null ? "null" : "***") + "]";
        }
    }

    /** Sets all that is given, but the credentials. */
    void applyTo(String prefix, AgentTakeover.Builder takeover) {
        if (executable != null) {
            if (!Files.isRegularFile(executable) || !Files.isReadable(executable)) {
                throw new ConfigurationException("executable", executable + " is not a file that can be read");
            }
            takeover.executable(executable);
        }
        set(endpoint, takeover::endpoint);
        set(user, takeover::user);
        set(remotePath, takeover::remotePath);
        set(hostKeyPolicy, takeover::hostKeyPolicy);
        if (caCertificate != null) {
            try {
                takeover.caCertificate(Files.readAllBytes(caCertificate));
            } catch (IOException e) {
                throw new ConfigurationException("caCertificate", "cannot read " + caCertificate + ": " + e, e);
            }
        }
        set(connectTimeout, takeover::connectTimeout);
        set(totalTimeout, takeover::totalTimeout);
        Setting.setBytes(prefix + ".max-stdout", maxStdout, takeover::maxStdout);
        Setting.setBytes(prefix + ".max-stderr", maxStderr, takeover::maxStderr);
    }
}
