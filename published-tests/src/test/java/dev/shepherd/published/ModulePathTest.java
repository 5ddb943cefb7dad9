package dev.shepherd.published;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The published jars are modules: a program on the module path is built and run with them. */
class ModulePathTest {

    @TempDir
    Path folder;

    @Test
    void aModularProgramFindsTheProvidersAndRunsTheManager() throws Exception {
        Outside outside = Outside.in(folder);
        Outside.copy(Path.of("src/test/projects/module-path"), folder);
        outside.run("mvn package -Dshepherd.version=" + Outside.VERSION);
        Path work = Files.createDirectory(folder.resolve("work"));

        String printed = outside.run(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--module-path",
                folder.resolve("target/modules").toString(),
                "--module",
                "com.example.fleet/com.example.fleet.Main",
                work.toString()));

        assertThat(printed)
                .contains(
                        "named: true",
                        "kinds: [equinix, redfish, static]",
                        "endpoint: 405",
                        "gRPC: true",
                        "page: 200",
                        "recorded: 1")
                .containsPattern("failed: .*CONNECT");
    }

    @Test
    void noJarIsAModuleByTheNameOfItsFileOnly() throws Exception {
        for (Path jar : jars()) {
            try (var file = new java.util.jar.JarFile(jar.toFile())) {
                boolean named = file.getEntry("module-info.class") != null
                        || file.getManifest().getMainAttributes().getValue("Automatic-Module-Name") != null;
                assertThat(named).as("%s has a module name of its own", jar).isTrue();
            }
        }
    }

    private static List<Path> jars() throws Exception {
        List<Path> jars = new ArrayList<>();
        for (String artifact : Published.libraries()) {
            jars.add(Published.file(artifact, ".jar").orElseThrow());
        }
        assertThat(jars).hasSizeGreaterThan(7);
        return jars;
    }
}
