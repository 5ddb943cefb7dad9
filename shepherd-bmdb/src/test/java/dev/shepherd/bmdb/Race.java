package dev.shepherd.bmdb;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/** Several threads that start at the same moment. */
public final class Race {

    private Race() {}

    /** What each runner does; runners count from 0. */
    @FunctionalInterface
    public interface Runner<T> {
        public T run(int number) throws Exception;
    }

    /** Runs them all and returns what they returned, or throws what one threw. */
    public static <T> List<T> run(int runners, Runner<T> runner) throws Exception {
        ExecutorService executor = Executors.newFixedThreadPool(runners);
        try {
            CyclicBarrier start = new CyclicBarrier(runners);
            List<Future<T>> futures = new ArrayList<>();
            for (int i = 0; i < runners; i++) {
                int number = i;
                futures.add(executor.submit(() -> {
                    start.await();
                    return runner.run(number);
                }));
            }
            List<T> results = new ArrayList<>();
            for (Future<T> future : futures) {
                results.add(future.get(90, TimeUnit.SECONDS));
            }
            return results;
        } finally {
            executor.shutdownNow();
        }
    }
}
