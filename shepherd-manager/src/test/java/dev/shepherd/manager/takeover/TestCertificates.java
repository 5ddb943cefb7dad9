package dev.shepherd.manager.takeover;

import java.util.Base64;

/** Two certificates of ed25519 keys, made by openssl, that hold for a hundred years. */
final class TestCertificates {

    static final String A = """
            -----BEGIN CERTIFICATE-----
            MIIBPjCB8aADAgECAhRBcWEf8a7JzPsiFbKe66AXJJBizDAFBgMrZXAwFDESMBAG
            A1UEAwwJVGVzdCBDQSBBMCAXDTI2MTEyOTAzMjc1OVoYDzIxMjYxMTA1MDMyNzU5
            WjAUMRIwEAYDVQQDDAlUZXN0IENBIEEwKjAFBgMrZXADIQCDsuJRJVDnXq7YQxlM
            F1vzDTFNPi7xHs06M/GNGR7j+6NTMFEwHQYDVR0OBBYEFFJe76qQrCihEtmedw8O
            oIzlWYENMB8GA1UdIwQYMBaAFFJe76qQrCihEtmedw8OoIzlWYENMA8GA1UdEwEB
            /wQFMAMBAf8wBQYDK2VwA0EASJcmAEOpTY0qRwKLOv1+WDG03LrDVk957TT0WMnj
            zFSEZged8Jc7QCDbNdt6TZWp6cknJJI6LbHvUNWMFMC3Bw==
            -----END CERTIFICATE-----
            """;

    static final String B = """
            -----BEGIN CERTIFICATE-----
            MIIBPjCB8aADAgECAhQGugGuofLbX9G/GT/EeK6p6OM3BTAFBgMrZXAwFDESMBAG
            A1UEAwwJVGVzdCBDQSBCMCAXDTI2MTEyOTAzMjc1OVoYDzIxMjYxMTA1MDMyNzU5
            WjAUMRIwEAYDVQQDDAlUZXN0IENBIEIwKjAFBgMrZXADIQCatzqewsSiBksVKcBA
            Xiku1OeBYQY9EKlyZirqaJWObaNTMFEwHQYDVR0OBBYEFHnNiAlpz9b/arXy+aOu
            6uo9FZWsMB8GA1UdIwQYMBaAFHnNiAlpz9b/arXy+aOu6uo9FZWsMA8GA1UdEwEB
            /wQFMAMBAf8wBQYDK2VwA0EAnQR1vH1z3C8GDeP9q4B6s7qf1rM9b/NUNZmFwVuR
            nipq08QNid2TPf2n49IGWB66vDkSh5YQct11y0MuCLmfAg==
            -----END CERTIFICATE-----
            """;

    static final byte[] A_DER = der(A);

    private TestCertificates() {}

    private static byte[] der(String pem) {
        return Base64.getMimeDecoder().decode(pem.replaceAll("-----.*-----", ""));
    }
}
