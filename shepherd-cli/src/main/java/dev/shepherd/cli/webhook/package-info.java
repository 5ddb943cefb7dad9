/** Tells another program what happens to the fleet: {@link dev.shepherd.cli.webhook.Webhook}. */
@NullMarked
package dev.shepherd.cli.webhook;

import org.jspecify.annotations.NullMarked;
