package dev.shepherd.testkit.fleet;

import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.testkit.provider.FakeProvider;
import java.util.Optional;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolutionException;
import org.junit.jupiter.api.extension.ParameterResolver;
import org.junit.platform.commons.support.AnnotationSupport;

/**
 * Gives tests a {@link TestFleet}: what {@link ShepherdTest} registers. A test registers it itself where settings are needed
 * that an annotation cannot say:
 *
 * <pre>{@code
 * @RegisterExtension
 * static final ShepherdExtension shepherd = ShepherdExtension.create(
 *         fleet -> fleet.machines(3).database(settings -> settings.listener(new MyListener())));
 * }</pre>
 *
 * <p>Parameters may be a {@link TestFleet}, and of it the {@link Bmdb}, the {@link FakeProvider} and the {@link Shepherd} that
 * was started first. Without such a parameter nothing is made.
 *
 * <p>A fleet is that of the test which asks for it; {@code @BeforeEach}, {@code @AfterEach} and the test itself share it.
 * One that {@code @BeforeAll} asks for, or the constructor of a class with {@code @TestInstance(PER_CLASS)}, is that of the
 * class, and of all tests and nested classes in it. Tests may run in parallel, each with its own. At the end the fleet is
 * closed, which fails the test if something is left behind or a machine was rebooted unexpectedly ({@link
 * TestFleet#close()}).
 *
 * <p>Needs JUnit 5.12 or newer. Safe for use by several threads.
 */
public final class ShepherdExtension implements ParameterResolver {

    private static final Namespace NAMESPACE = Namespace.create(ShepherdExtension.class);
    private static final Set<Class<?>> TYPES = Set.of(TestFleet.class, Bmdb.class, FakeProvider.class, Shepherd.class);

    private final @Nullable UnaryOperator<TestFleet.Builder> settings;

    /** For {@link ShepherdTest}, which says how large the fleet is. */
    ShepherdExtension() {
        settings = null;
    }

    private ShepherdExtension(UnaryOperator<TestFleet.Builder> settings) {
        this.settings = settings;
    }

    /**
     * Makes an extension for a field with {@code @RegisterExtension}, in a class that has no {@link ShepherdTest}.
     *
     * @param settings called for each fleet
     */
    public static ShepherdExtension create(UnaryOperator<TestFleet.Builder> settings) {
        return new ShepherdExtension(settings);
    }

    /** Has a constructor that is called for each test share the fleet of that test. */
    @Override
    public ExtensionContextScope getTestInstantiationExtensionContextScope(ExtensionContext root) {
        return ExtensionContextScope.TEST_METHOD;
    }

    @Override
    public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
        return TYPES.contains(parameter.getParameter().getType());
    }

    @Override
    public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
        Optional<ShepherdTest> annotation = annotation(context);
        if (settings != null && annotation.isPresent()) {
            throw new ParameterResolutionException(
                    context.getRequiredTestClass().getName()
                            + " has both @ShepherdTest and a registered ShepherdExtension: keep one of them");
        }
        Owned owned = context.getStore(NAMESPACE)
                .getOrComputeIfAbsent(
                        Owned.class, key -> new Owned(annotation, fleet(annotation, context)), Owned.class);
        if (!owned.annotation.equals(annotation)) {
            throw new ParameterResolutionException(where(context) + " asks for " + shown(annotation)
                    + ", but the class around it has made a fleet for all its tests already, with "
                    + shown(owned.annotation) + ": ask for that one in @BeforeEach or in the tests, not in @BeforeAll");
        }
        return part(owned.fleet, parameter.getParameter().getType(), context);
    }

    private static Object part(TestFleet fleet, Class<?> type, ExtensionContext context) {
        if (type == Bmdb.class) {
            return fleet.bmdb();
        }
        if (type == FakeProvider.class) {
            return fleet.provider();
        }
        if (type == Shepherd.class) {
            return fleet.managers().stream()
                    .findFirst()
                    .orElseThrow(() -> new ParameterResolutionException(where(context)
                            + " has a parameter of type Shepherd, but its fleet is not started: leave out"
                            + " started = false, or call TestFleet.start()"));
        }
        return fleet;
    }

    private TestFleet fleet(Optional<ShepherdTest> annotation, ExtensionContext context) {
        TestFleet.Builder builder = TestFleet.builder();
        try {
            annotation.ifPresent(says -> builder.machines(says.machines()).started(says.started()));
        } catch (IllegalArgumentException e) {
            throw new ParameterResolutionException(where(context) + ": @ShepherdTest: " + e.getMessage(), e);
        }
        return (settings == null ? builder : settings.apply(builder)).build();
    }

    /** Finds the annotation of the method, else that of the class, else those of the classes around it. */
    private static Optional<ShepherdTest> annotation(ExtensionContext context) {
        Optional<ShepherdTest> found =
                context.getTestMethod().flatMap(method -> AnnotationSupport.findAnnotation(method, ShepherdTest.class));
        for (Class<?> around = context.getTestClass().orElse(null);
                found.isEmpty() && around != null;
                around = around.getEnclosingClass()) {
            found = AnnotationSupport.findAnnotation(around, ShepherdTest.class);
        }
        return found;
    }

    private static String where(ExtensionContext context) {
        return context.getTestMethod()
                .map(method -> method.getDeclaringClass().getSimpleName() + "." + method.getName())
                .orElseGet(() -> context.getRequiredTestClass().getSimpleName());
    }

    private static String shown(Optional<ShepherdTest> annotation) {
        return annotation
                .map(says -> says.machines() + " machine(s), " + (says.started() ? "started" : "not started"))
                .orElse("the default settings");
    }

    /** A fleet that ends with the test or class it was made for. JUnit before 5.13 closes only what has its own interface. */
    @SuppressWarnings("deprecation")
    private record Owned(Optional<ShepherdTest> annotation, TestFleet fleet)
            implements ExtensionContext.Store.CloseableResource, AutoCloseable {

        @Override
        public void close() {
            fleet.close();
        }
    }
}
