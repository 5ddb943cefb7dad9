package dev.shepherd.testkit.contract;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The rules of the contract: those that begin with P are for providers, with R for recoverers, with F for factories.
 *
 * <p>Numbers are kept for ever: a rule that goes leaves a gap.
 */
public enum Rule {
    P01(
            Force.MUST,
            "type() returns the same type at every call and in every instance",
            "Keep the type in a final field."),
    P02(
            Force.MUST,
            "maxConcurrentCalls() is at least 1 and the same at every call",
            "Return a constant, or a setting that is checked when the provider is made."),
    P03(Force.MUST, "no id stands twice in a listing", "Look for machines that two pages, or two sources, both have."),
    P04(
            Force.MUST,
            "a machine has the same id in every listing, also after a restart",
            "Take ids from the outside; never number machines as they come."),
    P05(
            Force.MUST,
            "a listed machine keeps the rules of its availability: never UNDEFINED, a valid id and an address where it is"
                    + " used or possibly used; a KNOWN_USED one may lack the address while its status says that it is not"
                    + " running; texts have 1 to 128 characters, are not blank, and have neither control characters nor"
                    + " halves of characters; labels keep the rules of Labels",
            "Hand out MachineInfo, whose constructor refuses the rest."),
    P06(
            Force.MUST,
            "a free machine has an id or a reservation id that no other free machine has",
            "The manager remembers a free machine by it, and passes over one without."),
    P07(
            Force.MUST,
            "getMachine of an id that no machine has fails with NOT_FOUND",
            "Turn the outside's \"no such machine\" (HTTP 404) into ProviderException.Reason.NOT_FOUND."),
    P08(
            Force.MUST,
            "getMachine of an id that this provider could never have given fails with NOT_FOUND",
            "Check the form of an id, or encode it, before it becomes part of a URL or a number."),
    P09(
            Force.MUST,
            "a listed machine with an id can be got, and has that id",
            "Look it up in the same place as the listing does."),
    P10(
            Force.MUST,
            "where isListingCheap() is true, the listing says of a machine what getMachine says",
            "Make both from the same answer, or leave isListingCheap() false."),
    P11(
            Force.MUST,
            "a listing is the caller's: what the caller does to it changes no later one",
            "Return a copy, not the list that the provider keeps."),
    P12(
            Force.MUST,
            "createMachine records exactly one machine, under the intent and this provider's type, through the session it is"
                    + " given",
            "Call transaction.recordMachine(type(), request, machine) once, in session.inTransaction."),
    P13(
            Force.MUST,
            "createMachine returns the machine as it was recorded: KNOWN_USED, with a valid id, which getMachine finds",
            "Return the very machine that was given to recordMachine."),
    P14(
            Force.MUST,
            "a machine that was created is listed as free no more, not under its reservation either",
            "Leave a reservation out of the listing as soon as a machine is made from it."),
    P15(
            Force.MUST,
            "a machine is listed once its creation is over; before, it is left out, or listed as KNOWN_USED with the status"
                    + " PROVISIONING",
            "Turn the outside's word for a machine that is being made into PROVISIONING; check that its final state is"
                    + " listed, as RUNNING."),
    P16(
            Force.MUST,
            "a creation that is repeated with the same intent gives the same machine and makes no other",
            "Mark what is made with the intent, and look for that mark before anything is made."),
    P17(
            Force.MUST,
            "createMachine in a lost session fails with SessionExpiredException and records nothing, and leaves nothing that"
                    + " the same intent does not find again",
            "Let SessionExpiredException through, and keep the mark of the intent with the machine."),
    P18(
            Force.MUST,
            "a created machine that is listed as KNOWN_USED carries its intent",
            "Return the mark of the intent in Machine.intentId(): without it a creation that was cut short stops the"
                    + " provisioner."),
    P19(
            Force.MUST,
            "a transaction's body has no effect outside of the transaction: it may run more than once",
            "Make the machine first; only record it in session.inTransaction."),
    P20(
            Force.MUST,
            "a session is borrowed: it is not used after createMachine has ended, nor its transaction after the body",
            "Do not keep sessions and transactions in fields, nor hand them to other threads."),
    P21(
            Force.MUST,
            "a machine that was created is not given to another intent: NoCapacityException or AlreadyRecordedException, and"
                    + " nothing is recorded",
            "Look whether the machine asked for is still free, and whose it is if not."),
    P22(
            Force.MUST,
            "without a machine left createMachine fails with NO_CAPACITY (or NOT_SUPPORTED where the provider does not"
                    + " choose) and records nothing",
            "Throw NoCapacityException where nothing is left to give."),
    P23(
            Force.MUST,
            "a request without a machine makes one, or fails with NOT_SUPPORTED and records nothing",
            "Choose a free machine, or throw NotSupportedException (and let choosesMachines() return false)."),
    P24(
            Force.MUST,
            "a request for a machine that this provider does not have fails with NO_CAPACITY or NOT_FOUND; nothing is made in"
                    + " its place, and nothing recorded",
            "Never take another machine than the one asked for."),
    P25(
            Force.MUST,
            "listMachines and getMachine do not swallow an interruption",
            "Let InterruptedException through; after catching one, throw one."),
    P26(
            Force.MUST,
            "createMachine does not swallow an interruption, and an interrupted creation leaves nothing that the same intent"
                    + " does not find again",
            "Let InterruptedException through, and keep the mark of the intent with the machine."),
    P27(
            Force.MUST,
            "as many calls at once as maxConcurrentCalls() says do what each would do alone",
            "Guard what calls share, or return 1 from maxConcurrentCalls()."),
    P28(
            Force.MUST,
            "close() leaves no thread behind",
            "Shut down executors and clients in close(), and wait for their threads. Threads of the fixture's own are named"
                    + " by fixtureThreads()."),
    P29(Force.MUST, "a provider can be closed twice", "Let a second close() do nothing."),
    P30(
            Force.SHOULD,
            "calls after close() are refused with IllegalStateException",
            "Check a flag that close() sets, first thing in each call."),
    P31(
            Force.MUST,
            "a secret shows in no text: not of the provider, its machines, its exceptions and their causes, nor in the log",
            "Never build secrets into URLs or messages; replace them in texts that come from outside."),
    P32(
            Force.MUST,
            "a creation whose answer is lost succeeds all the same or fails with TRANSIENT, and the same intent finds what"
                    + " was made",
            "Look for the intent's mark after a failure of unknown outcome; never report it as one without effect."),
    P33(
            Force.MUST,
            "while listings are stale, a repeated creation makes no second machine",
            "Do not rely on a listing alone for what was made: let the outside refuse a second one, or look at it by id."),
    P34(
            Force.MUST,
            "a machine that the outside names twice is listed once, or the listing fails with a ProviderException",
            "Compare ids while the listing is put together."),
    P35(
            Force.MUST,
            "a creation that the outside refuses for a conflict fails with CONFLICT or NO_CAPACITY, records nothing, and"
                    + " succeeds once the conflict is over",
            "Turn HTTP 409 into ProviderException.Reason.CONFLICT."),
    P36(
            Force.MUST,
            "a call that is refused for its rate fails with RATE_LIMITED",
            "Turn HTTP 429 into ProviderException.Reason.RATE_LIMITED, with what Retry-After says."),
    P37(
            Force.MUST,
            "a call whose credentials are refused fails with UNAUTHENTICATED",
            "Turn HTTP 401 and 403 into ProviderException.Reason.UNAUTHENTICATED."),
    P38(
            Force.MUST,
            "where the outside cannot be reached, calls fail with TRANSIENT: no listing is cut short, no machine is said to"
                    + " be missing",
            "Fail the listing as a whole; say NOT_FOUND only if the outside says so."),
    P39(
            Force.MUST,
            "interruption ends a call that waits, within 2 s, with InterruptedException",
            "Wait in ways that can be interrupted; a blocking read needs a thread of its own."),
    P40(
            Force.MUST,
            "every call ends by itself within its limit, whatever the outside does",
            "Give each request, and each call as a whole, a timeout."),

