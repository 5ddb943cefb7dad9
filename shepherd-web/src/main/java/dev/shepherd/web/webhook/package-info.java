/**
 * Tells another program what happens to the fleet: a {@link dev.shepherd.web.webhook.Webhook} sends events where {@link
 * dev.shepherd.web.webhook.WebhookSettings} say, and {@link dev.shepherd.web.webhook.WebhookMetrics} say how far it has
 * come. {@link dev.shepherd.web.webhook.EventJson} is what it sends of each event.
 */
@NullMarked
package dev.shepherd.web.webhook;

import org.jspecify.annotations.NullMarked;
