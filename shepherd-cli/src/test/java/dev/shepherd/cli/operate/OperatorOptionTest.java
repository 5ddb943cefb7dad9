package dev.shepherd.cli.operate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class OperatorOptionTest {

    @Test
    void aUserWithoutANameIsToldByTheUserId() throws Exception {
        assumeTrue(Files.exists(Path.of("/proc/self")), "the user id is read from /proc");

        assertThat(OperatorOption.user("?"))
                .isEqualTo("user id " + Files.getAttribute(Path.of("/proc/self"), "unix:uid"));
        assertThat(OperatorOption.user("alice")).isEqualTo("alice");
    }
}
