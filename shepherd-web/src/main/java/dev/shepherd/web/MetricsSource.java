package dev.shepherd.web;

import dev.shepherd.web.http.WebResponse;

/**
 * What a console answers at {@code metrics}, to all who may look: numbers for a monitoring system, from whatever
 * library the embedder has for that.
 */
@FunctionalInterface
public interface MetricsSource {

    /**
     * Returns the numbers as they are now. Called by several threads; must neither ask the database nor take long,
     * since it is asked most when something is wrong.
     *
     * @param accept the header {@code Accept} of the request; empty if it has none
     */
    WebResponse read(String accept);
}
