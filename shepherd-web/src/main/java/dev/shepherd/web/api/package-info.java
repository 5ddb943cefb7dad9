/** The HTTP API: what the pages show, as JSON. */
@NullMarked
package dev.shepherd.web.api;

import org.jspecify.annotations.NullMarked;
