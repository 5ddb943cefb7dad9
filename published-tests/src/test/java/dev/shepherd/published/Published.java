package dev.shepherd.published;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.xpath.XPath;
import javax.xml.xpath.XPathConstants;
import javax.xml.xpath.XPathFactory;
import org.w3c.dom.Document;
import org.w3c.dom.NodeList;

/** What is published, as the POMs say. */
final class Published {

    /**
     * A module of the build.
     *
     * @param folder where it is
     * @param artifact its artifact id
     * @param published whether it is deployed
     * @param pom its POM
     */
    record Module(Path folder, String artifact, boolean published, Document pom) {}

    private Published() {}

    /** Returns all modules that the root POM names. */
    static List<Module> modules() throws Exception {
        List<Module> modules = new ArrayList<>();
        NodeList names = (NodeList) xpath().evaluate(
                        "/project/modules/module", parse(Outside.ROOT.resolve("pom.xml")), XPathConstants.NODESET);
        for (int i = 0; i < names.getLength(); i++) {
            Path folder = Outside.ROOT.resolve(names.item(i).getTextContent());
            Document pom = parse(folder.resolve("pom.xml"));
            modules.add(new Module(
                    folder,
                    text(pom, "/project/artifactId"),
                    !text(pom, "/project/properties/maven.deploy.skip").equals("true"),
                    pom));
        }
        return modules;
    }

    /** Returns the artifacts that others add to their programs. */
    static List<String> libraries() throws Exception {
        return modules().stream()
                .filter(Module::published)
                .map(Module::artifact)
                .filter(artifact -> !artifact.equals("shepherd-bom") && !artifact.equals("shepherd-provider-archetype"))
                .toList();
    }

    /**
     * Finds a file that was published.
     *
     * @param ending what its name ends with after the version, such as {@code -sources.jar}
     */
    static Optional<Path> file(String artifact, String ending) throws IOException {
        Path repository = Outside.RELEASE.orElse(Outside.LOCAL_REPOSITORY);
        Path folder = repository.resolve("dev/shepherd").resolve(artifact).resolve(Outside.VERSION);
        if (!Files.isDirectory(folder)) {
            return Optional.empty();
        }
        // A snapshot in a repository that others read has the time in place of the word.
        String version = Pattern.quote(Outside.VERSION).replace("-SNAPSHOT", "\\E-(SNAPSHOT|\\d{8}\\.\\d{6}-\\d+)\\Q");
        Pattern name = Pattern.compile(Pattern.quote(artifact) + "-" + version + Pattern.quote(ending));
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(
                            file -> name.matcher(file.getFileName().toString()).matches())
                    .findFirst();
        }
    }

    static String text(Document pom, String path) throws Exception {
        return xpath().evaluate(path, pom).strip();
    }

    static List<String> texts(Document pom, String path) throws Exception {
        NodeList nodes = (NodeList) xpath().evaluate(path, pom, XPathConstants.NODESET);
        List<String> texts = new ArrayList<>();
        for (int i = 0; i < nodes.getLength(); i++) {
            texts.add(nodes.item(i).getTextContent().strip());
        }
        return texts;
    }

    static Document parse(Path file) throws Exception {
        return DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(file.toFile());
    }

    private static XPath xpath() {
        return XPathFactory.newInstance().newXPath();
    }
}
