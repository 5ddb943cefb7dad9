package dev.shepherd.cli;

import dev.shepherd.api.ProviderFactory;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import javax.tools.ToolProvider;

/** Makes a jar as the author of a plugin would: sources are compiled, and the factory is named as a service. */
public final class PluginJar {

    private final Map<String, String> sources = new LinkedHashMap<>();
    private final List<Path> libraries = new ArrayList<>();
    private final List<String> services = new ArrayList<>();
    private UnaryOperator<byte[]> bytes = UnaryOperator.identity();

    /** Adds the source of a public class of the package {@code com.example.racks}. */
    public PluginJar source(String name, String body) {
        sources.put(name, """
                package com.example.racks;
                import dev.shepherd.api.*;
                import java.net.*;
                import java.util.*;
                """ + body);
        return this;
    }

    /** Names a class of the package as a factory. */
    public PluginJar service(String name) {
        services.add("com.example.racks." + name);
        return this;
    }

    /** Names a class of any package as a factory. */
    public PluginJar foreignService(String name) {
        services.add(name);
        return this;
    }

    /** Adds a jar to compile against. */
    public PluginJar library(Path jar) {
        libraries.add(jar);
        return this;
    }

    /** Changes the class files before they are packed. */
    public PluginJar bytes(UnaryOperator<byte[]> bytes) {
        this.bytes = bytes;
        return this;
    }

    /** Compiles and packs it. */
    public Path write(Path jar) {
        try {
            Files.createDirectories(jar.getParent());
            Path work = Files.createTempDirectory(jar.getParent(), ".work");
            compile(work);
            try (OutputStream file = Files.newOutputStream(jar);
                    JarOutputStream out = new JarOutputStream(file);
                    Stream<Path> classes = Files.walk(work)) {
                for (Path each : classes.filter(path -> path.toString().endsWith(".class"))
                        .toList()) {
                    put(out, work.relativize(each).toString(), bytes.apply(Files.readAllBytes(each)));
                }
                if (!services.isEmpty()) {
                    put(
                            out,
                            "META-INF/services/" + ProviderFactory.class.getName(),
                            String.join("\n", services).getBytes(StandardCharsets.UTF_8));
                }
                put(out, "META-INF/note", new byte[0]);
            }
            return jar;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void compile(Path work) throws IOException {
        List<String> options = new ArrayList<>(List.of("-proc:none", "-d", work.toString()));
        String classPath = System.getProperty("java.class.path");
        for (Path library : libraries) {
            classPath += java.io.File.pathSeparator + library;
        }
        options.addAll(List.of("-cp", classPath));
        for (Map.Entry<String, String> source : sources.entrySet()) {
            options.add(Files.writeString(work.resolve(source.getKey() + ".java"), source.getValue())
                    .toString());
        }
        if (!sources.isEmpty()
                && ToolProvider.getSystemJavaCompiler().run(null, null, null, options.toArray(String[]::new)) != 0) {
            throw new IllegalArgumentException("the plugin does not compile");
        }
    }

    private static void put(JarOutputStream out, String name, byte[] content) throws IOException {
        out.putNextEntry(new ZipEntry(name));
        out.write(content);
        out.closeEntry();
    }

    /** A provider of one machine, for which two properties say where it is. */
    public static PluginJar racks() {
        return new PluginJar()
                .service("RackFactory")
                .source("RackFactory", factory("RackFactory", "racks", "\"one machine of a rack\"", ""))
                .source("RackProvider", """
                        public final class RackProvider implements Provider {
                            private final ProviderConfig config;

                            public RackProvider(ProviderConfig config) {
                                this.config = config;
                            }

                            @Override
                            public ProviderType type() {
                                return config.type();
                            }

                            @Override
                            public List<Machine> listMachines() {
                                if (Thread.currentThread().getContextClassLoader() != getClass().getClassLoader()) {
                                    throw new IllegalStateException("a library would not find the plugin's classes");
                                }
                                return List.of(MachineInfo.builder(new ProviderID("one"), Availability.POSSIBLY_USED)
                                        .address(InetAddress.getLoopbackAddress())
                                        .sshPort(config.integer("port").orElse(null))
                                        .build());
                            }

                            @Override
                            public Machine getMachine(ProviderID id) {
                                return listMachines().get(0);
                            }

                            @Override
                            public Machine createMachine(Session session, CreateMachineRequest request)
                                    throws InterruptedException {
                                Machine machine = listMachines().get(0);
                                session.inTransaction(t -> t.recordMachine(type(), request, machine));
                                return machine;
                            }
                        }
                        """);
    }

    /** The source of a factory, with the description as an expression, and statements for its constructor. */
    public static String factory(String name, String kind, String description, String constructor) {
        return """
                public final class %1$s implements ProviderFactory {
                    public %1$s() {
                        %4$s
                    }

                    @Override
                    public String kind() {
                        return "%2$s";
                    }

                    @Override
                    public String description() {
                        return %3$s;
                    }

                    @Override
                    public List<ProviderProperty> properties() {
                        return List.of(ProviderProperty.required(
                                        "port", ProviderProperty.Type.INTEGER, "port of the machine's SSH server")
                                .between("1", "65535"));
                    }

                    @Override
                    public Provider create(ProviderConfig config) {
                        return new RackProvider(config);
                    }
                }
                """.formatted(name, kind, description, constructor);
    }

    /** A factory whose provider is in no jar. */
    public static String factoryOnly(String name, String kind, String description, String constructor) {
        return factory(name, kind, description, constructor)
                .replace("return new RackProvider(config);", "throw new UnsupportedOperationException();");
    }
}
