package dev.shepherd.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LabelsTest {

    private static final ProviderID ID = new ProviderID("m-1");

    @ParameterizedTest
    @ValueSource(strings = {"rack", "R", "7", "a-b_c.d", "example.com/rack", "a/b", "x--y", "a1.b-2.c/Z"})
    void takesKeysOfTheField(String key) {
        assertThat(Labels.copyOf(Map.of(key, ""))).containsEntry(key, "");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "", "-a", "a-", "_a", "a.", "a b", "a=b", "a,b", "ä", "/a", "a/", "a/b/c", "A/b", "a..b/c", "-a/b",
                "a\n", "a\0b", "\ud83d", "a!"
            })
    void refusesOtherKeys(String key) {
        assertThat(Labels.problemOfKey(key)).isPresent();
        assertThatThrownBy(() -> Labels.copyOf(Map.of(key, "a"))).isInstanceOf(IllegalArgumentException.class);
    }

    @ParameterizedTest
    @ValueSource(strings = {"-a", "a-", "a b", "a=b", "a,b", "a/b", "ü", " ", "a\n"})
    void refusesValuesThatAreNone(String value) {
        assertThatThrownBy(() -> Labels.copyOf(Map.of("a", value)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("the label a has the value");
    }

    @Test
    void isBounded() {
        String name = "n".repeat(Labels.LONGEST_NAME);
        String prefix = "p".repeat(Labels.LONGEST_PREFIX);
        assertThat(Labels.copyOf(Map.of(prefix + "/" + name, name))).hasSize(1);
        assertThat(Labels.problemOfKey(name + "n")).isPresent();
        assertThat(Labels.problemOfKey(prefix + "p/" + name)).isPresent();
        assertThat(Labels.problem("a", name + "n")).isPresent();
        assertThatThrownBy(() -> Labels.copyOf(many(Labels.MOST + 1)))
                .hasMessageContaining("at most 64 labels, not 65");
    }

    private static Map<String, String> many(int count) {
        Map<String, String> labels = new HashMap<>();
        for (int i = 0; i < count; i++) {
            labels.put("key-" + i, "v");
        }
        return labels;
    }

    @Test
    void aMachineHasThemInOrderAndUnchangeable() {
        Map<String, String> given = new HashMap<>(Map.of("b", "2", "a", "1", "c", ""));
        MachineInfo machine =
                MachineInfo.builder(ID, Availability.KNOWN_UNUSED).labels(given).build();
        given.put("d", "later");

        assertThat(machine.labels().keySet()).containsExactly("a", "b", "c");
        assertThat(machine.toBuilder().build()).isEqualTo(machine);
        assertThatThrownBy(() -> machine.labels().put("x", "y")).isInstanceOf(UnsupportedOperationException.class);
        assertThatThrownBy(() -> MachineInfo.builder(ID, Availability.KNOWN_UNUSED)
                        .labels(Map.of("a b", "c"))
                        .build())
                .hasMessageContaining("machine m-1: the label key \"a b\"");
    }

    @Test
    void whatBreaksARuleIsLeftOutWhereThatIsAskedFor() {
        Map<String, String> said = new HashMap<>(many(Labels.MOST + 3));
        said.put("bad key", "v");
        said.put("key", null);
        said.put(null, "v");
        Machine machine = new Machine() {
            @Override
            public ProviderID id() {
                return ID;
            }

            @Override
            public java.util.Optional<java.net.InetAddress> address() {
                return java.util.Optional.empty();
            }

            @Override
            public Availability availability() {
                return Availability.KNOWN_UNUSED;
            }

            @Override
            public Map<String, String> labels() {
                return said;
            }
        };
        List<String> passedOver = new ArrayList<>();

        MachineInfo copy = MachineInfo.copyOf(machine, passedOver::add);

        assertThat(copy.labels()).hasSize(Labels.MOST);
        assertThat(passedOver).hasSize(6);
        assertThat(passedOver).anyMatch(why -> why.contains("\"bad key\""));
        assertThat(MachineInfo.builder(ID, Availability.KNOWN_UNUSED)
                        .labels(Map.of("a", "b", "c", "-"))
                        .buildFromWhatFits()
                        .labels())
                .isEqualTo(Map.of("a", "b"));
    }
}
