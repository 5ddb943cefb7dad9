package dev.shepherd.cli.contract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.shepherd.api.Availability;
import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.api.Machine;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import dev.shepherd.api.Recoverer;
import dev.shepherd.api.Session;
import dev.shepherd.testkit.provider.FakeSession;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class GuardedProviderTest {

    private static final ProviderID MADE = new ProviderID("made");
    private static final ProviderID IN_USE = new ProviderID("in-use");

    private final List<String> passedOn = new ArrayList<>();
    private final FakeSession session = new FakeSession();
    private ProviderID answer = MADE;

    /** Does all that it is asked for, and notes it. */
    private final Recoverer careless = new Recoverer() {
        @Override
        public ProviderType type() {
            return new ProviderType("careless");
        }

        @Override
        public List<Machine> listMachines() {
            return List.of();
        }

        @Override
        public Machine getMachine(ProviderID id) {
            return used(id.value());
        }

        @Override
        public Machine createMachine(Session session, CreateMachineRequest request) {
            passedOn.add("create");
            return used(answer.value());
        }

        @Override
        public void rebootMachine(ProviderID id) {
            passedOn.add("reboot " + id);
        }

        @Override
        public void reinstallMachine(ProviderID id) {
            passedOn.add("reinstall " + id);
        }
    };

    private static Machine used(String id) {
        return MachineInfo.builder(new ProviderID(id), Availability.KNOWN_USED)
                .address(InetAddress.getLoopbackAddress())
                .build();
    }

    private static Machine free(String reservation) {
        return MachineInfo.builder(ProviderID.INVALID, Availability.KNOWN_UNUSED)
                .reservationId(reservation)
                .build();
    }

    private Permit permit(boolean reinstalls) {
        Machine named = free("r-1");
        return Permit.of(List.of(named), List.of(named, free("r-2"), used("in-use")), reinstalls);
    }

    private static CreateMachineRequest request(Machine machine) {
        return CreateMachineRequest.of(UUID.randomUUID(), machine);
    }

    @Test
    void aMachineThatWasNamedIsCreatedAndRebooted() throws Exception {
        Permit permit = permit(false);
        Recoverer guarded = (Recoverer) GuardedProvider.of(careless, permit);

        guarded.createMachine(session, request(free("r-1")));
        guarded.rebootMachine(MADE);

        assertThat(passedOn).containsExactly("create", "reboot made");
        assertThat(permit.refused()).isEmpty();
    }

    @Test
    void neitherAnotherMachineNorAnyIsCreated() {
        Permit permit = permit(true);
        Recoverer guarded = (Recoverer) GuardedProvider.of(careless, permit);

        assertThatThrownBy(() -> guarded.createMachine(session, request(free("r-2"))))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("createMachine(r-2)");
        assertThatThrownBy(() -> guarded.createMachine(session, CreateMachineRequest.any(UUID.randomUUID())))
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("any machine");
        assertThat(passedOn).isEmpty();
        assertThat(permit.refused()).hasSize(2);
    }

    @Test
    void withoutAMachineThatWasNamedNothingIsPassedOn() {
        Permit permit = Permit.none();
        Recoverer guarded = (Recoverer) GuardedProvider.of(careless, permit);

        assertThatThrownBy(() -> guarded.createMachine(session, request(free("r-1"))))
                .isInstanceOf(AssertionError.class);
        assertThatThrownBy(() -> guarded.rebootMachine(IN_USE)).isInstanceOf(AssertionError.class);
        assertThatThrownBy(() -> guarded.reinstallMachine(IN_USE)).isInstanceOf(AssertionError.class);
        assertThat(passedOn).isEmpty();
    }

    @Test
    void whatWasNotMadeHereIsNeitherRebootedNorReinstalled() throws Exception {
        Recoverer guarded = (Recoverer) GuardedProvider.of(careless, permit(true));
        guarded.createMachine(session, request(free("r-1")));

        assertThatThrownBy(() -> guarded.rebootMachine(IN_USE)).isInstanceOf(AssertionError.class);
        assertThatThrownBy(() -> guarded.reinstallMachine(new ProviderID("other")))
                .isInstanceOf(AssertionError.class);
        assertThat(passedOn).containsExactly("create");
    }

    @Test
    void aMachineInUseThatTheProviderSaysItHasMadeIsNotRebooted() throws Exception {
        answer = IN_USE;
        Recoverer guarded = (Recoverer) GuardedProvider.of(careless, permit(true));
        guarded.createMachine(session, request(free("r-1")));

        assertThatThrownBy(() -> guarded.rebootMachine(IN_USE)).isInstanceOf(AssertionError.class);
        assertThat(passedOn).containsExactly("create");
    }

    @Test
    void machinesAreReinstalledOnlyIfThatWasAllowed() throws Exception {
        Recoverer without = (Recoverer) GuardedProvider.of(careless, permit(false));
        without.createMachine(session, request(free("r-1")));
        assertThatThrownBy(() -> without.reinstallMachine(MADE)).isInstanceOf(AssertionError.class);

        Recoverer with = (Recoverer) GuardedProvider.of(careless, permit(true));
        with.createMachine(session, request(free("r-1")));
        with.reinstallMachine(MADE);
        assertThat(passedOn).containsExactly("create", "create", "reinstall made");
    }

    /** A default method that is not passed on would say something else than the provider. */
    @Test
    void eachMethodOfAProviderIsPassedOn() {
        assertThat(missing(Provider.class, GuardedProvider.class)).isEmpty();
        assertThat(missing(Recoverer.class, GuardedProvider.GuardedRecoverer.class))
                .isEmpty();
    }

    private static List<Method> missing(Class<?> role, Class<?> guarded) {
        return Arrays.stream(role.getDeclaredMethods())
                .filter(method -> !Modifier.isStatic(method.getModifiers()) && !method.isSynthetic())
                .filter(method -> Arrays.stream(guarded.getDeclaredMethods())
                        .noneMatch(own -> own.getName().equals(method.getName())
                                && Arrays.equals(own.getParameterTypes(), method.getParameterTypes())))
                .toList();
    }
}
