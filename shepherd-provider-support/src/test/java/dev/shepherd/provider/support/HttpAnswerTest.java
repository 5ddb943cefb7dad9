package dev.shepherd.provider.support;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import dev.shepherd.api.ProviderException.Scope;
import java.net.URI;
import java.net.http.HttpHeaders;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class HttpAnswerTest {

    private static final Clock NOON = Clock.fixed(Instant.parse("2030-01-01T12:00:00Z"), ZoneOffset.UTC);

    private static HttpHeaders retryAfter(String text) {
        return HttpHeaders.of(Map.of("Retry-After", List.of(text)), (name, value) -> true);
    }

    private static HttpAnswer answer(int status, String body, Scope scope) {
        return new HttpAnswer(
                "provider test: asking",
                URI.create("http://127.0.0.1/"),
                status,
                retryAfter("7"),
                body.getBytes(StandardCharsets.UTF_8),
                NOON,
                scope,
                Excerpts.hiding("hunter2"));
    }

    @ParameterizedTest
    @CsvSource({
        "0, PT0S",
        "17, PT17S",
        "' 17 ', PT17S",
        "86400, PT24H",
        "86401, PT24H",
        "999999999, PT24H",
        "'Tue, 01 Jan 2030 12:00:42 GMT', PT42S",
        "'Tue, 01 Jan 2030 12:00:00 GMT', PT0S",
        "'Tue, 01 Jan 2030 11:59:59 GMT', PT0S",
        "'Thu, 01 Jan 1970 00:00:00 GMT', PT0S",
        "'Thu, 03 Jan 2030 12:00:00 GMT', PT24H",
        "'Fri, 31 Dec 9999 23:59:59 GMT', PT24H",
    })
    void aTimeToComeBackIsSecondsOrADateAndBounded(String text, Duration expected) {
        for (int status : new int[] {408, 425, 429, 500, 503}) {
            assertThat(HttpAnswer.retryAfter(status, retryAfter(text), NOON)).contains(expected);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " ",
                "soon",
                "-5",
                "+5",
                "1.5",
                "0x10",
                "١",
                "1234567890",
                "18446744073709551615",
                "Wed, 99 Foo 2030",
                "Mon, 01 Jan 2030 12:00:42 GMT",
                "2030-01-01T12:00:42Z",
                "17, 18",
            })
    void aTimeToComeBackThatCannotBeReadIsNone(String text) {
        assertThat(HttpAnswer.retryAfter(429, retryAfter(text), NOON)).isEmpty();
    }

    @Test
    void otherStatusesDoNotAskToComeBack() {
        for (int status : new int[] {200, 301, 401, 404, 409, 422}) {
            assertThat(HttpAnswer.retryAfter(status, retryAfter("17"), NOON)).isEmpty();
        }
        assertThat(HttpAnswer.retryAfter(429, HttpHeaders.of(Map.of(), (name, value) -> true), NOON))
                .isEmpty();
    }

    @ParameterizedTest
    @CsvSource({
        "302, PERMANENT",
        "400, PERMANENT",
        "401, UNAUTHENTICATED",
        "403, UNAUTHENTICATED",
        "404, NOT_FOUND",
        "405, PERMANENT",
        "408, TRANSIENT",
        "409, CONFLICT",
        "410, PERMANENT",
        "422, PERMANENT",
        "425, TRANSIENT",
        "429, RATE_LIMITED",
        "500, TRANSIENT",
        "503, TRANSIENT",
        "599, TRANSIENT",
    })
    void aStatusThatIsNoSuccessIsTheFailureThatItMeans(int status, Reason reason) {
        HttpAnswer answer = answer(status, "what it says", Scope.PROVIDER);

        assertThat(answer.isSuccess()).isFalse();
        assertThatThrownBy(answer::orThrow)
                .isInstanceOf(ProviderException.class)
                .hasMessage("provider test: asking: status " + status + ": what it says")
                .satisfies(e -> assertThat(((ProviderException) e).reason()).isEqualTo(reason));
    }

    @Test
    void aStatusMayMeanSomethingElse() {
        ProviderException failure = answer(405, "", Scope.PROVIDER).failure(Reason.NOT_SUPPORTED);

        assertThat(failure.reason()).isEqualTo(Reason.NOT_SUPPORTED);
        assertThat(failure).hasMessage("provider test: asking: status 405");
        assertThat(failure.retryAfter()).isEmpty();
    }

    @Test
    void onlyWhatAllCallsWouldMeetConcernsMoreThanTheMachine() {
        for (int status : new int[] {401, 403, 429}) {
            assertThat(answer(status, "", Scope.PROVIDER).failure().scope()).isEqualTo(Scope.PROVIDER);
            assertThat(answer(status, "", Scope.MACHINE).failure().scope()).isEqualTo(Scope.MACHINE);
        }
        for (int status : new int[] {404, 409, 500}) {
            assertThat(answer(status, "", Scope.PROVIDER).failure().scope()).isEqualTo(Scope.MACHINE);
        }
        assertThat(answer(429, "", Scope.PROVIDER).failure().retryAfter())
                .isEqualTo(Optional.of(Duration.ofSeconds(7)));
    }

    @Test
    void itsTextShowsNothingOfTheBody() {
        assertThat(answer(200, "hunter2", Scope.PROVIDER))
                .hasToString("HttpAnswer[provider test: asking: status 200, 7 bytes]");
    }

    @Test
    void aBodyIsReadByAnyLibrary() {
        assertThat(answer(200, "text", Scope.PROVIDER).<String>read(body -> new String(body, StandardCharsets.UTF_8)))
                .isEqualTo("text");
    }

    @Test
    void aBodyThatCannotBeReadIsTransientAndItsTextIsNotShown() {
        HttpAnswer answer = answer(200, "hunter3", Scope.PROVIDER);
        List<HttpAnswer.BodyReader<String>> readers = List.of(
                body -> {
                    throw new java.io.IOException(new String(body, StandardCharsets.UTF_8));
                },
                body -> {
                    throw new IllegalArgumentException(new String(body, StandardCharsets.UTF_8));
                },
                body -> null);
        for (HttpAnswer.BodyReader<String> reader : readers) {
            assertThatThrownBy(() -> answer.read(reader))
                    .hasNoCause()
                    .hasMessageStartingWith("provider test: asking: status 200, but the answer cannot be read (")
                    .message()
                    .doesNotContain("hunter3");
            assertThatThrownBy(() -> answer.read(reader))
                    .satisfies(e -> assertThat(((ProviderException) e).reason()).isEqualTo(Reason.TRANSIENT));
        }
    }

    @Test
    void anErrorIsNotRead() {
        assertThatThrownBy(() -> answer(404, "gone", Scope.PROVIDER).read(body -> "read"))
                .satisfies(e -> assertThat(((ProviderException) e).reason()).isEqualTo(Reason.NOT_FOUND));
    }
}
