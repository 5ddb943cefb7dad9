package dev.shepherd.bmdb.internal;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import javax.sql.DataSource;

/**
 * A data source whose connections report their URL without its parameters.
 *
 * <p>Flyway reads the URL, takes what may be a password out of it and logs the rest. The driver's own data source names
 * each of its hundred properties there, and what Flyway looks with takes time by the square of the length: most of the
 * time that opening the database took.
 */
final class PlainUrls {

    private PlainUrls() {}

    static DataSource of(DataSource source) {
        return wrap(DataSource.class, source);
    }

    private static <T> T wrap(Class<T> type, T target) {
        return type.cast(Proxy.newProxyInstance(
                PlainUrls.class.getClassLoader(), new Class<?>[] {type}, (proxy, method, arguments) -> {
                    Object result;
                    try {
                        result = method.invoke(target, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getTargetException();
                    }
                    if (result instanceof String url && method.getName().equals("getURL")) {
                        return JdbcUrls.withoutSecrets(url);
                    }
                    if (result instanceof DatabaseMetaData about) {
                        return wrap(DatabaseMetaData.class, about);
                    }
                    boolean own = method.getName().equals("getConnection");
                    return own && result instanceof Connection connection ? wrap(Connection.class, connection) : result;
                }));
    }
}
