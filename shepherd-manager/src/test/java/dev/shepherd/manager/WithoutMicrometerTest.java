package dev.shepherd.manager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.BmdbConfig;
import dev.shepherd.bmdb.trace.ObservationTracer;
import dev.shepherd.bmdb.trace.Tracer;
import dev.shepherd.manager.provisioning.ProvisionerSettings;
import dev.shepherd.testkit.database.BmdbExtension;
import dev.shepherd.testkit.provider.FakeProvider;
import java.io.File;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Micrometer is optional. */
class WithoutMicrometerTest {

    @RegisterExtension
    final BmdbExtension database = BmdbExtension.create();

    /** What an embedder without Micrometer does. */
    public static final class Embedder {
        private Embedder() {}

        /** Provisions two machines and returns what the status says of them. */
        public static String run(String url) throws InterruptedException {
            ProviderType type = new ProviderType("fake");
            FakeProvider provider = FakeProvider.create(type);
            provider.addReservations(2);
            try (Bmdb bmdb = Bmdb.open(url);
                    Shepherd shepherd = Shepherd.builder()
                            .bmdb(bmdb)
                            .provider(provider)
                            .provisioner(ProvisionerSettings.builder()
                                    .creationInterval(Duration.ZERO)
                                    .build())
                            .takeover(target -> {
                                throw new IllegalStateException("nothing is taken over here");
                            })
                            .build()) {
                shepherd.provisioner(type).step();
                return shepherd.status().loops().get(0).name() + " "
                        + shepherd.status().loops().get(0).succeeded();
            }
        }
    }

    @Test
    void aShepherdRunsWithoutMicrometerOnTheClassPath() throws Exception {
        URL[] without = Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
                .filter(entry -> !Path.of(entry).getFileName().toString().startsWith("micrometer-"))
                .map(WithoutMicrometerTest::url)
                .toArray(URL[]::new);
        Thread thread = Thread.currentThread();
        ClassLoader before = thread.getContextClassLoader();
        try (URLClassLoader loader = new URLClassLoader(without, ClassLoader.getPlatformClassLoader())) {
            thread.setContextClassLoader(loader);
            assertThatThrownBy(() -> loader.loadClass("io.micrometer.core.instrument.MeterRegistry"))
                    .isInstanceOf(ClassNotFoundException.class);

            Object said = loader.loadClass(Embedder.class.getName())
                    .getMethod("run", String.class)
                    .invoke(null, database.jdbcUrl());

            assertThat(said).isEqualTo("provisioner 2");
            // Frameworks look at all methods of a class.
            assertThat(loader.loadClass(Shepherd.class.getName()).getDeclaredMethods())
                    .isNotEmpty();
            for (Class<?> one : List.of(Shepherd.Builder.class, Bmdb.class, BmdbConfig.Builder.class, Tracer.class)) {
                assertThat(loader.loadClass(one.getName()).getDeclaredMethods()).isNotEmpty();
            }
            assertThatThrownBy(() ->
                            loader.loadClass(ObservationTracer.class.getName()).getDeclaredMethods())
                    .isInstanceOf(NoClassDefFoundError.class)
                    .hasMessageContaining("micrometer");
            assertThatThrownBy(() -> loader.loadClass(ShepherdMetrics.class.getName()))
                    .isInstanceOf(NoClassDefFoundError.class)
                    .hasMessageContaining("micrometer");
        } finally {
            thread.setContextClassLoader(before);
        }
    }

    private static URL url(String entry) {
        try {
            return Path.of(entry).toUri().toURL();
        } catch (MalformedURLException e) {
            throw new IllegalStateException(e);
        }
    }
}
