/** What runs in the process of the test agent; written into its executable, and of no use elsewhere. */
@NullMarked
package dev.shepherd.testkit.agent;

import org.jspecify.annotations.NullMarked;
