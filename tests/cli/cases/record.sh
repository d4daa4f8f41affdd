# strange record as people call it. Without the privilege (or the build) to record, each case is skipped by name.

may_record() {
    if ! "$strange" record -q -o probe -- true >out 2>err; then
        grep -qE 'no permission|no recorder|vmlinux' err || { cat err; no "cannot record"; }
        cat err
        exit 77
    fi
    rm -rf probe
}
root_only() { [ "$(id -u)" = 0 ] || exit 77; }
no_sanitizer() { ! grep -qaE '__(asan|tsan)_init' "$strange" || exit 77; } # what they need at the end is more than a recorder may

children() { sed 's/ *$//' "/proc/$1/task/$1/children" 2>/dev/null || true; } # of a process, by number
begun() { # waits until the recorder whose standard error is ./err, which was not there before, says that it records
    n=0
    until grep -qs 'recording to' err || [ $n = 400 ]; do sleep 0.05; n=$((n + 1)); done
}

# number KEY: an integer of the JSON in ./out
number() { sed -n "s/.*\"$1\": \\([0-9]*\\).*/\\1/p" out | head -n 1; }
# per_call TRACE KIND NAME: events of babeltrace2's text
per_call() { babeltrace2 "$1" | grep -c " syscall_$2_$3: " || true; }
# opens TRACE EVENTS: babeltrace2 reads so many events, each stream monotonic; strange info agrees.
opens() {
    "$strange" info --json "$1" >info.json
    [ "$(sed -n 's/.*"events": \([0-9]*\).*/\1/p' info.json | head -n 1)" = "$2" ] || { cat info.json; no "info does not say $2 events"; }
    if command -v babeltrace2 >/dev/null; then
        babeltrace2 --clock-cycles "$1" >text
        [ "$(wc -l <text)" = "$2" ] || no "babeltrace2 reads $(wc -l <text) events instead of $2"
        awk '{ match($0, /cpu_id = [0-9]+/); cpu = substr($0, RSTART, RLENGTH); t = substr($1, 2) + 0
               if (t < last[cpu]) { print "back in time: " $0; bad = 1 } last[cpu] = t } END { exit bad }' text
    fi
}

case_record_command() {
    may_record
    status 0 "$strange" record --json -o trace -- "$STRANGE_WORKLOAD" family 300
    [ "$(number lost)" = 0 ]
    [ "$(number command_status)" = 0 ]
    grep -q '"end": "command-ended"' out
    grep -q 'events in' err
    events=$(number events)
    opens trace "$events"
    grep -q '"command line": "strange record\|"command_line"' info.json || grep -q 'strange record --json -o trace' info.json
    [ "$(sed -n 's/.*"name": "getppid", "count": \([0-9]*\).*/\1/p' info.json | head -n 1)" = 1200 ] || [ "$(per_call trace entry getppid)" = 1200 ]
    status 0 "$strange" record --json -o other -- sh -c 'exit 7'
    [ "$(number command_status)" = 7 ]
    grep -q 'the command exited 7' err
    "$strange" info other | grep -q 'exited 7'
    status 1 "$strange" diff trace other
    sed -n 1p out | grep -q '^changed: how the command ended, how many calls it makes'
    grep -qx '   the command exited 0 in A and exited 7 in B' out
    "$strange" diff --json trace other | grep -q '"command": "exited 7", "whole_run": true'
}

# Where it was started with SIGCHLD ignored, as by some supervisors, the end of the command is seen all the same.
case_record_ignored_children() {
    may_record
    status 0 timeout 60 env --ignore-signal=CHLD "$strange" record -o trace -- sh -c 'exit 7'
    grep -q 'the command exited 7' err || { cat err; no "how it ended"; }
}

case_record_usage() {
    refused '-o DIR is missing' "$strange" record -- true
    refused 'no command behind --' "$strange" record -o t --
    refused 'is not a size' "$strange" record -o t --ring 3x
    refused '--begin and --end go together' "$strange" record -o t --begin uprobe:/bin/sh:main
    refused 'is not a marker' "$strange" record -o t --marker main
    refused "--begin and --end are both called 'sh:main'" "$strange" record -o t --begin uprobe:/bin/sh:main --end uprobe:/bin/sh:main
    refused "--begin and --end are both called 'req'" "$strange" record -o t --begin uprobe:/bin/sh:main=req --end uretprobe:/bin/sh:main=req
    refused '--pid' "$strange" record -o t --pid x
    refused 'out of bounds' "$strange" record -o t --sample 2
    for option in '--duration 0s' '--duration 0' '--flight 0ms' '--rotate-time 0s' '--max-size 0' '--rotate-size 0K' '--ring 0' '--flight 1s --flight-size 0'; do
        # shellcheck disable=SC2086 # words
        refused 'is out of bounds: give a ' timeout 20 "$strange" record -o t $option -- true # not as if it were left out
    done
    nothing_but
}

# A command that does not run is named, and leaves no trace behind.
case_record_no_command() {
    may_record
    printf 'text\n' >text
    mkdir kept
    for options in '' '--rotate-size 1M' '--flight 1s'; do
        # shellcheck disable=SC2086 # words
        refused 'no-such-command: cannot run the command: No such file or directory' "$strange" record $options -o trace -- no-such-command
        # shellcheck disable=SC2086
        refused './text: cannot run the command: Permission denied' "$strange" record $options -o kept -- ./text
        absent trace
        [ -z "$(ls -A kept)" ] || no "left behind with '$options': $(ls -A kept)"
    done
    refused 'names no system call' "$strange" record --calls '' -o trace -- true
}

