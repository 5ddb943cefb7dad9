package dev.shepherd.web.access;

import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Says who may do what. Called by several threads, for each request and for each action that a page offers. */
@FunctionalInterface
public interface Authorizer {

    /** Lets everyone look, and change nothing. */
    Authorizer READ_ONLY = (principal, action, machine) -> action == WebAction.READ;

    /**
     * Tells whether someone may do something.
     *
     * @param principal who, as the {@link Authenticator} named it
     * @param action what
     * @param machine to which machine; null where it is not about one
     */
    boolean allows(String principal, WebAction action, @Nullable UUID machine);
}
