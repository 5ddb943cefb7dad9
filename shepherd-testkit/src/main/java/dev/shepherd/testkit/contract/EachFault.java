package dev.shepherd.testkit.contract;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.TestTemplate;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * The test of a rule that is tried again and again, each time in a world of its own: with each fault at the first request
 * of a kind, at the second, and so on, until a call has no further one. Takes a {@link Trial}.
 */
@Target(ElementType.METHOD)
@Retention(RetentionPolicy.RUNTIME)
@TestTemplate
@ExtendWith(Trials.class)
@interface EachFault {

    /** At which kinds of request. */
    Step[] value();

    /** Which faults; without any all that differ at such a request. */
    RequestFault[] faults() default {};
}
