package dev.shepherd.testkit.contract;

/** The same without a database: what the mutation check runs. Its name keeps it out of the build. */
class FakeProviderMutationCheck extends FakeProviderContractTest {

    @Override
    protected boolean usesDatabase() {
        return false;
    }
}
