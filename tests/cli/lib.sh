# Helpers for the cases.

no() { echo "no: $*"; exit 1; }

# status N COMMAND…: the command's exit status is N; standard output in ./out, standard error in ./err.
status() {
    wanted=$1
    shift
    got=0
    ("$@") >out 2>err || got=$?
    [ "$got" = "$wanted" ] || { cat err; no "exit status $got instead of $wanted: $*"; }
}

# refused TEXT COMMAND…: exit status 2, nothing on standard output, one line on standard error with TEXT in it.
refused() {
    text=$1
    shift
    status 2 "$@"
    [ "$(wc -l <err)" = 1 ] || { cat err; no "$(wc -l <err) lines on standard error: $*"; }
    grep -q '^strange: ' err || { cat err; no "the line does not begin with 'strange: '"; }
    grep -qF -- "$text" err || { cat err; no "the line is without '$text'"; }
    [ ! -s out ] || no "something on standard output: $*"
}

absent() { for file in "$@"; do [ ! -e "$file" ] || no "$file exists"; done; }
nothing_but() { # nothing_but FILES…: the directory holds these, out, err and tmp only
    for file in * .[!.]*; do
        [ -e "$file" ] || continue
        case " $* out err tmp " in *" $file "*) ;; *) no "left behind: $file" ;; esac
    done
}

# strace_text N [SEED [ODD]]: a trace of N requests of two threads as `strace -f -ttt -T` writes it; with ODD, every third request runs
# a program, which the others never do.
strace_text() {
    awk -v n="$1" -v seed="${2:-1}" -v odd="${3:-}" '
        function call(name, args, ret) { t += 0.0001 + rand() / 100000; printf "%d %.6f %s(%s) = %s <0.000010>\n", tid, t, name, args, ret }
        BEGIN {
            srand(seed)
            t = 1700000000
            for (i = 0; i < n; i++) {
                tid = 100 + i % 2
                call("accept4", "3, NULL, NULL, SOCK_CLOEXEC", 7)
                call("read", "7, \"GET\", 4096", 3)
                if (rand() < 0.5) call("openat", "AT_FDCWD, \"/x\", O_RDONLY", rand() < 0.3 ? "-1 ENOENT (No such file or directory)" : 8)
                call("fstat", "8, {st_mode=S_IFREG}", 0)
                if (odd && i % 3 == 0) { call("socket", "AF_INET, SOCK_STREAM, 0", 9); call("execve", "\"/bin/sh\"", "-1 EACCES (Permission denied)"); call("ptrace", "PTRACE_TRACEME", 0) }
                call("write", "7, \"ok\", 2", 2)
                call("close", "7", 0)
            }
        }'
}

# once NAME COMMAND…: the files that the command makes in an empty directory; made for the first case that asks, copied for the others.
once() {
    made=$work/made/$1
    shift
    if [ ! -d "$made" ]; then
        rm -rf "$made.new"
        mkdir -p "$made.new"
        (cd "$made.new"; "$@") # in no condition, so that what fails in it ends it
        mv "$made.new" "$made"
    fi
    cp "$made"/* .
}

make_data_sets() {
    strace_text "$1" 1 >train.txt
    strace_text 200 2 >valid.txt
    strace_text 200 3 >test.txt
    strace_text 60 4 odd >odd.txt
    "$strange" -q prepare --cut accept --scope thread -o train.data train.txt
    for name in valid test odd; do "$strange" -q prepare --cut accept --scope thread --vocab train.data -o $name.data $name.txt; done
}
make_trained() {
    data_sets
    "$strange" -q train -o web.model --valid valid.data train.data
}

# data_sets [N]: train.data (of N requests), valid.data, test.data (known) and odd.data (novel) from such traces.
data_sets() { once "data-${1:-400}" make_data_sets "${1:-400}"; }

# trained: data sets and web.model, an n-gram.
trained() { once trained make_trained; }

# small_net: data sets, net.model, a small Transformer, and the logs of two trainings of one.
small_net() {
    data_sets
    for log in a b; do # two seeds
        "$strange" -q train --model transformer --hidden 16 --ff 24 --layers 2 --heads 2 --rate 0.01 --batch-tokens 512 --eval-every 20 --threads 1 \
            --updates 120 --seed $((0x$log)) --valid valid.data --log $log.log -o net.model train.data
    done
}

# Waits until the process $1 is the program and handles SIGINT (before that it ends like any other), or is gone.
listens() {
    tries=0
    while [ $tries -lt 2000 ] && kill -0 "$1" 2>/dev/null; do
        name=$(cat "/proc/$1/comm" 2>/dev/null) || return 0
        mask=$(sed -n 's/^SigCgt:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null) || return 0
        # Signal 2 is the second bit of the last digit.
        case $name:$mask in strange:*[2367abef]) return 0 ;; esac
        sleep 0.01
        tries=$((tries + 1))
    done
}

# flip FILE OFFSET: one bit of the byte there is another.
flip() {
    byte=$(od -An -tu1 -j "$2" -N1 "$1" | tr -d ' ')
    # shellcheck disable=SC2059 # the format is the byte
    printf "\\$(printf %03o $((byte ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}

# repeats N LEAST: how many of N repetitions; one in STRANGE_THIN of them (a build with a sanitizer), but at least so many.
repeats() {
    few=$(($1 / ${STRANGE_THIN:-1}))
    if [ $few -gt "$2" ]; then echo $few; else echo "$2"; fi
}

# Kills the process $1 with signal $2 once the file $3 exists (or 20 s are over), and waits; its exit status in $got.
kill_when() {
    tries=0
    while [ ! -e "$3" ] && [ $tries -lt 2000 ] && kill -0 "$1" 2>/dev/null; do
        sleep 0.01
        tries=$((tries + 1))
    done
    kill -"$2" "$1" 2>/dev/null || true
    got=0
    wait "$1" || got=$?
}

# Not where lines are counted: each process writes its counters at the end, which those without privileges may not, and says so.
no_coverage() { ! grep -qa '__gcov_' "$strange" || exit 77; }

# Ends what a case has left running in the background, a recorder say: when it ends, whether it passes or not.
end_background() {
    jobs -p >"$TMPDIR/jobs"
    while read -r job; do kill "$job" 2>/dev/null || true; done <"$TMPDIR/jobs"
    rm -f "$TMPDIR/jobs"
}
