/** Who may do what, and what keeps other pages of a browser from doing it in their name. */
@NullMarked
package dev.shepherd.web.access;

import org.jspecify.annotations.NullMarked;
