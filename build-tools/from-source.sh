# Read by ./shepherd and benchmarks/run: builds a program of the source tree where that is needed, and becomes it.
#
# The caller has set:
#   name     what messages begin with
#   root     the source tree
#   module   the module whose target/ holds the program
#   jar      its jar there
#   main     its main class
#   start    the function of java.sh that starts it
#   sources  the files and folders whose changes it is built again for, in the root; patterns are expanded

needs='a JDK 17 or newer'
. "$root/build-tools/java.sh"

target=$root/$module/target
stamp=$target/built

is_built() {
    [ -f "$stamp" ] || return 1
    # shellcheck disable=SC2086 # The sources are several, and hold patterns.
    [ -z "$(cd "$root" && find $sources \
        \( -name target -o -path '*/src/test' \) -prune -o -type f -newer "$stamp" -print | head -n 1)" ]
}

if ! is_built; then
    if ! command -v mvn >/dev/null 2>&1; then
        echo "$name: needs Maven 3.8 or newer (mvn) to build itself on first use." >&2
        exit 2
    fi
    echo "$name: building; the first time this fetches what it needs and takes a few minutes" >&2
    rm -f "$stamp"
    # shellcheck disable=SC2086 # SHEPHERD_MAVEN_OPTS holds several options.
    mvn -q -B -f "$root/pom.xml" -pl "$module" -am -Dmaven.test.skip=true -Dspotless.check.skip=true \
        ${SHEPHERD_MAVEN_OPTS:-} package >&2
    touch "$stamp"
fi

program=$target/$jar
lib=$target/lib
# shellcheck disable=SC2086 # SHEPHERD_JAVA_OPTS holds several options.
"$start" ${SHEPHERD_JAVA_OPTS:--Xmx512m} -cp "$program:$lib/*" "$main" "$@"
