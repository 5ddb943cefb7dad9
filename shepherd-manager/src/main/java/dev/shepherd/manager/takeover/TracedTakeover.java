package dev.shepherd.manager.takeover;

import dev.shepherd.api.ProviderType;
import dev.shepherd.bmdb.trace.Span;
import dev.shepherd.bmdb.trace.SpanName;
import dev.shepherd.bmdb.trace.Tracer;

/** A way to start agents whose results are checked, and which traces show. */
final class TracedTakeover implements MachineTakeover {

    private final MachineTakeover takeover;
    private final Tracer tracer;
    private final String provider;

    TracedTakeover(MachineTakeover takeover, Tracer tracer, ProviderType provider) {
        this.takeover = takeover;
        this.tracer = tracer;
        this.provider = provider.name();
    }

    @Override
    public TakeoverResult takeover(TakeoverTarget target) throws InterruptedException {
        TakeoverTrace trace = new TakeoverTrace(tracer, provider, target);
        Span whole = tracer.span(SpanName.TAKEOVER)
                .tag("provider", provider)
                .detail("machine", target.machineId())
                .detail("provider.id", target.name());
        return whole.run(span -> {
            try {
                TakeoverResult result = takeover.takeover(target.withTrace(trace));
                AnswerChecks.checkAgentKey(target, result);
                AnswerChecks.hostKey(target, result);
                span.tag("outcome", "succeeded");
                return result;
            } catch (TakeoverException e) {
                trace.end(e);
                span.tag("step", e.step()).tag("kind", e.kind());
                throw e;
            } catch (InterruptedException | RuntimeException | Error e) {
                trace.end(e);
                throw e;
            }
        });
    }
}
