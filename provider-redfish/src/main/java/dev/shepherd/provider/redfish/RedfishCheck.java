package dev.shepherd.provider.redfish;

import dev.shepherd.api.NotSupportedException;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Scope;
import dev.shepherd.provider.redfish.BmcCall.Resource;
import dev.shepherd.provider.redfish.BmcReport.Cause;
import dev.shepherd.provider.redfish.BmcReport.Draft;
import dev.shepherd.provider.redfish.BmcReport.Login;
import dev.shepherd.provider.redfish.BmcReport.Trust;
import dev.shepherd.provider.support.NoAnswerException;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Looks at all that a reboot by Redfish takes, as a reboot would, and only reads. The certificate is looked at first, on a
 * connection that carries no request: its owner gets the password only if it is trusted. For one check, on one thread.
 */
final class RedfishCheck {

    private final RedfishClient client;
    private final Credentials credentials;
    private final BmcEntry entry;
    private final Bmcs.Kept kept;
    private final Draft draft;

    /** What a refusal for good means at this point. */
    private Cause refusal = Cause.NO_BMC;

    RedfishCheck(RedfishClient client, Credentials credentials, BmcEntry entry, Bmcs.Kept kept) {
        this.client = client;
        this.credentials = credentials;
        this.entry = entry;
        this.kept = kept;
        this.draft = new Draft(entry);
    }

    /**
     * Does so.
     *
     * @throws ProviderException with {@link Scope#PROVIDER} if the credentials cannot be read
     */
    BmcReport check(Duration limit, boolean gracefully) throws InterruptedException {
        long end = System.nanoTime() + limit.toNanos();
        try {
            if (entry.bmc().getScheme().equals("https")) {
                draft.certificate = client.certificate(entry, kept.gate(), limit);
                draft.reachable = true;
                if (draft.certificate.trust() == Trust.REFUSED) {
                    return untrusted(draft.certificate);
                }
            }
            Credentials.Login login;
            try {
                login = credentials.find(entry.credentials());
            } catch (ProviderException e) {
                if (e.scope() == Scope.PROVIDER) {
                    throw e;
                }
                return draft.fails(
                        Cause.NO_CREDENTIALS,
                        e,
                        "Add a line for the name to the file of credentials, or set the two variables.");
            }
            Duration left = Duration.ofNanos(Math.max(1_000_000, end - System.nanoTime()));
            BmcCall call = client.call(entry, login, kept.gate(), left);
            try {
                return look(call, gracefully);
            } catch (ProviderException e) {
                return failed(e);
            }
        } catch (BmcLook.NoCertificateException e) {
            draft.reachable = e.cause() != Cause.UNREACHABLE;
            return draft.fails(e.cause(), e.getMessage(), advice(e.cause()));
        }
    }

    private BmcReport look(BmcCall call, boolean gracefully) throws InterruptedException {
        Resource root = call.get(call.root());
        draft.reachable = true;
        draft.vendor = text(root, "Vendor");
        draft.model = text(root, "Product");
        List<URI> systems = ComputerSystem.all(call, root);
        draft.login = Login.ACCEPTED;
        draft.systems = systems.stream().map(URI::getRawPath).toList();
        refusal = Cause.WHICH_SYSTEM;
        ComputerSystem system = ComputerSystem.among(call, entry, systems);
        refusal = Cause.FAILED;
        draft.vendor = orElse(text(system.resource(), "Manufacturer"), draft.vendor);
        draft.model = orElse(text(system.resource(), "Model"), draft.model);
        draft.serialNumber = text(system.resource(), "SerialNumber");
        draft.power = text(system.resource(), "PowerState");
        @Nullable ProviderException cannot = null;
        String reboot = "";
        try {
            reboot = Power.of(call, system).plan(gracefully);
        } catch (ProviderException e) {
            cannot = e;
        }
        draft.firmware = firmware(call, system);
        return cannot == null ? draft.reboots(reboot) : failed(cannot);
    }

    private static @Nullable String text(Resource resource, String field) {
        return resource.json().path(field).textValue();
    }

