import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import javax.xml.parsers.DocumentBuilderFactory;
import org.w3c.dom.Element;
import org.w3c.dom.Node;

/** Reads SBOMs in CycloneDX's XML: prints the tree of each, then which licences there are, and checks these. */
class Dependencies {

    private final Map<String, String> names = new LinkedHashMap<>();
    private final Map<String, Set<String>> licences = new TreeMap<>();
    private final Map<String, List<String>> needs = new LinkedHashMap<>();

    public static void main(String[] args) throws Exception {
        Set<String> allowed = new HashSet<>();
        for (String line : Files.readAllLines(Path.of(args[0]))) {
            if (!line.isBlank() && !line.startsWith("#")) {
                allowed.add(line.strip());
            }
        }
        Map<String, Set<String>> byLicence = new TreeMap<>();
        Set<String> refused = new TreeSet<>();
        for (int i = 1; i < args.length; i++) {
            Dependencies one = new Dependencies();
            String root = one.read(Path.of(args[i]));
            one.print(root, "", new HashSet<>());
            System.out.println();
            one.licences.forEach((ref, of) -> {
                String name = one.names.get(ref);
                String said = of.isEmpty() ? "(none stated)" : String.join(" or ", of);
                byLicence.computeIfAbsent(said, licence -> new TreeSet<>()).add(name);
                // Who may choose between several needs one that is allowed.
                if (of.stream().noneMatch(allowed::contains)) {
                    refused.add(name + ": " + said);
                }
            });
        }
        byLicence.forEach((licence, which) -> System.out.println(licence + ": " + String.join(", ", which)));
        if (!refused.isEmpty()) {
            System.err.println("These licences are not in " + args[0] + ": look at them first");
            refused.forEach(each -> System.err.println("  " + each));
            System.exit(1);
        }
    }

    private String read(Path file) throws Exception {
        DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
        factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
        Element bom = factory.newDocumentBuilder().parse(file.toFile()).getDocumentElement();
        Element subject = child(child(bom, "metadata"), "component");
        component(subject);
        for (Element component : children(child(bom, "components"), "component")) {
            component(component);
        }
        for (Element dependency : children(child(bom, "dependencies"), "dependency")) {
            List<String> on = new ArrayList<>();
            children(dependency, "dependency").forEach(each -> on.add(each.getAttribute("ref")));
            needs.put(dependency.getAttribute("ref"), on);
        }
        return subject.getAttribute("bom-ref");
    }

    private void component(Element component) throws IOException {
        String ref = component.getAttribute("bom-ref");
        names.put(ref, text(component, "group") + ":" + text(component, "name") + ":" + text(component, "version"));
        Set<String> of = new TreeSet<>();
        Element stated = child(component, "licenses");
        for (Element licence : children(stated, "license")) {
            String id = text(licence, "id");
            of.add(id.isEmpty() ? text(licence, "name") : id);
        }
        for (Element expression : children(stated, "expression")) {
            of.add(expression.getTextContent().strip());
        }
        licences.put(ref, of);
    }

    private void print(String ref, String indent, Set<String> shown) {
        boolean again = !shown.add(ref);
        Set<String> of = licences.getOrDefault(ref, Set.of());
        List<String> on = needs.getOrDefault(ref, List.of());
        System.out.println(indent + names.getOrDefault(ref, ref) + "  " + String.join(" or ", of)
                + (again && !on.isEmpty() ? "  (as above)" : ""));
        if (!again) {
            on.forEach(each -> print(each, indent + "  ", shown));
        }
    }

    private static String text(Element parent, String name) {
        Element found = child(parent, name);
        return found == null ? "" : found.getTextContent().strip();
    }

    private static Element child(Element parent, String name) {
        List<Element> found = children(parent, name);
        return found.isEmpty() ? null : found.get(0);
    }

    private static List<Element> children(Element parent, String name) {
        List<Element> found = new ArrayList<>();
        for (Node node = parent == null ? null : parent.getFirstChild(); node != null; node = node.getNextSibling()) {
            if (node instanceof Element element && element.getTagName().equals(name)) {
                found.add(element);
            }
        }
        return found;
    }
}
