package dev.shepherd.site;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The site is whole: every page is reached, every link leads somewhere, and the javadoc is that of what is exported. */
class SiteTest {

    private static final Path ROOT = Path.of("").toAbsolutePath().getParent();
    private static final Path SITE = Path.of(System.getProperty("site.folder"));
    private static final String HOME = System.getProperty("site.home");

    private static final Pattern ANCHOR = Pattern.compile("\\b(?:id|name)=\"([^\"]+)\"");
    private static final Pattern LINK = Pattern.compile("\\b(?:href|src)=\"([^\"]*)\"");

    private static final Map<Path, Set<String>> anchors = new HashMap<>();

    @BeforeAll
    static void onlyInTheProfileRelease() {
        assumeTrue(Boolean.getBoolean("site.made"), "there is no site: that takes the profile release");
    }

    private static List<Path> pages() throws IOException {
        try (Stream<Path> files = Files.walk(SITE)) {
            return files.filter(file -> file.toString().endsWith(".html")).toList();
        }
    }

    private static Set<String> anchors(Path page) throws IOException {
        Set<String> known = anchors.get(page);
        if (known == null) {
            known = new HashSet<>();
            Matcher anchor = ANCHOR.matcher(Files.readString(page));
            while (anchor.find()) {
                known.add(anchor.group(1).replace("&lt;", "<").replace("&gt;", ">"));
            }
            anchors.put(page, known);
        }
        return known;
    }

    @Test
    void everyLinkLeadsSomewhere() throws Exception {
        List<Path> pages = pages();
        assertThat(pages).hasSizeGreaterThan(400);
        List<String> broken = new ArrayList<>();
        int followed = 0;
        for (Path page : pages) {
            Matcher link = LINK.matcher(Files.readString(page));
            while (link.find()) {
                String target = link.group(1).replace("&amp;", "&");
                followed++;
                if (!leadsSomewhere(page, target)) {
                    broken.add(SITE.relativize(page) + " -> " + target);
                }
            }
        }
        assertThat(broken).isEmpty();
        assertThat(followed).isGreaterThan(20_000);
    }

    /** Other hosts are not asked: of a link to them only the form is looked at, and of one to the repository the file. */
    private static boolean leadsSomewhere(Path page, String target) throws Exception {
        if (target.startsWith(HOME + "/tree/main/")) {
            return Files.exists(ROOT.resolve(
                    target.substring((HOME + "/tree/main/").length()).replaceFirst("#.*", "")));
        }
        if (target.matches("(https?|mailto|javascript):.*")) {
            return target.startsWith("javascript:")
                    || target.startsWith("mailto:")
                    || URI.create(target).getHost() != null;
        }
        int hash = target.indexOf('#');
        String path = decoded(hash < 0 ? target : target.substring(0, hash));
        String fragment = hash < 0 ? "" : target.substring(hash + 1);
        Path file = path.isEmpty() ? page : page.resolveSibling(path).normalize();
        if (!file.startsWith(SITE) || !Files.isRegularFile(file)) {
            return false;
        }
        return fragment.isEmpty()
                // The tool's own list of contents has an entry without a target.
                || page.endsWith("apidocs/constant-values.html")
                || !file.toString().endsWith(".html")
                || anchors(file).contains(fragment)
                || anchors(file).contains(decoded(fragment));
    }

    private static String decoded(String text) {
        return URLDecoder.decode(text.replace("+", "%2B"), StandardCharsets.UTF_8);
    }

    @Test
    void everyDocumentIsReachedFromTheMenuOrTheDecisions() throws Exception {
        String menu = Files.readString(SITE.resolve("index.html"));
        Set<String> missing = new TreeSet<>();
        try (Stream<Path> files = Files.walk(ROOT.resolve("docs"))) {
            for (Path file :
                    files.filter(path -> path.toString().endsWith(".md")).toList()) {
                String page = ROOT.relativize(file).toString().replaceFirst("\\.md$", ".html");
                boolean decision = page.startsWith("docs/decisions/");
                String from = decision ? Files.readString(SITE.resolve("docs/decisions/index.html")) : menu;
                if (!from.contains(
                        "href=\"" + (decision ? file.getFileName().toString().replace(".md", ".html") : page))) {
                    missing.add(page);
                }
            }
        }
        assertThat(missing).isEmpty();
    }

    @Test
    void theJavadocIsOfWhatTheModulesExportAndHasASearch() throws Exception {
        Set<String> exported = new TreeSet<>();
        Pattern exports = Pattern.compile("exports (dev\\.shepherd[\\w.]*);");
        try (Stream<Path> modules = Files.list(ROOT)) {
            for (Path module : modules.toList()) {
                Path descriptor = module.resolve("src/main/java/module-info.java");
                if (Files.exists(descriptor)) {
                    Matcher found = exports.matcher(Files.readString(descriptor));
                    while (found.find()) {
                        exported.add(found.group(1));
                    }
                }
            }
        }
        // Those without a descriptor.
        for (String module : List.of("shepherd-testkit", "shepherd-testkit-fleet", "shepherd-spring-boot-starter")) {
            Path sources = ROOT.resolve(module).resolve("src/main/java");
            try (Stream<Path> files = Files.walk(sources)) {
                files.filter(file -> file.endsWith("package-info.java"))
                        .map(file ->
                                sources.relativize(file.getParent()).toString().replace('/', '.'))
                        .forEach(exported::add);
            }
        }

        assertThat(Files.readAllLines(SITE.resolve("apidocs/element-list")))
                .containsExactlyInAnyOrderElementsOf(exported);
        assertThat(SITE.resolve("apidocs/type-search-index.js")).content().contains("TestFleet", "ProviderFactory");
        assertThat(SITE.resolve("apidocs/index.html")).content().contains("search-input");
    }
}
