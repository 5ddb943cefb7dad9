package dev.shepherd.web;

import dev.shepherd.web.servlet.WebConsoleServlet;
import java.net.InetSocketAddress;
import java.net.URI;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;

/** A servlet container that has a console at {@code /ops/fleet/}, as an embedder's has. */
final class TestJetty implements AutoCloseable {

    private final Server server;

    TestJetty(WebConsole console) throws Exception {
        this(console, true);
    }

    TestJetty(WebConsole console, boolean asynchronous) throws Exception {
        server = new Server(new InetSocketAddress("127.0.0.1", 0));
        ServletContextHandler context = new ServletContextHandler("/ops");
        ServletHolder holder = new ServletHolder(new WebConsoleServlet(console));
        holder.setAsyncSupported(asynchronous);
        context.addServlet(holder, "/fleet/*");
        server.setHandler(context);
        server.setStopTimeout(0);
        server.start();
    }

    int port() {
        return ((ServerConnector) server.getConnectors()[0]).getLocalPort();
    }

    /** Returns where something is, by its path below the console. */
    URI uri(String path) {
        return URI.create("http://127.0.0.1:" + port() + "/ops/fleet/" + path);
    }

    @Override
    public void close() throws Exception {
        server.stop();
    }
}