    P45(
            Force.MUST,
            "that no machine has an id concerns that machine: such a NOT_FOUND has the scope MACHINE",
            "Leave the scope of NOT_FOUND as it is: only the machine that was asked for is missing."),
    P46(
            Force.SHOULD,
            "a call that is refused for its rate or its credentials, as every call is, fails with the scope PROVIDER",
            "Leave the scope of RATE_LIMITED and UNAUTHENTICATED as it is, unless one machine's controller refused."),

    P47(
            Force.MUST,
            "forEachMachine shows the machines that listMachines returns, each as it is there, and once",
            "Let one of the two call the other."),
    P48(
            Force.MUST,
            "forEachMachine calls the visitor on the calling thread; an exception of the visitor ends it and is not changed",
            "Call the visitor outside of any try that catches, on no other thread."),
    P49(
            Force.MUST,
            "a machine that goes away while a listing is read takes no other out of it: the rest is whole, or the listing"
                    + " fails",
            "Where pages are counted by position, compare what was read with the total; where a page begins after a marker"
                    + " that is gone, fail or begin again."),
    P50(
            Force.MUST,
            "whichever request of a listing fails, in whatever way: the listing fails with the reason that fits, or it is"
                    + " whole; it never ends early",
            "Check the status, the length and the end of every page, not of the first only."),
    P51(
            Force.MUST,
            "whichever request of getMachine fails, in whatever way: it fails with the reason that fits, and never says that"
                    + " the machine is not there",
            "Say NOT_FOUND only if the outside says so of this very machine."),
    P52(
            Force.MUST,
            "whichever request of a creation that changes something fails, in whatever way: the reason fits, nothing is"
                    + " recorded, and the same intent finds what was made, goes on from there, and makes no other",
            "Mark with the intent in the first step, let each step be one that can be repeated, and give an intent up (as"
                    + " NO_CAPACITY does) only if nothing of it is left."),
    P53(
            Force.MUST,
            "whichever request of a creation that reads fails, in whatever way: the reason fits, nothing is recorded, and the"
                    + " same intent finds what was made and makes no other",
            "Do not take a look that failed for one that found nothing; after a step that took effect, fail with TRANSIENT."),
    P54(
            Force.MUST,
            "interruption ends listings, getMachine and createMachine within 2 s, with InterruptedException, at each of their"
                    + " requests; an interrupted creation is found again",
            "Let InterruptedException through from every step, and wait for none in ways that cannot be interrupted."),
    P55(
            Force.SHOULD,
            "a call that is refused for its rate hands on how long the outside asks to be left alone",
            "Give ProviderException.retryAfter() what Retry-After says."),
    P56(
            Force.MUST,
            "what a listing, getMachine and createMachine say of a machine, and what is recorded, is what the outside holds:"
                    + " its address and port, whether it is used, failed and running, where it stands, and for which intent",
            "Look which field of the outside's answer is which: a machine has several addresses, and one of them is its"
                    + " controller's."),
    P57(
            Force.MUST,
            "a free machine that is broken or under maintenance is left out of listings or failed(), is not taken, and hides"
                    + " no other",
            "Return failed() for it, and refuse it in createMachine: the request may come from an older listing."),
    P58(
            Force.MUST,
            "a machine of another fleet is not listed, not found by getMachine, and not taken",
            "Check whose a machine is wherever one is looked up, not in the listing alone."),
    P59(
            Force.MUST,
            "one machine without an address, or whose description makes no sense, does not keep the others from being listed"
                    + " and taken",
            "Read machine by machine, and leave out the one that cannot be read, or mark it as failed()."),
    P60(
            Force.MUST,
            "a machine in use that is switched off is KNOWN_USED, with the status STOPPED or UNKNOWN",
            "Turn the outside's words for its power into a ProviderStatus, and those you do not know into UNKNOWN."),
    P61(
            Force.MUST,
            "a machine in use that is being made is KNOWN_USED with the status PROVISIONING, wherever it is shown",
            "Turn each of the outside's words for a state in between into PROVISIONING: one that is not there yet must not"
                    + " be contacted."),
    P62(
            Force.MUST,
            "a machine has one id: by another name that the outside knows it by it is not found, and not taken",
            "Compare the id in the answer with the one that was asked for."),
    P63(
            Force.MUST,
            "a machine that is gone is not listed, not found by getMachine, and not taken",
            "Keep no copy of what the outside said."),
    P64(
            Force.MUST,
            "of two intents that want one machine at the same time one gets it, and it keeps the mark of that one",
            "Let the outside decide: claim in one request that fails if the machine is claimed already."),

