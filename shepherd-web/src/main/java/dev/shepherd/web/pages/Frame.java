package dev.shepherd.web.pages;

import java.util.Optional;

/**
 * What surrounds each page.
 *
 * @param title what the page shows
 * @param root what leads from the page to the place where the console is mounted: empty, or steps upwards
 * @param here which of the pages it is, for the navigation
 * @param principal who looks at it; empty if people have no names here
 * @param live whether the page is refreshed when something changes
 * @param notice what was just done, if anything
 */
public record Frame(String title, String root, String here, String principal, boolean live, Optional<Notice> notice) {

    /**
     * What a page says before all else.
     *
     * @param text what
     * @param good whether it is what was wanted
     */
    public record Notice(String text, boolean good) {}
}
