# Read by the programs of the source tree and of the archive: finds a Java that is new enough, and starts it.
#
# The caller has set:
#   name     what messages begin with
#   root     the folder that the program is in
#   needs    what it needs, in words
#
# Sets java, the program, and has functions that start it: start and start_command.
#
# SHEPHERD_CACHE  where the classes of short commands are kept, about 45 MB (default: the folder shepherd in XDG_CACHE_HOME,
#                 or in .cache of HOME); empty: they are not

# Separates the entries of a class path, and cannot be written otherwise: neither javac nor java would find anything.
case $root in
*:*)
    echo "$name: $root has a colon in its path, which Java's class paths cannot express: move the folder" >&2
    exit 2
    ;;
esac

# The JVM decodes arguments and names of files by the locale. In that of cron, systemd and most containers, and in one
# that the machine does not have, only ASCII would pass.
case $(locale charmap 2>/dev/null || echo "unknown ${LC_ALL:-${LC_CTYPE:-${LANG:-C}}}") in
ANSI_X3.4-1968 | US-ASCII | 'unknown C' | 'unknown POSIX')
    LC_ALL=C.UTF-8
    export LC_ALL
    ;;
esac

if [ -n "${JAVA_HOME:-}" ]; then
    java=$JAVA_HOME/bin/java
else
    java=java
fi
if ! about=$("$java" -version 2>&1); then
    echo "$name: needs $needs, and \"$java -version\" fails; set JAVA_HOME to one. It says:" >&2
    echo "$about" >&2
    exit 2
fi
# Not always the first line: before it, the JVM says which variables it takes options from.
version=$(echo "$about" | sed -n 's/^[A-Za-z]* version "\([0-9]*\).*/\1/p' | head -n 1)
if [ "${version:-0}" -lt 17 ]; then
    echo "$name: needs $needs; $java is ${version:-of no version that it says}. Set JAVA_HOME to one." >&2
    exit 2
fi

# Becomes the JVM with these arguments. One that has run out of memory is in no state to be relied on: it ends, with
# status 3, and others take over.
start() {
    exec "$java" -XX:+ExitOnOutOfMemoryError "$@"
}

# As start, for Shepherd's command line; program is its jar, and lib the folder with the others. Commands that end soon
# spend their time on loading and compiling classes: they are compiled once only, and loaded from a file that the JVM maps
# as it is. It is written at the end of the first command that loads most of them.
start_command() {
    writes=
    for word; do
        case $word in
        run | serve | demo | contract | fake-*) start "$@" ;;
        machines) writes=yes ;;
        esac
    done
    set -- -XX:TieredStopAtLevel=1 "$@"

    cache=${SHEPHERD_CACHE-${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/shepherd}
    # One that others own may hold any classes.
    { [ -n "$cache" ] && (umask 077 && mkdir -p "$cache") && [ -O "$cache" ] && [ -w "$cache" ]; } 2>/dev/null || start "$@"
    # The JVM compares the jars' sizes and times itself, but not without a word.
    key=$( (echo "$java" "$about" && ls -lnL "$program" "$lib") | cksum | tr ' ' -)
    classes=$cache/classes-$key.jsa
    set -- -Xlog:cds=off -Xlog:cds+dynamic=off "$@"
    if [ -O "$classes" ]; then
        start "-XX:SharedArchiveFile=$classes" "$@"
    elif [ -z "$writes" ]; then
        start "$@"
    fi
    status=0
    (start "-XX:ArchiveClassesAtExit=$classes.$$" "$@") || status=$?
    if [ "$status" = 0 ]; then
        mv -f "$classes.$$" "$classes" 2>/dev/null || true
        # Those of other versions, once they are not read any more.
        find "$cache" -name 'classes-*' -atime +30 -exec rm -f {} + 2>/dev/null || true
    else
        rm -f "$classes.$$"
    fi
    exit "$status"
}
