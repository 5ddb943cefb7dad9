package dev.shepherd.spring.boot;

import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.ListableBeanFactory;

/**
 * A bean that is made when it is first asked for: so what the database is given may itself need the database, as a listener
 * does that queries it. Safe for use by several threads.
 *
 * @param <T> the type of the bean
 */
final class BeanReference<T> {

    private final ListableBeanFactory beans;
    private final String name;
    private final Class<T> type;
    private volatile @Nullable T bean;

    private BeanReference(ListableBeanFactory beans, String name, Class<T> type) {
        this.beans = beans;
        this.name = name;
        this.type = type;
    }

    /** Returns all beans of a type, without making any. */
    static <T> List<BeanReference<T>> all(ListableBeanFactory beans, Class<T> type) {
        return Arrays.stream(beans.getBeanNamesForType(type, true, false))
                .map(name -> new BeanReference<>(beans, name, type))
                .toList();
    }

    /** Returns what the bean is called. */
    String name() {
        return name;
    }

    /** Returns the bean, and keeps it: it is asked for until after the application has begun to end. */
    T get() {
        T found = bean;
        if (found == null) {
            found = beans.getBean(name, type);
            bean = found;
        }
        return found;
    }
}