# A recording without a call says which filter left out how many.
case_record_nothing_passed() {
    may_record
    status 0 "$strange" record --json --comm no-such-name -o trace -- true
    [ "$(number events)" = 0 ]
    grep -q 'let no call pass: .*[0-9] of threads with other names than --comm; /proc/PID/comm says' err || { cat err; no "it does not say why"; }
    status 0 "$strange" record --comm no-such-name --calls getppid -o both -- true # the last one that something came as far as
    grep -q 'let no call pass: .*other names than --comm; /proc' err || { cat err; no "it does not say why"; }
    status 0 "$strange" record --calls getppid -o calls -- true
    grep -q 'let no call pass: .*[0-9] of calls that --calls leaves out; strace -c' err || { cat err; no "it does not say why"; }
    status 0 "$strange" record --calls execve -o one -- true
    ! grep -q 'let no call pass' err || no "one passed"
    root_only
    group=$(sed -n 's/^[^ ]* [^ ]* [^ ]* [^ ]* \([^ ]*\) .* - cgroup2 .*/\1/p' /proc/self/mountinfo | head -n 1)/strange-test-$$
    mkdir "$group" 2>/dev/null || exit 77
    status 0 "$strange" record --cgroup "$group" -o group -- true || { rmdir "$group"; exit 1; }
    rmdir "$group"
    grep -q 'let no call pass: .*[0-9] outside of --cgroup; /proc/PID/cgroup says' err || { cat err; no "it does not say why"; }
}

case_record_unprivileged() {
    no_coverage
    root_only
    command -v setpriv >/dev/null || exit 77
    may_record
    chmod 777 .
    cp "$strange" ./strange-copy
    refused 'run it as root' setpriv --reuid 65534 --regid 65534 --clear-groups ./strange-copy record -o trace -- true
    status 0 setpriv --reuid 65534 --regid 65534 --clear-groups ./strange-copy doctor
    grep -q 'CAP_BPF and CAP_PERFMON missing' out
    grep -q 'chmod 750 .*setcap' out || { cat out; no 'everybody could trace'; }
    absent trace
}

case_record_refused_output() {
    may_record
    mkdir full
    touch full/file
    refused 'full' "$strange" record -o full -- true
    refused 'nowhere/' "$strange" record -o nowhere/trace -- true
    [ "$(ls full)" = file ]
}

# A signal is a clean end: all that was read is in the trace.
case_record_stop() {
    may_record
    ln -s "$STRANGE_WORKLOAD" ./asked # another test may run the workload, too
    for signal in INT TERM HUP; do
        rm -rf trace err
        "$strange" record --json -o trace >out 2>err &
        pid=$!
        begun
        ./asked calls 500
        kill -s $signal $pid
        got=0
        wait $pid || got=$?
        [ $got = 0 ] || { cat err; no "exit status $got after $signal"; }
        grep -q '"end": "stopped"' out
        opens trace "$(number events)"
        command -v babeltrace2 >/dev/null || continue
        # Between attaching and the signal nothing is missing, but what was lost on a machine where another test floods the rings.
        calls=$(babeltrace2 trace | grep 'procname = "asked"' | grep -c 'syscall_entry_getppid')
        lost=$(number lost)
        [ "$calls" -le 500 ] && [ "$calls" -ge $((500 - lost)) ] || no "$calls of 500 calls after $signal, $lost lost"
    done
}

# Asked to stop before it records, it does not run the command first.
case_record_stop_early() {
    may_record
    for _ in 1 2 3 4 5; do # it may be faster than the signal
        rm -rf trace ran
        "$strange" -q record -o trace --marker "uprobe:$STRANGE_WORKLOAD:workload_mark" -- touch ran 2>err &
        pid=$!
        listens $pid
        kill -TERM $pid
        got=0
        wait $pid || got=$?
        [ $got != 2 ] || break
    done
    [ $got = 2 ] || no "it recorded each time"
    grep -q interrupted err
    absent ran trace
}

# A second signal, while a command is given time to end, costs none of what was recorded before it.
case_record_stop_twice() {
    may_record
    ln -s "$STRANGE_WORKLOAD" ./asked
    rm -f err
    "$strange" record --json -o trace -- sh -c 'trap "" TERM; ./asked calls 500; touch called; n=0; while [ $n -lt 60 ]; do sleep 0.1; n=$((n + 1)); done; true' >out 2>err &
    pid=$!
    begun
    n=0
    until [ -e called ] || [ $n = 400 ]; do sleep 0.05; n=$((n + 1)); done
    command=$(children $pid)
    kill -TERM $pid
    sleep 0.2
    kill -TERM $pid 2>/dev/null || true
    got=0
    wait $pid || got=$?
    kill -9 "$command" 2>/dev/null || true
    [ $got = 0 ] || { cat err; no "exit status $got"; }
    grep -q 'the command still runs' err
    grep -q '"command": "still running"' out
    "$strange" info trace | grep -q 'still running'
    opens trace "$(number events)"
    [ "$(per_call trace entry getppid)" -ge 500 ]
}

