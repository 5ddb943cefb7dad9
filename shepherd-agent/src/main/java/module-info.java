/** What runs on a machine. */
module dev.shepherd.agent {
    requires static org.jspecify;
    requires transitive dev.shepherd.agent.messages;
    requires com.google.protobuf;

    exports dev.shepherd.agent.inventory;
}
