package dev.shepherd.published;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectMethod;

import dev.shepherd.testkit.contract.Rule;
import java.io.IOException;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.stream.Stream;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.TestExecutionResult.Status;
import org.junit.platform.engine.support.descriptor.MethodSource;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/**
 * The contract kit catches what authors of providers do wrong: each of {@link PlantedBugs} is planted in the source of the
 * example, which is compiled and held to the contract as its own test does.
 */
@Tag("slow")
class PlantedBugsTest {

    private static final Path EXAMPLE = Outside.ROOT.resolve("examples/custom-provider/src");
    private static final Path SUPPORT = Outside.ROOT.resolve("shepherd-provider-support/src/main/java");

    /** What stands in the class path, too, and is loaded from here. */
    private static final List<String> OURS = List.of("com.example.racks.", "dev.shepherd.provider.support.");

    private static final String CONTRACT = "com.example.racks.PlantedContract";

    @TempDir
    static Path folder;

    private static final Map<String, Path> sources = new TreeMap<>();
    private static final List<String> table = new ArrayList<>();
    private static Path good;

    @BeforeAll
    static void compileTheGoodOne() throws IOException {
        for (Path root : List.of(EXAMPLE.resolve("main/java"), EXAMPLE.resolve("test/java"), SUPPORT)) {
            try (Stream<Path> files = Files.walk(root)) {
                files.filter(file -> file.toString().endsWith(".java"))
                        .filter(file -> !file.endsWith("module-info.java") && !file.endsWith("RackFleet.java"))
                        .filter(file -> !file.endsWith("package-info.java"))
                        .forEach(file -> sources.put(name(file), file));
            }
        }
        Path contract = folder.resolve("PlantedContract.java");
        // The tests are not seen from here, and need no database for this.
        Files.writeString(contract, """
                package com.example.racks;

                public class PlantedContract extends RackProviderTest {
                    public PlantedContract() throws java.io.IOException {}

                    @Override
                    protected boolean usesDatabase() {
                        return false;
                    }
                }
                """);
        List<Path> all = new ArrayList<>(sources.values());
        all.add(contract);
        good = Files.createDirectory(folder.resolve("good"));
        compile(good, System.getProperty("java.class.path"), all);
    }

    private static String name(Path file) {
        return file.getFileName().toString().replace(".java", "");
    }

    private static void compile(Path to, String classPath, List<Path> files) {
        List<String> options = new ArrayList<>(List.of("-proc:none", "-nowarn", "-cp", classPath, "-d", to.toString()));
        files.forEach(file -> options.add(file.toString()));
        int failed = ToolProvider.getSystemJavaCompiler().run(null, null, null, options.toArray(new String[0]));
        assertThat(failed).as("compiling %s", files).isZero();
    }

    @AfterAll
    static void printTheTable() {
        long caught = table.stream().filter(line -> !line.endsWith(": none")).count();
        System.out.printf("Planted in the example: %d, caught: %d%n", table.size(), caught);
        table.forEach(line -> System.out.println("  " + line));
    }

    @Test
    void withoutAnyTheExampleKeepsTheContract() throws Exception {
        assertThat(broken(good, rule -> true)).isEmpty();
    }

    @TestFactory
    Stream<DynamicTest> eachIsCaughtByTheRulesThatAreForIt() {
        return PlantedBugs.all().stream()
                .map(bug -> DynamicTest.dynamicTest(bug.how(), () -> {
                    Path bad = Files.createTempDirectory(folder, "bad");
                    Path source = Files.writeString(
                            bad.resolve(bug.file() + ".java"), bug.plantIn(Files.readString(sources.get(bug.file()))));
                    compile(bad, good + ":" + System.getProperty("java.class.path"), List.of(source));
                    Map<String, Throwable> broken = broken(bad, bug.rules()::contains);
                    table.add(bug.how() + ": " + (broken.isEmpty() ? "none" : String.join(", ", broken.keySet())));
                    assertThat(broken.keySet()).containsExactlyInAnyOrderElementsOf(bug.rules());
                }));
    }

    /** Holds the provider to some of the rules, and returns those that it breaks. */
    private static Map<String, Throwable> broken(Path classes, Predicate<String> rules) throws Exception {
        Map<String, Throwable> broken = new TreeMap<>();
        try (ChildFirst loader = new ChildFirst(classes, good)) {
            Class<?> contract = loader.loadClass(CONTRACT);
            List<Method> methods = new ArrayList<>();
            for (Class<?> type = contract; type != null; type = type.getSuperclass()) {
                for (Method method : type.getDeclaredMethods()) {
                    if (Rule.ofTest(method.getName())
                            .map(Rule::name)
                            .filter(rules)
                            .isPresent()) {
                        methods.add(method);
                    }
                }
            }
            methods.sort(Comparator.comparing(Method::getName));
            LauncherDiscoveryRequest request = LauncherDiscoveryRequestBuilder.request()
                    .selectors(methods.stream()
                            .map(method -> selectMethod(contract, method))
                            .toList())
                    .build();
            LauncherFactory.create().execute(request, new TestExecutionListener() {
                @Override
                public void executionFinished(TestIdentifier test, TestExecutionResult result) {
                    if (test.isTest() && result.getStatus() == Status.FAILED) {
                        String method = ((MethodSource) test.getSource().orElseThrow()).getMethodName();
                        broken.put(
                                Rule.ofTest(method).orElseThrow().name(),
                                result.getThrowable().orElseThrow());
                    }
                }
            });
        }
        return broken;
    }

    /** Loads what is planted, else what was compiled here, else what the class path has. */
    private static final class ChildFirst extends URLClassLoader {

        ChildFirst(Path bad, Path good) throws IOException {
            super(new URL[] {bad.toUri().toURL(), good.toUri().toURL()}, PlantedBugsTest.class.getClassLoader());
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            if (OURS.stream().noneMatch(name::startsWith)) {
                return super.loadClass(name, resolve);
            }
            synchronized (getClassLoadingLock(name)) {
                Class<?> loaded = findLoadedClass(name);
                return loaded == null ? findClass(name) : loaded;
            }
        }
    }
}
