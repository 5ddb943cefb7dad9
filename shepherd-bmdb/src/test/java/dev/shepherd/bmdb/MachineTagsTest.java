package dev.shepherd.bmdb;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.shepherd.api.Availability;
import dev.shepherd.api.MachineInfo;
import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderStatus;
import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.MachineRecord.ActiveBackoff;
import dev.shepherd.bmdb.MachineRecord.ActiveWork;
import dev.shepherd.bmdb.listing.Listings;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.UUID;
import java.util.function.Consumer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Every tag, set, overwritten, cleared and read back. */
class MachineTagsTest {

    @RegisterExtension
    static final TestDatabase db = new TestDatabase();

    private static final ProviderType PROVIDER = TestDatabase.PROVIDER;

    private UUID machine = new UUID(0, 0);
    private BmdbSession session;

    @BeforeEach
    void recordAMachine() throws Exception {
        machine = db.machine();
        session = db.session();
    }

    private void write(Consumer<BmdbTransaction> body) throws InterruptedException {
        session.useTransaction(tx -> {
            body.accept(tx);
            // What a transaction writes, it reads.
            assertThat(tx.machine(machine)).isPresent();
        });
    }

    private MachineRecord read() throws InterruptedException {
        return db.bmdb().machine(machine).orElseThrow();
    }

    @Test
    void aMachineWithoutTagsHasNone() throws Exception {
        MachineRecord record = read();

        assertThat(record.machineId()).isEqualTo(machine);
        assertThat(record.createdAt())
                .isBetween(Instant.now().minusSeconds(60), Instant.now().plusSeconds(60));
        assertThat(record.provided()).isEmpty();
        assertThat(record.agentStarted()).isEmpty();
        assertThat(record.agentHeartbeatAt()).isEmpty();
        assertThat(record.hardwareReport()).isEmpty();
        assertThat(record.installationRequest()).isEmpty();
        assertThat(record.installationReport()).isEmpty();
        assertThat(record.isInstallationFulfilled()).isFalse();
        assertThat(record.sshHostKey()).isEmpty();
        assertThat(record.work()).isEmpty();
        assertThat(record.backoffs()).isEmpty();
        assertThat(db.bmdb().machine(UUID.randomUUID())).isEmpty();
    }

    @Test
    void creatingAMachineTwiceIsCreatingItOnce() throws Exception {
        UUID id = UUID.randomUUID();

        write(tx -> tx.createMachine(id));
        write(tx -> tx.createMachine(id));

        assertThat(db.number("select count(*) from machines where machine_id = ?", id))
                .isEqualTo(1);
    }

