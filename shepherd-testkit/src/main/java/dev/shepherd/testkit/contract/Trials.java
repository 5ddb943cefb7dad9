package dev.shepherd.testkit.contract;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.EnumSet;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Set;
import java.util.Spliterator;
import java.util.Spliterators;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.Extension;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;
import org.junit.jupiter.api.extension.TestTemplateInvocationContext;
import org.junit.jupiter.api.extension.TestTemplateInvocationContextProvider;

/**
 * Makes the trials of a test with {@link EachFault}, each once the one before is over: whether there is a next request
 * shows only there.
 */
final class Trials implements TestTemplateInvocationContextProvider {

    /** A call with more requests of a kind is not tried further. */
    private static final int MOST_REQUESTS = 12;

    /** Of what only reads, it is all the same whether it took effect. */
    private static final Set<RequestFault> OF_READS = EnumSet.of(
            RequestFault.ANSWER_CUT,
            RequestFault.RESET,
            RequestFault.REFUSED,
            RequestFault.CONFLICT,
            RequestFault.RATE_LIMITED,
            RequestFault.UNAVAILABLE,
            RequestFault.HANGS_BEFORE,
            RequestFault.HANGS_AFTER_HEAD);

    @Override
    public boolean supportsTestTemplate(ExtensionContext context) {
        return context.getRequiredTestMethod().isAnnotationPresent(EachFault.class);
    }

    @Override
    public Stream<TestTemplateInvocationContext> provideTestTemplateInvocationContexts(ExtensionContext context) {
        EachFault each = context.getRequiredTestMethod().getAnnotation(EachFault.class);
        Iterator<Trial> trials = new OneAfterTheOther(each);
        return StreamSupport.stream(Spliterators.spliteratorUnknownSize(trials, Spliterator.ORDERED), false)
                .map(Invocation::new);
    }

    private static Set<RequestFault> faults(EachFault each, Step step) {
        if (each.faults().length > 0) {
            return EnumSet.copyOf(List.of(each.faults()));
        }
        return step == Step.READ ? OF_READS : EnumSet.allOf(RequestFault.class);
    }

    /** All faults at the first request, all at the second if there was a first, and so on. */
    private static final class OneAfterTheOther implements Iterator<Trial> {
        private final EachFault each;
        private final Deque<Step> steps;
        private final Deque<RequestFault> faults = new ArrayDeque<>();
        private int number;
        private @Nullable Trial last;

        OneAfterTheOther(EachFault each) {
            this.each = each;
            this.steps = new ArrayDeque<>(List.of(each.value()));
        }

        @Override
        public boolean hasNext() {
            if (last != null && !last.wasHit()) {
                faults.clear();
                steps.poll();
                number = 0;
                last = null;
            }
            if (faults.isEmpty() && number == MOST_REQUESTS) {
                steps.poll();
                number = 0;
            }
            return !steps.isEmpty();
        }

        @Override
        public Trial next() {
            if (!hasNext()) {
                throw new NoSuchElementException();
            }
            Step step = steps.getFirst();
            if (faults.isEmpty()) {
                number++;
                faults.addAll(faults(each, step));
            }
            last = new Trial(step, number, faults.remove());
            return last;
        }
    }

    /** One trial, as JUnit runs it. */
    private record Invocation(Trial trial) implements TestTemplateInvocationContext, ParameterResolver {

        @Override
        public String getDisplayName(int invocationIndex) {
            return trial.toString();
        }

        @Override
        public List<Extension> getAdditionalExtensions() {
            return List.of(this);
        }

        @Override
        public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
            return parameter.getParameter().getType() == Trial.class;
        }

        @Override
        public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
            return trial;
        }
    }
}
