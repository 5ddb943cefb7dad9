/** The bare metal database. */
@NullMarked
package dev.shepherd.bmdb;

import org.jspecify.annotations.NullMarked;