    @Test
    void agentStarted() throws Exception {
        byte[] first = {1};
        byte[] key = Arrays.copyOf(first, 32);
        write(tx -> tx.putAgentStarted(machine, key));
        Instant startedAt = read().agentStarted().orElseThrow().startedAt();
        assertThat(read().agentStarted().orElseThrow().publicKey()).isEqualTo(key);
        assertThat(startedAt).isBeforeOrEqualTo(db.bmdb().now());

        key[31] = 7;
        db.advance(Duration.ofMinutes(1));
        write(tx -> tx.putAgentStarted(machine, key));
        assertThat(read().agentStarted().orElseThrow().publicKey()).isEqualTo(key);
        assertThat(read().agentStarted().orElseThrow().startedAt()).isAfter(startedAt.plusSeconds(59));

        write(tx -> tx.clearAgentStarted(machine));
        assertThat(read().agentStarted()).isEmpty();
        write(tx -> tx.clearAgentStarted(machine));
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 31, 33})
    void anAgentsKeyHas32Bytes(int length) {
        assertThatThrownBy(() -> write(tx -> tx.putAgentStarted(machine, new byte[length])))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("32 bytes");
    }

    @Test
    void agentHeartbeat() throws Exception {
        write(tx -> tx.putAgentHeartbeat(machine));
        Instant first = read().agentHeartbeatAt().orElseThrow();

        db.advance(Duration.ofMinutes(1));
        write(tx -> tx.putAgentHeartbeat(machine));
        assertThat(read().agentHeartbeatAt().orElseThrow()).isAfter(first.plusSeconds(59));

        write(tx -> tx.clearAgentHeartbeat(machine));
        assertThat(read().agentHeartbeatAt()).isEmpty();
    }

    @Test
    void hardwareReport() throws Exception {
        write(tx -> tx.putHardwareReport(machine, new byte[] {1, 0, -1}));
        assertThat(read().hardwareReport().orElseThrow()).containsExactly(1, 0, -1);

        write(tx -> tx.putHardwareReport(machine, new byte[0]));
        assertThat(read().hardwareReport().orElseThrow()).isEmpty();

        write(tx -> tx.clearHardwareReport(machine));
        assertThat(read().hardwareReport()).isEmpty();
    }

    @Test
    void installation() throws Exception {
        write(tx -> assertThat(tx.requestInstallation(machine, new byte[] {1})).isEqualTo(1));
        assertThat(read().installationRequest().orElseThrow().raw()).containsExactly(1);
        assertThat(read().installationRequest().orElseThrow().generation()).isEqualTo(1);

        write(tx -> tx.putInstallationReport(machine, 1, InstallationResult.ERROR, new byte[] {2}));
        assertThat(read().installationReport().orElseThrow().result()).isEqualTo(InstallationResult.ERROR);
        assertThat(read().installationReport().orElseThrow().raw()).containsExactly(2);
        assertThat(read().isInstallationFulfilled()).isFalse();

        write(tx -> tx.putInstallationReport(machine, 1, InstallationResult.SUCCESS, new byte[] {3}));
        assertThat(read().installationReport().orElseThrow().result()).isEqualTo(InstallationResult.SUCCESS);
        assertThat(read().installationReport().orElseThrow().generation()).isEqualTo(1);
        assertThat(read().installationReport().orElseThrow().raw()).containsExactly(3);
        assertThat(read().isInstallationFulfilled()).isTrue();

        write(tx -> assertThat(tx.requestInstallation(machine, new byte[] {4})).isEqualTo(2));
        assertThat(read().installationRequest().orElseThrow().raw()).containsExactly(4);
        assertThat(read().isInstallationFulfilled()).isFalse();

        write(tx -> tx.clearInstallationReport(machine));
        assertThat(read().installationReport()).isEmpty();
        write(tx -> tx.clearInstallationRequest(machine));
        assertThat(read().installationRequest()).isEmpty();
    }

    @Test
    void anOldReportNeverFulfillsANewRequest() throws Exception {
        write(tx -> tx.requestInstallation(machine, new byte[0]));
        write(tx -> tx.putInstallationReport(machine, 1, InstallationResult.SUCCESS, new byte[0]));
        write(tx -> tx.clearInstallationRequest(machine));

        write(tx -> assertThat(tx.requestInstallation(machine, new byte[0])).isEqualTo(2));

        assertThat(read().isInstallationFulfilled()).isFalse();
        // Not even one that is ahead of its request.
        write(tx -> tx.putInstallationReport(machine, 7, InstallationResult.SUCCESS, new byte[0]));
        write(tx -> assertThat(tx.requestInstallation(machine, new byte[0])).isEqualTo(8));
    }

    @Test
    void theGenerationOfARequestThatWasTakenBackIsNotUsedAgain() throws Exception {
        write(tx -> assertThat(tx.requestInstallation(machine, new byte[0])).isEqualTo(1));
        write(tx -> tx.clearInstallationRequest(machine));
        write(tx -> assertThat(tx.requestInstallation(machine, new byte[0])).isEqualTo(2));
        // A late report for the one that was taken back.
        write(tx -> tx.putInstallationReport(machine, 1, InstallationResult.SUCCESS, new byte[0]));
        assertThat(read().isInstallationFulfilled()).isFalse();
    }

    @Test
    void requestsAtTheSameTimeGetDifferentGenerations() throws Exception {
        assertThat(Race.run(4, i -> session.inTransaction(tx -> tx.requestInstallation(machine, new byte[0]))))
                .containsExactlyInAnyOrder(1L, 2L, 3L, 4L);
    }

    @Test
    void sshHostKey() throws Exception {
        write(tx -> tx.putSshHostKey(machine, "ssh-ed25519 AAAA"));
        assertThat(read().sshHostKey()).contains("ssh-ed25519 AAAA");

        write(tx -> tx.putSshHostKey(machine, "ssh-ed25519 BBBB"));
        assertThat(read().sshHostKey()).contains("ssh-ed25519 BBBB");

        write(tx -> tx.clearSshHostKey(machine));
        assertThat(read().sshHostKey()).isEmpty();
    }

    @Test
    void aTagNeedsAMachine() {
        UUID unknown = UUID.randomUUID();

        assertThatThrownBy(() -> write(tx -> tx.putSshHostKey(unknown, "key")))
                .isInstanceOfSatisfying(
                        BmdbException.class, e -> assertThat(e.sqlState()).contains("23503"));
    }

    @Test
    void providedIsOverwrittenWithWhatTheProviderSaysAndClearedOfWhatItDoesNot() throws Exception {
        UUID provided = db.providedMachine();
        ProviderID id = new ProviderID("id-" + provided);
        MachineInfo full = MachineInfo.builder(id, Availability.KNOWN_USED)
                .address(InetAddress.getByName("10.1.2.3"))
                .sshPort(2222)
                .location("hall 7")
                .reservationId("r-1")
                .status(ProviderStatus.RUNNING)
                .labels(Map.of("rack", "7"))
                .build();

        write(tx ->
                assertThat(Listings.of(db.bmdb(), PROVIDER).update(tx, full)).isTrue());
        assertThat(db.bmdb().machine(provided).orElseThrow().provided())
                .contains(new ProvidedMachine(
                        provided,
                        PROVIDER,
                        id,
                        Optional.of("r-1"),
                        Optional.of(InetAddress.getByName("10.1.2.3")),
                        OptionalInt.of(2222),
                        Optional.of("hall 7"),
                        Optional.of(ProviderStatus.RUNNING),
                        false,
                        Map.of("rack", "7")));

        MachineInfo bare = MachineInfo.builder(id, Availability.KNOWN_UNUSED).build();
        write(tx ->
                assertThat(Listings.of(db.bmdb(), PROVIDER).update(tx, bare)).isTrue());
        assertThat(db.bmdb().providedMachines(PROVIDER))
                .containsExactly(new ProvidedMachine(
                        provided,
                        PROVIDER,
                        id,
                        Optional.empty(),
                        Optional.empty(),
                        OptionalInt.empty(),
                        Optional.empty(),
                        Optional.empty(),
                        false,
                        Map.of()));

        write(tx -> assertThat(Listings.of(db.bmdb(), new ProviderType("other")).update(tx, full))
                .isFalse());
        write(tx -> assertThat(Listings.of(db.bmdb(), PROVIDER)
                        .update(
                                tx,
                                full.toBuilder().id(new ProviderID("unknown")).build()))
                .isFalse());
    }

    @ParameterizedTest
    @EnumSource
    void everyStatusOfAProviderIsKept(ProviderStatus status) throws Exception {
        UUID provided = db.providedMachine();
        MachineInfo info = MachineInfo.builder(new ProviderID("id-" + provided), Availability.KNOWN_UNUSED)
                .status(status)
                .build();

        write(tx -> Listings.of(db.bmdb(), PROVIDER).update(tx, info));

        assertThat(db.rows("select provider_status from machine_provided")).containsExactly(status.databaseName());
        assertThat(db.bmdb().providedMachines(PROVIDER).get(0).status()).contains(status);
    }

    @ParameterizedTest
    @ValueSource(strings = {"10.0.0.1", "255.255.255.255", "0.0.0.0", "::1", "2001:db8::7", "fe80::1"})
    void everyAddressIsKept(String address) throws Exception {
        UUID provided = db.providedMachine();
        InetAddress expected = InetAddress.getByName(address);
        MachineInfo info = MachineInfo.builder(new ProviderID("id-" + provided), Availability.KNOWN_UNUSED)
                .address(expected)
                .build();

        write(tx -> Listings.of(db.bmdb(), PROVIDER).update(tx, info));

        assertThat(db.bmdb().providedMachines(PROVIDER).get(0).address()).contains(expected);
    }

    @Test
    void theNetworkInterfaceOfAnAddressIsNobodyElsesAndNotKept() throws Exception {
        UUID provided = db.providedMachine();
        InetAddress scoped =
                Inet6Address.getByAddress("", InetAddress.getByName("fe80::1").getAddress(), 1);
        MachineInfo info = MachineInfo.builder(new ProviderID("id-" + provided), Availability.KNOWN_UNUSED)
                .address(scoped)
                .build();

        write(tx -> Listings.of(db.bmdb(), PROVIDER).update(tx, info));

        assertThat(db.rows("select provider_ip_address from machine_provided")).containsExactly("fe80:0:0:0:0:0:0:1");
    }

    @ParameterizedTest
    @ValueSource(strings = {"db.example.com", "256.1.1.1", "999999999999", "1.2.3", "01234", "", "::g", "127.1"})
    void whatIsNoAddressIsAnErrorThatNamesTheMachineAndNeverLookedUp(String text) throws Exception {
        UUID provided = db.providedMachine();
        db.execute("update machine_provided set provider_ip_address = ?", text);

        assertThatThrownBy(() -> db.bmdb().providedMachines(PROVIDER))
                .isInstanceOf(BmdbException.class)
                .hasMessageContaining(provided.toString())
                .hasMessageContaining("\"" + text + "\"");
    }

    @Test
    void theMachinesOfAProviderComeInTheOrderOfItsIds() throws Exception {
        for (String id : new String[] {"b", "a", "C", "10", "9"}) {
            UUID provided = db.machine();
            db.execute(
                    "insert into machine_provided (machine_id, provider, provider_id) values (?, 'p', ?)",
                    provided,
                    id);
        }

        assertThat(db.bmdb().providedMachines(new ProviderType("p")))
                .extracting(provided -> provided.providerId().value())
                .containsExactlyElementsOf(db.rows("select provider_id from machine_provided order by provider_id"));
        assertThat(db.bmdb().providedMachines(new ProviderType("q"))).isEmpty();
    }

    @Test
    void workAndBackoffsAreReadToo() throws Exception {
        WorkProcess one = new WorkProcess("UnitTest1");
        WorkProcess two = new WorkProcess("UnitTest2");
        session.claimMachine(two, machine).orElseThrow().fail(Backoff.constant(Duration.ofMinutes(5)), "cause");
        assertThat(session.claimMachine(one, machine)).isPresent();

        MachineRecord record = read();

        assertThat(record.work()).singleElement().satisfies(work -> {
            assertThat(work).extracting(ActiveWork::process).isEqualTo(one);
            assertThat(work.sessionId()).isEqualTo(session.id());
            assertThat(work.startedAt()).isBeforeOrEqualTo(db.bmdb().now());
        });
        assertThat(record.backoffs()).singleElement().satisfies(backoff -> {
            assertThat(backoff).extracting(ActiveBackoff::process).isEqualTo(two);
            assertThat(backoff.until()).isAfter(db.bmdb().now());
        });
        db.advance(Duration.ofMinutes(6));
        assertThat(read().backoffs()).isEmpty();
    }

    @Test
    void theTimeIsTheDatabasesAndCanBeMovedByTests() throws Exception {
        Instant now = db.bmdb().now();

        db.advance(Duration.ofDays(400));

        assertThat(Duration.between(now, db.bmdb().now())).isBetween(Duration.ofDays(400), Duration.ofDays(401));
    }
}
