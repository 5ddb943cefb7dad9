/** The agent that runs on machines. */
module dev.shepherd.agent {
    requires static org.jspecify;
    requires transitive dev.shepherd.agent.messages;
    requires com.google.protobuf;
    requires java.net.http;

    exports dev.shepherd.agent;
    exports dev.shepherd.agent.inventory;
}
