package com.example.fleet;

import dev.shepherd.testkit.fleet.ShepherdTest;
import dev.shepherd.testkit.fleet.TestFleet;
import org.junit.jupiter.api.Test;

// tag::testing[]
@ShepherdTest(machines = 3)
class RecoveryTest {

    @Test
    void aMachineThatHangsIsRebootedAndComesBack(TestFleet fleet) throws Exception {
        fleet.awaitHeard();
        fleet.machine(0).hang();
        fleet.machine(0).awaitRebooted();
        fleet.awaitHeard();
    }
}
// end::testing[]
