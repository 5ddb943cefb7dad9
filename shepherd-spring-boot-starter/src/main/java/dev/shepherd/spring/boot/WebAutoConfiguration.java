package dev.shepherd.spring.boot;

import static dev.shepherd.spring.boot.Setting.set;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.fleet.FleetSummary;
import dev.shepherd.manager.Shepherd;
import dev.shepherd.web.WebConsole;
import dev.shepherd.web.access.Authenticator;
import dev.shepherd.web.access.Authorizer;
import dev.shepherd.web.servlet.WebConsoleServlet;
import jakarta.servlet.GenericServlet;
import jakarta.servlet.Servlet;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletRequest;
import jakarta.servlet.ServletResponse;
import java.io.IOException;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWebApplication;
import org.springframework.boot.web.servlet.ServletRegistrationBean;
import org.springframework.context.annotation.Bean;

/**
 * The operator's page, mounted in the application's own server if a path is given for it. Who gets there is for the application's
 * security to say, as for all of its paths.
 */
@AutoConfiguration(after = ShepherdAutoConfiguration.class)
@ConditionalOnProperty(prefix = ShepherdProperties.PREFIX, name = "enabled", matchIfMissing = true)
@ConditionalOnClass({WebConsole.class, Servlet.class})
@ConditionalOnWebApplication(type = ConditionalOnWebApplication.Type.SERVLET)
@ConditionalOnProperty(prefix = WebAutoConfiguration.PREFIX, name = "path")
final class WebAutoConfiguration {

    static final String PREFIX = ShepherdProperties.PREFIX + ".web";

    static final String SERVLET = "shepherdWebServlet";

    static final String LIFECYCLE = "shepherdConsoleLifecycle";

    @Bean(destroyMethod = "close")
    @ConditionalOnMissingBean
    WebConsole shepherdWebConsole(
            Bmdb bmdb,
            Shepherd shepherd,
            FleetSettings settings,
            ShepherdProperties properties,
            ObjectProvider<Authenticator> authenticator,
            ObjectProvider<Authorizer> authorizer,
            ObjectProvider<FleetCounts> counts) {
        WebConsole.Builder console = WebConsole.builder()
                .bmdb(bmdb)
                .shepherd(shepherd)
                .policies(settings.policies())
                .authenticator(authenticator.getIfAvailable(() -> Authenticator.SERVER));
        authorizer.ifAvailable(console::authorizer);
        set(properties.web().hosts(), hosts -> checked("hosts", () -> console.hosts(hosts)));
        set(
                properties.web().countInterval(),
                interval -> checked("count-interval", () -> console.countInterval(interval)));
        console.onCount(summary -> counts.forEach(one -> one.accept(summary)));
        return console.build();
    }

    /** What takes the counts of the page, where something does: a type of its own, so that the page needs no metrics. */
    @FunctionalInterface
    interface FleetCounts extends Consumer<FleetSummary> {}

    private static void checked(String property, Runnable setting) {
        try {
            setting.run();
        } catch (IllegalArgumentException e) {
            throw new ConfigurationException(
                    PREFIX + "." + property, PREFIX + "." + property + ": " + e.getMessage(), e);
        }
    }

    @Bean(SERVLET)
    @ConditionalOnMissingBean(name = SERVLET)
    ServletRegistrationBean<LazyServlet> shepherdWebServlet(
            ObjectProvider<WebConsole> console, ShepherdProperties properties) {
        String path = String.valueOf(properties.web().path());
        if (!path.matches("(/[\\w.~-]+)+")) {
            throw new ConfigurationException(
                    PREFIX + ".path",
                    PREFIX + ".path must begin with a slash and not end with one, such as /fleet, unlike \"" + path
                            + "\"");
        }
        ServletRegistrationBean<LazyServlet> servlet =
                new ServletRegistrationBean<>(new LazyServlet(console), path + "/*");
        servlet.setName(SERVLET);
        return servlet;
    }

    /** Asks for the page with the first request: servlets are made before all else, and the page needs all else. */
    static final class LazyServlet extends GenericServlet {

        private static final long serialVersionUID = 1L;

        private final transient ObjectProvider<WebConsole> console;
        private transient volatile @Nullable WebConsoleServlet servlet;

        LazyServlet(ObjectProvider<WebConsole> console) {
            this.console = console;
        }

        @Override
        public void service(ServletRequest request, ServletResponse response) throws ServletException, IOException {
            WebConsoleServlet answering = servlet;
            if (answering == null) {
                answering = new WebConsoleServlet(console.getObject());
                servlet = answering;
            }
            answering.service(request, response);
        }
    }

    /** The page counts when the application is there, and lets go of open pages before its server waits for them. */
    @Bean(LIFECYCLE)
    @ConditionalOnMissingBean(name = LIFECYCLE)
    ShepherdLifecycle.OfPart shepherdConsoleLifecycle(WebConsole console, ShepherdProperties properties) {
        return new ShepherdLifecycle.OfPart(console::start, console::close, properties.autoStartup());
    }
}
