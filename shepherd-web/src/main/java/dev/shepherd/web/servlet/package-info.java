/** The console in a servlet container. */
@NullMarked
package dev.shepherd.web.servlet;

import org.jspecify.annotations.NullMarked;