    private static @Nullable String orElse(@Nullable String text, @Nullable String other) {
        return text == null || text.isBlank() ? other : text;
    }

    /** Nice to know: a failure to find out says nothing of a reboot. */
    private static @Nullable String firmware(BmcCall call, ComputerSystem system) throws InterruptedException {
        Resource resource = system.resource();
        try {
            return text(
                    call.get(call.link(
                            resource,
                            resource.json().path("Links").path("ManagedBy").path(0),
                            "its manager")),
                    "FirmwareVersion");
        } catch (ProviderException e) {
            return null;
        }
    }

    private BmcReport untrusted(BmcReport.Certificate certificate) {
        String advice = entry.fingerprint().isPresent()
                ? "If it was replaced on purpose, put its fingerprint into the entry's field \"" + BmcEntry.FINGERPRINT
                        + "\": "
                : "Compare its fingerprint with the one on the BMC's own page, and put it into the entry's field \""
                        + BmcEntry.FINGERPRINT + "\" (or see the properties \"" + RedfishProviderFactory.CA
                        + "\" and \""
                        + RedfishProviderFactory.HOST_NAMES + "\"): ";
        return draft.fails(
                Cause.NOT_TRUSTED,
                "the certificate is not trusted: " + certificate.refusal().orElse(""),
                advice + certificate.fingerprintWithColons());
    }

    private BmcReport failed(ProviderException e) {
        Cause cause = cause(e);
        if (cause == Cause.LOGIN_REFUSED) {
            draft.login = Login.REFUSED;
        }
        boolean silent = cause == Cause.UNREACHABLE || cause == Cause.SILENT;
        draft.reachable |= !silent;
        return draft.fails(cause, e, advice(cause));
    }

    private Cause cause(ProviderException e) {
        if (e instanceof NotSupportedException) {
            return Cause.NO_RESET;
        }
        if (e instanceof NoAnswerException none) {
            return switch (none.why()) {
                case UNRESOLVED, UNREACHABLE -> Cause.UNREACHABLE;
                case UNTRUSTED -> Cause.NO_TLS;
                case TOO_LATE -> Cause.SILENT;
                case NOT_HTTP -> Cause.NO_BMC;
                case TOO_LONG, BROKEN -> Cause.FAILED;
            };
        }
        return switch (e.reason()) {
            case UNAUTHENTICATED -> Cause.LOGIN_REFUSED;
            case RATE_LIMITED -> Cause.BUSY;
            case TRANSIENT -> e.retryAfter().isPresent() ? Cause.BUSY : Cause.FAILED;
            case PERMANENT -> refusal;
            default -> Cause.FAILED;
        };
    }

    private String advice(Cause cause) {
        return switch (cause) {
            case UNREACHABLE -> "See that the BMC has power and is in this network, and that the list has its address.";
            case SILENT ->
                "Restart the BMC if it stays so; one that is only slow needs a longer \""
                        + RedfishProviderFactory.TIMEOUT + "\".";
            case NO_TLS ->
                "Try tls=1.2; firmware that knows only older versions, or keys that the JVM forbids, has to be"
                        + " updated.";
            case LOGIN_REFUSED ->
                "Correct the user or the password of the name \"" + entry.credentials()
                        + "\", or give the user the right to read and reset systems.";
            case BUSY -> "Check again later; if it stays so, close sessions on the BMC, or restart it.";
            case NO_BMC -> "See that the address is that of a BMC with Redfish, and that Redfish is switched on there.";
            case WHICH_SYSTEM ->
                draft.systems.isEmpty()
                        ? "See that the address is that of the machine's own BMC."
                        : "Name the machine's system in the entry's field \"" + BmcEntry.SYSTEM + "\".";
            case NO_RESET -> "See that the user may reset the system, and that the BMC's licence has it.";
            case NOT_TRUSTED, NO_CREDENTIALS, NO_PROGRAM, FAILED ->
                "Check again later; if it stays so, restart the BMC, or update its" + " firmware.";
        };
    }
}
