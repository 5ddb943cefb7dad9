package dev.shepherd.provider.support;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderException.Scope;
import dev.shepherd.provider.support.NoAnswerException.Why;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class HttpCallsTest {

    /** Where only a failure is expected. */
    private static final Duration SHORT = Duration.ofMillis(700);

    /** Where nothing waits for the limit, on a busy machine either. */
    private static final Duration ENOUGH = Duration.ofSeconds(60);

    private static final String PASSWORD = "hunter2 \"/+";
    private static final String HEAD = "HTTP/1.1 200 OK\r\n";

    private static SSLContext own;

    private final CallThreads threads = new CallThreads("test-calls");
    private final HttpCalls calls = calls(ENOUGH);
    private final HttpCalls hasty = calls(SHORT);

    @BeforeAll
    static void makeCertificate(@TempDir Path folder) throws Exception {
        own = Certificates.make(folder);
    }

    @AfterEach
    void close() {
        threads.close();
        assertThat(threadsOfTests()).isEmpty();
    }

    private static List<String> threadsOfTests() {
        return Thread.getAllStackTraces().keySet().stream()
                .map(Thread::getName)
                .filter(name -> name.startsWith("test-calls") || name.startsWith("HttpClient-"))
                .toList();
    }

    private HttpCalls calls(Duration limit) {
        return HttpCalls.builder("provider test", threads)
                .limit(limit)
                .basic("admin", PASSWORD)
                .build();
    }

    private static HttpRequest get(URI uri) {
        return HttpRequest.newBuilder(uri).build();
    }

    private static NoAnswerException noAnswer(HttpCalls calls, URI uri) {
        return catchThrowableOfType(NoAnswerException.class, () -> calls.send("asking", get(uri)));
    }

    @Test
    void anAnswerIsWhatTheServerSaid() throws Exception {
        try (Peer peer = Peer.saying(Peer.answer("202 Accepted\r\nLocation: /tasks/7\r\nX-A: b", "{\"a\": \"ü\"}"))) {
            HttpAnswer answer = calls.send(
                    "resetting",
                    HttpRequest.newBuilder(peer.uri("/systems/1/reset"))
                            .header("Content-Type", "application/json")
                            .POST(BodyPublishers.ofString("{}"))
                            .build());

            assertThat(answer.status()).isEqualTo(202);
            assertThat(answer.isSuccess()).isTrue();
            assertThat(answer.orThrow()).isSameAs(answer);
            assertThat(answer.text()).isEqualTo("{\"a\": \"ü\"}");
            assertThat(answer.header("x-a")).contains("b");
            assertThat(answer.uri().resolve(answer.header("location").orElseThrow()))
                    .isEqualTo(peer.uri("/tasks/7"));
            String basic = Base64.getEncoder().encodeToString(("admin:" + PASSWORD).getBytes(StandardCharsets.UTF_8));
            assertThat(peer.requests)
                    .singleElement()
                    .asString()
                    .startsWith("POST /systems/1/reset HTTP/1.1\r\n")
                    .contains("Authorization: Basic " + basic + "\r\n", "Content-Type: application/json\r\n")
                    .doesNotContain("Upgrade")
                    .endsWith("{}");
        }
    }

    @Test
    void nothingIsStartedBeforeTheFirstCall() throws Exception {
        assertThat(threadsOfTests()).isEmpty();
        try (Peer peer = Peer.saying(Peer.answer("204 No Content", ""))) {
            assertThat(calls.send("asking", get(peer.uri("/"))).body()).isEmpty();
            assertThat(threadsOfTests()).isNotEmpty();

            threads.close();

            assertThat(peer.isHungUpOn()).as("on the idle connection").isTrue();
            assertThat(catchThrowable(() -> calls.send("asking", get(peer.uri("/")))))
                    .isInstanceOf(CancellationException.class)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage("test-calls is closed");
        }
    }

    /** Where a server can stop, or go on for ever. */
    enum Phase {
        NO_HEAD((request, out, closed) -> {}),
        HALF_A_HEAD(Peer.forEver(HEAD + "X-A: b", "", 60_000)),
        A_HEAD_THAT_DRIPS(Peer.forEver(HEAD + "X-A: b", "c", 5)),
        A_BODY_THAT_NEVER_COMES(Peer.forEver(HEAD + "Content-Length: 100\r\n\r\n", "", 60_000)),
        HALF_A_BODY(Peer.forEver(HEAD + "Content-Length: 100\r\n\r\n{", "", 60_000)),
        A_BODY_THAT_DRIPS(Peer.forEver(HEAD + "\r\n", " ", 5)),
        CHUNKS_THAT_DRIP(Peer.forEver(HEAD + "Transfer-Encoding: chunked\r\n\r\n", "1\r\na\r\n", 5)),
        THE_SIZE_OF_A_CHUNK_THAT_DRIPS(Peer.forEver(HEAD + "Transfer-Encoding: chunked\r\n\r\n", "0", 5));

        private final Peer.Script script;

        Phase(Peer.Script script) {
            this.script = script;
        }

        Peer.Script script() {
            return script;
        }
    }

    @ParameterizedTest
    @EnumSource(Phase.class)
    void theLimitIsForTheWholeAnswerAndEndsItsConnection(Phase phase) throws Exception {
        try (Peer peer = Peer.start(phase.script)) {
            long begun = System.nanoTime();

            NoAnswerException failure = noAnswer(hasty, peer.uri("/"));

            assertThat(failure.why()).isEqualTo(Why.TOO_LATE);
            assertThat(failure.why().isSent()).isTrue();
            assertThat(failure.reason()).isEqualTo(Reason.TRANSIENT);
            assertThat(failure.scope()).isEqualTo(Scope.MACHINE);
            assertThat(failure).hasMessage("provider test: asking: no whole answer within 700 ms");
            assertThat(Duration.ofNanos(System.nanoTime() - begun)).isBetween(SHORT, Duration.ofSeconds(10));
            assertThat(peer.isHungUpOn()).isTrue();
        }
    }

    @ParameterizedTest
    @EnumSource(Phase.class)
    void anInterruptionEndsTheCallAndItsConnection(Phase phase) throws Exception {
        try (Peer peer = Peer.start(phase.script)) {
            CompletableFuture<Throwable> thrown = new CompletableFuture<>();
            Thread caller = begin(peer, thrown);

            caller.interrupt();

            assertThat(thrown.get(10, TimeUnit.SECONDS)).isInstanceOf(InterruptedException.class);
            assertThat(peer.isHungUpOn()).isTrue();
            peer.behave((request, out, closed) ->
                    out.write(Peer.answer("200 OK", "").getBytes(StandardCharsets.UTF_8)));
            assertThat(calls.send("asking", get(peer.uri("/"))).status()).isEqualTo(200);
        }
    }

    @ParameterizedTest
    @EnumSource(Phase.class)
    void closingTheThreadsEndsTheCallAndItsConnection(Phase phase) throws Exception {
        try (Peer peer = Peer.start(phase.script)) {
            CompletableFuture<Throwable> thrown = new CompletableFuture<>();
            begin(peer, thrown);

            threads.close();

            assertThat(thrown.get(10, TimeUnit.SECONDS))
                    .isInstanceOf(CancellationException.class)
                    .hasMessage("test-calls is closed");
            assertThat(peer.isHungUpOn()).isTrue();
        }
    }

    /** Makes a call on a thread of its own, and waits until its request has arrived. */
    private Thread begin(Peer peer, CompletableFuture<Throwable> thrown) throws InterruptedException {
        Thread caller =
                new Thread(() -> thrown.complete(catchThrowable(() -> calls.send("asking", get(peer.uri("/"))))));
        caller.start();
        assertThat(peer.arrived.await(10, TimeUnit.SECONDS)).isTrue();
        return caller;
    }

    @Test
    void anInterruptionWhileItConnectsEndsTheCallAndNothingIsSentLater() throws Exception {
        try (ServerSocket full = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            List<SocketChannel> others = fill(full);
            CompletableFuture<Throwable> thrown = new CompletableFuture<>();
            URI uri = URI.create("http://127.0.0.1:" + full.getLocalPort() + "/");
            Thread caller = new Thread(() -> thrown.complete(catchThrowable(() -> calls.send("asking", get(uri)))));
            caller.start();
            await().until(() -> caller.getState() == Thread.State.TIMED_WAITING);

            caller.interrupt();

            assertThat(thrown.get(10, TimeUnit.SECONDS)).isInstanceOf(InterruptedException.class);
            for (SocketChannel other : others) {
                other.close();
            }
            // A connection that is asked for again waits a second at first.
            full.setSoTimeout(3000);
            try {
                while (true) {
                    try (var accepted = full.accept()) {
                        assertThat(accepted.getInputStream().read()).isNegative();
                    }
                }
            } catch (SocketTimeoutException e) {
                // There is no connection left.
            }
        }
    }

    @Test
    void aHostThatTakesNoConnectionIsUnreachableHalfwayToTheLimit() throws Exception {
        try (ServerSocket full = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            List<SocketChannel> others = fill(full);

            NoAnswerException failure = noAnswer(hasty, URI.create("http://127.0.0.1:" + full.getLocalPort() + "/"));

            assertThat(failure.why()).isEqualTo(Why.UNREACHABLE);
            assertThat(failure.scope()).isEqualTo(Scope.PROVIDER);
            for (SocketChannel other : others) {
                other.close();
            }
        }
    }

    /** Connects to a server that accepts nothing until its queue has room for no more. */
    private static List<SocketChannel> fill(ServerSocket server) throws Exception {
        List<SocketChannel> channels = new ArrayList<>();
        boolean full = false;
        while (!full) {
            SocketChannel channel = SocketChannel.open();
            channel.configureBlocking(false);
            channel.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), server.getLocalPort()));
            channels.add(channel);
            long begun = System.nanoTime();
            boolean connected = false;
            while (!connected
                    && System.nanoTime() - begun < Duration.ofMillis(200).toNanos()) {
                connected = channel.finishConnect();
                Thread.onSpinWait();
            }
            full = !connected;
        }
        return channels;
    }

    @Test
    void aTlsHandshakeThatNeverEndsIsGivenUpAndHungUpOn() throws Exception {
        try (ServerSocket silent = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
            CompletableFuture<Integer> hungUp = CompletableFuture.supplyAsync(() -> {
                try (var socket = silent.accept()) {
                    return socket.getInputStream().readAllBytes().length;
                } catch (IOException e) {
                    return -1;
                }
            });

            NoAnswerException failure = noAnswer(hasty, URI.create("https://127.0.0.1:" + silent.getLocalPort() + "/"));

            assertThat(failure.why()).isIn(Why.TOO_LATE, Why.UNREACHABLE);
            hungUp.get(10, TimeUnit.SECONDS);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "http://no-such-host.invalid/, UNRESOLVED, the name of the host cannot be resolved",
        "http://127.0.0.1:1/, UNREACHABLE, the host cannot be reached: ConnectException",
    })
    void whatWasNotSentSaysSoAndConcernsTheProvider(URI uri, Why why, String words) {
        NoAnswerException failure = noAnswer(calls, uri);

        assertThat(failure.why()).isEqualTo(why);
        assertThat(failure.why().isSent()).isFalse();
        assertThat(failure.scope()).isEqualTo(Scope.PROVIDER);
        assertThat(failure).hasMessageStartingWith("provider test: asking: " + words);
    }

    @Test
    void anEndlessBodyIsCutOffAtItsLargestSizeAndHungUpOn() throws Exception {
        HttpCalls bounded = calls.toBuilder().maxBody(100_000).build();
        try (Peer peer = Peer.start(Peer.forEver(HEAD + "\r\n", " ".repeat(10_000), 0))) {
            NoAnswerException failure = noAnswer(bounded, peer.uri("/"));

            assertThat(failure.why()).isEqualTo(Why.TOO_LONG);
            assertThat(failure).hasMessage("provider test: asking: the answer is longer than 100000 bytes");
            assertThat(peer.isHungUpOn()).isTrue();
        }
    }

    @Test
    void aBodyOfExactlyTheLargestSizeIsTaken() throws Exception {
        try (Peer peer = Peer.saying(Peer.answer("200 OK", "x".repeat(100_000)))) {
            HttpCalls enough = calls.toBuilder().maxBody(100_000).build();
            assertThat(enough.send("asking", get(peer.uri("/"))).body()).hasSize(100_000);

            HttpCalls tooFew = calls.toBuilder().maxBody(99_999).build();
            assertThat(noAnswer(tooFew, peer.uri("/")).why()).isEqualTo(Why.TOO_LONG);
        }
    }

    /** A head that never ends, as fast as it is taken. */
    enum EndlessHead {
        HEADERS(HEAD, "X-A: " + "b".repeat(1000) + "\r\n"),
        ONE_HEADER(HEAD + "X-A: ", "b".repeat(1000)),
        ITS_FIRST_LINE("HTTP/1.1 200 ", "b".repeat(1000)),
        PRELIMINARIES("", "HTTP/1.1 103 Early Hints\r\nX-A: b\r\n\r\n"),
        BLANK_LINES("", "\r\n".repeat(500));

        private final Peer.Script script;

        EndlessHead(String first, String again) {
            script = Peer.forEver(first, again, 0);
        }
    }

    @ParameterizedTest
    @EnumSource(EndlessHead.class)
    void aHeadWithoutEndEndsAtTheClientsLimitOrAtOursAndIsHungUpOn(EndlessHead head) throws Exception {
        HttpCalls some = calls(Duration.ofSeconds(5));
        try (Peer peer = Peer.start(head.script)) {
            long begun = System.nanoTime();

            NoAnswerException failure = noAnswer(some, peer.uri("/"));

            assertThat(failure.why()).isIn(Why.NOT_HTTP, Why.TOO_LATE);
            assertThat(Duration.ofNanos(System.nanoTime() - begun)).isLessThan(Duration.ofSeconds(15));
            assertHungUpOnWhatIsNotHttp(peer);
        }
    }

    @Test
    void whatDoesNotSpeakHttpIsHungUpOnAndOtherCallsGoOn() throws Exception {
        CountDownLatch goOn = new CountDownLatch(1);
        try (Peer slow = Peer.start((request, out, closed) -> {
                    goOn.await();
                    out.write(Peer.answer("200 OK", "slow").getBytes(StandardCharsets.UTF_8));
                });
                Peer ssh = Peer.saying("SSH-2.0-OpenSSH_9.6\r\n\r\n")) {
            CompletableFuture<HttpAnswer> other = new CompletableFuture<>();
            new Thread(() -> other.completeAsync(() -> {
                        try {
                            return calls.send("waiting", get(slow.uri("/")));
                        } catch (InterruptedException e) {
                            throw new IllegalStateException(e);
                        }
                    }))
                    .start();
            assertThat(slow.arrived.await(10, TimeUnit.SECONDS)).isTrue();

            NoAnswerException failure = noAnswer(calls, ssh.uri("/"));

            assertThat(failure.why()).isEqualTo(Why.NOT_HTTP);
            assertThat(failure)
                    .hasMessage("provider test: asking: the answer is none that HTTP knows")
                    .hasNoCause();
            goOn.countDown();
            assertThat(other.get(10, TimeUnit.SECONDS).text()).isEqualTo("slow");
            assertHungUpOnWhatIsNotHttp(ssh);
            assertThat(calls.send("asking", get(slow.uri("/"))).text()).isEqualTo("slow");
        }
    }

    /** Before JDK 21 an HTTP client cannot be made to hang up on this. */
    private static void assertHungUpOnWhatIsNotHttp(Peer peer) throws InterruptedException {
        if (Runtime.version().feature() >= 21) {
            assertThat(peer.isHungUpOn()).isTrue();
        }
    }

    @Test
    void manyAnswersThatAreNotHttpLeaveNoThread() throws Exception {
        try (Peer ssh = Peer.saying("SSH-2.0-OpenSSH_9.6\r\n\r\n")) {
            long begun = System.nanoTime();
            for (int i = 0; i < 100; i++) {
                assertThat(noAnswer(calls, ssh.uri("/")).why()).isEqualTo(Why.NOT_HTTP);
            }
            assertThat(Duration.ofNanos(System.nanoTime() - begun))
                    .as("none waits for the end of its client")
                    .isLessThan(Duration.ofSeconds(45));
            assertHungUpOnWhatIsNotHttp(ssh);

            await().untilAsserted(() -> assertThat(threadsOfTests())
                    .filteredOn(name -> name.startsWith("HttpClient-"))
                    .isEmpty());
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
                "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
                "",
            })
    void anAnswerThatBreaksOffIsNone(String answer) throws Exception {
        try (Peer peer = Peer.start((request, out, closed) -> {
            out.write(answer.getBytes(StandardCharsets.UTF_8));
            out.close();
        })) {
            NoAnswerException failure = noAnswer(calls, peer.uri("/"));

            assertThat(failure.why()).isIn(Why.BROKEN, Why.NOT_HTTP);
            assertThat(failure.reason()).isEqualTo(Reason.TRANSIENT);
            assertThat(failure.scope()).isEqualTo(Scope.MACHINE);
        }
    }

    @Test
    void theEndlessPageOfAnErrorIsReceivedInPartAndHungUpOn() throws Exception {
        try (Peer peer = Peer.start(Peer.forEver("HTTP/1.1 401 No\r\n\r\n", "who are you? ".repeat(1000), 0))) {
            HttpAnswer answer = calls.send("asking", get(peer.uri("/")));

            assertThat(answer.status()).isEqualTo(401);
            assertThat(answer.body()).hasSize(16 * 1024);
            assertThat(answer.failure())
                    .hasMessageStartingWith("provider test: asking: status 401: who are you? who are you? ")
                    .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(600));
            assertThat(peer.isHungUpOn()).isTrue();
        }
    }

    @Test
    void anErrorIsAnErrorWhetherItsPageComesOrNot() throws Exception {
        try (Peer peer =
                Peer.start(Peer.forEver("HTTP/1.1 401 No\r\nContent-Length: 100\r\n\r\nwho are", "", 60_000))) {
            HttpAnswer answer = hasty.send("asking", get(peer.uri("/")));

            assertThat(answer.failure().reason()).isEqualTo(Reason.UNAUTHENTICATED);
            assertThat(answer.failure()).hasMessage("provider test: asking: status 401: who are");
            assertThat(peer.isHungUpOn()).isTrue();
        }
    }

    @Test
    void aRequestMayHaveLessTimeThanTheOthers() throws Exception {
        try (Peer peer = Peer.start(Phase.HALF_A_BODY.script)) {
            HttpRequest request =
                    HttpRequest.newBuilder(peer.uri("/")).timeout(SHORT).build();

            assertThat(catchThrowable(() -> calls.send("asking", request)))
                    .hasMessage("provider test: asking: no whole answer within 700 ms");
        }
    }

    /** A secret as a server that echoes what it was sent, or a page that it makes of it, shows it. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "hunter2 \"/+",
                "{\"password\": \"hunter2 \\\"/+\"}",
                "?password=hunter2+%22%2F%2B",
                "?password=hunter2%20%22%2F%2B",
                "Basic YWRtaW46aHVudGVyMiAiLys=",
                "Authorization: Basic YWRtaW46aHVudGVyMiAiLys",
                "Bearer hunter2 \"/+ and YWRtaW46aHVudGVyMiAiLys=",
            })
    void whatAServerSaysIsShownWithoutSecretsAndInOneLine(String secret) throws Exception {
        String body = "line\nINFO forged \u001b[31m" + secret + " " + "x".repeat(1000);
        try (Peer peer = Peer.saying(Peer.answer("403 " + secret, body));
                Peer echo = Peer.saying(secret + "\r\n\r\n");
                Peer chunks = Peer.saying(HEAD + "Transfer-Encoding: chunked\r\n\r\nzz" + secret + "\r\n")) {
            ProviderException refused = calls.send("asking", get(peer.uri("/"))).failure();

            assertThat(refused)
                    .hasMessageStartingWith("provider test: asking: status 403: line\\nINFO forged \\u001b[31m");
            for (Throwable failure :
                    List.of(refused, noAnswer(calls, echo.uri("/")), noAnswer(calls, chunks.uri("/")))) {
                StringWriter trace = new StringWriter();
                failure.printStackTrace(new PrintWriter(trace));
                assertThat(trace.toString()).doesNotContain("hunter2", "YWRtaW46aHVudGVyMiAiLys");
            }
            assertThat(calls.toString() + calls.send("asking", get(peer.uri("/"))))
                    .doesNotContain("hunter2");
        }
    }

    @Test
    void whatARequestCarriesOfItsOwnIsASecretToo() throws Exception {
        HttpCalls plain = HttpCalls.builder("provider test", threads).build();
        try (Peer peer = Peer.saying(Peer.answer("401 No", "the token t0ken is wrong"))) {
            HttpRequest request = HttpRequest.newBuilder(peer.uri("/"))
                    .header("Authorization", "Bearer t0ken")
                    .build();

            assertThat(plain.send("asking", request).failure())
                    .hasMessage("provider test: asking: status 401: the token *** is wrong");
        }
    }

    @Test
    void manyPeersShareAClientAndEachIsAskedOneThingAtATime() throws Exception {
        int peers = 20;
        CyclicBarrier together = new CyclicBarrier(peers);
        List<Peer> open = new ArrayList<>();
        List<CompletableFuture<HttpAnswer>> answers = new ArrayList<>();
        List<AtomicInteger> most = new ArrayList<>();
        for (int i = 0; i < peers; i++) {
            AtomicInteger running = new AtomicInteger();
            AtomicInteger mostHere = new AtomicInteger();
            most.add(mostHere);
            Peer peer = Peer.start((request, out, closed) -> {
                mostHere.accumulateAndGet(running.incrementAndGet(), Math::max);
                try {
                    together.await(30, TimeUnit.SECONDS);
                } catch (java.util.concurrent.BrokenBarrierException | java.util.concurrent.TimeoutException e) {
                    throw new IOException(e);
                }
                running.decrementAndGet();
                out.write(Peer.answer("200 OK", "").getBytes(StandardCharsets.UTF_8));
            });
            open.add(peer);
            HttpCalls bmc = calls.toBuilder()
                    .name("BMC " + i)
                    .gate(CallGate.of(1))
                    .scope(Scope.MACHINE)
                    .build();
            for (int j = 0; j < 3; j++) {
                answers.add(CompletableFuture.supplyAsync(
                        () -> {
                            try {
                                return bmc.send("asking", get(peer.uri("/")));
                            } catch (InterruptedException e) {
                                throw new IllegalStateException(e);
                            }
                        },
                        command -> new Thread(command).start()));
            }
        }
        for (CompletableFuture<HttpAnswer> answer : answers) {
            assertThat(answer.get(60, TimeUnit.SECONDS).status()).isEqualTo(200);
        }

        assertThat(most).extracting(AtomicInteger::get).containsOnly(1);
        assertThat(open).extracting(peer -> peer.requests.size()).containsOnly(3);
        assertThat(threadsOfTests().stream().filter(name -> name.startsWith("HttpClient-")))
                .as("clients")
                .hasSize(1);
        for (Peer peer : open) {
            peer.close();
        }
    }

    @Test
    void aCallWhoseTurnDoesNotComeInTimeIsNotSent() throws Exception {
        HttpCalls bmc =
                hasty.toBuilder().gate(CallGate.of(1)).scope(Scope.MACHINE).build();
        try (Peer peer = Peer.start(Phase.HALF_A_BODY.script)) {
            HttpCalls first = bmc.toBuilder().limit(ENOUGH).build();
            Thread caller = new Thread(() -> catchThrowable(() -> first.send("asking", get(peer.uri("/")))));
            caller.start();
            assertThat(peer.arrived.await(10, TimeUnit.SECONDS)).isTrue();

            ProviderException failure =
                    catchThrowableOfType(ProviderException.class, () -> bmc.send("resetting", get(peer.uri("/"))));

            assertThat(failure.reason()).isEqualTo(Reason.RATE_LIMITED);
            assertThat(failure.scope()).isEqualTo(Scope.MACHINE);
            assertThat(failure)
                    .hasMessage("provider test: resetting was not sent: 1 other call(s) took all the time it had");
            assertThat(peer.requests).hasSize(1);
            caller.interrupt();
            caller.join();
        }
    }

    @Test
    void anAnswerWithRetryAfterPausesTheGate() throws Exception {
        HttpCalls bmc = calls.toBuilder().gate(CallGate.of(1)).build();
        try (Peer peer = Peer.saying(Peer.answer("503 Busy\r\nRetry-After: 600", "busy"))) {
            ProviderException busy = bmc.send("asking", get(peer.uri("/"))).failure();
            assertThat(busy.reason()).isEqualTo(Reason.TRANSIENT);
            assertThat(busy.retryAfter()).contains(Duration.ofMinutes(10));

            ProviderException next =
                    catchThrowableOfType(ProviderException.class, () -> bmc.send("asking", get(peer.uri("/"))));

            assertThat(next.reason()).isEqualTo(Reason.RATE_LIMITED);
            assertThat(next.retryAfter().orElseThrow()).isBetween(Duration.ofMinutes(9), Duration.ofMinutes(10));
            assertThat(peer.requests).hasSize(1);
        }
    }

    @Test
    void aServerThatIsNotTrustedIsAskedNothing() throws Exception {
        try (Peer peer = Peer.start(own.getServerSocketFactory().createServerSocket(), (request, out, closed) -> {})) {
            NoAnswerException failure = noAnswer(calls, URI.create("https://127.0.0.1:" + peer.port() + "/"));

            assertThat(failure.why()).isEqualTo(Why.UNTRUSTED);
            assertThat(failure.why().isSent()).isFalse();
            assertThat(failure)
                    .hasMessageStartingWith(
                            "provider test: asking: there is no secure connection: SSLHandshakeException");
            assertThat(peer.requests).isEmpty();
        }
    }

    @Test
    void aClientWithTrustAndATlsVersionOfOnesOwnIsUsed() throws Exception {
        SSLParameters old = new SSLParameters();
        old.setProtocols(new String[] {"TLSv1.2"});
        HttpCalls trusting = calls.toBuilder()
                .client(HttpClient.newBuilder()
                        .version(HttpClient.Version.HTTP_1_1)
                        .sslContext(own)
                        .sslParameters(old))
                .build();
        try (Peer peer = Peer.start(
                own.getServerSocketFactory().createServerSocket(),
                (request, out, closed) ->
                        out.write(Peer.answer("200 OK", "secure").getBytes(StandardCharsets.UTF_8)))) {
            HttpAnswer answer = trusting.send("asking", get(URI.create("https://127.0.0.1:" + peer.port() + "/")));

            assertThat(answer.text()).isEqualTo("secure");
            threads.close();
            assertThat(peer.isHungUpOn()).isTrue();
        }
    }

    @Test
    void interruptionsAndGarbageAtAnyMomentLeaveNothing() throws Exception {
        try (Peer good = Peer.saying(Peer.answer("200 OK", "good"));
                Peer ssh = Peer.saying("SSH-2.0-OpenSSH_9.6\r\n\r\n")) {
            List<Thread> callers = IntStream.range(0, 8)
                    .mapToObj(i -> new Thread(() -> {
                        for (int j = 0; j < 25; j++) {
                            Peer peer = (i + j) % 3 == 0 ? ssh : good;
                            Throwable thrown = catchThrowable(() -> calls.send("asking", get(peer.uri("/"))));
                            if (thrown != null) {
                                assertThat(thrown).isInstanceOfAny(NoAnswerException.class, InterruptedException.class);
                            }
                        }
                    }))
                    .toList();
            callers.forEach(Thread::start);
            while (callers.stream().anyMatch(Thread::isAlive)) {
                callers.forEach(Thread::interrupt);
                callers.get(0).join(3);
            }

            assertThat(calls.send("asking", get(good.uri("/"))).text()).isEqualTo("good");
            await().untilAsserted(
                            () -> assertThat(threadsOfTests().stream().filter(name -> name.startsWith("HttpClient-")))
                                    .hasSizeLessThanOrEqualTo(1));
        }
    }

    @Test
    void settingsOutOfRangeAreRefusedByName() {
        for (Duration limit : List.of(Duration.ZERO, Duration.ofNanos(1), Duration.ofHours(2))) {
            assertThatExceptionOfType(ConfigurationException.class)
                    .isThrownBy(() -> calls.toBuilder().limit(limit).build())
                    .withMessageStartingWith("limit must be from 1 ms to 1 h, not ");
        }
        assertThatExceptionOfType(ConfigurationException.class)
                .isThrownBy(() -> calls.toBuilder().maxBody(0).build())
                .withMessage("maxBody must be from 1 to 1073741824 bytes, not 0");
    }

    // The short form.

    private HttpTarget at(Peer peer, String path, Object... values) {
        return calls.toBuilder().base(peer.uri("/api/")).build().at(path, values);
    }

    @Test
    void theShortFormSendsOneRequestBelowTheBase() throws Exception {
        try (Peer peer = Peer.saying(Peer.answer("200 OK", "{}"))) {
            at(peer, "/servers").get();
            at(peer, "/servers/{}", "a").delete();
            at(peer, "/servers/{}/claim", "a").put(() -> "{\"claim\": 1}".getBytes(StandardCharsets.UTF_8));
            at(peer, "/servers/{}", "a").patch(() -> new byte[] {'1'});
            at(peer, "/servers").post(() -> new byte[] {'2'});
            at(peer, "/servers/{}/{}", "a", "reboot").post();

            assertThat(peer.requests)
                    .extracting(request -> request.substring(0, request.indexOf(" HTTP")))
                    .containsExactly(
                            "GET /api/servers",
                            "DELETE /api/servers/a",
                            "PUT /api/servers/a/claim",
                            "PATCH /api/servers/a",
                            "POST /api/servers",
                            "POST /api/servers/a/reboot");
            assertThat(peer.requests.get(2))
                    .containsIgnoringCase("\r\nContent-Type: application/json\r\n")
                    .endsWith("\r\n\r\n{\"claim\": 1}");
            assertThat(peer.requests.get(5))
                    .containsIgnoringCase("\r\nContent-Length: 0\r\n")
                    .doesNotContainIgnoringCase("Content-Type");
        }
    }

    @ParameterizedTest
    @CsvSource({
        "a/b?c=d&e#f, a%2Fb%3Fc%3Dd%26e%23f",
        "' a b+*', %20a%20b%2B%2A",
        "%2e%2e, %252e%252e",
        "..;x, ..%3Bx",
        "\u00fc\ud83d\udc11, %C3%BC%F0%9F%90%91",
        "{}, %7B%7D"
    })
    void aValueStaysOneSegmentOfThePathAndOneValueOfTheQuery(String value, String sent) throws Exception {
        try (Peer peer = Peer.saying(Peer.answer("200 OK", ""))) {
            at(peer, "/servers/{}/claim?by={}", value, value).get();

            assertThat(peer.requests.get(0)).startsWith("GET /api/servers/" + sent + "/claim?by=" + sent + " HTTP");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"", ".", "..", "..."})
    void whatNoPathCanNameIsNotFoundAndNotAskedFor(String value) throws Exception {
        try (Peer peer = Peer.saying(Peer.answer("200 OK", ""))) {
            ProviderException failure =
                    catchThrowableOfType(ProviderException.class, () -> at(peer, "/servers/{}/claim", value));

            assertThat(failure.reason()).isEqualTo(Reason.NOT_FOUND);
            assertThat(peer.requests).isEmpty();
            // In a query it means nothing.
            at(peer, "/servers?after={}", value).get();
            assertThat(peer.requests.get(0)).startsWith("GET /api/servers?after=" + value + " HTTP");
        }
    }

    @Test
    void aPathThatDoesNotFitItsValuesIsAMistake() throws Exception {
        try (Peer peer = Peer.saying("")) {
            for (String path : List.of("servers/{}", "/servers", "/servers/{}/{}")) {
                assertThat(catchThrowable(() -> at(peer, path, "a")))
                        .isInstanceOf(IllegalArgumentException.class)
                        .hasMessageContaining(path);
            }
            assertThat(catchThrowable(() -> calls.at("/servers")))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("set base");
        }
    }

    @Test
    void theMessageOfTheShortFormNamesThePathAndNotTheQuery() throws Exception {
        try (Peer peer = Peer.saying(Peer.answer("404 Not Found", "gone"))) {
            assertThat(at(peer, "/servers?key={}", "k").get().failure().getMessage())
                    .contains("GET /api/servers: status 404: gone");
        }
    }

    @Test
    void aBodyThatCannotBeWrittenSaysNothingOfIt() throws Exception {
        try (Peer peer = Peer.saying("")) {
            Throwable failure = catchThrowable(() -> at(peer, "/servers").post(() -> {
                throw new IOException(PASSWORD);
            }));

            assertThat(failure)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("POST /api/servers: the request cannot be written (IOException)")
                    .hasNoCause();
            assertThat(peer.requests).isEmpty();
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "ftp://host/",
                "http:///path",
                "http:path",
                "http://hunter2@host/",
                "http://host/?hunter2",
                "http://host/#hunter2",
                "/path"
            })
    void aBaseIsAnHttpUrlOfAHost(String base) {
        assertThatExceptionOfType(ConfigurationException.class)
                .isThrownBy(() -> calls.toBuilder().base(URI.create(base)).build())
                .satisfies(e -> assertThat(e.property()).contains("base"))
                .withMessageNotContaining("hunter2");
    }

    @ParameterizedTest
    @ValueSource(strings = {"hunter2\n", "hunter2\r\nX: y", "hunter2\u0000", "hunter2\u0416"})
    void aTokenThatNoHeaderCanHoldIsRefusedAndNotShown(String token) {
        assertThatExceptionOfType(ConfigurationException.class)
                .isThrownBy(() -> calls.toBuilder().bearer(token).build())
                .satisfies(e -> assertThat(e.property()).contains("secretHeader"))
                .withMessageContaining("Authorization")
                .withMessageNotContaining("hunter2");
    }

    @Test
    void aBearerTokenIsSentAndHidden() throws Exception {
        try (Peer peer = Peer.start((request, out, closed) ->
                out.write(Peer.answer("500 Oops", request).getBytes(StandardCharsets.UTF_8)))) {
            HttpCalls bearing =
                    calls.toBuilder().base(peer.uri("")).bearer("to+ken").build();

            ProviderException failure = bearing.at("/x").get().failure();

            assertThat(peer.requests.get(0)).contains("Authorization: Bearer to+ken");
            assertThat(failure).hasMessageContaining("***").hasMessageNotContaining("to+ken");
        }
    }
}
