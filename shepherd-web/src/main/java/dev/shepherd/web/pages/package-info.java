/** The pages: what each shows, as the templates of {@code src/main/jte} take it. */
@NullMarked
package dev.shepherd.web.pages;

import org.jspecify.annotations.NullMarked;