    R01(
            Force.MUST,
            "rebootMachine of a machine returns once the reboot is accepted, within the limit of a call",
            "Do not wait for the machine to come back: the manager does."),
    R02(
            Force.MUST,
            "rebootMachine of an id that no machine has fails with NOT_FOUND",
            "Turn the outside's \"no such machine\" (HTTP 404) into ProviderException.Reason.NOT_FOUND."),
    R03(
            Force.MUST,
            "reinstallMachine of a machine returns once it is accepted, or fails with NOT_SUPPORTED",
            "Throw NotSupportedException (and let reinstallsMachines() return false), or do it."),
    R04(
            Force.MUST,
            "reinstallMachine of an id that no machine has fails with NOT_FOUND (or NOT_SUPPORTED where nothing is"
                    + " reinstalled)",
            "Turn the outside's \"no such machine\" (HTTP 404) into ProviderException.Reason.NOT_FOUND."),
    R05(
            Force.MUST,
            "a machine that was rebooted or reinstalled is the same machine: it has its id, is not free, and stays in the"
                    + " listing meanwhile",
            "Do not make a new machine in the place of one that is to be reinstalled; list it as KNOWN_USED with the status"
                    + " PROVISIONING until it is over."),
    R06(
            Force.MUST,
            "a call reboots or reinstalls the machine it names, once, and no other",
            "Check which machine the outside is asked to act on."),
    R07(
            Force.MUST,
            "a reboot or reinstallation whose answer is lost fails with TRANSIENT and happens at most once",
            "Repeat only what changes nothing, and do not go on after a step whose outcome is unknown: the manager looks whether"
                    + " it worked before it tries again."),
    R08(
            Force.MUST,
            "rebootMachine and reinstallMachine do not swallow an interruption",
            "Let InterruptedException through; after catching one, throw one."),
    R09(
            Force.MUST,
            "a reboot that is refused for its rate fails with RATE_LIMITED and reboots nothing",
            "Turn HTTP 429 into ProviderException.Reason.RATE_LIMITED: such an attempt does not count."),

