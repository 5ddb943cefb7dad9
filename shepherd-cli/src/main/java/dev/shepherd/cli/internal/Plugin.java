package dev.shepherd.cli.internal;

import dev.shepherd.api.ProviderFactory;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.jar.JarFile;
import java.util.stream.Stream;

/**
 * Providers that come from outside of the class path: a jar, or a folder of jars.
 *
 * <p>Each plugin has its own class loader, whose parent is the command line's: plugins do not see one another's
 * classes, and all of them share the SPI. What the command line has too, such as SLF4J, they get from there.
 */
final class Plugin implements AutoCloseable {

    /** A plugin that cannot be used. The message says why, in one line. */
    static final class BrokenException extends Exception {
        private static final long serialVersionUID = 1L;

        BrokenException(String message) {
            super(message);
        }

        BrokenException(String message, Throwable cause) {
            super(message, cause);
        }
    }

    private static final String SERVICE = "META-INF/services/" + ProviderFactory.class.getName();

    private final Path path;
    private final URLClassLoader loader;
    private final List<FoundProvider> providers;

    private Plugin(Path path, URLClassLoader loader, List<FoundProvider> providers) {
        this.path = path;
        this.loader = loader;
        this.providers = providers;
    }

    /** Returns what in a folder would be a plugin: jars and folders, except those whose names begin with a dot. */
    static List<Path> in(Path folder) {
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.filter(entry -> !entry.getFileName().toString().startsWith("."))
                    .filter(entry -> isJar(entry) || Files.isDirectory(entry))
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException("the plugins in " + folder + " cannot be listed: " + e, e);
        }
    }

    private static boolean isJar(Path file) {
        return file.getFileName().toString().toLowerCase(Locale.ROOT).endsWith(".jar") && !Files.isDirectory(file);
    }

    /** Opens a plugin and makes its factories. */
    static Plugin open(Path path) throws BrokenException {
        ClassLoader parent = Plugin.class.getClassLoader();
        URLClassLoader loader = new URLClassLoader("plugin " + path.getFileName(), jars(path), parent);
        try {
            return new Plugin(path, loader, providers(path, loader));
        } catch (BrokenException | RuntimeException | Error e) {
            close(path, loader);
            throw e;
        }
    }

    private static URL[] jars(Path path) throws BrokenException {
        List<URL> jars = new ArrayList<>();
        try (Stream<Path> files = Files.isDirectory(path) ? Files.list(path) : Stream.of(path)) {
            for (Path jar : files.filter(Plugin::isJar).sorted().toList()) {
                checkReadable(jar);
                jars.add(url(jar));
            }
        } catch (IOException e) {
            throw new BrokenException("its folder cannot be read: " + e, e);
        }
        if (jars.isEmpty()) {
            throw new BrokenException("there is no jar in it");
        }
        return jars.toArray(URL[]::new);
    }

    /** A class loader ignores a jar that it cannot read, and then reports a missing class. */
    private static void checkReadable(Path jar) throws BrokenException {
        try (JarFile file = new JarFile(jar.toFile())) {
            file.size();
        } catch (IOException e) {
            throw new BrokenException(jar.getFileName() + " cannot be read as a jar: " + e.getMessage(), e);
        }
    }

    private static URL url(Path jar) throws BrokenException {
        try {
            return jar.toUri().toURL();
        } catch (MalformedURLException e) {
            throw new BrokenException("the path of " + jar.getFileName() + " makes no URL: " + e.getMessage(), e);
        }
    }

    private static List<FoundProvider> providers(Path path, URLClassLoader loader) throws BrokenException {
        if (loader.findResource(SERVICE) == null) {
            throw new BrokenException("it has no provider: there is no " + SERVICE + " in it");
        }
        List<FoundProvider> providers = new ArrayList<>();
        try {
            for (ServiceLoader.Provider<ProviderFactory> service :
                    ServiceLoader.load(ProviderFactory.class, loader).stream().toList()) {
                // The parent's are found as well.
                if (service.type().getClassLoader() == loader) {
                    providers.add(FoundProvider.of(service.get(), path.toString()));
                }
            }
        } catch (ServiceConfigurationError | LinkageError e) {
            throw new BrokenException(reason(e), e);
        } catch (RuntimeException e) {
            throw new BrokenException("its factory does not say what it makes: " + e, e);
        }
        if (providers.isEmpty()) {
            throw new BrokenException(
                    "it adds no provider: what its " + SERVICE + " names is on the class path already");
        }
        return List.copyOf(providers);
    }

    /** Says in one line why a class cannot be had. */
    static String reason(Throwable e) {
        if (e instanceof NoClassDefFoundError || e instanceof ClassNotFoundException) {
            return "a class that it needs is neither in it nor on the class path: "
                    + String.valueOf(e.getMessage()).replace('/', '.');
        }
        Throwable cause = e.getCause();
        if (e instanceof ServiceConfigurationError && cause != null) {
            return e.getMessage() + ": " + (cause instanceof LinkageError ? reason(cause) : cause);
        }
        return e instanceof ServiceConfigurationError ? String.valueOf(e.getMessage()) : e.toString();
    }

    List<FoundProvider> providers() {
        return providers;
    }

    @Override
    public void close() {
        close(path, loader);
    }

    private static void close(Path path, URLClassLoader loader) {
        try {
            loader.close();
        } catch (IOException e) {
            throw new UncheckedIOException("the plugin " + path + " cannot be closed: " + e, e);
        }
    }
}
