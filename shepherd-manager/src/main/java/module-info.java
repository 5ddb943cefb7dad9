/** The loops that keep a fleet in order, and the takeover of machines by SSH. */
module dev.shepherd.manager {
    requires static micrometer.core;
    requires static transitive org.jspecify;
    requires transitive dev.shepherd.api;
    requires transitive dev.shepherd.bmdb;
    requires com.google.protobuf;
    requires com.hierynomus.sshj;
    requires dev.shepherd.agent.messages;
    requires org.slf4j;

    exports dev.shepherd.manager;
    exports dev.shepherd.manager.disruption;
    exports dev.shepherd.manager.listing;
    exports dev.shepherd.manager.operator;
    exports dev.shepherd.manager.provisioning;
    exports dev.shepherd.manager.recovery;
    exports dev.shepherd.manager.rollout;
    exports dev.shepherd.manager.status;
    exports dev.shepherd.manager.takeover;
}
