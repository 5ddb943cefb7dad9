/** What the build itself runs. */
@NullMarked
package dev.shepherd.build;

import org.jspecify.annotations.NullMarked;