case_record_duration() {
    may_record
    status 0 "$strange" record --json --duration 300ms -o trace
    grep -q '"end": "stopped"' out
    # A command that goes on is ended.
    status 0 "$strange" record --json --duration 300ms -o other -- sleep 60
    grep -q 'killed by signal 15' out
}

# However short the recording and long the detaching, the recorder cannot have taken more than one processor.
case_record_short() {
    may_record
    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do set -- "$@" --marker "uprobe:$STRANGE_WORKLOAD:workload_mark=w:m$i"; done
    status 0 "$strange" record --json --duration 1ms "$@" -o trace
    sed -n 's/.*"recorder_cpu": \([0-9.e-]*\).*/\1/p' out | awk '{ n++; part = $1 } END { exit !(n == 1 && part >= 0 && part <= 1.1) }' || { cat out; no "the recorder's part"; }
}

# Whenever the recorder is killed, what it has written opens.
case_record_killed() {
    may_record
    kills=$(repeats 20 6)
    i=0
    while [ $i -lt "$kills" ]; do
        rm -rf trace
        "$strange" -q record --calls getppid -o trace -- "$STRANGE_WORKLOAD" flood 3 >out 2>err &
        pid=$!
        n=0
        until [ -d trace ] || [ $n = 100 ]; do sleep 0.05; n=$((n + 1)); done
        sleep "0.$(awk -v seed="$i$$" 'BEGIN { srand(seed); printf "%03d", rand() * 300 }')" # reading takes longer than writing
        workload=$(children $pid)
        kill -9 $pid
        wait $pid || true
        # The command is not the recorder's business any more.
        [ -z "$workload" ] || kill -9 "$workload" 2>/dev/null || true
        i=$((i + 1))
        [ -n "$(find trace -name 'channel*' 2>/dev/null)" ] || continue # killed before there was a packet
        n_opened=$((${n_opened:-0} + 1))
        status 0 "$strange" info trace
        ! command -v babeltrace2 >/dev/null || babeltrace2 --output-format=dummy trace || no "babeltrace2 does not open what kill $i left"
    done
    [ "${n_opened:-0}" -ge $((kills / 2)) ] || no "only ${n_opened:-0} of $kills had recorded anything"
}

case_record_full_disk() {
    may_record
    root_only
    mkdir small
    mount -t tmpfs -o size=2m strange-test small 2>/dev/null || exit 77
    got=0
    (
        set -e
        refused 'No space left' "$strange" -q record -o small/trace -- "$STRANGE_WORKLOAD" calls 100000
        status 0 "$strange" info small/trace
        ! command -v babeltrace2 >/dev/null || babeltrace2 small/trace >text
        rm -rf small/trace
        # A command that would go on is ended, and what became of it is said.
        for trap in - "''"; do
            rm -rf small/trace
            status 2 "$strange" record -o small/trace -- sh -c "trap $trap TERM; echo \$\$ >spinning; while :; do read -r line </dev/null || true; done"
            grep -q 'No space left' err
            if [ "$trap" = - ]; then
                grep -q 'the command killed by signal 15' err
                ! kill -0 "$(cat spinning)" 2>/dev/null || no "the command goes on"
            else
                kill -9 "$(cat spinning)" || no "the command has ended"
                grep -q 'the command still runs' err
            fi
        done
        rm -rf small/trace
        head -c 3M /dev/zero >small/ballast 2>/dev/null || true # not even the metadata has room
        refused 'No space left' "$strange" -q record -o small/trace -- touch ran
        absent small/trace ran
    ) || got=$?
    umount small
    exit $got
}

# What the limits of a shell forbid is said, and they are the command's, too.
case_record_limits() {
    may_record
    no_sanitizer
    refused 'cannot write (raise ulimit -f or write elsewhere): File too large' sh -c 'ulimit -f 100; exec "$strange" -q record -o trace -- "$STRANGE_WORKLOAD" calls 20000'
    refused 'metadata: cannot write (raise ulimit -f or write elsewhere): File too large' sh -c 'ulimit -f 10; exec "$strange" -q record -o small -- true'
    # shellcheck disable=SC2016 # the inner shells expand it
    status 0 sh -c 'ulimit -f 2000; exec "$strange" -q record --calls getppid -o other -- sh -c "head -c 2M /dev/zero >long; echo \$?"'
    grep -qx 153 out || no "a file of any length may be written: $(cat out)"
    for n in 8 10 11 12 16 20; do # each fails elsewhere
        refused 'ulimit -n 1024' sh -c "ulimit -n $n; exec \"\$strange\" -q record -o third -- true"
    done
    for n in 24 25 26 27; do
        got=0
        sh -c "ulimit -n $n; exec \"\$strange\" -q record -o of-pid-$n --duration 10ms --pid $$" 2>err || got=$?
        [ $got = 0 ] || grep -q 'ulimit -n' err || { cat err; no "nor with $n files and --pid"; }
        got=0
        sh -c "ulimit -n $n; exec \"\$strange\" -q record -o of-cgroup-$n --duration 10ms --cgroup ." 2>err || got=$?
        [ $got = 0 ] || grep -qE 'ulimit -n|not a cgroup v2' err || { cat err; no "nor with $n files and --cgroup"; }
    done
    n=21
    until sh -c "ulimit -n $n; exec \"\$strange\" -q record -o third -- true" 2>err; do # up to where there are enough
        grep -q 'ulimit -n' err || { cat err; no "it does not say what to do with $n files"; }
        n=$((n + 1))
        [ $n -lt 100 ] || no "it takes more files"
    done
}

