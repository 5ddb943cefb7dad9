import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Collects the sources that the javadoc of all modules is made of: the packages that a published module exports to all, or all
 * packages of one without a descriptor. The descriptors stay where they are, since javadoc cannot read modules and the testkit
 * together.
 */
final class Sources {

    private static final Pattern EXPORTS = Pattern.compile("exports ([\\w.]+);");

    /** Takes the root of the project and the folder to write to. */
    public static void main(String[] args) throws IOException {
        Path root = Path.of(args[0]).toRealPath();
        Path target = Path.of(args[1]);
        delete(target);
        try (Stream<Path> modules = Files.list(root)) {
            for (Path module : modules.sorted().toList()) {
                Path sources = module.resolve("src/main/java");
                if (Files.isDirectory(sources)
                        && !Files.readString(module.resolve("pom.xml")).contains("<maven.deploy.skip>true<")) {
                    for (Path from : List.of(sources, module.resolve("target/generated-sources/protobuf"))) {
                        copy(from, target, exported(sources.resolve("module-info.java")));
                    }
                }
            }
        }
    }

    /** Returns the folders of the packages that are exported to all; null for all of them. */
    private static Set<Path> exported(Path descriptor) throws IOException {
        if (!Files.exists(descriptor)) {
            return null;
        }
        Set<Path> folders = new TreeSet<>();
        Matcher exports = EXPORTS.matcher(Files.readString(descriptor));
        while (exports.find()) {
            folders.add(Path.of(exports.group(1).replace('.', '/')));
        }
        return folders;
    }

    private static void copy(Path from, Path to, Set<Path> folders) throws IOException {
        if (!Files.isDirectory(from)) {
            return;
        }
        try (Stream<Path> files = Files.walk(from)) {
            for (Path file : files.filter(path -> path.toString().endsWith(".java")).toList()) {
                Path name = from.relativize(file);
                if (name.getParent() != null && (folders == null || folders.contains(name.getParent()))) {
                    Files.createDirectories(to.resolve(name).getParent());
                    Files.copy(file, to.resolve(name), StandardCopyOption.REPLACE_EXISTING);
                }
            }
        }
    }

    private static void delete(Path folder) throws IOException {
        if (Files.exists(folder)) {
            try (Stream<Path> files = Files.walk(folder)) {
                for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(file);
                }
            }
        }
    }
}
