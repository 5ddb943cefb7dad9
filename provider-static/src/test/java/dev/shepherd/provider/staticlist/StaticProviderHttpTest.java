package dev.shepherd.provider.staticlist;

import static dev.shepherd.provider.staticlist.Lists.RACKS;
import static dev.shepherd.provider.staticlist.Lists.id;
import static dev.shepherd.provider.staticlist.Lists.ids;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.testkit.LogCapture;
import dev.shepherd.testkit.MutableClock;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class StaticProviderHttpTest {

    /** Where only a failure is expected. */
    private static final Duration SHORT = Duration.ofMillis(300);

    /** Where the server must get to answer in time, on a busy machine too. */
    private static final Duration ENOUGH = Duration.ofSeconds(3);

    private static final String OLD = "Tue, 01 Jan 2019 00:00:00 GMT";

    @RegisterExtension
    final LogCapture log = LogCapture.of(StaticProvider.class.getName());

    private final MutableClock clock = new MutableClock();
    private ListServer server;
    private StaticProvider provider;

    @BeforeEach
    void open() throws IOException {
        server = new ListServer();
        provider = StaticProvider.builder(RACKS, server.uri()).clock(clock).build();
    }

    @AfterEach
    void close() {
        provider.close();
        server.close();
        Lists.assertNoThreadIsLeft();
    }

    private void reopen(StaticProvider.Builder builder) {
        provider.close();
        provider = builder.clock(clock).build();
    }

    private void giveUpAfter(Duration timeout) {
        reopen(StaticProvider.builder(RACKS, server.uri()).timeout(timeout));
    }

    @Test
    void listsTheMachinesOfTheUrl() throws Exception {
        server.serve(Lists.of("a", "b"));

        assertThat(ids(provider)).containsExactly("a", "b");
        assertThat(header(0, "Accept")).containsExactly("application/json");
        assertThat(header(0, "Cache-control")).containsExactly("no-cache");
        assertThat(header(0, "If-none-match")).isEmpty();
        assertThat(header(0, "Upgrade")).isEmpty();
    }

    @Test
    void theQueryOfTheUrlReachesTheServer() throws Exception {
        server.behave(exchange -> {
            byte[] list = Lists.of(exchange.getRequestURI().getRawQuery()).getBytes(UTF_8);
            exchange.sendResponseHeaders(200, list.length);
            exchange.getResponseBody().write(list);
        });
        reopen(StaticProvider.builder(RACKS, server.uri("/machines?token=a%20b")));

        assertThat(ids(provider)).containsExactly("token=a%20b");
    }

    @ParameterizedTest
    @CsvSource({"'\"v1\"'", "'W/\"v1\"'"})
    void anUnchangedListIsSentOnce(String entityTag) throws Exception {
        server.serveTagged(Lists.of("a", "b"), entityTag);

        for (int i = 0; i < 3; i++) {
            assertThat(ids(provider)).containsExactly("a", "b");
        }
        assertThat(provider.getMachine(id("b")).id()).isEqualTo(id("b"));

        assertThat(server.requests).hasValue(4);
        assertThat(server.bodies).hasValue(1);
        assertThat(header(3, "If-none-match")).containsExactly(entityTag);
    }

    @Test
    void aChangedListIsSentAgain() throws Exception {
        server.serveTagged(Lists.of("a"), "\"v1\"");
        assertThat(ids(provider)).containsExactly("a");

        server.serveTagged(Lists.of("b"), "\"v2\"");

        assertThat(ids(provider)).containsExactly("b");
        assertThat(ids(provider)).containsExactly("b");
        assertThat(server.bodies).hasValue(2);
    }

    @Test
    void aModificationTimeServesWhereThereIsNoEntityTag() throws Exception {
        server.serveModified(Lists.of("a"), OLD);

        assertThat(ids(provider)).containsExactly("a");
        assertThat(ids(provider)).containsExactly("a");

        assertThat(server.bodies).hasValue(1);
        assertThat(header(1, "If-modified-since")).containsExactly(OLD);
    }

    @Test
    void aModificationTimeThatIsNotPastVouchesForNothing() throws Exception {
        String soon = DateTimeFormatter.RFC_1123_DATE_TIME.format(
                Instant.now().plusSeconds(3600).atOffset(ZoneOffset.UTC));
        server.serveModified(Lists.of("a"), soon);
        assertThat(ids(provider)).containsExactly("a");

        server.serveModified(Lists.of("b"), soon);

        assertThat(ids(provider)).containsExactly("b");
        assertThat(header(1, "If-modified-since")).isEmpty();
    }

    /** Such as nginx, whose entity tag is the modification time in whole seconds, and the size. */
    @Test
    void anEntityTagOfAFileThatWasJustModifiedVouchesForNothing() throws Exception {
        String now = DateTimeFormatter.RFC_1123_DATE_TIME.format(
                Instant.now().plusSeconds(3600).atOffset(ZoneOffset.UTC));
        server.serveTagged(Lists.of("a"), "\"5e0be100-1c\"", "Last-Modified", now);
        assertThat(ids(provider)).containsExactly("a");

        server.serveTagged(Lists.of("b"), "\"5e0be100-1c\"", "Last-Modified", now);

        assertThat(ids(provider)).containsExactly("b");
        assertThat(header(1, "If-none-match")).isEmpty();
    }

    @Test
    void aListWhoseServerOverlooksItsChangeIsReadAgainAfterTenMinutes() throws Exception {
        server.serveTagged(Lists.of("a"), "\"5e0be100-1c\"", "Last-Modified", OLD);
        assertThat(ids(provider)).containsExactly("a");
        server.serveTagged(Lists.of("b"), "\"5e0be100-1c\"", "Last-Modified", OLD);
        clock.advance(Duration.ofMinutes(9));
        assertThat(ids(provider)).containsExactly("a");

        clock.advance(Duration.ofMinutes(1));

        assertThat(ids(provider)).containsExactly("b");
        assertThat(ids(provider)).containsExactly("b");
        assertThat(server.bodies).hasValue(2);
    }

    @Test
    void aModificationTimeThatIsNoTimeIsPassedOver() throws Exception {
        server.serveModified(Lists.of("a"), "yesterday");

        assertThat(ids(provider)).containsExactly("a");
        assertThat(ids(provider)).containsExactly("a");

        assertThat(server.bodies).hasValue(2);
    }

    @Test
    void anEntityTagThatNoRequestMayHoldIsPassedOver() throws Exception {
        server.serve(Lists.of("a"), "ETag", "\"" + "x".repeat(5000) + "\"");

        assertThat(ids(provider)).containsExactly("a");
        assertThat(ids(provider)).containsExactly("a");

        assertThat(header(1, "If-none-match")).isEmpty();
    }

    @Test
    void aServerThatForgetsItsEntityTagIsReadEachTime() throws Exception {
        server.serveTagged(Lists.of("a"), "\"v1\"");
        provider.listMachines();
        server.serve(Lists.of("b"));
        assertThat(ids(provider)).containsExactly("b");

        assertThat(ids(provider)).containsExactly("b");

        assertThat(header(2, "If-none-match")).isEmpty();
    }

    @Test
    void unchangedWithoutHavingBeenAskedIsAFailure() {
        server.answer(304);

        assertFails(Reason.TRANSIENT, "the server says that it is unchanged, but was not asked that");
    }

    @Test
    void aMalformedListIsAskedForAgainUntilTheGoodOneIsBack() throws Exception {
        server.serveTagged(Lists.of("a"), "\"v1\"");
        provider.listMachines();

        server.serveTagged("[{}]", "\"v2\"");
        assertThat(ids(provider)).containsExactly("a");
        assertThat(ids(provider)).containsExactly("a");
        assertThat(server.bodies).as("the malformed one never counts as known").hasValue(3);
        assertThat(log.at("WARN")).singleElement().asString().contains("is malformed: entry 1 (line 1, column 2)");

        server.serveTagged(Lists.of("a"), "\"v1\"");
        assertThat(ids(provider)).containsExactly("a");
        assertThat(server.bodies).hasValue(3);
        assertThat(log.at("INFO")).last().asString().contains("can be read again");
    }

    @ParameterizedTest
    @CsvSource({
        "204, TRANSIENT, 'the server answered with status 204'",
        "206, TRANSIENT, 'the server answered with status 206'",
        "401, UNAUTHENTICATED, 'the server answered with status 401'",
        "403, UNAUTHENTICATED, 'the server answered with status 403'",
        "404, TRANSIENT, 'the server answered with status 404'",
        "407, TRANSIENT, 'the server answered with status 407'",
        "429, RATE_LIMITED, 'the server answered with status 429'",
        "500, TRANSIENT, 'the server answered with status 500'",
        "503, TRANSIENT, 'the server answered with status 503'",
        "300, TRANSIENT, 'the server answered with status 300, a redirection that is not followed'",
    })
    void everyOtherStatusIsAFailure(int status, Reason reason, String message) {
        server.answer(status);

        assertFails(reason, message);
    }

    @Test
    void aServerMaySayWhenToComeBack() {
        server.answer(429, "Retry-After", "17");

        assertThat(assertFails(Reason.RATE_LIMITED, "the server answered with status 429")
                        .retryAfter())
                .contains(Duration.ofSeconds(17));
    }

    @Test
    void aTimeToComeBackThatIsNoNumberIsPassedOver() {
        server.answer(429, "Retry-After", "-1");

        assertThat(assertFails(Reason.RATE_LIMITED, "the server answered with status 429")
                        .retryAfter())
                .isEmpty();
    }

    @Test
    void theEndlessPageOfAnErrorIsNotReceived() throws Exception {
        server.flood(500);

        assertFails(Reason.TRANSIENT, "the server answered with status 500");

        assertThat(server.hungUp.await(10, TimeUnit.SECONDS)).isTrue();
    }

    @Test
    void anEmptyBodyIsNotAnEmptyList() throws Exception {
        server.serve(Lists.of("a"));
        provider.listMachines();

        server.serve("");

        assertThat(ids(provider)).containsExactly("a");
        assertThat(log.at("WARN")).singleElement().asString().contains("is malformed: the document is empty");
    }

    @Test
    void aCompressedListIsRefusedByName() {
        server.serve("\u001f", "Content-Encoding", "gzip");

        assertFails(Reason.PERMANENT, "the server compressed it without being asked to (Content-Encoding)");
    }

    @Test
    void redirectionsAreFollowed() throws Exception {
        server.behave(exchange -> {
            if (exchange.getRequestURI().getPath().equals("/new")) {
                exchange.sendResponseHeaders(200, 2);
                exchange.getResponseBody().write("[]".getBytes(UTF_8));
            } else {
                exchange.getResponseHeaders().set("Location", "/new");
                exchange.sendResponseHeaders(307, -1);
            }
        });

        assertThat(ids(provider)).isEmpty();
    }

    @Test
    void redirectionsInACircleEnd() {
        server.answer(302, "Location", "/machines.json");

        assertFails(Reason.TRANSIENT, "the server answered with status 302, a redirection that is not followed");
    }

    @Test
    void aServerThatNeverAnswersIsGivenUp() {
        server.hang();
        giveUpAfter(SHORT);

        assertFails(Reason.TRANSIENT, "it did not arrive whole within 300 ms");
    }

    @Test
    void aServerThatNeverAcceptsIsGivenUp() throws Exception {
        try (ServerSocket silent = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            reopen(StaticProvider.builder(RACKS, URI.create("http://127.0.0.1:" + silent.getLocalPort() + "/"))
                    .timeout(SHORT));

            assertFails(Reason.TRANSIENT, "it did not arrive whole within 300 ms");
        }
    }

    @Test
    void aBodyThatNeverComesIsGivenUp() {
        server.hangAfterHeaders();
        giveUpAfter(SHORT);

        assertFails(Reason.TRANSIENT, "it did not arrive whole within 300 ms");
    }

    @Test
    void aBodyThatDripsIsGivenUpAndHungUpOn() throws Exception {
        server.drip();
        giveUpAfter(ENOUGH);

        assertFails(Reason.TRANSIENT, "it did not arrive whole within 3 s");

        assertThat(server.bytesSent.get()).as("something dripped").isPositive();
        assertThat(server.hungUp.await(10, TimeUnit.SECONDS)).isTrue();
    }

    @Test
    void afterATimeoutTheListIsReadAgain() throws Exception {
        server.serve(Lists.of("a"));
        giveUpAfter(ENOUGH);
        provider.listMachines();
        server.hangAfterHeaders();
        assertThat(ids(provider)).containsExactly("a");

        server.serve(Lists.of("b"));

        assertThat(ids(provider)).containsExactly("b");
    }

    @Test
    void anEndlessBodyIsCutOffAtItsLargestSize() throws Exception {
        server.flood(200);
        reopen(StaticProvider.builder(RACKS, server.uri()).maxSize(100_000));

        assertFails(Reason.PERMANENT, "it is larger than the 100000 bytes that the property \"max-size\" allows");

        assertThat(server.hungUp.await(10, TimeUnit.SECONDS)).isTrue();
    }

    @Test
    void aBodyOfExactlyTheLargestSizeIsTaken() throws Exception {
        String list = Lists.of("a", "b");
        server.serve(list);
        reopen(StaticProvider.builder(RACKS, server.uri()).maxSize(list.length()));
        assertThat(ids(provider)).containsExactly("a", "b");

        reopen(StaticProvider.builder(RACKS, server.uri()).maxSize(list.length() - 1));
        assertFails(
                Reason.PERMANENT,
                "it is larger than the " + (list.length() - 1) + " bytes that the property \"max-size\" allows");
    }

    @Test
    void aServerThatIsGoneLeavesTheLastGoodList() throws Exception {
        server.serve(Lists.of("a"));
        provider.listMachines();

        server.close();

        assertThat(ids(provider)).containsExactly("a");
        assertThat(ids(provider)).containsExactly("a");
        assertThat(log.at("WARN"))
                .containsExactly("provider racks: the list at " + server.uri()
                        + " cannot be read: its host refuses to connect; the list of 1 machines read at "
                        + clock.instant() + " stays in force");
    }

    @Test
    void aConnectionThatEndsInTheMiddleIsAFailure() {
        server.behave(exchange -> {
            exchange.sendResponseHeaders(200, 1000);
            exchange.getResponseBody().write('[');
            exchange.getResponseBody().flush();
            throw new IOException("hangs up");
        });

        assertThatExceptionOfType(ProviderException.class)
                .isThrownBy(provider::listMachines)
                .satisfies(e -> assertThat(e.reason()).isEqualTo(Reason.TRANSIENT))
                .withMessageStartingWith("the list at " + server.uri() + " cannot be read: ");
    }

    @Test
    void whatIsNotHttpIsAFailureAndHungUpOn() throws Exception {
        try (ServerSocket ssh = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            CompletableFuture<Void> hungUp = CompletableFuture.runAsync(() -> {
                try (Socket socket = ssh.accept()) {
                    socket.getOutputStream().write("SSH-2.0-OpenSSH_9.6\r\n\r\n".getBytes(UTF_8));
                    // Before JDK 21 an HTTP client cannot be made to hang up on this.
                    if (Runtime.version().feature() >= 21) {
                        socket.getInputStream().readAllBytes();
                    }
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
            reopen(StaticProvider.builder(RACKS, URI.create("http://127.0.0.1:" + ssh.getLocalPort() + "/")));

            assertFails(Reason.TRANSIENT, "the server's answer is none that HTTP knows");

            hungUp.get(10, TimeUnit.SECONDS);
        }
    }

    @Test
    void aHostWithoutAnAddressSaysSo() {
        reopen(StaticProvider.builder(RACKS, URI.create("http://no-such-host.invalid/machines.json")));

        assertFails(Reason.TRANSIENT, "the name of its host cannot be resolved");
    }

    @Test
    void manyLookupsOnADeadServerWaitForOneTimeoutOnly() throws Exception {
        server.serve(Lists.of("a"));
        giveUpAfter(ENOUGH);
        provider.listMachines();
        server.hang();

        for (int i = 0; i < 100; i++) {
            assertThat(provider.getMachine(id("a")).id()).isEqualTo(id("a"));
        }
        assertThat(server.requests).hasValue(2);

        server.answer(503);
        clock.advance(ENOUGH);
        provider.getMachine(id("a"));
        assertThat(server.requests)
                .as("asked again once the timeout has passed")
                .hasValue(3);

        provider.listMachines();
        assertThat(server.requests).as("a listing always asks").hasValue(4);
    }

    @Test
    void interruptionEndsTheCallAndTheRequest() throws Exception {
        server.drip();
        CompletableFuture<Throwable> thrown = new CompletableFuture<>();
        Thread caller = new Thread(() -> thrown.complete(catchThrowable(provider::listMachines)));
        caller.start();
        assertThat(server.arrived.await(10, TimeUnit.SECONDS)).isTrue();

        caller.interrupt();

        assertThat(thrown.get(5, TimeUnit.SECONDS)).isInstanceOf(InterruptedException.class);
        assertThat(server.hungUp.await(10, TimeUnit.SECONDS)).isTrue();
        server.serve(Lists.of("a"));
        assertThat(ids(provider)).containsExactly("a");
    }

    @Test
    void closingEndsACallWithoutWaitingForItsTimeout() throws Exception {
        server.hangAfterHeaders();
        CompletableFuture<Throwable> thrown = new CompletableFuture<>();
        new Thread(() -> thrown.complete(catchThrowable(provider::listMachines))).start();
        assertThat(server.arrived.await(10, TimeUnit.SECONDS)).isTrue();

        long start = System.nanoTime();
        provider.close();

        assertThat(thrown.get(5, TimeUnit.SECONDS))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("static provider racks (" + server.uri() + ") is closed");
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(3));
        Lists.assertNoThreadIsLeft();
    }

    @Test
    void closingLeavesTheListOfAListingAlone() throws Exception {
        server.serve(Lists.of("a"));
        provider.listMachines();
        assertThat(Lists.threads()).as("threads of the HTTP client").isNotEmpty();

        provider.close();

        Lists.assertNoThreadIsLeft();
        assertThat(log.at("WARN")).isEmpty();
    }

    @Test
    void callsFromSeveralThreadsAllGetTheList() throws Exception {
        server.serveTagged(Lists.of("a"), "\"v1\"");

        List<CompletableFuture<List<String>>> calls = IntStream.range(0, 20)
                .mapToObj(i -> CompletableFuture.supplyAsync(
                        () -> {
                            try {
                                return ids(provider);
                            } catch (InterruptedException e) {
                                throw new IllegalStateException(e);
                            }
                        },
                        command -> new Thread(command).start()))
                .toList();

        for (CompletableFuture<List<String>> call : calls) {
            assertThat(call.get(10, TimeUnit.SECONDS)).containsExactly("a");
        }
        assertThat(server.bodies).hasValue(1);
    }

    @Test
    void theQueryOfTheUrlIsNeverShown() throws Exception {
        StaticProvider.Builder secret = StaticProvider.builder(RACKS, server.uri("/machines.json?token=hunter2"));
        StringBuilder shown = new StringBuilder();
        for (Runnable behaviour : List.<Runnable>of(
                () -> server.answer(500),
                () -> server.answer(401, "WWW-Authenticate", "Basic realm=\"x\""),
                () -> server.serve("[{}]"),
                () -> server.answer(302, "Location", "http://127.0.0.1:" + server.port() + "/%zz?token=hunter2"),
                () -> server.answer(302, "Location", "ftp://127.0.0.1/?token=hunter2"),
                () -> server.answer(302, "Location", "http:///?token=hunter2"),
                () -> server.answer(302))) {
            reopen(secret);
            behaviour.run();
            shown.append(print(catchThrowable(provider::listMachines)));
            server.serve(Lists.of("a"));
            provider.listMachines();
            behaviour.run();
            provider.listMachines();
            shown.append(print(catchThrowable(() -> provider.getMachine(id("b")))));
        }
        server.close();
        provider.listMachines();
        shown.append(print(catchThrowable(() -> provider.getMachine(id("b")))));
        shown.append(provider);

        assertThat(shown).contains("ProviderException", server.uri().toString()).doesNotContain("hunter2");
        assertThat(log.text()).contains("stays in force").doesNotContain("hunter2");
    }

    @Test
    void aServerThatEchoesTheRequestDoesNotShowTheQueryEither() throws Exception {
        try (ServerSocket echo = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            CompletableFuture<Void> answered = CompletableFuture.runAsync(() -> {
                try (Socket socket = echo.accept()) {
                    byte[] request = new byte[8192];
                    int length = socket.getInputStream().read(request);
                    socket.getOutputStream().write(request, 0, length);
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
            URI uri = URI.create("http://127.0.0.1:" + echo.getLocalPort() + "/machines.json?token=hunter2");
            reopen(StaticProvider.builder(RACKS, uri));

            assertThat(print(catchThrowable(provider::listMachines)))
                    .contains("the server's answer is none that HTTP knows")
                    .doesNotContain("hunter2");
            answered.get(10, TimeUnit.SECONDS);
        }
    }

    private static String print(Throwable thrown) {
        assertThat(thrown).isInstanceOf(ProviderException.class);
        StringWriter text = new StringWriter();
        thrown.printStackTrace(new PrintWriter(text));
        return text.toString();
    }

    private ProviderException assertFails(Reason reason, String message) {
        Throwable thrown = catchThrowable(provider::listMachines);
        assertThat(thrown).isInstanceOf(ProviderException.class).hasMessageEndingWith(" cannot be read: " + message);
        ProviderException failure = (ProviderException) thrown;
        assertThat(failure.reason()).isEqualTo(reason);
        return failure;
    }

    private List<String> header(int request, String name) {
        Map<String, List<String>> headers = server.headers.get(request);
        return headers.getOrDefault(name, List.of());
    }
}
