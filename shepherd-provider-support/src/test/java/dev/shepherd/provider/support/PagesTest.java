package dev.shepherd.provider.support;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.shepherd.api.ProviderException;
import dev.shepherd.api.ProviderException.Reason;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class PagesTest {

    private final List<String> asked = new ArrayList<>();

    private void readAll(Map<String, String> nextOf) throws InterruptedException {
        Pages.readAll("the servers", marker -> {
            asked.add(marker);
            return nextOf.get(marker);
        });
    }

    private ProviderException failure(Pages.Reader reader) {
        return catchThrowableOfType(ProviderException.class, () -> Pages.readAll("the servers", reader));
    }

    @Test
    void pagesAreReadUntilNoneIsNamed() throws Exception {
        readAll(Map.of("", "b", "b", "c"));

        assertThat(asked).containsExactly("", "b", "c");
    }

    @Test
    void anEmptyMarkerIsTheEndToo() throws Exception {
        readAll(Map.of("", "b", "b", ""));

        assertThat(asked).containsExactly("", "b");
    }

    @Test
    void pagesThatLeadRoundInACircleAreAFailure() {
        ProviderException failure =
                catchThrowableOfType(ProviderException.class, () -> readAll(Map.of("", "b", "b", "c", "c", "b")));

        assertThat(failure.reason()).isEqualTo(Reason.TRANSIENT);
        assertThat(failure).hasMessageContaining("the servers").hasMessageContaining("read before");
        assertThat(asked).containsExactly("", "b", "c");
    }

    @Test
    void markersWithoutEndAreAFailure() {
        List<String> markers = new ArrayList<>();

        ProviderException failure = failure(marker -> {
            markers.add(marker);
            return markers.size() + "x".repeat(1_000_000);
        });

        assertThat(failure.reason()).isEqualTo(Reason.PERMANENT);
        assertThat(failure).hasMessage("the servers: what names the pages has more than 4194304 characters");
        assertThat(markers).hasSize(5);
    }

    @Test
    void pagesWithoutEndAreAFailure() {
        ProviderException failure =
                failure(marker -> marker.isEmpty() ? "1" : String.valueOf(Integer.parseInt(marker) + 1));

        assertThat(failure.reason()).isEqualTo(Reason.PERMANENT);
        assertThat(failure).hasMessage("the servers: there are more than 10000 pages");
    }

    @ParameterizedTest
    @EnumSource(
            value = Reason.class,
            names = {"NOT_FOUND", "CONFLICT", "PERMANENT"})
    void aLaterPageThatIsRefusedMeansThatTheListHasChanged(Reason reason) {
        ProviderException failure = failure(marker -> {
            if (marker.isEmpty()) {
                return "b";
            }
            throw new ProviderException(reason, "there is no b");
        });

        assertThat(failure.reason()).isEqualTo(Reason.TRANSIENT);
        assertThat(failure).hasMessageContaining("page 2").hasRootCauseMessage("there is no b");
    }

    @ParameterizedTest
    @EnumSource(Reason.class)
    void aRefusalOfTheFirstPageIsPassedOnAsItIs(Reason reason) {
        ProviderException refusal = new ProviderException(reason, "no");

        assertThat(failure(marker -> {
                    throw refusal;
                }))
                .isSameAs(refusal);
    }

    @ParameterizedTest
    @EnumSource(
            value = Reason.class,
            names = {"RATE_LIMITED", "UNAUTHENTICATED", "TRANSIENT"})
    void whatConcernsAnyPageIsPassedOnAsItIs(Reason reason) {
        ProviderException refusal = new ProviderException(reason, "no");

        assertThat(failure(marker -> {
                    if (marker.isEmpty()) {
                        return "b";
                    }
                    throw refusal;
                }))
                .isSameAs(refusal);
    }
}