# A recorder whose file is set-user-ID would believe its caller who called sudo.
case_record_set_user_id() {
    may_record
    no_coverage
    root_only
    command -v setpriv >/dev/null || exit 77
    chmod 777 .
    cp "$strange" ./strange-copy
    chmod 4755 ./strange-copy
    [ "$(setpriv --reuid 65534 --regid 65534 --clear-groups ./strange-copy record -o t --pid 0 2>&1 | grep -c 'no process')" = 1 ] # it runs
    refused 'chmod u-s' setpriv --reuid 65534 --regid 65534 --clear-groups env SUDO_UID=1 ./strange-copy record -o t -- touch ran
    refused 'chmod u-s' setpriv --reuid 65534 --regid 65534 --clear-groups ./strange-copy record -o t -- touch ran
    status 0 setpriv --reuid 65534 --regid 65534 --clear-groups ./strange-copy doctor --json
    grep -o '"record_privilege": {[^}]*}' out | grep -q '"works": false, "do": "it has another' || { cat out; no 'doctor sees nothing'; }
    absent t ran
}

# What a program with capabilities has at hand is not for its user: once it has none left, only this keeps others off.
case_record_not_traced() {
    may_record
    no_sanitizer
    no_coverage
    root_only
    command -v setpriv >/dev/null && command -v setcap >/dev/null || exit 77
    chmod 777 .
    cp "$strange" ./strange-copy
    setcap cap_bpf,cap_perfmon+ep ./strange-copy 2>/dev/null || exit 77
    setpriv --reuid 65534 --regid 65534 --clear-groups ./strange-copy record -o t -- sleep 1.5 2>err &
    pid=$!
    begun
    [ "$(stat -c %u /proc/$pid/mem)" = 0 ] || no "its memory is its user's"
    child=$(children $pid)
    [ "$(stat -c %u "/proc/$child/mem")" = 65534 ] || no "the command's memory is not its user's"
    wait $pid
    "$strange" info t >out
}

# Where nothing can be written, nothing is left and the command has not run.
case_record_read_only() {
    may_record
    root_only
    mkdir fixed
    mount -t tmpfs -o ro strange-test fixed 2>/dev/null || exit 77
    got=0
    (
        set -e
        refused 'fixed/trace: ' "$strange" record -o fixed/trace -- touch ran
        grep -q 'Read-only file system' err
        refused 'fixed' "$strange" record -o fixed -- touch ran
        absent ran
    ) || got=$?
    umount fixed
    exit $got
}

# The same as who called sudo, to whom the folder is closed.
case_record_unwritable() {
    may_record
    no_sanitizer
    no_coverage
    root_only
    mkdir closed
    chmod 777 .
    refused 'closed/trace: ' env SUDO_UID=65534 "$strange" record -o closed/trace -- touch ran
    grep -q 'Permission denied' err
    refused 'closed' env SUDO_UID=65534 "$strange" record -o closed -- touch ran
    [ -z "$(ls -A closed)" ] || no "left behind: $(ls -A closed)"
    absent ran
}

case_record_target_ends() {
    may_record
    while :; do read -r line </dev/null || true; done &
    target=$!
    # Once something of it is written: a target that ends before it is traced leaves nothing to look at.
    (
        tries=0
        while [ $tries -lt 2000 ] && ! ls trace/channel* >/dev/null 2>&1; do
            sleep 0.01
            tries=$((tries + 1))
        done
        kill -TERM $target
    ) &
    status 0 "$strange" record --json --pid $target -o trace
    grep -q '"end": *"target-gone"' out || { cat out; no "why it ended"; }
    grep -q 'what was to be recorded has ended' err
    status 0 "$strange" info trace
    refused 'there is no process' "$strange" record --pid 4194303 -o other
    absent other
    root_only
    closed=0
    for mount in /sys/fs/cgroup /sys/fs/cgroup/unified; do
        [ -f $mount/cgroup.procs ] || continue
        mkdir $mount/strange-test-$$ || continue
        sleep 60 &
        (kill_when $! TERM gone; rmdir $mount/strange-test-$$) &
        status 0 "$strange" -q record --json --cgroup $mount/strange-test-$$ -o gone
        grep -q '"end": *"target-gone"' out || { cat out; no "why it ended"; }
        refused 'cannot open it' "$strange" -q record --cgroup $mount/strange-test-$$ -o never
        absent never
        # Into this one, who called sudo may not look.
        mkdir -m 700 $mount/strange-closed-$$
        chmod 777 .
        SUDO_UID=65534 status 0 "$strange" -q record --json --cgroup $mount/strange-closed-$$ --duration 1.2s -o closed-$((closed += 1))
        rmdir $mount/strange-closed-$$
        grep -q '"end": *"stopped"' out || { cat out; no "why it ended"; }
    done
    refused 'not a cgroup v2 directory' "$strange" record --cgroup "$PWD" -o never
}