    R10(
            Force.MUST,
            "whichever request of a reboot that changes something fails, in whatever way: the machine is rebooted at most once;"
                    + " it is TRANSIENT if that is unknown or an earlier step took effect, and otherwise the reason that fits",
            "Once a step has taken effect, fail with TRANSIENT whatever the next one answers, and repeat none. Where a request"
                    + " such as a login changes nothing, let the fault proxy know (changes())."),
    R11(
            Force.MUST,
            "whichever request of a reboot or reinstallation that reads fails, in whatever way: the reason fits, and nothing"
                    + " happens, or it is TRANSIENT",
            "Do not act on a machine that could not be looked at, and never say NOT_FOUND for a look that failed."),
    R12(
            Force.MUST,
            "whichever request of a reinstallation that changes something fails, in whatever way: the machine is reinstalled at"
                    + " most once; it is TRANSIENT if that is unknown or an earlier step took effect, and otherwise the reason"
                    + " that fits",
            "Once a step has taken effect, fail with TRANSIENT whatever the next one answers, and repeat none."),
    R13(
            Force.MUST,
            "interruption ends rebootMachine and reinstallMachine within 2 s, with InterruptedException, at each of their"
                    + " requests, and nothing happens twice",
            "Let InterruptedException through from every step, and wait for none in ways that cannot be interrupted."),
    R14(
            Force.MUST,
            "a machine of another fleet, or one that is asked for by another name than its id, is not rebooted and not"
                    + " reinstalled: NOT_FOUND (or NOT_SUPPORTED where nothing is reinstalled)",
            "Look the machine up, and check whose it is and what its id is, before it is acted on."),

