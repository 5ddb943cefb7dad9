package dev.shepherd.manager.takeover.ssh;

import com.hierynomus.sshj.key.KeyAlgorithm;
import com.hierynomus.sshj.key.KeyAlgorithms;
import com.hierynomus.sshj.transport.cipher.BlockCiphers;
import com.hierynomus.sshj.transport.cipher.GcmCiphers;
import com.hierynomus.sshj.transport.kex.DHGroups;
import com.hierynomus.sshj.transport.kex.ExtInfoClientFactory;
import com.hierynomus.sshj.transport.mac.Macs;
import java.util.ArrayList;
import java.util.List;
import net.schmizz.keepalive.KeepAliveProvider;
import net.schmizz.sshj.Config;
import net.schmizz.sshj.ConfigImpl;
import net.schmizz.sshj.common.Factory;
import net.schmizz.sshj.transport.compression.NoneCompression;
import net.schmizz.sshj.transport.kex.Curve25519SHA256;
import net.schmizz.sshj.transport.kex.DHGexSHA256;
import net.schmizz.sshj.transport.kex.ECDHNistP;
import net.schmizz.sshj.transport.random.JCERandom;
import net.schmizz.sshj.transport.random.SingletonRandomFactory;

/**
 * What we offer to SSH servers. All of it is offered by OpenSSH 7.2 and later out of the box, and is fit for use today:
 * no SHA-1, no CBC, no DSA. Certificates are missing since the certificate of a host changes when it is renewed, and a
 * pin would not survive that.
 *
 * <p>All of it is in the JDK too, so this module leaves BouncyCastle out. Where the SSH library finds it, it adds it to
 * the security providers of the whole JVM and takes everything from there, AES included, at half the speed. Whether
 * it may is a static setting of the library, which an application may share with us, so we do not touch it. What it
 * costs to leave it out: ChaCha20-Poly1305, since the library knows Poly1305 from there alone. {@link EcdsaKeys} makes up
 * for keys of the type ECDSA.
 */
final class SshConfig {

    private SshConfig() {}

    static Config create() {
        ConfigImpl config = new ConfigImpl();
        config.setLoggerFactory(new QuietLoggers());
        config.setVersion("Shepherd");
        config.setRandomFactory(new SingletonRandomFactory(new JCERandom.Factory()));
        config.setKeyExchangeFactories(List.of(
                new Curve25519SHA256.Factory(),
                new Curve25519SHA256.FactoryLibSsh(),
                new ECDHNistP.Factory256(),
                new ECDHNistP.Factory384(),
                new ECDHNistP.Factory521(),
                new DHGexSHA256.Factory(),
                DHGroups.Group16SHA512(),
                DHGroups.Group18SHA512(),
                DHGroups.Group14SHA256(),
                new ExtInfoClientFactory()));
        config.setKeyAlgorithms(keyAlgorithms());
        config.setCipherFactories(List.of(
                GcmCiphers.AES128GCM(),
                GcmCiphers.AES256GCM(),
                BlockCiphers.AES128CTR(),
                BlockCiphers.AES192CTR(),
                BlockCiphers.AES256CTR()));
        config.setMACFactories(
                List.of(Macs.HMACSHA2256Etm(), Macs.HMACSHA2512Etm(), Macs.HMACSHA2256(), Macs.HMACSHA2512()));
        config.setCompressionFactories(List.of(new NoneCompression.Factory()));
        config.setFileKeyProviderFactories(List.of());
        // Its thread is never started as long as no interval is set.
        config.setKeepAliveProvider(KeepAliveProvider.HEARTBEAT);
        return config;
    }

    private static List<Factory.Named<KeyAlgorithm>> keyAlgorithms() {
        List<Factory.Named<KeyAlgorithm>> algorithms = new ArrayList<>();
        algorithms.add(KeyAlgorithms.EdDSA25519());
        if (EcdsaKeys.areKnown()) {
            algorithms.add(KeyAlgorithms.ECDSASHANistp256());
            algorithms.add(KeyAlgorithms.ECDSASHANistp384());
            algorithms.add(KeyAlgorithms.ECDSASHANistp521());
        }
        algorithms.add(KeyAlgorithms.RSASHA512());
        algorithms.add(KeyAlgorithms.RSASHA256());
        return algorithms;
    }
}
