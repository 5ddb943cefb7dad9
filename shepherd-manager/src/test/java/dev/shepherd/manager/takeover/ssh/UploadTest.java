package dev.shepherd.manager.takeover.ssh;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class UploadTest {

    @ParameterizedTest
    @CsvSource({
        "0, 32768, 16",
        "20, 32768, 16",
        "30, 32768, 23",
        "50, 32768, 39",
        "84, 32768, 64",
        "3000, 32768, 64",
        "20, 8192, 62",
        "2, 1, 64"
    })
    void asMuchIsOnItsWayAsTheDistanceOfTheHostNeeds(long roundTripMillis, int chunk, int unconfirmed) {
        assertThat(Upload.unconfirmed(roundTripMillis * 1_000_000, chunk)).isEqualTo(unconfirmed);
    }
}
