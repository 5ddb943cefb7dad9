package dev.shepherd.published;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Mistakes that authors of providers make, planted one at a time in the source of the example and of what it stands on: what
 * an author without that support would have to write. None is equivalent to the good code.
 */
final class PlantedBugs {

    /**
     * A mistake.
     *
     * @param how what is wrong, in words
     * @param file the class that it is in
     * @param changes what is changed there
     * @param rules the rules that must catch it, each of them
     */
    record Bug(String how, String file, List<Change> changes, List<String> rules) {

        /** Plants the mistake in the source of the class. */
        String plantIn(String source) {
            String planted = source;
            for (Change change : changes) {
                planted = change.in(planted);
            }
            return planted;
        }

        @Override
        public String toString() {
            return how;
        }
    }

    /**
     * A change of a source.
     *
     * @param good what is replaced, however it is broken into lines; it stands there once
     * @param bad what it is replaced with
     */
    record Change(String good, String bad) {

        private String in(String source) {
            String words =
                    Stream.of(good.strip().split("\\s+")).map(Pattern::quote).collect(Collectors.joining("\\s+"));
            Matcher matcher = Pattern.compile(words).matcher(source);
            if (!matcher.find()) {
                throw new IllegalStateException("the source has no longer: " + good);
            }
            String changed = source.substring(0, matcher.start()) + bad + source.substring(matcher.end());
            if (matcher.find()) {
                throw new IllegalStateException("the source has more than once: " + good);
            }
            return changed;
        }
    }

    private static final String RACK = "RackProvider";
    private static final String CLAIMING = "ClaimingProvider";
    private static final String PAGES = "Pages";
    private static final String CALLS = "HttpCalls";
    private static final String ANSWER = "HttpAnswer";
    private static final String THREADS = "CallThreads";
    private static final String EXCERPTS = "Excerpts";

    private static final String REMEMBERED =
            "private final Map<String, JsonNode> remembered = new java.util.concurrent.ConcurrentHashMap<>();";

    private static final List<Bug> ALL = new ArrayList<>();

    private PlantedBugs() {}

    static List<Bug> all() {
        return ALL;
    }

    private static void plant(String how, String file, String good, String bad, String... rules) {
        plant(how, file, List.of(new Change(good, bad)), rules);
    }

    private static void plant(String how, String file, List<Change> changes, String... rules) {
        ALL.add(new Bug(how, file, changes, List.of(rules)));
    }

    /** Gives the example something that it should not have. */
    private static Change field(String field) {
        return new Change("private final HttpCalls calls;", "private final HttpCalls calls;\n" + field);
    }

