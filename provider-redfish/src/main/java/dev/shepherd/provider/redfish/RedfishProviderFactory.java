package dev.shepherd.provider.redfish;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.ProviderConfig;
import dev.shepherd.api.ProviderFactory;
import dev.shepherd.api.ProviderProperty;
import dev.shepherd.api.ProviderProperty.Type;
import dev.shepherd.provider.staticlist.list.CurrentList;
import java.util.List;

/** Makes {@link RedfishProvider}s from text properties; {@code docs/providers/redfish.md} describes them. */
public final class RedfishProviderFactory implements ProviderFactory {

    static final String LIST = "list";
    static final String LIST_TIMEOUT = "list-timeout";
    static final String MAX_SIZE = "max-size";
    static final String CREDENTIALS = "credentials";
    static final String TIMEOUT = "timeout";
    static final String STATUS_TIMEOUT = "status-timeout";
    static final String GRACEFUL = "graceful";
    static final String REINSTALL = "reinstall";
    static final String CONCURRENT_CALLS = "max-concurrent-calls";
    static final String CA = "ca";
    static final String HOST_NAMES = "host-names";
    static final String TRUST = "trust";
    static final String TLS = "tls";
    static final String ALLOW_HTTP = "allow-http";
    static final String IPMITOOL = "ipmitool";
    static final String IPMI_CIPHER_SUITE = "ipmi-cipher-suite";
    static final String IPMI_PRIVILEGE = "ipmi-privilege";
    static final String IPMI_BOOT_MODE = "ipmi-boot-mode";

    /** Makes the factory, as {@link java.util.ServiceLoader} does. */
    public RedfishProviderFactory() {}

    @Override
    public String kind() {
        return "redfish";
    }

    @Override
    public String description() {
        return "A fixed list of machines, which are rebooted through their BMCs by Redfish or IPMI";
    }

    @Override
    public List<ProviderProperty> properties() {
        return List.of(
                ProviderProperty.required(
                                LIST,
                                Type.URI,
                                "where the list of machines and their BMCs is: a file:, http: or https: URI; never"
                                        + " shown, since its query may be a secret")
                        .asSecret(),
                ProviderProperty.optional(
                                LIST_TIMEOUT, Type.DURATION, "10s", "how long one reading of the list may take in all")
                        .between("1ms", "1h"),
                ProviderProperty.optional(
                                MAX_SIZE,
                                Type.INTEGER,
                                String.valueOf(CurrentList.DEFAULT_MAX_SIZE),
                                "how long the list may be, in bytes")
                        .between("1", "1073741824"),
                ProviderProperty.optional(
                        CREDENTIALS,
                        Type.PATH,
                        null,
                        "a file with a line \"name user password\" for each name of credentials, readable by its owner"
                                + " only; without it, or a line for a name, SHEPHERD_BMC_USER and SHEPHERD_BMC_PASSWORD"
                                + " count, or SHEPHERD_BMC_USER_NAME and SHEPHERD_BMC_PASSWORD_NAME"),
                ProviderProperty.optional(
                                TIMEOUT,
                                Type.DURATION,
                                "60s",
                                "how long a reboot or reinstallation may take until the BMC has accepted it, with all"
                                        + " its requests")
                        .between("1ms", "10m"),
                ProviderProperty.optional(
                                STATUS_TIMEOUT,
                                Type.DURATION,
                                "10s",
                                "how long a BMC may take to say whether its machine is on")
                        .between("1ms", "10m"),
                ProviderProperty.optional(
                                GRACEFUL,
                                Type.DURATION,
                                "0s",
                                "how long an operating system may take to shut down before it is restarted by force; 0s"
                                        + " leaves it no time")
                        .between("0s", "10m"),
                ProviderProperty.optional(
                                REINSTALL,
                                Type.STRING,
                                "none",
                                "how machines are reinstalled: pxe has them boot from the network once")
                        .matching("none|pxe", "none or pxe"),
                ProviderProperty.optional(
                                CONCURRENT_CALLS,
                                Type.INTEGER,
                                "16",
                                "how many BMCs may be waited for at the same time; each is asked one thing at a time")
                        .between("1", "256"),
                ProviderProperty.optional(
                        CA,
                        Type.PATH,
                        null,
                        "a file (PEM) of the certificates that sign those of the BMCs; those of the JVM by default. A BMC"
                                + " with a fingerprint in the list needs none"),
                ProviderProperty.optional(
                        HOST_NAMES,
                        Type.BOOLEAN,
                        "true",
                        "whether a certificate must name the host that the list has for its BMC"),
                ProviderProperty.optional(
                                TRUST,
                                Type.STRING,
                                "verify",
                                "none to accept any certificate from a BMC without a fingerprint in the list")
                        .matching("verify|none", "verify or none"),
                ProviderProperty.optional(
                                TLS,
                                Type.STRING,
                                "1.3",
                                "the newest version of TLS to offer; 1.2 for firmware that fails when it is offered 1.3")
                        .matching("1\\.[23]", "1.2 or 1.3"),
                ProviderProperty.optional(
                        ALLOW_HTTP,
                        Type.BOOLEAN,
                        "false",
                        "whether the list may name BMCs by http:, which sends passwords in the clear"),
                ProviderProperty.optional(
                        IPMITOOL,
                        Type.PATH,
                        "ipmitool",
                        "the program that speaks to BMCs which the list names by ipmi:; without a slash it is looked for"
                                + " in PATH. The package ipmitool has it"),
                ProviderProperty.optional(
                                IPMI_CIPHER_SUITE,
                                Type.STRING,
                                "auto",
                                "the cipher suite of IPMI: 17 or 3, or auto for the better of those that the BMC has")
                        .matching("auto|3|17", "auto, 3 or 17"),
                ProviderProperty.optional(
                                IPMI_PRIVILEGE,
                                Type.STRING,
                                "operator",
                                "the privilege level to ask for by IPMI; administrator for BMCs that allow too little"
                                        + " otherwise")
                        .matching("operator|administrator", "operator or administrator"),
                ProviderProperty.optional(
                                IPMI_BOOT_MODE,
                                Type.STRING,
                                "legacy",
                                "how machines boot that are reinstalled by IPMI, which does not tell")
                        .matching("legacy|uefi", "legacy or uefi"));
    }

    /**
     * Makes a provider. The list is not read yet, and no BMC is asked: what is out of reach or malformed shows at the
     * first listing. The files of credentials and of certificates are read, to find mistakes early.
     *
     * @throws ConfigurationException if the URI is none of a file, http or https, or holds a user or a password; if a file
     *     cannot be used; or if the settings of TLS contradict each other
     */
    @Override
    public RedfishProvider create(ProviderConfig config) {
        return new RedfishProvider(config, System::getenv);
    }
}
