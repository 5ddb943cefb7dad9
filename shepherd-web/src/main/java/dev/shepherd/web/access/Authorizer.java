package dev.shepherd.web.access;

import dev.shepherd.bmdb.operator.Verb;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Says who may do what. Called by several threads, for each request and for each action that a page offers. */
@FunctionalInterface
public interface Authorizer {

    /** Lets everyone look, and no one change anything. */
    Authorizer READ_ONLY = (principal, action, machine) -> false;

    /**
     * Tells whether someone may change something.
     *
     * @param principal who, as the {@link Authenticator} named it
     * @param action what would be done
     * @param machine to which machine; null where it is not about one
     */
    boolean mayAct(String principal, Verb action, @Nullable UUID machine);

    /** Tells whether someone may look at all there is. The default lets everyone who is authenticated. */
    default boolean mayLook(String principal) {
        return true;
    }
}
