package dev.shepherd.provider.equinix;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.api.CreateMachineRequest;
import dev.shepherd.testkit.FakeEquinix;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class EquinixProviderTest {
    @Test
    void smoke() throws Exception {
        try (FakeEquinix api = FakeEquinix.start()) {
            api.addReservations(25);
            try (EquinixProvider p = Equinix.provider(api).pageSize(10).build()) {
                var l = p.listMachines();
                assertThat(l).hasSize(25);
                var s = new FakeSession();
                var m = p.createMachine(s, CreateMachineRequest.of(UUID.randomUUID(), l.get(3)));
                System.out.println(m + " " + api.devices());
                assertThat(p.listMachines()).hasSize(25).contains(m);
                p.rebootMachine(m.id());
            }
            api.calls()
                    .forEach(c -> System.out.println(
                            c.method() + " " + c.path() + "?" + c.query() + " " + c.status() + c.requestBody()));
        }
    }
}
