package dev.shepherd.bmdb;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.concurrent.atomic.AtomicReference;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.postgresql.ds.PGSimpleDataSource;

/** A source of connections that a test can interfere with, on the one thread that it says. */
public final class HookedDataSource {

    /** What happens in the place of a method. */
    @FunctionalInterface
    public interface Hook {
        /** Returns or throws what the method is to return or throw. */
        Object call(Connection connection, Original original) throws Throwable;
    }

    /** The method that was called. */
    @FunctionalInterface
    public interface Original {
        Object call() throws Throwable;
    }

    /** Without a thread: on any. */
    private record Armed(String method, @Nullable Thread thread, Hook hook) {}

    private final DataSource delegate;
    private final AtomicReference<Armed> armed = new AtomicReference<>();

    public HookedDataSource(String url) {
        PGSimpleDataSource source = new PGSimpleDataSource();
        source.setUrl(url);
        delegate = source;
    }

    public HookedDataSource(DataSource delegate) {
        this.delegate = delegate;
    }

    /** Calls the hook in the place of the next call of a connection's method on this thread, once. */
    void onNext(String method, Hook hook) {
        onNext(method, Thread.currentThread(), hook);
    }

    void onNext(String method, Thread thread, Hook hook) {
        armed.set(new Armed(method, thread, hook));
    }

    /** The same on whatever thread comes first. */
    public void onNextOfAny(String method, Hook hook) {
        armed.set(new Armed(method, null, hook));
    }

    public DataSource dataSource() {
        return proxy(DataSource.class, (self, method, arguments) -> {
            Object result = call(() -> method.invoke(delegate, arguments));
            return result instanceof Connection connection ? hooked(connection) : result;
        });
    }

    private Connection hooked(Connection connection) {
        return proxy(Connection.class, (self, method, arguments) -> {
            Original original = () -> call(() -> method.invoke(connection, arguments));
            Armed hook = armed.get();
            if (hook != null
                    && hook.method().equals(method.getName())
                    && (hook.thread() == null || hook.thread() == Thread.currentThread())
                    && armed.compareAndSet(hook, null)) {
                return hook.hook().call(connection, original);
            }
            return original.call();
        });
    }

    /** A failure as the driver reports it when the connection breaks. */
    static SQLException broken() {
        return new SQLException("the connection broke", "08006");
    }

    private static Object call(Original original) throws Throwable {
        try {
            return original.call();
        } catch (InvocationTargetException e) {
            throw e.getCause();
        }
    }

    private static <T> T proxy(Class<T> type, InvocationHandler handler) {
        return type.cast(
                Proxy.newProxyInstance(HookedDataSource.class.getClassLoader(), new Class<?>[] {type}, handler));
    }
}
