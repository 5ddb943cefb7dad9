package dev.shepherd.spring.boot;

import dev.shepherd.bmdb.Bmdb;
import dev.shepherd.bmdb.agent.AgentCallback;
import dev.shepherd.callback.AgentEndpoint;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.AnyNestedCondition;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Conditional;

/** Where agents report to, if an address is given for it. */
@AutoConfiguration(after = ShepherdAutoConfiguration.class)
@ConditionalOnProperty(prefix = ShepherdProperties.PREFIX, name = "enabled", matchIfMissing = true)
@Conditional(AgentEndpointAutoConfiguration.OnAddress.class)
final class AgentEndpointAutoConfiguration {

    @Bean(destroyMethod = "close")
    @ConditionalOnMissingBean
    AgentCallback shepherdAgentCallback(Bmdb bmdb, ShepherdProperties properties) {
        return AgentCallback.of(bmdb, properties.agentCallback().config());
    }

    @Bean(destroyMethod = "close")
    @ConditionalOnMissingBean
    AgentEndpoint shepherdAgentEndpoint(AgentCallback callback, ShepherdProperties properties) {
        Libraries.requireNetty(AgentEndpoint.class.getClassLoader());
        return Setting.named(AgentEndpointProperties.PREFIX, () -> {
            AgentEndpoint.Builder endpoint = AgentEndpoint.builder().callback(callback);
            properties.agentEndpoint().applyTo(endpoint);
            return endpoint.build();
        });
    }

    /** Whether there is an address for HTTP or for gRPC. */
    static final class OnAddress extends AnyNestedCondition {

        OnAddress() {
            super(ConfigurationPhase.PARSE_CONFIGURATION);
        }

        @ConditionalOnProperty(prefix = AgentEndpointProperties.PREFIX, name = "address")
        static final class ForHttp {}

        @ConditionalOnProperty(prefix = AgentEndpointProperties.PREFIX, name = "grpc-address")
        static final class ForGrpc {}
    }
}
