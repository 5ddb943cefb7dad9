package dev.shepherd.bmdb;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.operator.Operator;
import dev.shepherd.bmdb.operator.Statistics;
import dev.shepherd.bmdb.recovery.Recoveries;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import org.jooq.impl.DSL;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class EligibilityTest {

    @RegisterExtension
    static final TestDatabase db = new TestDatabase();

    private static final ProviderType PROVIDER = TestDatabase.PROVIDER;
    private static final Eligibility AGENT_START = Eligibility.agentStart(PROVIDER);
    private static final RecoveryPolicy WITHOUT_A_WAIT =
            RecoveryPolicy.builder().freezeReleaseAfter(Duration.ZERO).build();

    private enum Due {
        NOTHING,
        AGENT_START,
        RECOVERY
    }

    /** The life of a machine up to now, and what it is due for. */
    private enum Scenario {
        NEVER_STARTED(Due.AGENT_START),
        NOT_PROVIDED(Due.NOTHING) {
            @Override
            void arrange(UUID machine) throws SQLException {
                db.execute("delete from machine_provided");
            }
        },
        PROVIDED_BY_ANOTHER(Due.NOTHING) {
            @Override
            void arrange(UUID machine) throws SQLException {
                db.execute("update machine_provided set provider = 'test-2'");
            }
        },
        STARTED_RECENTLY(Due.NOTHING) {
            @Override
            void arrange(UUID machine) throws SQLException {
                started("29 minutes");
            }
        },
        STARTED_40_MINUTES_AGO_AND_NEVER_HEARD(Due.RECOVERY) {
            @Override
            void arrange(UUID machine) throws SQLException {
                started("40 minutes");
            }
        },
        HEARD_RECENTLY(Due.NOTHING) {
            @Override
            void arrange(UUID machine) throws SQLException {
                started("40 minutes");
                heard("9 minutes");
            }
        },
        SILENT(Due.RECOVERY) {
            @Override
            void arrange(UUID machine) throws SQLException {
                started("40 minutes");
                heard("11 minutes");
            }
        },
        SILENT_SOON_AFTER_ITS_START(Due.RECOVERY) {
            @Override
            void arrange(UUID machine) throws SQLException {
                started("20 minutes");
                heard("11 minutes");
            }
        },
        SILENT_AND_OF_ANOTHER_PROVIDER(Due.NOTHING) {
            @Override
            void arrange(UUID machine) throws SQLException {
                SILENT.arrange(machine);
                PROVIDED_BY_ANOTHER.arrange(machine);
            }
        },
        HEARD_BUT_NOT_STARTED(Due.AGENT_START) {
            @Override
            void arrange(UUID machine) throws SQLException {
                heard("11 minutes");
            }
        },
        INSTALLATION_REQUESTED(Due.AGENT_START) {
            @Override
            void arrange(UUID machine) throws SQLException {
                requested(1);
            }
        },
        INSTALLATION_REQUESTED_AND_SILENT(Due.RECOVERY) {
            @Override
            void arrange(UUID machine) throws SQLException {
                requested(1);
                SILENT.arrange(machine);
            }
        },
        OLDER_GENERATION_REPORTED(Due.AGENT_START) {
            @Override
            void arrange(UUID machine) throws SQLException {
                requested(2);
                reported(1, "Success");
            }
        },
        OLDER_GENERATION_REPORTED_AND_SILENT(Due.RECOVERY) {
            @Override
            void arrange(UUID machine) throws SQLException {
                OLDER_GENERATION_REPORTED.arrange(machine);
                SILENT.arrange(machine);
            }
        },
        INSTALLED(Due.NOTHING) {
            @Override
            void arrange(UUID machine) throws SQLException {
                requested(2);
                reported(2, "Success");
            }
        },
        INSTALLED_AND_SILENT_FOR_MONTHS(Due.NOTHING) {
            @Override
            void arrange(UUID machine) throws SQLException {
                INSTALLED.arrange(machine);
                started("91 days");
                heard("90 days");
            }
        },
        REPORTED_WITHOUT_A_REQUEST(Due.AGENT_START) {
            @Override
            void arrange(UUID machine) throws SQLException {
                reported(1, "Success");
            }
        },
        INSTALLATION_FAILED(Due.AGENT_START) {
            @Override
            void arrange(UUID machine) throws SQLException {
                requested(2);
                reported(2, "Error");
            }
        },
        INSTALLATION_FAILED_AND_SILENT(Due.RECOVERY) {
            @Override
            void arrange(UUID machine) throws SQLException {
                INSTALLATION_FAILED.arrange(machine);
                SILENT.arrange(machine);
            }
        },
        REQUESTED_ANEW_AFTER_A_FAILED_INSTALLATION(Due.AGENT_START) {
            @Override
            void arrange(UUID machine) throws SQLException {
                requested(3);
                reported(2, "Error");
            }
        },
        REQUESTED_ANEW_AFTER_A_SUCCESSFUL_INSTALLATION(Due.RECOVERY) {
            @Override
            void arrange(UUID machine) throws SQLException {
                INSTALLED_AND_SILENT_FOR_MONTHS.arrange(machine);
                db.execute("update machine_os_installation_request set generation = generation + 1");
            }
        };

        private final Due due;

        Scenario(Due due) {
            this.due = due;
        }

        void arrange(UUID machine) throws SQLException {}
    }

    @ParameterizedTest
    @EnumSource
    void aMachineIsDueForWhatItsLifeSays(Scenario scenario) throws Exception {
        UUID machine = db.providedMachine();
        scenario.arrange(machine);

        assertThat(due()).isEqualTo(scenario.due);
        Statistics statistics = Operator.of(db.bmdb()).statistics();
        // The statistics count over all providers.
        boolean elsewhere = scenario == Scenario.PROVIDED_BY_ANOTHER;
        boolean silentElsewhere = scenario == Scenario.SILENT_AND_OF_ANOTHER_PROVIDER;
        assertThat(statistics.waitingForAgentStart()).isEqualTo(scenario.due == Due.AGENT_START || elsewhere ? 1 : 0);
        assertThat(statistics.waitingForRecovery()).isEqualTo(scenario.due == Due.RECOVERY || silentElsewhere ? 1 : 0);
    }

    @Test
    void thereIsNoLifeInWhichNothingIsEverDueAgain() {
        // Only those that are installed, well, or somebody else's are due for nothing.
        assertThat(Arrays.stream(Scenario.values()).filter(scenario -> scenario.due == Due.NOTHING))
                .containsExactlyInAnyOrder(
                        Scenario.NOT_PROVIDED,
                        Scenario.PROVIDED_BY_ANOTHER,
                        Scenario.SILENT_AND_OF_ANOTHER_PROVIDER,
                        Scenario.STARTED_RECENTLY,
                        Scenario.HEARD_RECENTLY,
                        Scenario.INSTALLED,
                        Scenario.INSTALLED_AND_SILENT_FOR_MONTHS);
    }

    @Test
    void timeMakesAMachineDue() throws Exception {
        UUID machine = db.providedMachine();
        BmdbSession session = db.session();
        session.useTransaction(tx -> {
            tx.putAgentStarted(machine, new byte[32]);
        });

        assertThat(due()).isEqualTo(Due.NOTHING);
        db.advance(Duration.ofMinutes(29));
        assertThat(due()).isEqualTo(Due.NOTHING);
        db.advance(Duration.ofMinutes(2));
        assertThat(due()).isEqualTo(Due.RECOVERY);
        session.useTransaction(tx -> {
            tx.putAgentHeartbeat(machine);
        });
        assertThat(due()).isEqualTo(Due.NOTHING);
        db.advance(Duration.ofMinutes(9));
        assertThat(due()).isEqualTo(Due.NOTHING);
        db.advance(Duration.ofMinutes(2));
        assertThat(due()).isEqualTo(Due.RECOVERY);
    }

    @Test
    void theSpansOfSilenceAreSettings() throws Exception {
        db.providedMachine();
        started("3 minutes");
        BmdbSession session = db.session();

        assertThat(Recoveries.of(db.bmdb(), PROVIDER, silentAfter(Duration.ofMinutes(4)))
                        .claim(session, 1)
                        .work())
                .isEmpty();
        assertThat(Recoveries.of(db.bmdb(), PROVIDER, silentAfter(Duration.ofMinutes(2)))
                        .claim(session, 1)
                        .work())
                .hasSize(1);
    }

    @Test
    void recoveryIsClaimedWithItsLimitsAlone() throws Exception {
        UUID machine = db.providedMachine();
        started("3 hours");
        BmdbSession session = db.session();

        assertThatIllegalArgumentException()
                .isThrownBy(() -> session.claim(WorkProcess.RECOVERY, Eligibility.where(DSL.trueCondition()), 1))
                .withMessageContaining("only a recoverer, which keeps to its limits");
        assertThatIllegalArgumentException().isThrownBy(() -> session.claimMachine(WorkProcess.RECOVERY, machine));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> session.claimMachine(WorkProcess.RECOVERY, machine, "a note"));
        assertThat(db.rows("select process from work")).isEmpty();
    }

    private static RecoveryPolicy silentAfter(Duration start) {
        return RecoveryPolicy.builder()
                .silentAfterStart(start)
                .freezeReleaseAfter(Duration.ZERO)
                .build();
    }

    /** Claims for both and gives up again. Nothing may be due for both. */
    private static Due due() throws Exception {
        try (BmdbSession session = db.bmdb().startSession("test", "host")) {
            List<Work> started = session.claim(WorkProcess.AGENT_START, AGENT_START, 10);
            started.forEach(Work::close);
            List<Work> recovered = Recoveries.of(db.bmdb(), PROVIDER, WITHOUT_A_WAIT)
                    .claim(session, 10)
                    .work();
            recovered.forEach(Work::close);
            assertThat(started.size() + recovered.size()).isLessThanOrEqualTo(1);
            if (started.isEmpty() && recovered.isEmpty()) {
                return Due.NOTHING;
            }
            return recovered.isEmpty() ? Due.AGENT_START : Due.RECOVERY;
        }
    }

    private static void started(String ago) throws SQLException {
        db.execute("insert into machine_agent_started" + " select machine_id, now() - interval '" + ago
                + "', '\\x00' from machines");
    }

    private static void heard(String ago) throws SQLException {
        db.execute("insert into machine_agent_heartbeat" + " select machine_id, now() - interval '" + ago
                + "' from machines");
    }

    private static void requested(long generation) throws SQLException {
        db.execute(
                "insert into machine_os_installation_request select machine_id, ?, '\\x00' from machines", generation);
    }

    private static void reported(long generation, String result) throws SQLException {
        db.execute(
                "insert into machine_os_installation_report select machine_id, ?, ?, '\\x00' from machines",
                generation,
                result);
    }
}
