/** What the transports by which agents report share with the database's side of it. Not for embedders. */
@NullMarked
package dev.shepherd.bmdb.agent;

import org.jspecify.annotations.NullMarked;
