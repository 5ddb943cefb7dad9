package dev.shepherd.web.http;

import java.io.IOException;

/** What an answer goes on with for a while: server-sent events. */
@FunctionalInterface
public interface LiveStream {

    /**
     * Hands over where the events go to. Returns at once; the connection is closed through it, now or later.
     *
     * @param client the client, once the head of the answer was sent
     */
    void open(Client client);

    /** A client that waits for events. */
    interface Client {

        /**
         * Sends some bytes, at once. All that is sent to a client is less than what any system keeps for a connection whose other
         * end does not read, so that this does not wait for the client.
         *
         * @throws IOException if the connection has ended
         */
        void send(byte[] bytes) throws IOException;

        /** Ends the connection. Does nothing the second time. */
        void close();
    }
}
