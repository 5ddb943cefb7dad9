/** Requests and answers, whatever server takes and sends them. */
@NullMarked
package dev.shepherd.web.http;

import org.jspecify.annotations.NullMarked;
