package dev.shepherd.provider.equinix;

import java.util.concurrent.ThreadLocalRandom;
import java.util.random.RandomGenerator;

/** Random numbers of the thread that asks for them. */
final class ThreadLocalGenerator implements RandomGenerator {
    @Override
    public long nextLong() {
        return ThreadLocalRandom.current().nextLong();
    }
}
