/** The command line: {@code shepherd demo}, {@code shepherd run} and what helps with them. */
@NullMarked
package dev.shepherd.cli;

import org.jspecify.annotations.NullMarked;
