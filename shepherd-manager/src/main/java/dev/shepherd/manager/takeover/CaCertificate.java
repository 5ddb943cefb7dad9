package dev.shepherd.manager.takeover;

import dev.shepherd.api.ConfigurationException;
import dev.shepherd.api.internal.Escaped;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Makes of a certificate, in PEM or DER, what goes to agents: DER. Exactly one, since the field on the wire holds one,
 * and which of several an agent should trust is no guess to make.
 */
final class CaCertificate {

    private static final String SETTING = "caCertificate";

    private static final Pattern BLOCK =
            Pattern.compile("-----BEGIN ([^\\r\\n]*?)-----(.*?)-----END \\1-----", Pattern.DOTALL);

    private static final Pattern BEGIN = Pattern.compile("^-----BEGIN ", Pattern.MULTILINE);

    private CaCertificate() {}

    /**
     * Returns the certificate in DER.
     *
     * @throws ConfigurationException if it is not exactly one X.509 certificate; the message says what it is instead
     */
    static byte[] der(byte[] pemOrDer) {
        if (pemOrDer.length == 0) {
            throw failure("is empty", null);
        }
        String text = new String(pemOrDer, StandardCharsets.ISO_8859_1);
        return encoded(BEGIN.matcher(text).find() ? block(text) : pemOrDer);
    }

    /** Returns what the one block of PEM holds. Text around it, as openssl writes it, is passed over. */
    private static byte[] block(String text) {
        List<String> labels = new ArrayList<>();
        String base64 = "";
        for (Matcher block = BLOCK.matcher(text); block.find(); ) {
            labels.add(Escaped.text(block.group(1), 40));
            base64 = block.group(2);
        }
        int begun = (int) BEGIN.matcher(text).results().count();
        if (labels.size() < begun) {
            throw failure("has a block of PEM that does not end", null);
        }
        for (int i = 0; i < labels.size(); i++) {
            if (labels.get(i).contains("PRIVATE KEY")) {
                throw failure("holds a private key (block " + (i + 1) + " of the PEM), which no agent may learn", null);
            }
        }
        if (labels.size() > 1) {
            throw failure(
                    String.format(
                            Locale.ROOT,
                            "holds %d blocks of PEM (%s); agents are told exactly one certificate",
                            labels.size(),
                            Escaped.text(String.join(", ", labels), 200)),
                    null);
        }
        if (!labels.get(0).equals("CERTIFICATE") && !labels.get(0).equals("X509 CERTIFICATE")) {
            throw failure("is a " + labels.get(0) + " in PEM, and no CERTIFICATE", null);
        }
        try {
            return Base64.getDecoder().decode(base64.replaceAll("\\s", ""));
        } catch (IllegalArgumentException e) {
            throw failure("is no base64 between the lines of its PEM: " + e.getMessage(), e);
        }
    }

    private static byte[] encoded(byte[] der) {
        byte[] certificate;
        try {
            certificate = ((X509Certificate)
                            CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(der)))
                    .getEncoded();
        } catch (CertificateException e) {
            throw failure("is no X.509 certificate: " + Escaped.text(String.valueOf(e.getMessage()), 200), e);
        }
        if (certificate.length != der.length) {
            throw failure(
                    String.format(
                            Locale.ROOT,
                            "has %d bytes after its end, at byte %d; agents are told exactly one certificate",
                            der.length - certificate.length,
                            certificate.length),
                    null);
        }
        return certificate;
    }

    private static ConfigurationException failure(String what, @Nullable Throwable cause) {
        return new ConfigurationException(SETTING, "the CA certificate for agents " + what, cause);
    }
}
