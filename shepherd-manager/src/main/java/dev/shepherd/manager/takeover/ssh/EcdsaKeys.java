package dev.shepherd.manager.takeover.ssh;

import java.security.InvalidKeyException;
import java.security.Key;
import java.security.KeyFactory;
import java.security.KeyFactorySpi;
import java.security.NoSuchAlgorithmException;
import java.security.PrivateKey;
import java.security.Provider;
import java.security.PublicKey;
import java.security.Security;
import java.security.spec.InvalidKeySpecException;
import java.security.spec.KeySpec;
import java.util.Map;

/**
 * Makes ECDSA keys known by the name that the SSH library asks for. To the JDK they are "EC"; "ECDSA" is what BouncyCastle
 * calls them. This security provider has that name and nothing else, and all that it does is the JDK's. It is registered
 * once, after all others, and only where none has the name.
 */
final class EcdsaKeys extends Provider {

    private static final long serialVersionUID = 1L;

    private static final String NAME = "ECDSA";

    private EcdsaKeys() {
        super("ShepherdECDSA", "1", "Keys of the JDK's type EC by the name ECDSA");
        putService(new Service(this, "KeyFactory", NAME, Keys.class.getName(), null, Map.of()) {
            @Override
            public Object newInstance(Object parameter) throws NoSuchAlgorithmException {
                return new Keys();
            }
        });
    }

    /** Tells whether there are such keys, after seeing to it. There are none in a JVM without {@code jdk.crypto.ec}. */
    static boolean areKnown() {
        try {
            KeyFactory.getInstance("EC");
        } catch (NoSuchAlgorithmException e) {
            return false;
        }
        try {
            KeyFactory.getInstance(NAME);
        } catch (NoSuchAlgorithmException e) {
            Security.addProvider(new EcdsaKeys());
        }
        return true;
    }

    private static final class Keys extends KeyFactorySpi {

        private final KeyFactory keys;

        Keys() throws NoSuchAlgorithmException {
            keys = KeyFactory.getInstance("EC");
        }

        @Override
        protected PublicKey engineGeneratePublic(KeySpec spec) throws InvalidKeySpecException {
            return keys.generatePublic(spec);
        }

        @Override
        protected PrivateKey engineGeneratePrivate(KeySpec spec) throws InvalidKeySpecException {
            return keys.generatePrivate(spec);
        }

        @Override
        protected <T extends KeySpec> T engineGetKeySpec(Key key, Class<T> type) throws InvalidKeySpecException {
            return keys.getKeySpec(key, type);
        }

        @Override
        protected Key engineTranslateKey(Key key) throws InvalidKeyException {
            return keys.translateKey(key);
        }
    }
}
