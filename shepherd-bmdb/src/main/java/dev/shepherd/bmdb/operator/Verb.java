package dev.shepherd.bmdb.operator;

import java.util.Locale;

/** What people do to a fleet. */
public enum Verb {
    /** Keeps loops off for a while. */
    PAUSE("Pause"),
    /** Ends a pause. */
    RESUME("Resume"),
    /** Quarantines a machine. */
    QUARANTINE("Quarantine"),
    /** Releases a machine from quarantine. */
    RELEASE("Release"),
    /** Ends a freeze of recovery. */
    UNFREEZE("Unfreeze"),
    /** Lifts backoffs of a machine. */
    RETRY("Retry"),
    /** Forgets the SSH host key that is pinned for a machine. */
    TRUST("Trust"),
    /** Forgets the agent that was started on a machine. */
    RESTART_AGENT("RestartAgent"),
    /** Asks for an installation. */
    INSTALL("Install"),
    /** Takes the request for an installation back. */
    TAKE_BACK_INSTALLATION("TakeBackInstallation"),
    /** Reboots a machine. The history of the machine tells how it went. */
    REBOOT("Reboot"),
    /** Reinstalls a machine. The history of the machine tells how it went. */
    REINSTALL("Reinstall"),
    /** Gives up the session of a process that will not come back. */
    END_SESSION("EndSession"),
    /** Has gates asked again before a machine is taken down; an approval that was not used is none any more. */
    ASK_AGAIN("AskAgain"),
    /** Sets labels of a machine, or takes them off. */
    LABEL("Label"),
    /** Deletes what is recorded of a machine, except its history. */
    FORGET("Forget"),
    /** Begins a rollout. */
    START_ROLLOUT("StartRollout"),
    /** Keeps a rollout from choosing further machines. */
    PAUSE_ROLLOUT("PauseRollout"),
    /** Has a rollout go on. */
    RESUME_ROLLOUT("ResumeRollout"),
    /** Ends a rollout. */
    ABORT_ROLLOUT("AbortRollout");

    private final String databaseName;

    Verb(String databaseName) {
        this.databaseName = databaseName;
    }

    /** Returns the name that the database has for it. */
    public String databaseName() {
        return databaseName;
    }

    /** Returns it for people, such as {@code take back installation}. */
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT).replace('_', ' ');
    }
}