    F01(
            Force.MUST,
            "ServiceLoader finds the factory, once",
            "Name it in META-INF/services/dev.shepherd.api.ProviderFactory, and in \"provides … with\" of a named module."),
    F02(
            Force.MUST,
            "kind() has the form of a provider type, and no other factory on the class path has it",
            "Use lower-case letters, digits and single dashes."),
    F03(Force.MUST, "description() is one line", "Say in one line what this kind of provider is for."),
    F04(
            Force.MUST,
            "properties() describes each property once, and is the same at every call",
            "Return a constant list."),
    F05(
            Force.MUST,
            "a property that does not exist is refused by its name",
            "Describe every property in properties(), and no other."),
    F06(
            Force.MUST,
            "a property that is left out is refused by its name, or not needed",
            "Mark what create() cannot do without as required; throw ConfigurationException for what depends on others."),
    F07(
            Force.MUST,
            "a value that makes no sense is refused with a ConfigurationException that names a property, or accepted",
            "Check ranges in create(), and name the property in the exception."),
    F08(
            Force.MUST,
            "the provider's type is the one it was configured with: two instances of one kind have two",
            "Hand config.type() to the provider."),
    F09(
            Force.MUST,
            "the value of a secret property shows in no text: not of the provider, of exceptions and their causes, nor in"
                    + " the log",
            "Mark it with asSecret(), and never put it into a message."),
    F10(
            Force.MUST,
            "the factory starts no thread, and a provider that is closed leaves none",
            "Start threads with the first call of the provider, and end them in close().");

    /** How strictly a rule is meant. */
    public enum Force {
        /** Whatever breaks it is no provider that the manager can work with. */
        MUST("required"),
        /** There may be a reason to leave it: see {@link ProviderContract#optedOut()}. */
        SHOULD("optional");

        private final String prefix;

        Force(String prefix) {
            this.prefix = prefix;
        }

        /** Returns what the names of its tests begin with. */
        String prefix() {
            return prefix;
        }
    }

    private static final Pattern TEST = Pattern.compile("(?:required|optional)_([PRF]\\d\\d)_\\w+");

    private final Force force;
    private final String text;
    private final String advice;

    Rule(Force force, String text, String advice) {
        this.force = force;
        this.text = text;
        this.advice = advice;
    }

    /**
     * Finds the rule that a test of the kit is for.
     *
     * @param method the name of the test's method, such as {@code required_P01_typeIsConstant}
     * @return empty for any other method
     */
    public static Optional<Rule> ofTest(String method) {
        Matcher matcher = TEST.matcher(method);
        return matcher.matches() ? Optional.of(valueOf(matcher.group(1))) : Optional.empty();
    }

    /** Returns how strictly the rule is meant. */
    public Force force() {
        return force;
    }

    /** Returns the rule itself, as in {@code docs/provider-contract.md}. */
    public String text() {
        return text;
    }

    /** Returns what to check first where the rule is broken. */
    public String advice() {
        return advice;
    }
}
