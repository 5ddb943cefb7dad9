package dev.shepherd.web.servlet;

import dev.shepherd.web.WebConsole;
import dev.shepherd.web.http.LiveStream;
import dev.shepherd.web.http.WebRequest;
import dev.shepherd.web.http.WebResponse;
import jakarta.servlet.AsyncContext;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Mounts a console in a servlet container. Map it to a path with everything below, such as {@code /fleet/*}, and with {@code
 * asyncSupported}, without which open pages ask now and then instead of being told. Whom the container's own security found to send a request is its
 * {@link WebRequest#user()}, which {@link dev.shepherd.web.access.Authenticator#SERVER} takes for a proof.
 */
public final class WebConsoleServlet extends HttpServlet {

    private static final long serialVersionUID = 1L;

    @SuppressWarnings("serial")
    private final WebConsole console;

    /**
     * Makes a servlet.
     *
     * @param console what answers; the servlet neither starts nor closes it
     */
    public WebConsoleServlet(WebConsole console) {
        this.console = Objects.requireNonNull(console, "console");
    }

    @Override
    protected void service(HttpServletRequest request, HttpServletResponse response) throws IOException {
        String path = request.getPathInfo();
        if (path == null) {
            // Relative URLs lead elsewhere without the slash.
            String[] parts = request.getRequestURI().split("/");
            response.setStatus(HttpServletResponse.SC_FOUND);
            response.setHeader("Location", (parts.length == 0 ? "." : parts[parts.length - 1]) + "/");
            return;
        }
        byte[] body = request.getInputStream().readNBytes(WebRequest.LARGEST_BODY + 1);
        Map<String, String> headers = new HashMap<>();
        Collections.list(request.getHeaderNames()).forEach(name -> headers.put(name, request.getHeader(name)));
        String query = request.getQueryString();
        WebResponse answer;
        try {
            answer = console.handle(new WebRequest(
                    request.getMethod(),
                    path,
                    query == null ? "" : query,
                    headers,
                    body,
                    request.isSecure(),
                    Optional.ofNullable(request.getRemoteUser())));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            refuse(response, "Interrupted.");
            return;
        }
        send(request, response, answer);
    }

    private static void send(HttpServletRequest request, HttpServletResponse response, WebResponse answer)
            throws IOException {
        if (answer.stream().isPresent() && !request.isAsyncSupported()) {
            refuse(response, "This mapping is not asynchronous.");
            return;
        }
        response.setStatus(answer.status());
        answer.headers().forEach(response::setHeader);
        if (answer.stream().isPresent()) {
            AsyncContext context = request.startAsync();
            context.setTimeout(0);
            response.flushBuffer();
            answer.stream().get().open(new Listener(context, response));
            return;
        }
        response.setContentLength(answer.body().length);
        if (!request.getMethod().equals("HEAD")) {
            response.getOutputStream().write(answer.body());
        }
    }

    /** Not the container's page of an error: it may say more, and is under no policy. */
    private static void refuse(HttpServletResponse response, String text) throws IOException {
        response.setStatus(HttpServletResponse.SC_SERVICE_UNAVAILABLE);
        response.setContentType("text/plain; charset=utf-8");
        response.getOutputStream().write((text + "\n").getBytes(StandardCharsets.UTF_8));
    }

    /** A page that waits for changes. */
    private static final class Listener implements LiveStream.Client {
        private final AsyncContext context;
        private final HttpServletResponse response;
        private final AtomicBoolean closed = new AtomicBoolean();

        Listener(AsyncContext context, HttpServletResponse response) {
            this.context = context;
            this.response = response;
        }

        @Override
        public void send(byte[] bytes) throws IOException {
            response.getOutputStream().write(bytes);
            response.getOutputStream().flush();
        }

        @Override
        public void close() {
            if (closed.compareAndSet(false, true)) {
                context.complete();
            }
        }
    }
}