# A kernel without what recording needs, as far as files tell.
case_record_poor_kernel() {
    may_record
    no_coverage
    root_only
    unshare -m true 2>/dev/null || exit 77
    refused 'CONFIG_DEBUG_INFO_BTF' unshare -m sh -c 'mount -t tmpfs none /sys/kernel/btf && exec "$strange" record -o t -- true'
    unshare -m sh -c 'mount -t tmpfs none /sys/kernel/btf && exec "$strange" doctor' | grep -q 'CONFIG_DEBUG_INFO_BTF=y'
    refused 'record: ' unshare -m sh -c 'mount -t tmpfs none /sys/bus/event_source && mount -t tmpfs none /sys/kernel/tracing &&
        mount -t tmpfs none /sys/kernel/debug && exec "$strange" record -o t --marker "uprobe:$STRANGE_WORKLOAD:workload_mark" -- true'
    unshare -m sh -c 'mount -t tmpfs none /sys/bus/event_source && exec "$strange" doctor' | grep -q 'CONFIG_UPROBE_EVENTS=y'
    # What the page cache holds is there for the rings.
    printf 'MemTotal: 99999999 kB\nMemFree: 1024 kB\nMemAvailable: 88888888 kB\n' >cached
    printf 'MemTotal: 99999999 kB\nMemFree: 1024 kB\nMemAvailable: 20480 kB\n' >full
    unshare -m sh -c 'mount --bind cached /proc/meminfo && exec "$strange" doctor' >out || true
    ! grep -q 'less than twice what the rings take' out || no 'there is memory'
    unshare -m sh -c 'mount --bind full /proc/meminfo && exec "$strange" doctor' >out || true
    grep -q '20 MiB of memory are available, less than twice what the rings take' out || { cat out; no 'there is none'; }
    absent t
}

# The capabilities that a user namespace gives to its root (a rootless container) are good for nothing outside of it.
# Where /sys or /proc is not there, or something else in its place, the kernel is not called poor nor the privileges missing.
case_record_no_sys() {
    root_only
    unshare -m true 2>/dev/null || exit 77
    may_record
    # shellcheck disable=SC2016 # the inner shell expands it
    status 0 unshare -m sh -c 'mount -t tmpfs none /sys && exec "$@"' sh "$strange" doctor
    [ "$(grep -c 'do  *no sysfs is mounted at /sys, .*: mount -t sysfs sysfs /sys$' out)" = 2 ] || { cat out; no "doctor does not say it of types and uprobes"; }
    grep -q 'do  *not known, as /sys/kernel/btf/vmlinux is missing$' out || { cat out; no "doctor knows too much"; }
    ! grep -q 'boot' out || { cat out; no "doctor has another kernel booted"; }
    # shellcheck disable=SC2016
    refused 'no sysfs is mounted at /sys' unshare -m sh -c 'mount -t tmpfs none /sys && exec "$@"' sh "$strange" record -o trace -- true
    absent trace
}

case_record_no_proc() {
    root_only
    no_sanitizer
    unshare -m true 2>/dev/null || exit 77
    may_record
    # shellcheck disable=SC2016
    status 0 unshare -m sh -c 'mount -t tmpfs none /proc && exec "$@"' sh "$strange" doctor
    ! grep -qE 'CAP_|is not mounted, which --cgroup' out || { cat out; no "doctor misses what is there"; }
    grep -q 'do  *not known whether cgroup v2 is mounted.*: mount -t proc proc /proc$' out || { cat out; no "doctor does not say it"; }
    # shellcheck disable=SC2016
    status 0 unshare -m sh -c 'mount -t tmpfs none /proc && exec "$@"' sh "$strange" record -o trace -- true
    # Markers take it, as the file that was looked through is attached to by its descriptor.
    # shellcheck disable=SC2016
    refused 'cannot attach it, as /proc is not mounted here: mount -t proc proc /proc' unshare -m sh -c \
        'mount -t tmpfs none /proc && exec "$@"' sh "$strange" record -o marked --marker "uprobe:$STRANGE_WORKLOAD:workload_mark" -- true
    absent marked
}

case_record_user_namespace() {
    may_record
    no_coverage
    unshare -Ur true 2>/dev/null || exit 77
    refused 'in a user namespace' unshare -Ur "$strange" record -o t -- true
    status 0 unshare -Ur "$strange" doctor --json
    for need in record_privilege record_markers; do
        grep -o "\"$need\": {[^}]*}" out | grep -q '"works": false, "do": "in a user namespace' || { cat out; no "$need"; }
    done
    grep -o '"perf_permission": {[^}]*}' out | grep -q '"works": false' || { cat out; no perf; }
    absent t
}

# A directory of a program's name is none, and a script that does not say what runs it is told of.
case_record_program() {
    may_record
    mkdir -p first/true first/record_workload second
    ln -s "$STRANGE_WORKLOAD" second/record_workload
    PATH=$PWD/first:$PWD/second:$PATH
    status 0 "$strange" -q record -o a --marker uprobe:record_workload:workload_mark -- true
    echo 'touch ran' >script
    chmod +x script
    refused 'lacks a first line like #!/bin/sh' "$strange" -q record -o b -- ./script
    refused 'no-such-program: cannot run the command: No such file' "$strange" -q record -o b -- no-such-program
    refused 'no-such-program: there is no such program' "$strange" -q record -o b --marker uprobe:no-such-program:f -- true
    absent b ran
}

