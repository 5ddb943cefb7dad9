package dev.shepherd.spring.boot;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.bmdb.agent.AgentCallback;
import dev.shepherd.bmdb.event.ShepherdListener;
import dev.shepherd.callback.AgentEndpoint;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.spring.boot.ShepherdProperties.AgentCallbackProperties;
import dev.shepherd.spring.boot.ShepherdProperties.WebProperties;
import dev.shepherd.spring.boot.ShepherdProperties.WebhookProperties;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.ListableBeanFactory;
import org.springframework.context.SmartLifecycle;

/**
 * Starts the endpoint of agents and the loops when the application is there, and stops them first when it ends. How long that
 * may take is the application's {@code spring.lifecycle.timeout-per-shutdown-phase}; what takes longer goes on to end while the
 * rest is closed, which the database makes safe.
 */
final class ShepherdLifecycle implements SmartLifecycle {

    private static final Logger log = LoggerFactory.getLogger(ShepherdLifecycle.class);

    private final ShepherdProperties properties;
    private final ListableBeanFactory beans;
    private final Shepherd shepherd;
    private final @Nullable AgentCallback callback;
    private final @Nullable AgentEndpoint endpoint;
    private volatile boolean running;

    ShepherdLifecycle(ShepherdProperties properties, ListableBeanFactory beans, Shepherd shepherd) {
        this.properties = properties;
        this.beans = beans;
        this.shepherd = shepherd;
        this.callback = beans.getBeanProvider(AgentCallback.class).getIfAvailable();
        this.endpoint = beans.getBeanProvider(AgentEndpoint.class).getIfAvailable();
        requireNothingWithoutEffect();
    }

    /** What is said of a part that is not there would have no effect, and not be noticed. */
    private void requireNothingWithoutEffect() {
        WebProperties web = properties.web();
        String path = WebAutoConfiguration.PREFIX + ".path";
        if (web.path() != null && !beans.containsBean(WebAutoConfiguration.SERVLET)) {
            throw new ConfigurationException(
                    path,
                    path + ": there is no page to mount: it takes dev.shepherd:shepherd-web on the class path, and an"
                            + " application with servlets");
        }
        if (web.path() == null && web.hosts() != null) {
            throw new ConfigurationException(
                    WebAutoConfiguration.PREFIX + ".hosts",
                    WebAutoConfiguration.PREFIX + ".hosts goes with " + path + ", which is not given");
        }
        requireWebhookWithEffect();
        properties.agentEndpoint().requireAddress();
        if (!properties.agentEndpoint().listens()
                && !properties.agentCallback().equals(AgentCallbackProperties.NONE)
                && callback == null) {
            String section = ShepherdProperties.PREFIX + ".agent-callback";
            throw new ConfigurationException(
                    section, section + " goes with " + AgentEndpointProperties.PREFIX + ".address, which is not given");
        }
    }

    private void requireWebhookWithEffect() {
        WebhookProperties webhook = properties.webhook();
        String url = WebhookAutoConfiguration.PREFIX + ".url";
        if (webhook.url() != null && !beans.containsBean(WebhookAutoConfiguration.LIFECYCLE)) {
            throw new ConfigurationException(
                    url, url + ": there is nothing that sends: it takes dev.shepherd:shepherd-web on the class path");
        }
        if (webhook.url() == null && (webhook.secret() != null || webhook.kinds() != null)) {
            String given = WebhookAutoConfiguration.PREFIX + (webhook.secret() != null ? ".secret" : ".kinds");
            throw new ConfigurationException(given, given + " goes with " + url + ", which is not given");
        }
    }

    @Override
    public void start() {
        // So that a listener that cannot be made is told of now, and not with the first event.
        beans.getBeansOfType(ShepherdListener.class);
        Setting.set(callback, AgentCallback::start);
        Setting.set(endpoint, AgentEndpoint::start);
        shepherd.start();
        running = true;
    }

    @Override
    public boolean isAutoStartup() {
        return properties.autoStartup();
    }

    /** Of Spring 7: tests would stop it while another context is used, and it does not start a second time. */
    public boolean isPauseable() {
        return false;
    }

    @Override
    public boolean isRunning() {
        return running;
    }

    @Override
    public void stop() {
        shepherd.close();
        // First the calls, since requests wait for them.
        Setting.set(callback, AgentCallback::close);
        Setting.set(endpoint, AgentEndpoint::close);
        running = false;
    }

    @Override
    public void stop(Runnable whenStopped) {
        Thread stopping = new Thread(
                () -> {
                    try {
                        stop();
                    } catch (RuntimeException e) {
                        log.warn("The fleet could not be stopped as it should be", e);
                    } finally {
                        whenStopped.run();
                    }
                },
                "shepherd-stop");
        stopping.setDaemon(true);
        stopping.start();
    }

    /** Starts a part when the application is there, and closes it when that ends, before the database is closed. */
    static final class OfPart implements SmartLifecycle {

        private final Runnable start;
        private final Runnable close;
        private final boolean autoStartup;
        private volatile boolean running;

        OfPart(Runnable start, Runnable close, boolean autoStartup) {
            this.start = start;
            this.close = close;
            this.autoStartup = autoStartup;
        }

        @Override
        public void start() {
            start.run();
            running = true;
        }

        @Override
        public boolean isAutoStartup() {
            return autoStartup;
        }

        /** As {@link ShepherdLifecycle#isPauseable()}. */
        public boolean isPauseable() {
            return false;
        }

        @Override
        public void stop() {
            close.run();
            running = false;
        }

        @Override
        public boolean isRunning() {
            return running;
        }
    }
}
