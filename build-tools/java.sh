# Read by the programs of the source tree and of the archive: finds a Java that is new enough.
#
# The caller has set:
#   name     what messages begin with
#   root     the folder that the program is in
#   needs    what it needs, in words
#
# Sets java, the program.

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
