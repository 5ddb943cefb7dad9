package dev.shepherd.testkit.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.security.MessageDigest;
import java.security.cert.CertificateExpiredException;
import java.security.cert.CertificateNotYetValidException;
import java.security.cert.X509Certificate;
import java.time.Instant;
import java.util.Collection;
import java.util.Date;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Its contexts are proved where HTTPS is: by the tests of what serves and trusts with them. */
class TestCertificateTest {

    @Test
    void itIsACertificateOfLoopbackThatSignedItself() throws Exception {
        X509Certificate certificate = TestCertificate.create().certificate();
        certificate.checkValidity();
        certificate.verify(certificate.getPublicKey());
        assertThat(certificate.getIssuerX500Principal()).isEqualTo(certificate.getSubjectX500Principal());
        assertThat(certificate.getSubjectX500Principal().getName()).isEqualTo("CN=localhost");
        Collection<List<?>> names = certificate.getSubjectAlternativeNames();
        assertThat(names)
                .extracting(name -> (Object) name.get(1))
                .containsExactly("localhost", "127.0.0.1", "0:0:0:0:0:0:0:1");
        assertThat(certificate.getBasicConstraints()).isNotNegative();
    }

    @Test
    void itsValidityIsSetToTheSecond() throws Exception {
        Instant from = Instant.parse("2020-02-29T23:59:58Z");
        Instant to = Instant.parse("2020-03-01T00:00:01Z");
        X509Certificate expired = TestCertificate.create(from, to).certificate();
        assertThat(expired.getNotBefore()).isEqualTo(Date.from(from));
        assertThat(expired.getNotAfter()).isEqualTo(Date.from(to));
        assertThatThrownBy(expired::checkValidity).isInstanceOf(CertificateExpiredException.class);
        // From 2050 on, times are encoded in another way.
        X509Certificate early = TestCertificate.create(
                        Instant.parse("2049-12-31T23:59:59Z"), Instant.parse("2050-01-01T00:00:00Z"))
                .certificate();
        assertThat(early.getNotAfter()).isEqualTo(Date.from(Instant.parse("2050-01-01T00:00:00Z")));
        assertThatThrownBy(early::checkValidity).isInstanceOf(CertificateNotYetValidException.class);
        assertThatIllegalArgumentException().isThrownBy(() -> TestCertificate.create(to, from));
    }

    @Test
    void theFingerprintIsThatOfTheWholeCertificateAndEachHasItsOwn() throws Exception {
        TestCertificate certificate = TestCertificate.create();
        byte[] hash = MessageDigest.getInstance("SHA-256")
                .digest(certificate.certificate().getEncoded());
        assertThat(certificate.fingerprint()).isEqualTo(HexFormat.of().formatHex(hash));
        assertThat(TestCertificate.create().fingerprint()).isNotEqualTo(certificate.fingerprint());
    }
}
