/**
 * Runs a fleet in an application of Spring Boot, 3.5 or 4: what is here is found by Boot, and configured by properties below {@code
 * shepherd} and by beans. {@code docs/spring-boot.md} tells how to use it. An application needs these types at most:
 *
 * <ul>
 *   <li>{@link dev.shepherd.spring.boot.ShepherdDataSource}: marks the DataSource that is the fleet's
 *   <li>{@link dev.shepherd.spring.boot.BmdbConfigCustomizer}, {@link dev.shepherd.spring.boot.ShepherdCustomizer}: beans that set what
 *       no property does
 * </ul>
 *
 * <p>Start reading at {@code ShepherdAutoConfiguration}, which makes database, providers and shepherd; {@code ShepherdProperties} has
 * the properties, {@code FleetSettings} makes settings of them, and {@code ShepherdLifecycle} starts and stops all of it.
 */
@NullMarked
package dev.shepherd.spring.boot;

import org.jspecify.annotations.NullMarked;
