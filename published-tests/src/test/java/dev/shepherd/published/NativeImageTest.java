package dev.shepherd.published;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.InputStream;
import java.nio.file.FileSystems;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.jar.JarFile;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/**
 * What the jars tell GraalVM of themselves names what is there, and all that is looked up by its name. Whether a native image
 * then works is not tried.
 */
class NativeImageTest {

    @Test
    void allThatTheMetadataNamesExistsAndAllResourcesAreNamed() throws Exception {
        List<String> withMetadata = new ArrayList<>();
        for (String artifact : Published.libraries()) {
            try (JarFile jar =
                    new JarFile(Published.file(artifact, ".jar").orElseThrow().toFile())) {
                Set<String> entries = jar.stream()
                        .filter(entry -> !entry.isDirectory())
                        .map(entry -> entry.getName())
                        .collect(Collectors.toCollection(TreeSet::new));
                var metadata =
                        jar.getEntry("META-INF/native-image/dev.shepherd/" + artifact + "/reachability-metadata.json");
                Set<String> resources = entries.stream()
                        .filter(name -> name.startsWith("dev/shepherd/") && !name.endsWith(".class"))
                        .filter(name -> !artifact.equals("shepherd-cli"))
                        .collect(Collectors.toCollection(TreeSet::new));
                if (metadata == null) {
                    assertThat(resources)
                            .as("resources of %s, which has no metadata", artifact)
                            .isEmpty();
                    continue;
                }
                withMetadata.add(artifact);
                try (InputStream in = jar.getInputStream(metadata)) {
                    check(artifact, new ObjectMapper().readTree(in), entries, resources);
                }
            }
        }
        assertThat(withMetadata).containsExactlyInAnyOrder("shepherd-bmdb", "shepherd-web");
    }

    private static void check(String artifact, JsonNode metadata, Set<String> entries, Set<String> resources) {
        assertThat(metadata.fieldNames()).toIterable().isSubsetOf("reflection", "resources");
        Set<String> unnamed = new TreeSet<>(resources);
        for (JsonNode resource : metadata.path("resources")) {
            assertThat(resource.fieldNames()).toIterable().containsExactly("glob");
            PathMatcher glob = FileSystems.getDefault()
                    .getPathMatcher("glob:" + resource.get("glob").textValue());
            assertThat(unnamed.removeIf(name -> glob.matches(Path.of(name))))
                    .as("%s of %s matches something", resource, artifact)
                    .isTrue();
        }
        assertThat(unnamed).as("resources of %s that nothing names", artifact).isEmpty();

        Set<String> types = new TreeSet<>();
        for (JsonNode type : metadata.path("reflection")) {
            assertThat(type.fieldNames()).toIterable().containsExactly("type", "methods");
            assertThat(type.get("methods").toString()).isEqualTo("[{\"name\":\"<init>\",\"parameterTypes\":[]}]");
            String file = type.get("type").textValue().replace('.', '/') + ".class";
            assertThat(entries).contains(file);
            types.add(file);
        }
        // jOOQ makes them by their constructors.
        assertThat(types)
                .as("the records of %s", artifact)
                .isEqualTo(entries.stream()
                        .filter(name -> name.contains("/schema/tables/records/"))
                        .collect(Collectors.toCollection(TreeSet::new)));
    }
}
