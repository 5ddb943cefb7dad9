package dev.shepherd.testkit.contract;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.Provider;
import dev.shepherd.api.ProviderConfig;
import dev.shepherd.api.ProviderFactory;
import dev.shepherd.api.ProviderProperty;
import dev.shepherd.api.ProviderProperty.Type;
import dev.shepherd.api.ProviderType;
import dev.shepherd.testkit.provider.FakeProvider;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.slf4j.LoggerFactory;

/** For each rule on factories at least one that breaks it. */
final class BrokenFactories {

    /** A way to break a rule. */
    record Broken(Rule rule, String how, Supplier<ProviderFactory> maker) {
        @Override
        public String toString() {
            return rule + ": " + how;
        }
    }

    private static final Map<Rule, List<Broken>> ALL = new EnumMap<>(Rule.class);

    private BrokenFactories() {}

    static List<Broken> of(Rule rule) {
        return ALL.getOrDefault(rule, List.of());
    }

    private static void add(Rule rule, String how, Supplier<ProviderFactory> maker) {
        ALL.computeIfAbsent(rule, key -> new ArrayList<>()).add(new Broken(rule, how, maker));
    }

    private static List<ProviderProperty> and(List<ProviderProperty> properties, ProviderProperty another) {
        List<ProviderProperty> all = new ArrayList<>(properties);
        all.add(another);
        return all;
    }

    static {
        AtomicInteger count = new AtomicInteger();

        add(Rule.F01, "nobody registered it", () -> new FakeProviderFactory() {});
        add(Rule.F02, "its kind is no type", () -> new FakeProviderFactory() {
            @Override
            public String kind() {
                return "Fake Provider";
            }
        });
        add(Rule.F02, "another one has its kind", () -> new FakeProviderFactory() {});
        add(Rule.F03, "it says nothing of itself", () -> new FakeProviderFactory() {
            @Override
            public String description() {
                return " ";
            }
        });
        add(Rule.F03, "it says too much of itself", () -> new FakeProviderFactory() {
            @Override
            public String description() {
                return "Machines\nthat are made up";
            }
        });
        add(Rule.F04, "it describes a property twice", () -> new FakeProviderFactory() {
            @Override
            public List<ProviderProperty> properties() {
                return and(super.properties(), ProviderProperty.required("token", Type.STRING, "once more"));
            }
        });
        add(Rule.F04, "it leaves a property out", () -> new FakeProviderFactory() {
            @Override
            public List<ProviderProperty> properties() {
                return super.properties().subList(0, 2);
            }
        });
        add(Rule.F05, "it takes more than it says", () -> new FakeProviderFactory() {
            private boolean asked;

            @Override
            public List<ProviderProperty> properties() {
                if (!asked) {
                    asked = true;
                    return super.properties();
                }
                return and(super.properties(), ProviderProperty.optional("tokens", Type.STRING, null, "not described"));
            }
        });
        add(Rule.F06, "it cannot do without what it calls optional", () -> new FakeProviderFactory() {
            @Override
            public Provider create(ProviderConfig config) {
                config.string("greeting").orElseThrow();
                return super.create(config);
            }
        });
        add(Rule.F06, "it does not say what is missing", () -> new FakeProviderFactory() {
            @Override
            public Provider create(ProviderConfig config) {
                config.string("greeting").orElseThrow(() -> new ConfigurationException(null, "say hello", null));
                return super.create(config);
            }
        });
        add(Rule.F07, "it does not check ranges", () -> new FakeProviderFactory() {
            @Override
            public Provider create(ProviderConfig config) {
                return FakeProvider.builder(config.type())
                        .capacity(config.integer("capacity").orElse(0))
                        .build();
            }
        });
        add(Rule.F08, "all its providers have one type", () -> new FakeProviderFactory() {
            @Override
            public Provider create(ProviderConfig config) {
                return FakeProvider.create(new ProviderType("fake"));
            }
        });
        add(Rule.F09, "it repeats the secret", () -> new FakeProviderFactory() {
            @Override
            public Provider create(ProviderConfig config) {
                if (config.integer("capacity").orElse(0) != 3) {
                    throw new ConfigurationException(
                            "capacity", "\"capacity\" with \"token\" " + config.string("token"));
                }
                return super.create(config);
            }
        });
        add(Rule.F09, "it logs the secret", () -> new FakeProviderFactory() {
            @Override
            public Provider create(ProviderConfig config) {
                LoggerFactory.getLogger(FakeProviderFactory.class).warn("token: {}", config.string("token"));
                return super.create(config);
            }
        });
        add(Rule.F10, "it starts a thread", () -> new FakeProviderFactory() {
            {
                Thread thread = new Thread(
                        () -> {
                            try {
                                Thread.sleep(3000);
                            } catch (InterruptedException e) {
                                Thread.currentThread().interrupt();
                            }
                        },
                        "left-by-a-factory-" + count.incrementAndGet());
                thread.setDaemon(true);
                thread.start();
            }
        });
    }
}