# The rings are for 512 CPUs: more are not left out silently.
case_record_many_cpus() {
    may_record
    root_only
    unshare -m true 2>/dev/null || exit 77
    echo 0-511 >most
    echo 0,2-512 >many
    export cpus=/sys/devices/system/cpu/present
    # shellcheck disable=SC2016 # the inner shells expand it
    refused 'has 513 CPUs: at most 512' unshare -m sh -c 'mount --bind many $cpus && exec "$strange" record -o t -- touch ran'
    absent t ran
    # shellcheck disable=SC2016
    unshare -m sh -c 'mount --bind many $cpus && exec "$strange" doctor' | grep -q 'this machine has 513 CPUs'
    # shellcheck disable=SC2016
    unshare -m sh -c 'mount --bind most $cpus && exec "$strange" doctor' >out
    ! grep -q 'CPUs, of which' out || no 'there is room for 512'
}

# A marker's file that is a pipe is not waited for; a reader that cannot give up its privileges says so.
case_record_marker_file() {
    may_record
    mkfifo pipe
    refused './pipe: not a 64-bit program' timeout 20 "$strange" record -o t --marker uprobe:./pipe:f -- true
    no_sanitizer
    root_only
    command -v capsh >/dev/null || exit 77
    refused 'CAP_SETUID' capsh --drop=cap_setuid -- -c "exec '$strange' record -o t --marker 'uprobe:$STRANGE_WORKLOAD:workload_mark' -- true"
    absent t
}

# After attaching, the recorder may do nothing but write its trace.
case_record_gives_up_privileges() {
    may_record
    no_sanitizer
    root_only
    for caller in '' 65534; do
        rm -rf trace err
        chmod 777 .
        SUDO_UID=$caller
        export SUDO_UID
        [ -n "$caller" ] || unset SUDO_UID
        "$strange" record -o trace -- sleep 1.5 2>err &
        pid=$!
        begun
        cat /proc/$pid/status >status
        child=$(children $pid)
        cat "/proc/$child/status" >child
        wait $pid
        grep -q '^CapEff:[[:space:]]*0*$' status || no "capabilities are left: $(grep Cap status)"
        grep -q '^CapBnd:[[:space:]]*0*$' status || no "capabilities could come back"
        grep -q '^NoNewPrivs:[[:space:]]*1' status
        grep -q '^Seccomp:[[:space:]]*2' status
        for file in status child; do
            grep -q "^Uid:[[:space:]]*${caller:-0}[[:space:]]*${caller:-0}[[:space:]]*${caller:-0}" $file || no "$file: $(grep Uid $file)"
        done
        [ "$(stat -c %u trace/metadata)" = "${caller:-0}" ]
    done
    # A command of another user than it becomes is ended, for which it keeps CAP_KILL.
    rm -f err
    SUDO_UID=65534 "$strange" record --user daemon --duration 2s -o of-daemon -- sleep 60 2>err &
    pid=$!
    begun
    cat /proc/$pid/status >status
    wait $pid
    grep -q '^CapPrm:[[:space:]]*0*20$' status || no "not CAP_KILL alone: $(grep Cap status)"
    grep -q '^CapBnd:[[:space:]]*0*$' status || no "capabilities could come back"
    grep -q '^Uid:[[:space:]]*65534[[:space:]]*65534[[:space:]]*65534' status
    grep -q 'the command killed by signal 15' err || { cat err; no "it was not ended"; }
    # With capabilities as a file's, of which that is none: it is said, and at once.
    if command -v setpriv >/dev/null; then
        caps=+bpf,+perfmon,+setuid,+setgid
        status 0 setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps $caps --ambient-caps $caps \
            "$strange" record --user daemon --duration 0.5s -o refused -- sleep 1.5
        grep -q 'may not be sent SIGTERM' err || { cat err; no "why it runs"; }
    fi
    SUDO_UID=65534 status 0 "$strange" record --user root -o as-root -- id -u
    grep -qx 0 out
    refused 'no user' "$strange" record --user no-such-user -o never -- true
    SUDO_UID=4000000000 refused 'SUDO_UID' "$strange" record -o never -- true
    absent never
}

case_record_rotation() {
    may_record
    status 0 "$strange" record --json --rotate-size 1M -o trace -- "$STRANGE_WORKLOAD" calls 40000
    [ "$(number lost)" = 0 ]
    [ "$(find trace -name metadata | wc -l)" -gt 3 ] || no "no rotation: $(find trace)"
    opens trace "$(number events)"
    status 0 "$strange" record --json --max-size 2M -o bounded -- "$STRANGE_WORKLOAD" calls 60000
    [ "$(du -sk --apparent-size bounded | cut -f1)" -le 2100 ] || no "$(du -sk bounded) is more than 2M"
    [ "$(number removed)" -gt 0 ]
    opens bounded $(($(number events) - $(number removed)))
}

case_record_flight() {
    may_record
    ln -s "$STRANGE_WORKLOAD" ./asked
    "$strange" record --json --flight 10s -o flight >out 2>err &
    pid=$!
    begun
    ./asked calls 100
    sleep 0.3
    kill -USR1 $pid
    n=0
    until [ -f flight/000001/metadata ] || [ $n = 100 ]; do sleep 0.1; n=$((n + 1)); done
    ./asked calls 200
    sleep 0.3
    kill -INT $pid
    wait $pid || { cat err; no "exit status after SIGINT"; }
    [ "$(number snapshots)" = 2 ]
    status 0 "$strange" info flight/000001
    status 0 "$strange" info flight/000002
    refused 'give one of them, as flight/000002' "$strange" info flight
    command -v babeltrace2 >/dev/null || return 0
    [ "$(babeltrace2 flight/000001 | grep 'procname = "asked"' | grep -c syscall_entry_getppid)" = 100 ]
    [ "$(babeltrace2 flight/000002 | grep 'procname = "asked"' | grep -c syscall_entry_getppid)" = 300 ]
}

