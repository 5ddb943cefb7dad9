package dev.shepherd.bmdb;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.jooq.impl.DSL;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WorkBackoffTest {

    @RegisterExtension
    static final TestDatabase db = new TestDatabase();

    private static final WorkProcess PROCESS = new WorkProcess("UnitTest1");
    private static final WorkProcess OTHER = new WorkProcess("UnitTest2");
    private static final Eligibility ANY = Eligibility.where(DSL.trueCondition());
    private static final Duration MINUTE = Duration.ofMinutes(1);

    @Test
    void aMachineIsLeftAloneUntilItsBackoffIsOver() throws Exception {
        db.machine();
        BmdbSession session = db.session();
        claim(session).fail(withoutJitter(), "of a test");

        assertThat(session.claim(PROCESS, ANY, 1)).isEmpty();
        db.advance(Duration.ofSeconds(55));
        assertThat(session.claim(PROCESS, ANY, 1)).isEmpty();
        db.advance(Duration.ofSeconds(5));
        assertThat(session.claim(PROCESS, ANY, 1)).hasSize(1);
    }

    @Test
    void otherProcessesAreNotBackedOff() throws Exception {
        db.machine();
        BmdbSession session = db.session();
        claim(session).fail(withoutJitter(), "of a test");

        assertThat(session.claim(OTHER, ANY, 1)).hasSize(1);
    }

    @Test
    void eachFailureLengthensTheBackoffAndFinishingClearsIt() throws Exception {
        UUID machine = db.machine();
        BmdbSession session = db.session();
        Backoff backoff = Backoff.builder()
                .initial(MINUTE)
                .exponent(1.1)
                .maximum(MINUTE.multipliedBy(2))
                .build();
        List<Long> periods = new ArrayList<>();

        for (int i = 0; i < 9; i++) {
            periods.add(claim(session).fail(backoff, "failure " + i).toSeconds());
            db.advance(Duration.ofMinutes(5));
        }

        assertThat(periods).containsExactly(60L, 66L, 73L, 81L, 90L, 99L, 109L, 120L, 120L);
        assertThat(db.rows("select last_interval_seconds, cause from work_backoff"))
                .containsExactly("120|failure 8");
        assertThat(db.history(machine)).hasSize(18).endsWith("UnitTest1|Failed|failure 8");

        claim(session).finish();
        assertThat(db.rows("select * from work_backoff")).isEmpty();
        assertThat(claim(session).fail(backoff, "again")).isEqualTo(MINUTE);
    }

    @Test
    void givingUpLeavesTheBackoffAsItWas() throws Exception {
        db.machine();
        BmdbSession session = db.session();
        claim(session).fail(withoutJitter(), "of a test");
        db.advance(MINUTE);

        claim(session).close();

        assertThat(db.rows("select last_interval_seconds, cause from work_backoff"))
                .containsExactly("60|of a test");
    }

    @Test
    void jitterIsAddedToTheTimeAndNotToThePeriod() throws Exception {
        db.providedMachines(40);
        BmdbSession session = db.session();
        Backoff backoff = Backoff.builder().initial(MINUTE).jitter(0.5).build();

        for (Work work : session.claim(PROCESS, ANY, 40)) {
            assertThat(work.fail(backoff, "of a test")).isEqualTo(MINUTE);
        }

        assertThat(db.rows("select distinct last_interval_seconds from work_backoff"))
                .containsExactly("60");
        assertThat(db.number("select count(distinct until) from work_backoff")).isGreaterThan(30);
        // The time of the failure is in the history; a moment passes between the start of a transaction and that.
        String waits = "(select until - \"timestamp\" as waits from work_backoff"
                + " join work_history using (machine_id) where event = 'Failed') as w";
        assertThat(db.number("select count(*) from " + waits + " where waits between '55 s' and '90 s'"))
                .isEqualTo(40);
        assertThat(db.number("select count(*) from " + waits + " where waits > '65 s'"))
                .isPositive();
    }

    @Test
    void aHundredYearsAreNotTooLong() throws Exception {
        UUID machine = db.machine();
        BmdbSession session = db.session();

        claim(session)
                .fail(
                        Backoff.builder()
                                .initial(Duration.ofDays(36_500))
                                .jitter(1)
                                .build(),
                        "of a test");

        assertThat(db.bmdb().machine(machine).orElseThrow().backoffs())
                .singleElement()
                .satisfies(backoff -> {
                    assertThat(backoff.process()).isEqualTo(PROCESS);
                    assertThat(backoff.lastIntervalSeconds()).isEqualTo(36_500L * 86_400);
                    assertThat(backoff.cause()).isEqualTo("of a test");
                    assertThat(backoff.until()).isAfter(db.bmdb().now().plus(Duration.ofDays(36_499)));
                });
    }

    @Test
    void theKindOfTheLastCauseIsKept() throws Exception {
        UUID machine = db.machine();
        BmdbSession session = db.session();

        claim(session).fail(withoutJitter(), new Work.Cause("unreachable", "no route"));
        assertThat(kind(machine)).isEqualTo("unreachable");

        db.advance(Duration.ofHours(1));
        claim(session).fail(withoutJitter(), "of a test");
        assertThat(kind(machine)).isEqualTo("other");
    }

    private String kind(UUID machine) throws InterruptedException {
        return db.bmdb().machine(machine).orElseThrow().backoffs().get(0).kind();
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "Unreachable", "no route", "1st", "a-b", "x234567890123456789012345678901234567890x"})
    void aKindIsAWord(String kind) {
        assertThatThrownBy(() -> new Work.Cause(kind, "text"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("\"" + kind + "\"");
    }

    @Test
    @SuppressWarnings("NullAway") // As from a caller who checks nothing.
    void aFailureNeedsABackoffAndACause() throws Exception {
        db.machine();
        Work work = claim(db.session());

        assertThatThrownBy(() -> work.fail(null, "cause")).isInstanceOf(NullPointerException.class);
        assertThatThrownBy(() -> work.fail(withoutJitter(), (Work.Cause) null))
                .isInstanceOf(NullPointerException.class);

        work.finish();
    }

    private static Backoff withoutJitter() {
        return Backoff.builder().initial(MINUTE).jitter(0).build();
    }

    private static Work claim(BmdbSession session) throws InterruptedException {
        List<Work> claimed = session.claim(PROCESS, ANY, 1);
        assertThat(claimed).hasSize(1);
        return claimed.get(0);
    }
}
