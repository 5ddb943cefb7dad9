/** Where agents report to over HTTP. */
@NullMarked
package dev.shepherd.manager.agent;

import org.jspecify.annotations.NullMarked;
