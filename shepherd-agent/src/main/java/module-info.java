/** The agent that runs on machines. */
module dev.shepherd.agent {
    requires static org.jspecify;
    requires dev.shepherd.agent.messages;
    requires java.net.http;

    exports dev.shepherd.agent;
}
