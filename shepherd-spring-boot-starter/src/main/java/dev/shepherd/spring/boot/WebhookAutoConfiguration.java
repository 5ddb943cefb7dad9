package dev.shepherd.spring.boot;

import static dev.shepherd.spring.boot.Setting.set;

import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.spring.boot.ShepherdProperties.WebhookProperties;
import dev.shepherd.web.webhook.Webhook;
import dev.shepherd.web.webhook.WebhookSettings;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.context.annotation.Bean;

/** What sends events to another program, if a URL is given for it. */
@AutoConfiguration(after = ShepherdAutoConfiguration.class)
@ConditionalOnProperty(prefix = ShepherdProperties.PREFIX, name = "enabled", matchIfMissing = true)
@ConditionalOnClass(Webhook.class)
@ConditionalOnProperty(prefix = WebhookAutoConfiguration.PREFIX, name = "url")
final class WebhookAutoConfiguration {

    static final String PREFIX = ShepherdProperties.PREFIX + ".webhook";

    static final String LIFECYCLE = "shepherdWebhookLifecycle";

    @Bean(destroyMethod = "close")
    @ConditionalOnMissingBean
    Webhook shepherdWebhook(Bmdb bmdb, ShepherdProperties properties) {
        WebhookProperties given = properties.webhook();
        return Webhook.of(bmdb, Setting.named(PREFIX, () -> {
            WebhookSettings.Builder settings = WebhookSettings.builder();
            set(given.url(), settings::url);
            set(given.secret(), settings::secret);
            set(given.kinds(), settings::kinds);
            return settings.build();
        }));
    }

    /** It begins to send when the application is there. */
    @Bean(LIFECYCLE)
    @ConditionalOnMissingBean(name = LIFECYCLE)
    ShepherdLifecycle.OfPart shepherdWebhookLifecycle(Webhook webhook, ShepherdProperties properties) {
        return new ShepherdLifecycle.OfPart(webhook::start, webhook::close, properties.autoStartup());
    }
}
