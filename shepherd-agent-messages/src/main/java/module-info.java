/** The messages that agents and managers exchange. */
module dev.shepherd.agent.messages {
    requires static org.jspecify;
    requires transitive com.google.protobuf;

    exports dev.shepherd.agent.messages.callback;
    exports dev.shepherd.agent.messages.hardware;
    exports dev.shepherd.agent.messages.takeover;
    exports dev.shepherd.agent.messages.internal.certificates to
            dev.shepherd.agent,
            dev.shepherd.callback;

    opens dev.shepherd.agent.messages.callback to
            com.google.protobuf;
    opens dev.shepherd.agent.messages.hardware to
            com.google.protobuf;
    opens dev.shepherd.agent.messages.takeover to
            com.google.protobuf;
}
