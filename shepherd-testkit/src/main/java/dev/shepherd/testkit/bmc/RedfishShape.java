package dev.shepherd.testkit.bmc;

import static dev.shepherd.testkit.bmc.RedfishAnswer.link;
import static dev.shepherd.testkit.bmc.RedfishAnswer.object;

import dev.shepherd.testkit.bmc.FakeBmc.Vendor;
import dev.shepherd.testkit.bmc.FakeSystem.BootOverride;
import dev.shepherd.testkit.bmc.FakeSystem.Power;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/** What a vendor's resources and errors look like. Immutable. */
final class RedfishShape {

    static final String ROOT = "/redfish/v1";
    static final String SYSTEMS = ROOT + "/Systems";
    static final String MANAGERS = ROOT + "/Managers";
    static final String SESSION_SERVICE = ROOT + "/SessionService";
    static final String SESSIONS = SESSION_SERVICE + "/Sessions";
    static final String TASKS = ROOT + "/TaskService";

    private static final List<String> BOOT_TARGETS =
            List.of("None", "Pxe", "Cd", "Usb", "Hdd", "BiosSetup", "Utilities", "Diags", "SDCard", "UefiTarget");

    private final Vendor vendor;
    private final UUID uuid = UUID.randomUUID();

    RedfishShape(Vendor vendor) {
        this.vendor = vendor;
    }

    /** Returns the id of a system, the first of which is number 1. */
    String systemId(int number, String serial) {
        return switch (vendor) {
            case ILO -> Integer.toString(number);
            case IDRAC -> "System.Embedded." + number;
            case DMTF -> serial;
        };
    }

    /** Returns the mode in which a system boots at first. */
    String bootMode() {
        return vendor == Vendor.IDRAC ? "Legacy" : "UEFI";
    }

    List<String> resetTypes() {
        return switch (vendor) {
            case ILO ->
                List.of(
                        "On",
                        "ForceOff",
                        "GracefulShutdown",
                        "ForceRestart",
                        "Nmi",
                        "PushPowerButton",
                        "GracefulRestart");
            case IDRAC ->
                List.of(
                        "On",
                        "ForceOff",
                        "ForceRestart",
                        "GracefulRestart",
                        "GracefulShutdown",
                        "PushPowerButton",
                        "Nmi",
                        "PowerCycle");
            case DMTF ->
                List.of(
                        "On",
                        "ForceOff",
                        "GracefulShutdown",
                        "GracefulRestart",
                        "ForceRestart",
                        "Nmi",
                        "ForceOn",
                        "PushPowerButton");
        };
    }

    List<String> bootTargets() {
        return BOOT_TARGETS;
    }

    private String managerId() {
        return switch (vendor) {
            case ILO -> "1";
            case IDRAC -> "iDRAC.Embedded.1";
            case DMTF -> "BMC";
        };
    }

    String manager() {
        return MANAGERS + "/" + managerId();
    }

    /** Begins a resource of a type, such as {@code ComputerSystem.v1_16_0.ComputerSystem}. */
    private Map<String, Object> resource(String type, String path, String name) {
        String[] parts = type.split("\\.");
        String fragment = parts[0] + "." + parts[parts.length - 1];
        Map<String, Object> resource = object();
        // DMTF's own services have no context since version 1.6 of the specification.
        if (vendor != Vendor.DMTF) {
            resource.put("@odata.context", ROOT + "/$metadata#" + fragment);
        }
        resource.put("@odata.id", path);
        resource.put("@odata.type", "#" + type);
        resource.put("Name", name);
        return resource;
    }

    Map<String, Object> root() {
        String path = vendor == Vendor.DMTF ? ROOT + "/" : ROOT;
        Map<String, Object> root = resource("ServiceRoot.v1_13_0.ServiceRoot", path, "Root Service");
        root.put("Id", "RootService");
        root.put("RedfishVersion", vendor == Vendor.IDRAC ? "1.15.0" : "1.20.0");
        root.put("UUID", uuid.toString());
        switch (vendor) {
            case ILO -> {
                root.put("Vendor", "HPE");
                root.put("Product", "ProLiant Fake Gen11");
                root.put("Oem", object("Hpe", object("Manager", List.of(object("ManagerType", "iLO 6")))));
            }
            case IDRAC -> {
                root.put("Vendor", "Dell");
                root.put("Product", "Integrated Dell Remote Access Controller");
            }
            case DMTF -> root.put("Product", "Fake BMC");
        }
        root.put("Systems", link(SYSTEMS));
        root.put("Managers", link(MANAGERS));
        root.put("SessionService", link(SESSION_SERVICE));
        root.put("Tasks", link(TASKS));
        root.put("Links", object("Sessions", link(SESSIONS)));
        return root;
    }

