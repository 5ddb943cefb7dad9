import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Prepares the documents for Maven's site plugin, which makes pages of them: the README becomes the first page, and all others
 * keep their places.
 *
 * <p>Headings get the anchors that links have on the pages of a repository. Links to sources lead to the javadoc where there
 * is one, others that leave the documents to the repository, and one to the decisions to a list of them.
 */
final class Pages {

    private static final Pattern HEADING = Pattern.compile("(#{1,6}) +(.*)");
    private static final Pattern LINK = Pattern.compile("(!?\\[[^\\]]*\\])\\((?!https?:|mailto:|#)([^)#\\s]+)(#[^)\\s]*)?\\)");
    private static final Pattern SOURCE = Pattern.compile(".*/src/main/java/(dev/shepherd/.*)\\.java");

    private final Path root;
    private final Path markdown;
    private final Path resources;
    private final String home;

    private Pages(Path root, Path target, String home) {
        this.root = root;
        this.markdown = target.resolve("markdown");
        this.resources = target.resolve("resources");
        this.home = home;
    }

    /** Takes the root of the project, the folder to write to, and where the project is at home. */
    public static void main(String[] args) throws IOException {
        Path root = Path.of(args[0]).toRealPath();
        Path target = Path.of(args[1]);
        new Pages(root, target, args[2]).write();
        Path site = root.resolve("site/src/site");
        Files.copy(site.resolve("site.xml"), target.resolve("site.xml"), StandardCopyOption.REPLACE_EXISTING);
        Path css = Files.createDirectories(target.resolve("resources/css"));
        Files.copy(site.resolve("site.css"), css.resolve("site.css"), StandardCopyOption.REPLACE_EXISTING);
    }

    private void write() throws IOException {
        for (String name : List.of("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")) {
            page(root.resolve(name));
        }
        try (Stream<Path> files = Files.walk(root.resolve("docs"))) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                if (file.toString().endsWith(".md")) {
                    page(file);
                } else {
                    copy(file);
                }
            }
        }
        copy(root.resolve("LICENSE"));
        decisions();
    }

    private void copy(Path file) throws IOException {
        Path target = resources.resolve(root.relativize(file));
        Files.createDirectories(target.getParent());
        Files.copy(file, target, StandardCopyOption.REPLACE_EXISTING);
    }

    private void page(Path file) throws IOException {
        // On a small screen the menu is below the page.
        StringBuilder text = new StringBuilder("<a class=\"menu\" href=\"#leftColumn\">Menu</a>\n\n");
        // A link may go on in the next line.
        StringBuilder prose = new StringBuilder();
        Map<String, Integer> anchors = new HashMap<>();
        boolean code = false;
        for (String line : Files.readAllLines(file)) {
            boolean fence = line.stripLeading().startsWith("```");
            if (fence && !code) {
                text.append(linked(file, prose.toString()));
                prose.setLength(0);
            }
            Matcher heading = HEADING.matcher(line);
            if (!code && heading.matches()) {
                String anchor = anchor(heading.group(2));
                int before = anchors.merge(anchor, 1, Integer::sum) - 1;
                // A heading of one word in small letters has the same anchor from the site plugin.
                if (!anchor.equals(heading.group(2).replace("`", ""))) {
                    prose.append("<a id=\"" + anchor + (before == 0 ? "" : "-" + before) + "\"></a>\n\n");
                }
            }
            (code || fence ? text : prose).append(line).append('\n');
            code ^= fence;
        }
        text.append(linked(file, prose.toString()));
        Path page = file.endsWith("README.md") ? Path.of("index.md") : root.relativize(file);
        put(page, text.toString());
    }

    /** The name of a heading in links, as the hosts of repositories make it. */
    private static String anchor(String heading) {
        return heading.replaceAll("\\[([^\\]]*)\\]\\([^)]*\\)", "$1")
                .toLowerCase(Locale.ROOT)
                .replaceAll("[^\\p{L}\\p{N} _-]", "")
                .replace(' ', '-');
    }

    private String linked(Path from, String prose) {
        return LINK.matcher(prose).replaceAll(link -> {
            Path target = from.resolveSibling(link.group(2)).normalize();
            String fragment = link.group(3) == null ? "" : link.group(3);
            return Matcher.quoteReplacement(link.group(1) + "(" + place(from, target) + fragment + ")");
        });
    }

    private String place(Path from, Path target) {
        String path = root.relativize(target).toString();
        String up = "../".repeat(root.relativize(from).getNameCount() - 1);
        Matcher source = SOURCE.matcher(path);
        if (path.equals("README.md")) {
            return up + "index.md";
        }
        if (path.equals("docs/decisions")) {
            return up + "docs/decisions/index.md";
        }
        if (source.matches() && Files.exists(target)) {
            return up + "apidocs/" + source.group(1) + ".html";
        }
        boolean here = target.startsWith(root.resolve("docs")) && Files.isRegularFile(target)
                || target.getParent().equals(root) && (path.endsWith(".md") || path.equals("LICENSE"));
        return here ? up + path : home + "/tree/main/" + path;
    }

    private void decisions() throws IOException {
        TreeMap<String, String> titles = new TreeMap<>();
        try (Stream<Path> files = Files.list(root.resolve("docs/decisions"))) {
            for (Path file : files.toList()) {
                String title = Files.readAllLines(file).get(0).replaceFirst("^# +", "");
                titles.put(file.getFileName().toString(), title);
            }
        }
        StringBuilder list = new StringBuilder("# Decisions\n\nWhy things are as they are.\n\n");
        titles.forEach((file, title) -> list.append("- [" + title + "](" + file + ")\n"));
        put(Path.of("docs/decisions/index.md"), list.toString());
    }

    private void put(Path page, String text) throws IOException {
        Path file = markdown.resolve(page);
        Files.createDirectories(file.getParent());
        Files.writeString(file, text);
    }
}
