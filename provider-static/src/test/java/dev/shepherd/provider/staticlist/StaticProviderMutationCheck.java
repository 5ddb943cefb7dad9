package dev.shepherd.provider.staticlist;

import java.io.IOException;

/** The same without a database: what the mutation check runs. Its name keeps it out of the build. */
class StaticProviderMutationCheck extends StaticProviderContractTest {

    StaticProviderMutationCheck() throws IOException {}

    @Override
    protected boolean usesDatabase() {
        return false;
    }
}
