package dev.shepherd.provider.equinix;

import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Makes the client when it is first needed. */
final class LazyApi implements Supplier<MetalApi> {
    private final Supplier<MetalApi> maker;
    private final Object lock = new Object();
    private @Nullable MetalApi made;

    LazyApi(Supplier<MetalApi> maker) {
        this.maker = maker;
    }

    @Override
    public MetalApi get() {
        synchronized (lock) {
            MetalApi api = made;
            if (api == null) {
                api = maker.get();
                made = api;
            }
            return api;
        }
    }
}
