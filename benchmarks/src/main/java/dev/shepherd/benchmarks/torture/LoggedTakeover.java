package dev.shepherd.benchmarks.torture;

import dev.shepherd.benchmarks.torture.Effect.Kind;
import dev.shepherd.bmdb.MachineRecord.AgentBuild;
import dev.shepherd.bmdb.rollout.BuildStream;
import dev.shepherd.manager.takeover.MachineTakeover;
import dev.shepherd.manager.takeover.TakeoverException;
import dev.shepherd.manager.takeover.TakeoverResult;
import dev.shepherd.manager.takeover.TakeoverStep;
import dev.shepherd.manager.takeover.TakeoverTarget;
import java.io.IOException;
import java.io.OutputStream;
import java.security.GeneralSecurityException;
import java.security.KeyPairGenerator;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Takeovers that do nothing but log their steps. Most take some hundredths of a second, a few longer than a session
 * lives without a heartbeat, and a few do not reach the machine. Safe for use by several threads.
 */
final class LoggedTakeover implements MachineTakeover {

    private static final String HOST_KEY =
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINBlBmySR7y4k4+w3yxIFPvGKTpOIBAU9c45AhDePg+w";

    /** What managers are set up with. */
    private static final AgentBuild OWN = new AgentBuild("0".repeat(64), Optional.of("own"));

    private static final double OUT_OF_REACH = 0.01;
    private static final double SLOW = 0.01;
    private static final int STEP_MILLIS = 40;
    private static final int SLOW_STEP_MILLIS = 3000;

    private final EffectLog log;

    LoggedTakeover(EffectLog log) {
        this.log = log;
    }

    @Override
    public TakeoverResult takeover(TakeoverTarget target) throws InterruptedException {
        String machine = target.name();
        String id = target.machineId().toString();
        int most = chance(SLOW) ? SLOW_STEP_MILLIS : STEP_MILLIS;
        log.add(Kind.CONNECT, machine, id, "");
        pause(most);
        if (chance(OUT_OF_REACH)) {
            throw new TakeoverException(
                    TakeoverException.Kind.UNREACHABLE,
                    TakeoverStep.CONNECT,
                    target,
                    Duration.ofMillis(1),
                    "it was made to be out of reach");
        }
        log.add(Kind.UPLOAD, machine, id, "");
        pause(most);
        byte[] key = newKey();
        AgentBuild build = build(target);
        log.add(
                Kind.BUILD,
                machine,
                HexFormat.of().formatHex(key),
                build.sha256() + " " + build.version().orElse(""));
        log.add(Kind.RUN, machine, id, HexFormat.of().formatHex(key));
        pause(most);
        return new TakeoverResult(target.machineId(), key, HOST_KEY, List.of(), Map.of()).withBuild(build);
    }

    /** Reads what a takeover by SSH would upload. */
    private static AgentBuild build(TakeoverTarget target) {
        if (target.executable().isEmpty()) {
            return OWN;
        }
        try (BuildStream in = new BuildStream(target.executable().get().open())) {
            in.transferTo(OutputStream.nullOutputStream());
            return in.build();
        } catch (IOException e) {
            throw new TakeoverException(
                    TakeoverException.Kind.EXECUTABLE_UNREADABLE,
                    TakeoverStep.UPLOAD,
                    target,
                    Duration.ofMillis(1),
                    String.valueOf(e.getMessage()));
        }
    }

    private static void pause(int most) throws InterruptedException {
        Thread.sleep(ThreadLocalRandom.current().nextInt(most));
    }

    private static boolean chance(double share) {
        return ThreadLocalRandom.current().nextDouble() < share;
    }

    /** Returns a key that no other takeover has. */
    private static byte[] newKey() {
        try {
            byte[] encoded = KeyPairGenerator.getInstance("Ed25519")
                    .generateKeyPair()
                    .getPublic()
                    .getEncoded();
            return Arrays.copyOfRange(encoded, encoded.length - 32, encoded.length);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every JDK since 15 has Ed25519", e);
        }
    }
}
