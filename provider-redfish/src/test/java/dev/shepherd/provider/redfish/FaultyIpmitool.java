package dev.shepherd.provider.redfish;

import dev.shepherd.testkit.contract.ContractFault;
import dev.shepherd.testkit.contract.Faults;
import dev.shepherd.testkit.contract.RequestFault;
import dev.shepherd.testkit.contract.Step;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.OptionalInt;

/**
 * Lets faults in between a provider and {@code ipmitool}: a program in its place, which runs it, or says in its words what
 * went wrong. What IPMI sends is encrypted, so that a fault at each request cannot be let in on the way to the BMC.
 */
final class FaultyIpmitool implements Faults {

    private static final String PROGRAM = """
            #!/bin/sh
            at='%s'
            step=CHANGE
            case "$*" in
                *"power status")
                    step=READ
                    command="Get Chassis Power Status"
                    unanswered="Unable to get Chassis Power Status"
                    ;;
                *bootdev*)
                    command="Set Chassis Boot Parameter 5"
                    unanswered="Error setting Chassis Boot Parameter 5"
                    ;;
                *)
                    command="Set Chassis Power Control to Reset"
                    unanswered="Unable to set Chassis Power Control to Reset"
                    ;;
            esac
            echo . >>"$at/$step"
            number=$(wc -l <"$at/$step")
            fault=
            while read -r of which what; do
                case "$of $which" in
                    "$step $((number))" | "$step all" | "any all") fault=$what ;;
                esac
            done <"$at/fault"
            real() {
                '%s' "$@"
                status=$?
                [ $status = 0 ] && [ $step = CHANGE ] && echo . >>"$at/effects"
                return $status
            }
            fails() {
                echo hit >"$at/hit"
                printf '%%s\\n' "$@" >&2
                exit 1
            }
            case "$fault" in
                "") real "$@" ;;
                ANSWER_LOST | ANSWER_CUT | RESET)
                    real "$@" >/dev/null 2>&1
                    fails "$unanswered"
                    ;;
                REFUSED) fails "$command failed: Request data length invalid" ;;
                CONFLICT) fails "$command failed: Command not supported in present state" ;;
                RATE_LIMITED) fails "$command failed: Node busy" ;;
                UNAVAILABLE) fails "Get Auth Capabilities error" "Error: Unable to establish IPMI v2 / RMCP+ session" ;;
                UNAUTHENTICATED) fails "> RAKP 2 HMAC is invalid" "Error: Unable to establish IPMI v2 / RMCP+ session" ;;
                HANGS_BEFORE)
                    echo hit >"$at/hit"
                    exec sleep 1000
                    ;;
                HANGS_AFTER | HANGS_AFTER_HEAD)
                    real "$@" >/dev/null 2>&1
                    echo hit >"$at/hit"
                    [ "$fault" = HANGS_AFTER_HEAD ] && echo "Chassis Power"
                    exec sleep 1000
                    ;;
            esac
            """;

    private final Path folder;

    FaultyIpmitool(Path folder) throws IOException {
        this.folder = folder;
        Files.writeString(program(), PROGRAM.formatted(folder, IpmiSimulator.path("ipmitool")));
        Files.setPosixFilePermissions(program(), PosixFilePermissions.fromString("rwx------"));
        heal();
    }

    Path program() {
        return folder.resolve("faulty-ipmitool");
    }

    @Override
    public boolean inject(ContractFault fault) throws IOException {
        return switch (fault) {
            case LOST_ANSWER -> inject(RequestFault.ANSWER_LOST, Step.CHANGE, 1);
            case CONFLICT -> standing("CHANGE all CONFLICT");
            case RATE_LIMITED -> standing("any all RATE_LIMITED");
            case UNAUTHENTICATED -> standing("any all UNAUTHENTICATED");
            case UNREACHABLE -> standing("any all UNAVAILABLE");
            case HANGING -> standing("any all HANGS_BEFORE");
            case STALE_LISTING, DUPLICATE_MACHINE -> false;
        };
    }

    @Override
    public boolean inject(RequestFault fault, Step step, int number) throws IOException {
        return standing(step + " " + number + " " + fault);
    }

    private boolean standing(String line) throws IOException {
        heal();
        Files.writeString(folder.resolve("fault"), line + "\n");
        return true;
    }

    @Override
    public boolean wasHit() {
        return count("hit") > 0;
    }

    @Override
    public int effects() {
        return count("effects");
    }

    @Override
    public OptionalInt requests(Step step) {
        return OptionalInt.of(count(step.name()));
    }

    private int count(String file) {
        try {
            return Files.readAllLines(folder.resolve(file)).size();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void heal() throws IOException {
        for (String file : List.of("fault", "hit", "effects", "READ", "CHANGE")) {
            Files.writeString(folder.resolve(file), "");
        }
    }
}
