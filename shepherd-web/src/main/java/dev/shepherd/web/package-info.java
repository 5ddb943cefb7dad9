/**
 * The operator's page and HTTP API: a {@link dev.shepherd.web.WebConsole} answers requests, a {@link dev.shepherd.web.WebServer}
 * serves them by itself, and {@link dev.shepherd.web.servlet.WebConsoleServlet} within a servlet container. What monitors
 * a fleet reads a {@link dev.shepherd.web.MetricsSource}.
 */
@NullMarked
package dev.shepherd.web;

import org.jspecify.annotations.NullMarked;