# The directory of snapshots is used as it is: a mount point, or one that is closed to others.
case_record_flight_directory() {
    may_record
    mkdir -m 700 closed
    before=$(stat -c '%a %i' closed)
    status 0 "$strange" record --flight 1s -o closed -- true
    [ "$(stat -c '%a %i' closed)" = "$before" ] || no "the directory is another one"
    status 0 "$strange" info closed/000001
    refused 'not empty' "$strange" record --flight 1s -o closed -- true
    root_only
    mkdir small
    mount -t tmpfs -o size=1m,mode=755 strange-test small 2>/dev/null || exit 77
    got=0
    (
        set -e
        status 0 "$strange" record --flight 1s -o small -- true
        status 0 "$strange" info small/000001
        rm -r small/000001
    ) || got=$?
    umount small
    exit $got
}

# A snapshot that cannot be written does not end the recording: the next one has what it would have had.
case_record_flight_full_disk() {
    may_record
    root_only
    ln -s "$STRANGE_WORKLOAD" ./asked
    mkdir small
    mount -t tmpfs -o size=1m strange-test small 2>/dev/null || exit 77
    got=0
    (
        set -e
        rm -f err
        "$strange" record --json --comm asked --flight 1m -o small/flight >out 2>err &
        pid=$!
        begun
        ./asked calls 100
        head -c 2M /dev/zero >small/ballast 2>/dev/null || true
        kill -USR1 $pid
        n=0
        until grep -q 'No space left.*recording goes on' err || [ $n = 200 ]; do sleep 0.05; n=$((n + 1)); done
        rm small/ballast
        ./asked calls 100
        sleep 0.3
        kill -INT $pid
        ended=0
        wait $pid || ended=$?
        [ $ended = 2 ] || { cat err; no "exit status $ended"; }
        tail -n 1 err | grep -q '1 snapshot could not be written' || { cat err; no "it does not say so in the end"; }
        [ "$(ls -A small/flight)" = 000001 ] || no "left: $(ls -A small/flight)"
        status 0 "$strange" info small/flight/000001
        ! command -v babeltrace2 >/dev/null || [ "$(per_call small/flight/000001 entry getppid)" = 200 ]
    ) || got=$?
    umount small
    exit $got
}

case_record_trigger() {
    may_record
    refused '--trigger writes what --flight keeps' "$strange" record -o t --trigger execve
    refused '--flight-size' "$strange" record -o t --flight-size 1M
    refused 'leave out --max-size' "$strange" record -o t --flight 1m --rotate-time 1s
    refused "no system call and no marker 'fstatt'" "$strange" record -o t --flight 1m --trigger fstatt -- touch ran
    refused "no system call and no marker 'syscall_1'" "$strange" record -o t --flight 1m --trigger syscall_1 -- touch ran # it is called write
    refused "no system call and no marker 'syscall_4294967296'" "$strange" record -o t --flight 1m --trigger syscall_4294967296 -- touch ran
    refused 'leaves this call out' "$strange" record -o t --flight 1m --calls read --trigger write -- touch ran
    refused 'leaves this call out' "$strange" record -o t --flight 1m --calls '!read,!uname' --trigger newuname -- touch ran
    refused 'leaves this call out' "$strange" record -o t --flight 1m --calls read --trigger syscall_600 -- touch ran
    absent t ran
    status 0 "$strange" record --json --flight 1m --trigger syscall_600 -o numbered -- "$STRANGE_WORKLOAD" numbers 1
    [ "$(number snapshots)" = 2 ] || no "$(number snapshots) snapshots by syscall_600"
    # A call by its other name, and a marker of the recorder's own.
    for trigger in uname sched_process_exit; do
        status 0 "$strange" record --json --flight 1m --trigger $trigger -o $trigger -- uname
        [ "$(number snapshots)" = 2 ] || no "$(number snapshots) snapshots by $trigger"
    done
    status 0 "$strange" record --json --flight 1m --trigger w:mark --marker "uprobe:$STRANGE_WORKLOAD:workload_mark=w:mark" -o flight -- \
        "$STRANGE_WORKLOAD" marks 50
    [ "$(number snapshots)" = 2 ] || no "$(number snapshots) snapshots" # the trigger's and the last
    status 0 "$strange" info flight/000001
    status 0 "$strange" info flight/000002
}

# What is lost is said on standard error, in the JSON and in the trace, and they agree.
case_record_loss() {
    may_record
    status 0 "$strange" record --json --ring 4K -o trace -- "$STRANGE_WORKLOAD" calls 20000
    lost=$(number lost)
    [ "$lost" -gt 0 ] || no "nothing was lost with a ring of 4 KiB"
    grep -q "$lost events were lost in" err
    opens trace "$(number events)"
    [ "$(sed -n 's/.*"lost": \([0-9]*\).*/\1/p' info.json | head -n 1)" = "$lost" ] || { cat info.json; no "the trace does not say $lost"; }
    status 0 "$strange" prepare -o lost.data trace
    grep -q "$lost events were lost" err
}