    static {
        // What is listed.
        plant("only the first page is read", RACK, "return page.path(\"next\").asText(\"\");", "return \"\";", "P50");
        plant("a page that is refused ends the listing", PAGES, """
                                throw new ProviderException(
                                        Reason.TRANSIENT, what + ": page " + number + " is refused; the list has changed", e);
                """, "{ return null; }", "P50", "P49");
        plant(
                "a page that cannot be read ends the listing",
                RACK,
                "JsonNode page = calls.at(\"/servers?after={}\", marker).get().read(JSON::readTree);",
                """
                JsonNode page;
                try {
                    page = calls.at("/servers?after={}", marker).get().read(JSON::readTree);
                } catch (dev.shepherd.api.ProviderException e) {
                    if (marker.isEmpty() || e.reason() != dev.shepherd.api.ProviderException.Reason.TRANSIENT) {
                        throw e;
                    }
                    return "";
                }
                """,
                "P50");
        plant(
                "the status of a page is not looked at",
                RACK,
                "JsonNode page = calls.at(\"/servers?after={}\", marker).get().read(JSON::readTree);",
                """
                JsonNode page;
                try {
                    page = JSON.readTree(calls.at("/servers?after={}", marker).get().body());
                } catch (java.io.IOException e) {
                    throw new IllegalArgumentException(e);
                }
                """,
                "P36",
                "P37");
        plant("a page without servers counts as an empty one", RACK, """
                JsonNode page = calls.at("/servers?after={}", marker).get().read(JSON::readTree);
                            // Not path(): a page without servers must not look like the end of the list.
                            for (JsonNode server : (ArrayNode) page.get("servers")) {
                """, """
                JsonNode page;
                try {
                    page = JSON.readTree(calls.at("/servers?after={}", marker).get().body());
                } catch (java.io.IOException e) {
                    throw new IllegalArgumentException(e);
                }
                for (JsonNode server : page.path("servers")) {
                """, "P50");
        plant(
                "what two pages both have is listed twice",
                CLAIMING,
                "if (listed && seen.add(machine.id())) {",
                "if (listed) {",
                "P34");
        plant(
                "the listing for programs has more than the manager's",
                CLAIMING,
                "forEachMachine(machines::add);",
                "forEachKnown((item, machine) -> machines.add(machine));",
                "P34");
        plant("the two listings say different things of a machine", CLAIMING, """
                        List<Machine> machines = new ArrayList<>();
                        forEachMachine(machines::add);
                """, """
                        List<Machine> machines = new ArrayList<>();
                        forEachKnown((item, machine) -> {
                            if (machine.availability() == Availability.KNOWN_UNUSED || isComplete(item)) {
                                machines.removeIf(other -> other.id().equals(machine.id()));
                                machines.add(machine.toBuilder().location(null).build());
                            }
                        });
                """, "P47");
        plant(
                "what is used is not listed",
                CLAIMING,
                "boolean listed = !isUsed(machine) || isComplete(item);",
                "boolean listed = !isUsed(machine);",
                "P15",
                "R05");
        plant(
                "an exception of the visitor is wrapped",
                CLAIMING,
                "throw ofVisitor.contains(e) ? e : inWordsOfOurs(e);",
                "throw new ProviderException(Reason.TRANSIENT, \"the listing failed\", e);",
                "P48");
        plant("an exception of the visitor does not end the listing", CLAIMING, """
                                        ofVisitor.add(e);
                                        throw e;
                """, "ofVisitor.add(e);", "P48");
        plant("one broken description breaks the listing", RACK, ".buildFromWhatFits());", ".build());", "P59");
        plant(
                "one address that is missing breaks the listing",
                RACK,
                "AddressLiteral.orNull(",
                "AddressLiteral.address(",
                "P59");
        plant("the list is kept and handed out again", CLAIMING, """
                        List<Machine> machines = new ArrayList<>();
                        forEachMachine(machines::add);
                        return machines;
                """, """
                        if (kept.isEmpty()) {
                            forEachMachine(kept::add);
                        }
                        return kept;
                    }

                    private final List<Machine> kept = new ArrayList<>();

                    private void unused() {
                """, "P47");
        plant(
                "servers are remembered from the listing before",
                RACK,
                List.of(field(REMEMBERED), new Change("visitor.visit(server);", """
                                String serial = server.path("serial").asText();
                                remembered.putIfAbsent(serial, server);
                                visitor.visit(remembered.get(serial));
                                """)),
                "P14");

        // What is said of a machine.
        plant(
                "servers are numbered as they come",
                RACK,
                List.of(
                        field("private static int counter;"),
                        new Change(
                                "new ProviderID(server.path(\"serial\").asText()),",
                                "new ProviderID(\"server-\" + counter++),")),
                "P04",
                "P09");
        plant(
                "what is off is said to run",
                RACK,
                "\"stopped\", ProviderStatus.STOPPED",
                "\"stopped\", ProviderStatus.RUNNING",
                "P60");
        plant(
                "what is being deployed is said to run",
                RACK,
                "\"deploying\", ProviderStatus.PROVISIONING",
                "\"deploying\", ProviderStatus.RUNNING",
                "P61");
        plant("what is broken is free", RACK, ".failed(!STATUSES.containsKey(state))", ".failed(false)", "P57");
        plant("the port is always 22", RACK, ".sshPort(server.path(\"sshPort\").asInt())", ".sshPort(22)", "P56");
        plant(
                "the address is that of something else",
                RACK,
                "AddressLiteral.orNull(server.path(\"address\").asText())",
                "AddressLiteral.orNull(server.has(\"address\") ? \"127.0.2.1\" : \"\")",
                "P56");
        plant("where it stands is left out", RACK, ".location(server.path(\"rack\").asText())", "", "P56");
        plant(
                "the mark of the intent is not shown",
                RACK,
                ".intentId(intent(server.path(\"claim\").asText()))",
                "",
                "P18",
                "P16");
        plant(
                "whose a server is makes no difference",
                RACK,
                "if (!server.path(\"fleet\").asText().equals(fleet)) {",
                "if (server.path(\"fleet\").asText().isEmpty()) {",
                "P58",
                "R14");
        plant(
                "a server is found by another name",
                CLAIMING,
                List.of(
                        new Change("!id.isValid() || !ids.matcher(id.value()).matches()", "!id.isValid()"),
                        new Change(
                                "boolean itsId = known(item).filter(machine -> machine.id().equals(id)).isPresent();",
                                "boolean itsId = known(item).isPresent();")),
                "P62",
                "R14");
        plant(
                "whose a server is does not matter when it is rebooted",
                CLAIMING,
                "boolean itsId = known(item).filter(machine -> machine.id().equals(id)).isPresent();",
                "boolean itsId = known(item).map(machine -> machine.id().equals(id)).orElse(true);",
                "R14");
        plant(
                "whatever fails, the machine is said to be missing",
                CLAIMING,
                "throw e.reason() == Reason.NOT_FOUND ? notFound(id) : e;",
                "throw notFound(id);",
                "P38",
                "P51");
        plant(
                "a refusal is taken for absence",
                CLAIMING,
                "throw e.reason() == Reason.NOT_FOUND ? notFound(id) : e;",
                "throw e.reason() == Reason.NOT_FOUND || e.reason() == Reason.PERMANENT ? notFound(id) : e;",
                "P51",
                "R11");
        plant(
                "a missing machine is a passing failure",
                CLAIMING,
                "throw e.reason() == Reason.NOT_FOUND ? notFound(id) : e;",
                "throw new ProviderException(Reason.TRANSIENT, \"there is no answer\");",
                "P07",
                "R02");
        plant(
                "what was looked at once is remembered",
                RACK,
                List.of(
                        field(REMEMBERED),
                        new Change("return calls.at(\"/servers/{}\", id.value()).get().read(JSON::readTree);", """
                                JsonNode known = remembered.get(id.value());
                                if (known == null) {
                                    known = calls.at("/servers/{}", id.value()).get().read(JSON::readTree);
                                    remembered.put(id.value(), known);
                                }
                                return known;
                                """)),
                "P63");

        // Creations.
        plant(
                "what the intent claimed before is not looked for",
                CLAIMING,
                """
                        if (isOf(machine, intent)) {
                            return Optional.of(item);
                        }
                        if (!isFree(machine)) {
                """,
                "if (!isFree(machine)) {",
                "P16",
                "P17",
                "P32");
        plant(
                "of any machine, what the intent claimed before is not looked for",
                CLAIMING,
                "if (isOf(machine, intent)) {\n                    marked.add(item);\n                } else if",
                "if",
                "P23",
                "P32");
        plant(
                "each claim has a mark of its own",
                RACK,
                ".put(() -> JSON.writeValueAsBytes(Map.of(\"claim\", intent)))",
                ".put(() -> JSON.writeValueAsBytes(Map.of(\"claim\", UUID.randomUUID())))",
                "P12");
        plant(
                "a failure after the claim gives the intent up",
                CLAIMING,
                "throw keepingTheIntent(e, \"the machine of intent \" + intent + \" is claimed, but not completed\");",
                "throw new NoCapacityException(\"the machine cannot be deployed\");",
                "P52");
        plant("a failure after the claim is hidden", CLAIMING, """
                            throw keepingTheIntent(e, "the machine of intent " + intent + " is claimed, but not completed");
                        }
                        Optional<MachineInfo> machine = known(item);
                        if (machine.isEmpty() || !isOf(machine.get(), intent) || !isComplete(item)) {
                """, """
                            item = claimed;
                        }
                        Optional<MachineInfo> machine = known(item);
                        if (machine.isEmpty() || !isOf(machine.get(), intent)) {
                """, "P52");
        plant("a claimed machine is not deployed if the creation is asked for again", CLAIMING, """
                        if (isOf(machine, intent)) {
                            return Optional.of(item);
                        }
                        if (!isFree(machine)) {
                            return Optional.empty();
                        }
                """, """
                        if (isOf(machine, intent) && isComplete(item)) {
                            return Optional.of(item);
                        }
                        if (!isFree(machine)) {
                            return Optional.empty();
                        }
                """, "P52");
        plant(
                "what is claimed and not deployed is listed",
                CLAIMING,
                "boolean listed = !isUsed(machine) || isComplete(item);",
                "boolean listed = true;",
                "P52");
        plant("another machine is taken instead", CLAIMING, """
                        return tryClaim(item, id, intent)
                                .orElseThrow(() -> new NoCapacityException("provider " + type + ": machine " + id + " is not free"));
                """, """
                        Optional<M> tried = tryClaim(item, id, intent);
                        return tried.isPresent() ? tried.get() : claimAny(intent);
                """, "P21");
        plant("it trusts the request and not the machine", CLAIMING, """
                        if (!isFree(machine)) {
                            return Optional.empty();
                        }
                        try {
                            return Optional.of(sensible(() -> claim(item, intent)));
                """, """
                        if (!isFree(machine)) {
                            return Optional.of(item);
                        }
                        try {
                            return Optional.of(sensible(() -> claim(item, intent)));
                """, "P21");
        plant(
                "a claim that is refused counts as won",
                CLAIMING,
                "return isOf(now, intent) ? Optional.of(item) : Optional.empty();",
                "return Optional.of(item);",
                "P64");
        plant("it is deployed in the transaction", CLAIMING, """
                        MachineInfo machine = completed(claimed, intent);
                        session.inTransaction(transaction -> transaction.recordMachine(type, request, machine));
                """, """
                        MachineInfo machine = session.inTransaction(transaction -> {
                            MachineInfo made = completed(claimed, intent);
                            transaction.recordMachine(type, request, made);
                            return made;
                        });
                """, "P19");
        plant("something else is returned than was recorded", CLAIMING, """
                        session.inTransaction(transaction -> transaction.recordMachine(type, request, machine));
                        return machine;
                """, """
                        session.inTransaction(transaction -> transaction.recordMachine(type, request, machine));
                        return machine.toBuilder().location("elsewhere").build();
                """, "P13");
        plant(
                "a lost session is a passing failure",
                CLAIMING,
                "        session.inTransaction(transaction -> transaction.recordMachine(type, request, machine));\n",
                """
                try {
                    session.inTransaction(transaction -> transaction.recordMachine(type, request, machine));
                } catch (dev.shepherd.api.SessionExpiredException e) {
                    throw new ProviderException(Reason.TRANSIENT, "it could not be recorded", e);
                }
                """,
                "P17");
        plant(
                "without a machine left it says that it may pass",
                CLAIMING,
                "throw new NoCapacityException(\"provider \" + type + \": no machine is free\");",
                "throw new ProviderException(Reason.TRANSIENT, \"provider \" + type + \": no machine is free\");",
                "P22");

        // Reboots and reinstallations.
        plant(
                "the id goes to the controller as it comes",
                RACK,
                "        find(id);\n        calls",
                "        calls",
                "R14");
        plant(
                "the answer to a reboot is not looked at",
                RACK,
                "calls.at(\"/servers/{}/power-cycle\", id.value()).post().orThrow();",
                "calls.at(\"/servers/{}/power-cycle\", id.value()).post();",
                "R10");
        plant(
                "a reboot that fails is tried again",
                RACK,
                "calls.at(\"/servers/{}/power-cycle\", id.value()).post().orThrow();",
                """
                try {
                    calls.at("/servers/{}/power-cycle", id.value()).post().orThrow();
                } catch (dev.shepherd.api.ProviderException e) {
                    calls.at("/servers/{}/power-cycle", id.value()).post().orThrow();
                }
                """,
                "R07",
                "R10");
        plant(
                "a reboot is sent and not waited for",
                RACK,
                "calls.at(\"/servers/{}/power-cycle\", id.value()).post().orThrow();",
                "threads().submit(() -> calls.at(\"/servers/{}/power-cycle\", id.value()).post().orThrow());",
                "R10");
        plant(
                "a reboot deploys",
                RACK,
                "calls.at(\"/servers/{}/power-cycle\", id.value()).post().orThrow();",
                "calls.at(\"/servers/{}/deploy\", id.value()).post().orThrow();",
                "R06");
        plant(
                "an interrupted reboot is a passing failure",
                RACK,
                "calls.at(\"/servers/{}/power-cycle\", id.value()).post().orThrow();",
                """
                try {
                    calls.at("/servers/{}/power-cycle", id.value()).post().orThrow();
                } catch (InterruptedException e) {
                    throw new dev.shepherd.api.ProviderException(
                            dev.shepherd.api.ProviderException.Reason.TRANSIENT, "it was interrupted");
                }
                """,
                "R13");
        plant(
                "a reinstallation in two steps says of the second's refusal that nothing was done",
                RACK,
                "        complete(find(id));\n",
                "        rebootMachine(id);\n        complete(find(id));\n",
                "R12");
        plant("a reinstallation that fails is tried again", RACK, "        complete(find(id));\n", """
                JsonNode server = find(id);
                try {
                    complete(server);
                } catch (dev.shepherd.api.ProviderException e) {
                    complete(server);
                }
                """, "R07", "R12");

        // What the outside answers.
        plant("too many calls is a refusal", ANSWER, "case 429 -> Reason.RATE_LIMITED;", "", "P36", "R09");
        plant("wrong credentials are a refusal", ANSWER, "case 401, 403 -> Reason.UNAUTHENTICATED;", "", "P37");
        plant("a conflict is a refusal", ANSWER, "case 409 -> Reason.CONFLICT;", "", "P35");
        plant(
                "a server that is down has refused",
                ANSWER,
                "default -> status >= 500 ? Reason.TRANSIENT : Reason.PERMANENT;",
                "default -> Reason.PERMANENT;",
                "P50",
                "P51",
                "P52");
        plant("when to come again is not handed on", ANSWER, ".retryAfter(retryAfter.orElse(null))", "", "P55");
        plant(
                "a timeout is a conflict",
                CALLS,
                "throw tooLate(call, limit);\n        } catch",
                "throw new ProviderException(Reason.CONFLICT, call + \" took too long\");\n        } catch",
                "P40",
                "P52",
                "R10");
        plant(
                "the limit is that of the head",
                CALLS,
                List.of(
                        new Change(
                                "HttpRequest complete = sent.build();",
                                "HttpRequest complete = sent.timeout(left).build();"),
                        new Change(
                                "settings.threads.call(() -> client.send(complete, received), left);",
                                "settings.threads.call(() -> client.send(complete, received), Duration.ofHours(1));")),
                "P50",
                "P51",
                "P52");
        plant(
                "it waits for an hour",
                RACK,
                ".limit(config.duration(\"timeout\").orElseThrow())",
                ".limit(java.time.Duration.ofHours(1))",
                "P40");
        plant(
                "an interruption is a passing failure",
                THREADS,
                "            return running.get(limit.toNanos(), TimeUnit.NANOSECONDS);\n",
                """
                try {
                    return running.get(limit.toNanos(), TimeUnit.NANOSECONDS);
                } catch (InterruptedException e) {
                    throw new TimeoutException();
                }
                """,
                "P39",
                "P54");
        plant(
                "an interruption waits for the answer",
                THREADS,
                "            return running.get(limit.toNanos(), TimeUnit.NANOSECONDS);\n",
                """
                try {
                    return running.get(limit.toNanos(), TimeUnit.NANOSECONDS);
                } catch (InterruptedException e) {
                    try {
                        return running.get(limit.toNanos(), TimeUnit.NANOSECONDS);
                    } finally {
                        Thread.currentThread().interrupt();
                    }
                }
                """,
                "P39",
                "P54",
                "R13");

        // Secrets and the end.
        plant(
                "what the outside says is shown as it is",
                EXCERPTS,
                "hidden = hidden.replace(secret, HIDDEN);",
                "",
                "P31");
        plant(
                "its text shows the token",
                RACK,
                List.of(
                        field("""
                                private String token = "";

                                @Override
                                public String toString() {
                                    return "RackProvider[" + token + "]";
                                }
                                """),
                        new Change(
                                "fleet = config.string(\"fleet\").orElseThrow();",
                                "fleet = config.string(\"fleet\").orElseThrow();\ntoken = config.string(\"token\").orElseThrow();")),
                "P31");
        plant(
                "close() leaves what runs",
                CLAIMING,
                "public void close() {\n threads.close();",
                "public void close() {",
                "P28");
    }
}
