package dev.shepherd.testkit.fleet;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Gives each test that has a parameter of type {@link TestFleet} a fleet of its own, with a manager that runs.
 *
 * <pre>{@code
 * @ShepherdTest(machines = 3)
 * class FleetTest {
 *     @Test
 *     void aMachineThatHangsIsRebootedAndComesBack(TestFleet fleet) throws Exception {
 *         fleet.awaitHeard();
 *         fleet.machine(0).hang();
 *         fleet.machine(0).awaitRebooted();
 *         fleet.awaitHeard();
 *     }
 * }
 * }</pre>
 *
 * <p>{@link ShepherdExtension} says which other parameters there are, whose a fleet is, and what a test fails for. On a
 * method or a nested class it replaces that of the class around it.
 */
@Documented
@Inherited
@Retention(RetentionPolicy.RUNTIME)
@Target({ElementType.TYPE, ElementType.METHOD, ElementType.ANNOTATION_TYPE})
@ExtendWith(ShepherdExtension.class)
public @interface ShepherdTest {

    /** Returns how many machines the fleet has to begin with, 0 to 200; 1 by default. */
    int machines() default 1;

    /** Returns whether a manager runs from the beginning; true by default. Else {@link TestFleet#start()} starts one. */
    boolean started() default true;
}
