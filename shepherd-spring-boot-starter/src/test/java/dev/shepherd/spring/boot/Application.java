package dev.shepherd.spring.boot;

import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;

/** An application that has nothing of its own. */
@SpringBootConfiguration
@EnableAutoConfiguration
class Application {}
