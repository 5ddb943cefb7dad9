package dev.shepherd.bmdb.operator;

import dev.shepherd.api.ShepherdException;

/** A rollout cannot begin now. Nothing was written. */
public final class RolloutException extends ShepherdException {

    private static final long serialVersionUID = 1L;

    RolloutException(String message) {
        super(message);
    }
}
