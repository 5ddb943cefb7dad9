package dev.shepherd.testkit.ssh;

import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.nio.file.CopyOption;
import java.nio.file.FileSystem;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermission;
import java.util.Collection;
import java.util.EnumSet;
import java.util.Map;
import java.util.Set;
import org.apache.sshd.common.file.FileSystemFactory;
import org.apache.sshd.common.file.root.RootedFileSystemProvider;
import org.apache.sshd.common.session.Session;
import org.apache.sshd.common.session.SessionContext;
import org.apache.sshd.scp.common.helpers.DefaultScpFileOpener;
import org.apache.sshd.server.session.ServerSession;
import org.apache.sshd.sftp.server.FileHandle;
import org.apache.sshd.sftp.server.Handle;
import org.apache.sshd.sftp.server.SftpEventListener;
import org.jspecify.annotations.Nullable;

/** Shows each host its own folder, and stands between it and what is uploaded by SFTP and SCP. */
final class HostFiles extends DefaultScpFileOpener implements FileSystemFactory, SftpEventListener {

    @Override
    public Path getUserHomeDir(SessionContext session) {
        return HostSession.of(session).host().root();
    }

    @Override
    public FileSystem createFileSystem(SessionContext session) throws IOException {
        return new RootedFileSystemProvider().newFileSystem(getUserHomeDir(session), Map.of());
    }

    // SFTP

    @Override
    public void writing(
            ServerSession session,
            String remoteHandle,
            FileHandle localHandle,
            long offset,
            byte[] data,
            int dataOffset,
            int dataLen)
            throws IOException {
        beforeWrite(session, localHandle.getFile());
    }

    @Override
    public void closed(ServerSession session, String remoteHandle, Handle localHandle, @Nullable Throwable thrown)
            throws IOException {
        if (localHandle instanceof FileHandle file
                && thrown == null
                && file.getOpenOptions().contains(StandardOpenOption.WRITE)) {
            Path path = file.getFile();
            if (Files.isRegularFile(path)) {
                HostSession.of(session)
                        .host()
                        .record()
                        .uploaded(path.toString(), Files.size(path), SshHost.Protocol.SFTP);
            }
        }
    }

    @Override
    public void moved(
            ServerSession session, Path from, Path to, Collection<CopyOption> options, @Nullable Throwable thrown) {
        if (thrown == null) {
            HostSession.of(session).host().record().renamed(from.toString(), to.toString());
        }
    }

    // SCP

    @Override
    public OutputStream openWrite(
            Session session, Path file, long size, Set<PosixFilePermission> permissions, OpenOption... options)
            throws IOException {
        boolean existed = Files.exists(file);
        OutputStream out = super.openWrite(session, file, size, permissions, options);
        if (!existed && !permissions.isEmpty()) {
            // Without -p, OpenSSH's scp gives the mode that was sent, less its umask, to new files only.
            Set<PosixFilePermission> mode = EnumSet.copyOf(permissions);
            mode.remove(PosixFilePermission.GROUP_WRITE);
            mode.remove(PosixFilePermission.OTHERS_WRITE);
            Files.setPosixFilePermissions(file, mode);
        }
        return new FilterOutputStream(out) {
            @Override
            public void write(int b) throws IOException {
                write(new byte[] {(byte) b}, 0, 1);
            }

            @Override
            public void write(byte[] bytes, int offset, int length) throws IOException {
                beforeWrite(session, file);
                out.write(bytes, offset, length);
            }
        };
    }

    @Override
    public void closeWrite(
            Session session, Path file, long size, Set<PosixFilePermission> permissions, OutputStream out)
            throws IOException {
        out.close();
        HostSession.of(session).host().record().uploaded(file.toString(), size, SshHost.Protocol.SCP);
    }

    /** Does to an upload what the host's mood wants done. Called on the thread that works for this upload only. */
    private static void beforeWrite(Session session, Path file) throws IOException {
        switch (HostSession.of(session).host().mood()) {
            case HANG_IN_UPLOAD -> {
                try {
                    // Ends by interruption, when the channel is closed.
                    Thread.sleep(Long.MAX_VALUE);
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                    throw (IOException)
                            new InterruptedIOException("the upload of " + file + " was cut short").initCause(e);
                }
            }
            case FAIL_UPLOAD -> throw new FileSystemException(file.toString(), null, "No space left on device");
            case DROP_IN_UPLOAD -> {
                session.close(true);
                throw new IOException("the host dropped the connection");
            }
            default -> {}
        }
    }
}
