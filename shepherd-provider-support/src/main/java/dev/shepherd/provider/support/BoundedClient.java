package dev.shepherd.provider.support;

import java.io.IOException;
import java.net.Authenticator;
import java.net.CookieHandler;
import java.net.ProxySelector;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandler;
import java.net.http.HttpResponse.BodySubscriber;
import java.net.http.HttpResponse.PushPromiseHandler;
import java.net.http.HttpResponse.ResponseInfo;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import java.util.concurrent.Flow;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSession;
import org.jspecify.annotations.Nullable;

/**
 * A client that has received the whole body, of a bounded size, before it hands on any of it. Generated clients read
 * streams without a limit, and such a stream takes no heed of interruption on JDK 17: its reader would hang for ever.
 */
final class BoundedClient extends HttpClient {

    private final HttpClient client;
    private final int maxBody;

    BoundedClient(HttpClient client, int maxBody) {
        this.client = client;
        this.maxBody = maxBody;
    }

    @Override
    public <T> HttpResponse<T> send(HttpRequest request, BodyHandler<T> handler)
            throws IOException, InterruptedException {
        HttpResponse<byte[]> whole = client.send(request, this::body);
        try {
            return answer(whole, handler);
        } catch (CompletionException e) {
            throw new IOException(e.getCause());
        }
    }

    @Override
    public <T> CompletableFuture<HttpResponse<T>> sendAsync(HttpRequest request, BodyHandler<T> handler) {
        CompletableFuture<HttpResponse<byte[]>> whole = client.sendAsync(request, this::body);
        CompletableFuture<HttpResponse<T>> answer = whole.thenApply(received -> answer(received, handler));
        answer.whenComplete((received, failure) -> whole.cancel(true));
        return answer;
    }

    /** HTTP/2 may push what was not asked for: nothing of it is accepted. */
    @Override
    public <T> CompletableFuture<HttpResponse<T>> sendAsync(
            HttpRequest request, BodyHandler<T> handler, @Nullable PushPromiseHandler<T> pushes) {
        return sendAsync(request, handler);
    }

    /** What is compressed has no bound that is worth anything, and generated clients decompress whatever comes. */
    private BoundedBody body(ResponseInfo head) {
        boolean encoded = head.headers().allValues("Content-Encoding").stream()
                .anyMatch(encoding -> !encoding.strip().equalsIgnoreCase("identity"));
        return encoded ? BoundedBody.refused("the answer is compressed (Content-Encoding)") : BoundedBody.upTo(maxBody);
    }

    private static <T> HttpResponse<T> answer(HttpResponse<byte[]> whole, BodyHandler<T> handler) {
        BodySubscriber<T> subscriber = handler.apply(new Head(whole.statusCode(), whole.headers(), whole.version()));
        subscriber.onSubscribe(new Flow.Subscription() {
            @Override
            public void request(long n) {}

            @Override
            public void cancel() {}
        });
        if (whole.body().length > 0) {
            subscriber.onNext(List.of(ByteBuffer.wrap(whole.body()).asReadOnlyBuffer()));
        }
        subscriber.onComplete();
        return new Answer<>(whole, subscriber.getBody().toCompletableFuture().join());
    }

    private record Head(int statusCode, HttpHeaders headers, Version version) implements ResponseInfo {}

    private record Answer<T>(
            HttpResponse<byte[]> whole, @Nullable T body) implements HttpResponse<T> {

        @Override
        public int statusCode() {
            return whole.statusCode();
        }

        @Override
        public HttpRequest request() {
            return whole.request();
        }

        @Override
        public Optional<HttpResponse<T>> previousResponse() {
            return whole.previousResponse().map(previous -> new Answer<>(previous, null));
        }

        @Override
        public HttpHeaders headers() {
            return whole.headers();
        }

        @Override
        public Optional<SSLSession> sslSession() {
            return whole.sslSession();
        }

        @Override
        public URI uri() {
            return whole.uri();
        }

        @Override
        public Version version() {
            return whole.version();
        }
    }

    @Override
    public Optional<CookieHandler> cookieHandler() {
        return client.cookieHandler();
    }

    @Override
    public Optional<Duration> connectTimeout() {
        return client.connectTimeout();
    }

    @Override
    public Redirect followRedirects() {
        return client.followRedirects();
    }

    @Override
    public Optional<ProxySelector> proxy() {
        return client.proxy();
    }

    @Override
    public SSLContext sslContext() {
        return client.sslContext();
    }

    @Override
    public SSLParameters sslParameters() {
        return client.sslParameters();
    }

    @Override
    public Optional<Authenticator> authenticator() {
        return client.authenticator();
    }

    @Override
    public Version version() {
        return client.version();
    }

    @Override
    public Optional<Executor> executor() {
        return client.executor();
    }
}
