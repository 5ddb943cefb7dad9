package dev.shepherd.provider.staticlist;

import static org.assertj.core.api.Assertions.assertThat;

import dev.shepherd.api.ProviderID;
import dev.shepherd.api.ProviderType;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** Lists, and what the tests ask of those who read them. */
public final class Lists {

    static final ProviderType RACKS = new ProviderType("racks");

    private Lists() {}

    /** A good list of machines with these ids, at 10.0.0.1 and up. */
    public static String of(String... ids) {
        return IntStream.range(0, ids.length)
                .mapToObj(i -> "{\"ID\": \"%s\", \"Addr\": \"10.0.0.%d\"}".formatted(ids[i], i + 1))
                .collect(Collectors.joining(",\n", "[", "]"));
    }

    static List<String> ids(StaticProvider provider) throws InterruptedException {
        return provider.listMachines().stream()
                .map(machine -> machine.id().value())
                .toList();
    }

    static ProviderID id(String value) {
        return new ProviderID(value);
    }

    /** The threads that live on behalf of the provider of the type {@link #RACKS}. */
    static List<Thread> threads() {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getThreadGroup() != null)
                .filter(thread -> thread.getThreadGroup().getName().equals("shepherd-provider-racks"))
                .toList();
    }

    public static void assertNoThreadIsLeft() {
        assertThat(threads()).as("threads of the provider").isEmpty();
        assertThat(Thread.getAllStackTraces().keySet())
                .extracting(Thread::getName)
                .noneMatch(name -> name.startsWith("HttpClient-"));
    }
}
