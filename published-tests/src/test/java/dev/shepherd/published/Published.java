package dev.shepherd.published;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
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
