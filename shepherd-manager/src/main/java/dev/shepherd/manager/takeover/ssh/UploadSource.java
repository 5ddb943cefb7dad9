package dev.shepherd.manager.takeover.ssh;

import java.io.IOException;
import java.io.InputStream;

/** What is uploaded. Messages call it by its {@code toString()}. */
public interface UploadSource {

    /** Returns how many bytes it has. */
    long length();

    /**
     * Opens it. The stream is closed after the upload.
     *
     * @throws IOException if it cannot be read
     */
    InputStream open() throws IOException;
}