# While the recorder is away, events go into the far rings when the near ones are full: none is lost, all are in order.
case_record_late() {
    may_record
    ln -s "$STRANGE_WORKLOAD" ./asked
    "$strange" record --json --comm asked -o trace >out 2>err &
    pid=$!
    begun
    ./asked calls 10
    kill -STOP $pid
    # On one processor, as each has rings of its own.
    taskset -c "$(taskset -cp $$ | sed 's/.*: //; s/[,-].*//')" ./asked calls 8000
    kill -CONT $pid
    ./asked calls 10
    kill -INT $pid
    wait $pid || { cat err; no "exit status after SIGINT"; }
    [ "$(number lost)" = 0 ] || no "$(number lost) events were lost"
    [ "$(number late)" = 0 ] || no "$(number late) events were late"
    sed -n 's/.*"fullest_ring": \([0-9.]*\).*/\1/p' out | awk '{ exit !($1 > 0.1) }' || { cat out; no "the far rings were not needed"; }
    opens trace "$(number events)"
    command -v babeltrace2 >/dev/null || return 0
    babeltrace2 trace | sed -n 's/.* syscall_entry_\(getppid\|close\|write\): .*/\1/p' >calls
    # Whatever else the program closes and writes, its rounds follow each other.
    awk '$1 == "getppid" { n++; at = NR } n > 0 && $1 == "close" && NR == at + 1 { n_close++ } $1 == "write" && NR == at + 2 { n_write++ }
         END { exit !(n == 8020 && n_close == n && n_write == n) }' calls || { sort calls | uniq -c; no "calls are missing or in another order"; }
}

# Another tracer that watches the same program at the same time counts the same calls, but for its edges.
case_record_and_perf() {
    may_record
    command -v perf >/dev/null || exit 77
    command -v babeltrace2 >/dev/null || exit 77
    "$strange" -q record --json -o trace -- perf record -q -m 16M -e raw_syscalls:sys_enter -e raw_syscalls:sys_exit -o perf.data \
        "$STRANGE_WORKLOAD" calls 2000 >out 2>log || { cat log; exit 77; }
    lost=$(number lost)
    perf script -i perf.data -F comm,pid,tid,cpu,time,event,trace >perf.txt 2>log || { cat log; exit 77; }
    for kind in entry exit; do
        babeltrace2 trace | grep 'procname = "record_workload"' | sed -n "s/.* syscall_${kind}_\\([a-z0-9_]*\\): .*/\\1/p" | sort | uniq -c |
            awk '{ print $1 }' | sort -n >ours.$kind
        event=$([ $kind = entry ] && echo enter || echo exit)
        grep '^ *record_workload' perf.txt | sed -n "s/.*raw_syscalls:sys_$event: NR \\([0-9]*\\) .*/\\1/p" | sort | uniq -c |
            awk '{ print $1 }' | sort -n >theirs.$kind
        # perf begins a little earlier and ends a little later; what we lost on a busy machine, we say.
        [ "$(wc -l <ours.$kind)" = "$(wc -l <theirs.$kind)" ] || { diff ours.$kind theirs.$kind; no "perf sees other calls ($kind)"; }
        paste ours.$kind theirs.$kind | awk -v lost="$lost" '{ d = $1 - $2 } d > 8 || d < -8 - lost { exit 1 }' || { diff ours.$kind theirs.$kind; no "perf counts others ($kind)"; }
        [ "$(wc -l <ours.$kind)" -gt 10 ]
    done
}

case_record_requests() {
    may_record
    status 0 "$strange" record --begin "uprobe:$STRANGE_WORKLOAD:workload_mark" --end "uretprobe:$STRANGE_WORKLOAD:workload_mark" -o trace -- \
        "$STRANGE_WORKLOAD" marks 250
    # The trace says which its markers are.
    for cut in auto request; do
        status 0 "$strange" prepare --cut $cut -o own.data trace
        grep -q '250 sequences (cut by request' err
    done
    status 0 "$strange" prepare --cut request --begin record_workload:workload_mark --end record_workload:workload_mark__return -o marks.data trace
    grep -q '250 sequences' err
    # The same, in the words of record.
    status 0 "$strange" prepare --begin "uprobe:$STRANGE_WORKLOAD:workload_mark" --end "uretprobe:$STRANGE_WORKLOAD:workload_mark" -o same.data trace
    grep -q '250 sequences' err
}

# The signal of the example is for recorders: a training would end by it.
case_record_example_of_signal() {
    "$strange" help --man record | tr -d '\\' >page
    command=$(sed -n 's/^.*\(strange record --flight .*\)$/\1/p' page | head -n 1)
    pattern=$(sed -n "s/.*pkill -USR1 -f '\([^']*\)'.*/\1/p" page)
    [ -n "$command" ] && [ -n "$pattern" ] || { cat page; no 'no example'; }
    echo "$command" | grep -qE -- "$pattern" || no "'$pattern' is not of '$command'"
    for other in 'strange train --model lstm -o m train.data' "sudo $command"; do
        ! echo "$other" | grep -qE -- "$pattern" || no "'$pattern' is of '$other', too"
    done
}
