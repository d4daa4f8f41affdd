#!/bin/sh
# Program-level tests: run.sh STRANGE [CASE… | --file NAME]. Each case is a function of a file in cases/, run in an empty directory; it fails when a
# command in it fails (set -e) or when it calls `no`. Without CASE all of them run, or those of one file. One line "case: pass|fail|skip NAME" each; exit status 1 when one failed.
set -u
# Under nohup SIGHUP is ignored, which a shell cannot take back, and programs leave it so.
case $(sed -n 's/^SigIgn:.*\(.\)$/\1/p' /proc/self/status) in [13579bdf]) exec env --default-signal=HUP "$0" "$@" ;; esac
here=$(cd "$(dirname "$0")" && pwd)
strange=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
shift
export strange here
export LC_ALL=C.UTF-8
unset NO_COLOR SOURCE_DATE_EPOCH || true

# In memory where the system offers that: what is written is synced to disk, which takes long on a busy one.
[ -n "${TMPDIR:-}" ] || { [ -w /dev/shm ] && TMPDIR=/dev/shm; }
work=$(mktemp -d "${TMPDIR:-/tmp}/strange-cli-XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 2' INT TERM

names=$*
files='*'
[ "${1:-}" != --file ] || { files=$2 names=; }
if [ "$files" != '*' ] && [ ! -f "$here/cases/$files.sh" ]; then
    echo "run.sh: there is no $here/cases/$files.sh" >&2
    exit 2
fi
# shellcheck disable=SC2086 # a pattern
[ -n "$names" ] || names=$(sed -n 's/^\(case_[a-z0-9_]*\)() *{.*/\1/p' "$here"/cases/$files.sh)
failed=0
for name in $names; do
    mkdir -p "$work/$name/tmp"
    (
        cd "$work/$name" || exit 1
        TMPDIR=$work/$name/tmp
        export TMPDIR
        . "$here/lib.sh"
        for file in "$here"/cases/*.sh; do . "$file"; done
        trap end_background EXIT
        set -e
        "$name"
    ) >"$work/$name.log" 2>&1
    status=$?
    case $status in
        0) echo "case: pass $name" ;;
        77) echo "case: skip $name" ;;
        *)
            echo "case: fail $name"
            sed 's/^/    /' "$work/$name.log" | tail -n 30
            failed=1
            ;;
    esac
    # What a failing command had in $TMPDIR must be gone.
    if [ "$status" = 0 ] && [ -n "$(ls -A "$work/$name/tmp")" ]; then
        echo "case: fail ${name}_leaves_temporary_files"
        ls "$work/$name/tmp"
        failed=1
    fi
    rm -rf "${work:?}/$name"
done
exit $failed
