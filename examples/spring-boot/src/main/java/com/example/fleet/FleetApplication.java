package com.example.fleet;

import dev.shepherd.bmdb.event.EventKind;
import dev.shepherd.bmdb.event.ShepherdListener;
import dev.shepherd.web.access.Authorizer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;
import org.springframework.security.config.Customizer;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.core.context.SecurityContextHolder;
import org.springframework.security.web.SecurityFilterChain;

/** An application that runs a fleet beside whatever else it does. */
@SpringBootApplication
public class FleetApplication {

    private static final Logger log = LoggerFactory.getLogger(FleetApplication.class);

    public static void main(String[] args) {
        SpringApplication.run(FleetApplication.class, args);
    }

    /** Is told what this process does to the fleet. */
    @Bean
    ShepherdListener pager() {
        return event -> {
            if (event.kind() == EventKind.QUARANTINED) {
                log.warn("Machine {} needs a person: {}", event.providerId(), event.detail("cause"));
            }
        };
    }

    /** All paths want a login, and so does the page at /fleet, which looks after forged requests by itself. */
    @Bean
    SecurityFilterChain security(HttpSecurity http) throws Exception {
        return http.authorizeHttpRequests(requests -> requests
                        .requestMatchers("/actuator/health").permitAll()
                        .anyRequest().authenticated())
                .csrf(csrf -> csrf.ignoringRequestMatchers("/fleet/**"))
                .httpBasic(Customizer.withDefaults())
                .build();
    }

    /** Those with the role OPERATOR may do all that the page offers, the others may look. */
    @Bean
    Authorizer operators() {
        return (principal, action, machine) ->
                SecurityContextHolder.getContext().getAuthentication().getAuthorities().stream()
                        .anyMatch(authority -> "ROLE_OPERATOR".equals(authority.getAuthority()));
    }
}