    Map<String, Object> collection(String type, String path, String name, int count, List<String> members) {
        Map<String, Object> collection = resource(type + "." + type, path, name);
        collection.put("Members@odata.count", count);
        collection.put("Members", members.stream().map(RedfishAnswer::link).toList());
        return collection;
    }

    Map<String, Object> system(FakeSystem system) {
        Map<String, Object> resource = resource("ComputerSystem.v1_18_0.ComputerSystem", system.path(), "System");
        resource.put("Id", system.id());
        resource.put("SystemType", "Physical");
        resource.put(
                "Manufacturer",
                switch (vendor) {
                    case ILO -> "HPE";
                    case IDRAC -> "Dell Inc.";
                    case DMTF -> "Contoso";
                });
        resource.put(
                "Model",
                switch (vendor) {
                    case ILO -> "ProLiant Fake Gen11";
                    case IDRAC -> "PowerEdge Fake";
                    case DMTF -> "Fake 3500";
                });
        resource.put("SerialNumber", system.serial());
        if (vendor == Vendor.IDRAC) {
            // Dell's service tag, by which people know the machine.
            resource.put("SKU", system.serial());
        }
        resource.put("UUID", system.uuid().toString());
        Power power = system.power();
        resource.put("PowerState", powerState(power));
        boolean isOn = power == Power.ON;
        resource.put("Status", object("State", isOn ? "Enabled" : "StandbyOffline", "Health", "OK"));
        resource.put("Links", object("ManagedBy", List.of(link(manager()))));
        return resource;
    }

    /** An iDRAC shows the last state that was reached until it has reached the next one. */
    private String powerState(Power power) {
        if (vendor != Vendor.IDRAC) {
            return power.word();
        }
        return switch (power) {
            case ON, POWERING_OFF -> Power.ON.word();
            case OFF, POWERING_ON -> Power.OFF.word();
        };
    }

    Map<String, Object> settings(String path) {
        return resource("ComputerSystem.v1_18_0.ComputerSystem", path, "Pending Settings");
    }

    Map<String, Object> actionInfo(String path, List<String> resetTypes) {
        Map<String, Object> info = resource("ActionInfo.v1_3_0.ActionInfo", path, "Reset Action Info");
        info.put("Id", "ResetActionInfo");
        info.put(
                "Parameters",
                List.of(object(
                        "Name", "ResetType", "Required", true, "DataType", "String", "AllowableValues", resetTypes)));
        return info;
    }

    Map<String, Object> boot(BootOverride override, List<String> targets) {
        return object(
                "BootSourceOverrideEnabled",
                override.enabled(),
                "BootSourceOverrideMode",
                override.mode(),
                "BootSourceOverrideTarget",
                override.target(),
                "BootSourceOverrideTarget@Redfish.AllowableValues",
                targets);
    }

    Map<String, Object> managerResource(List<String> systems) {
        Map<String, Object> resource = resource("Manager.v1_10_0.Manager", manager(), "Manager");
        resource.put("Id", managerId());
        resource.put("ManagerType", "BMC");
        resource.put(
                "Model",
                switch (vendor) {
                    case ILO -> "iLO 6";
                    case IDRAC -> "16G Monolithic";
                    case DMTF -> "Fake BMC";
                });
        resource.put(
                "FirmwareVersion",
                switch (vendor) {
                    case ILO -> "iLO 6 v1.66";
                    case IDRAC -> "7.00.00.00";
                    case DMTF -> "1.45-fake";
                });
        resource.put("UUID", uuid.toString());
        resource.put("Status", object("State", "Enabled", "Health", "OK"));
        resource.put(
                "Links",
                object(
                        "ManagerForServers",
                        systems.stream().map(RedfishAnswer::link).toList()));
        return resource;
    }

    Map<String, Object> sessionService() {
        Map<String, Object> service =
                resource("SessionService.v1_1_8.SessionService", SESSION_SERVICE, "Session Service");
        service.put("Id", "SessionService");
        service.put("ServiceEnabled", true);
        service.put("SessionTimeout", 1800);
        service.put("Sessions", link(SESSIONS));
        return service;
    }

    Map<String, Object> session(String path, String user) {
        Map<String, Object> session = resource("Session.v1_3_0.Session", path, "User Session");
        session.put("Id", path.substring(path.lastIndexOf('/') + 1));
        session.put("UserName", user);
        return session;
    }

    Map<String, Object> task(String path, String state) {
        Map<String, Object> task = resource("Task.v1_4_3.Task", path, "Reset Task");
        task.put("Id", path.substring(path.lastIndexOf('/') + 1));
        task.put("TaskState", state);
        task.put("TaskStatus", state.equals("Exception") ? "Critical" : "OK");
        task.put("TaskMonitor", monitor(path));
        return task;
    }

