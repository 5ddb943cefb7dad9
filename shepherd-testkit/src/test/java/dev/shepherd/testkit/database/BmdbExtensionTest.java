package dev.shepherd.testkit.database;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.shepherd.bmdb.Bmdb;
import java.time.Duration;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class BmdbExtensionTest {

    @RegisterExtension
    static final BmdbExtension database = BmdbExtension.create();

    private static final Set<String> URLS = new HashSet<>();

    @AfterEach
    void note() {
        URLS.add(database.jdbcUrl());
    }

    @AfterAll
    static void allTestsHadOneDatabase() {
        assertThat(URLS).hasSize(1);
    }

    @Test
    void theClassHasADatabase(Bmdb bmdb) throws Exception {
        assertThat(bmdb).isSameAs(database.bmdb());
        assertThat(bmdb.providedMachines()).isEmpty();
    }

    @Test
    void timeMovesForAllThatHaveItOpen() throws Exception {
        Bmdb another = database.openAnother();
        Duration before = Duration.between(database.bmdb().now(), another.now());

        database.advance(Duration.ofHours(1));

        assertThat(before.abs()).isLessThan(Duration.ofMinutes(1));
        assertThat(Duration.between(database.bmdb().now(), another.now()).abs()).isLessThan(Duration.ofMinutes(1));
    }

    @Test
    void outsideOfATestThereIsNone() {
        assertThatThrownBy(() -> BmdbExtension.create().bmdb())
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("there is a database only while a test runs");
    }

    @Nested
    class Inside {
        @Test
        void aNestedClassHasTheSame(Bmdb bmdb) throws Exception {
            assertThat(bmdb.providedMachines()).isEmpty();
        }
    }

    @Nested
    class AndAgain {
        @Test
        void andSoHasTheNext(Bmdb bmdb) throws Exception {
            assertThat(bmdb.providedMachines()).isEmpty();
        }
    }
}