    /** Returns the monitor of a task. */
    static String monitor(String task) {
        return task.replace("/Tasks/", "/TaskMonitors/");
    }

    Map<String, Object> taskService() {
        Map<String, Object> service = resource("TaskService.v1_1_0.TaskService", TASKS, "Task Service");
        service.put("Id", "TaskService");
        service.put("ServiceEnabled", true);
        service.put("Tasks", link(TASKS + "/Tasks"));
        return service;
    }

    /** Answers a change that was made. */
    RedfishAnswer success() {
        if (vendor != Vendor.ILO) {
            return new RedfishAnswer(204, object());
        }
        return new RedfishAnswer(200, extended("Base.1.18", "Success", "", List.of()));
    }

    /** Answers a session that there is no room for. */
    RedfishAnswer noSession() {
        String message = "The maximum number of user sessions is reached.";
        return vendor == Vendor.IDRAC
                ? new RedfishAnswer(503, extended("IDRAC.2.8", "RAC0218", message, List.of()))
                : error(503, "SessionLimitExceeded", message);
    }

    RedfishAnswer unauthorized() {
        RedfishAnswer answer = switch (vendor) {
            case ILO -> error(401, "NoValidSession", "There is no valid session.");
            case IDRAC, DMTF -> error(401, "AccessDenied", "The credentials are missing or invalid.");
        };
        return answer.with("WWW-Authenticate", "Basic realm=\"RedfishService\"");
    }

    RedfishAnswer forbidden() {
        return error(403, "InsufficientPrivilege", "The account has not the privileges that the operation requires.");
    }

    /** Answers a reset that the state of the power does not allow. */
    RedfishAnswer wrongPower(FakeSystem.Outcome outcome) {
        String state = switch (outcome) {
            case ALREADY_ON -> "Power is on";
            case ALREADY_OFF -> "Power is off";
            case IN_TRANSITION, ACCEPTED -> "Reset is in progress";
        };
        return switch (vendor) {
            case ILO ->
                new RedfishAnswer(400, extended("iLO.2.15", "InvalidOperationForSystemState", "", List.of(state)));
            case IDRAC ->
                new RedfishAnswer(
                        409,
                        extended("IDRAC.2.8", "PSU501", "The reset is not possible: " + state + ".", List.of(state)));
            case DMTF -> error(409, "ResourceInUse", "The reset is not possible: " + state + ".", state);
        };
    }

    /** Tells whether resets to the state that a system is in are refused; else they are accepted. */
    boolean refusesSameState() {
        return vendor != Vendor.DMTF;
    }

    /** Tells whether a restart of a system that is off is refused; else it is switched on. */
    boolean refusesResetWhileOff() {
        return vendor != Vendor.DMTF;
    }

    /** Tells whether the mode of a boot override cannot be set, not even to what it is: it is a setting of the BIOS. */
    boolean refusesBootMode() {
        return vendor == Vendor.ILO;
    }

    int missingPrecondition() {
        return vendor == Vendor.ILO ? 412 : 428;
    }

    /** Returns an entity tag in the style of the vendor. */
    String etag(int hash) {
        String digits = HexFormat.of().toHexDigits(hash);
        return vendor == Vendor.ILO ? "W/\"" + digits + '"' : '"' + digits + '"';
    }

    /** Tells whether resources have their entity tag in their body, too. */
    boolean hasEtagInBody() {
        return vendor == Vendor.ILO;
    }

    /** Answers with an error of the base registry. */
    RedfishAnswer error(int status, String messageId, String message, String... args) {
        return new RedfishAnswer(status, extended("Base.1.18", messageId, message, List.of(args)));
    }

    /** An iLO leaves the texts to its registries, which clients would have to read. */
    private Map<String, Object> extended(String registry, String messageId, String message, List<String> args) {
        Map<String, Object> info = object();
        if (vendor == Vendor.DMTF) {
            info.put("@odata.type", "#Message.v1_1_2.Message");
        }
        info.put("MessageId", registry + "." + messageId);
        info.put("MessageArgs", args);
        if (vendor != Vendor.ILO) {
            info.put("Message", message);
            info.put("Severity", "Critical");
            info.put("Resolution", "None.");
        }
        boolean isIlo = vendor == Vendor.ILO;
        return object(
                "error",
                object(
                        "code",
                        isIlo ? "iLO.0.10.ExtendedInfo" : "Base.1.18.GeneralError",
                        "message",
                        isIlo
                                ? "See @Message.ExtendedInfo for more information."
                                : "A general error has occurred. See ExtendedInfo for more information.",
                        "@Message.ExtendedInfo",
                        List.of(info)));
    }
}
