# The web-server lab: what it refuses; with STRANGE_LAB=1, as root, a campaign with real servers.

lab_files=$here/../../lab

case_lab_refuses() {
    refused 'run|report|clean' "$strange" lab
    refused "did you mean 'report'?" "$strange" lab repart
    refused '-o DIR is missing' "$strange" lab run
    refused '-o DIR is missing' "$strange" lab run -o ''
    refused 'run takes its folder by -o' "$strange" lab run dir
    refused 'report DIR' "$strange" lab report
    refused 'clean DIR' "$strange" lab clean
    refused 'no campaign there' "$strange" lab report nowhere
    refused 'no campaign there' "$strange" lab clean nowhere
    refused "'gpt' is none" "$strange" lab run -o new --models ngram gpt
    refused "'stide-paper' is none" "$strange" lab run -o new --models stide-paper
    refused 'give less than --rate' "$strange" lab run -o new --rate 10 --burst 10
    refused 'not a duration' "$strange" lab run -o new --budget soon
    refused 'scenario nothing: cannot read' "$strange" lab run --files "$lab_files" -o new --scenarios nothing
    refused 'scenario io: given twice' "$strange" lab run --files "$lab_files" -o new --scenarios io io
    refused 'known.conf' "$strange" lab run --files /nowhere -o new
    printf 'set.NOTHING = 1\n' >odd.conf
    refused './odd.conf:1: set.NOTHING: known.conf has no such setting' "$strange" lab run --files "$lab_files" -o new --scenarios ./odd.conf
    printf 'check.nothing = > 1\n' >odd.conf
    refused 'no such measure' "$strange" lab run --files "$lab_files" -o new --scenarios ./odd.conf
    # At once, not when its run comes.
    printf 'beside = no-such-program --option\n' >odd.conf
    refused 'scenario odd: no-such-program is not installed' "$strange" lab run --files "$lab_files" -o new --scenarios ./odd.conf
    printf 'beside = sleep @RUN@ @NO_SUCH@\n' >odd.conf
    refused 'scenario odd: beside:1: @NO_SUCH@ is no setting' "$strange" lab run --files "$lab_files" -o new --scenarios ./odd.conf
    { printf 'beside = sleep'; for i in $(seq 32); do printf ' %s' "$i"; done; } >odd.conf
    refused 'scenario odd: beside: 33 words: at most 32' "$strange" lab run --files "$lab_files" -o new --scenarios ./odd.conf
    nothing_but odd.conf
}

# Files of a campaign that are damaged are named.
case_lab_damaged_campaign() {
    mkdir -p camp/eval
    printf '{"schema": "strange.lab/1", "settings": {}, "runs": []}' >camp/campaign.json
    refused 'camp/campaign.json: not a campaign' "$strange" lab report camp
    printf '{"schema": "strange.lab/1", "settings": {}, "behaviours": [], "runs": []}' >camp/campaign.json
    status 0 "$strange" lab report camp
    for text in '' '{}' '{"novel": {}}'; do
        printf '%s' "$text" >camp/eval/ngram.json
        refused 'camp/eval/ngram.json: not what' "$strange" lab report camp
    done
}

# One of a thing is not told as several.
case_lab_report_one() {
    mkdir -p camp/runs
    printf '{"schema": "strange.lab/1", "settings": {}, "behaviours": [], "runs": [{"name": "a"}]}' >camp/campaign.json
    printf '{"attempts": 2, "measures": {"lost": 1, "requests": 5}}' >camp/runs/a.json
    status 0 "$strange" lab report camp
    grep -q '5 requests, 1 event lost;.* 1 run repeated,' out || { cat out; no "one run that was repeated"; }
    printf '{"attempts": 1, "measures": {"lost": 2, "requests": 5}}' >camp/runs/a.json
    status 0 "$strange" lab report camp
    grep -q '5 requests, 2 events lost;.* 0 runs repeated,' out || { cat out; no "no run that was repeated"; }
}

# A mount namespace in which Apache's binary does not exist.
case_lab_names_missing_packages() {
    [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null || exit 77
    # shellcheck disable=SC2016 # the inner shell expands it
    refused 'apache2-bin' unshare -m sh -c 'mount -t tmpfs none /usr/sbin && exec "$@"' sh \
        "$strange" lab run --files "$lab_files" -o new
    grep -q 'run tools/setup lab' err || no "it does not say what to do"
    absent new
}

case_lab_needs_root() {
    no_coverage
    [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null || exit 77
    chmod 711 ..
    chmod 777 .
    status 2 setpriv --reuid 65534 --regid 65534 --clear-groups "$strange" lab run --files "$lab_files" -o new
    [ "$(wc -l <err)" = 1 ] || no "not one line: $(cat err)"
    # Without the packages or without the load program that is what it says first; where the files cannot be read, that.
    grep -qE 'sudo|tools/setup lab|Permission denied|cannot execute' err || no "it does not say what to do: $(cat err)"
    absent new
}

# Where another user may write, root writes nothing.
case_lab_foreign_folder() {
    no_coverage
    [ "$(id -u)" = 0 ] || exit 77
    mkdir theirs open
    chown 65533 theirs
    chmod 777 open
    timeout 20 "$strange" lab run --files "$lab_files" -o theirs 2>err || true
    ! grep -q 'tools/setup lab' err || exit 77
    for odd in : '#' '"' "\\"; do
        refused "takes no path with '$odd'" timeout 20 "$strange" -q lab run --files "$lab_files" -o new --work "/tmp$odd"
    done
    absent new
    for dir in theirs open; do
        refused "$dir: others than root" "$strange" lab run --files "$lab_files" -o $dir
        SUDO_UID=1 refused "$dir: others than root" "$strange" lab run --files "$lab_files" -o $dir
        [ -z "$(ls -A $dir)" ] || no "left behind: $(ls -A $dir)"
    done
    # Of who called sudo it is taken: what is refused is the next thing.
    mkdir theirs/lock
    SUDO_UID=65533 refused 'theirs/lock: cannot be opened' "$strange" lab run --files "$lab_files" -o theirs
    rmdir theirs/lock
    ln -s "$PWD/made" theirs/lock
    SUDO_UID=65533 refused 'theirs/lock: cannot be opened' "$strange" lab run --files "$lab_files" -o theirs
    absent made
}

# A scenario whose file has changed since is not the one whose runs are there.
case_lab_changed_scenario() {
    no_coverage
    [ "$(id -u)" = 0 ] || exit 77
    chmod 711 . ..
    printf 'set.PHP_CHILDREN = 12\n' >odd.conf
    "$strange" -q lab run --files "$lab_files" -o new --no-record --scenarios ./odd.conf 2>err &
    run=$!
    n=0
    until [ -s new/campaign.json ] || ! kill -0 $run 2>/dev/null || [ $n = 400 ]; do sleep 0.05; n=$((n + 1)); done
    kill -TERM $run 2>/dev/null || true
    wait $run || true
    ! grep -qE 'tools/setup lab|cgroup v2' err || exit 77
    grep -q '"hash"' new/campaign.json || { cat err; no "nothing to tell it by"; }
    printf 'set.PHP_CHILDREN = 13\n' >odd.conf
    refused 'new: scenario odd is not as it was when the campaign was begun' timeout 20 "$strange" -q lab run --files "$lab_files" -o new \
        --no-record --scenarios ./odd.conf
}

# Becomes the program: in the background its process is the one to signal; in the foreground it needs brackets.
lab_live() {
    exec "$strange" -q lab run --files "$lab_files" -o camp --requests 300 --rate 100 --burst 40 --scenarios io --calibrate-runs 1 \
        --test-runs 1 --foreign 1 --warm-up 1s --settle 1s --models ngram "$@"
}
lab_is_gone() {
    for left in /tmp/strange-lab-* /sys/fs/cgroup/strange-lab-* /sys/fs/cgroup/unified/strange-lab-*; do
        [ ! -e "$left" ] || no "left behind: $left"
    done
}

case_lab_live() {
    [ "${STRANGE_LAB:-}" = 1 ] && [ "$(id -u)" = 0 ] || exit 77
    lab_is_gone # another campaign would be taken for what this one leaves
    refused '--work /nowhere: is no folder' "$strange" -q lab run --files "$lab_files" -o camp --work /nowhere
    mkdir -m 700 closed
    refused 'may not enter' "$strange" -q lab run --files "$lab_files" -o camp --work "$PWD/closed"
    absent camp # a setting that was wrong is not kept
    mkdir small
    chmod 711 . ..
    if mount -t tmpfs -o size=100k strange-test small 2>/dev/null; then
        (refused 'no space is left' "$strange" -q lab run --files "$lab_files" -o camp --work "$PWD/small") || { umount small; exit 1; }
        umount small
        rm -r camp
    fi
    printf 'set.PHP_CHILDREN = many\n' >odd.conf
    refused 'php-fpm has ended by itself with exit status 78: ' "$strange" -q lab run --files "$lab_files" -o odd --requests 100 --rate 50 --burst 5 --calibrate-runs 1 \
        --test-runs 1 --scenarios ./odd.conf --foreign 1 --warm-up 100ms --settle 100ms
    grep -q '78: .*pm.max_children' err || { cat err; no "it does not say why"; }
    rm -r odd odd.conf
    lab_is_gone
    lab_live 2>err.run &
    run=$!
    tries=0 # a busy machine takes its time for the first run
    : >modes
    until ls camp/runs/*.json >/dev/null 2>&1 || [ $tries -ge 1200 ]; do
        stat -c %a /tmp/strange-lab-*/run >>modes 2>/dev/null || true
        sleep 0.1
        tries=$((tries + 1))
    done
    [ "$(sort -u modes)" = 700 ] || no "others come to the servers' sockets: $(sort -u modes)"
    kill -TERM $run # the servers are ended however often it is asked
    sleep 0.1
    kill_when $run TERM .
    [ "$got" = 2 ] || no "exit status $got after SIGTERM"
    grep -q interrupted err.run || no "it does not say so"
    lab_is_gone
    first=$(ls camp/runs/*.json | head -n 1)
    cp "$first" before.json
    lab_live 2>err.run &
    sleep 8
    kill -9 $!
    wait $! || true
    "$strange" lab clean camp
    lab_is_gone
    refused 'another setting (seed)' "$strange" -q lab run --files "$lab_files" -o camp --seed 9 --scenarios io
    (lab_live) >table
    lab_is_gone
    cmp before.json "$first" || no "a run that was done was made again"
    grep -q '^ngram ' table || no "no row of the model"
    "$strange" lab report camp >again
    cmp table again || no "the report differs from the first"
    "$strange" lab report --json camp >json
    grep -q '"schema": "strange.lab-report/1"' json || no "no schema"
    grep -q '"lost": 0.0' json || no "lost events, or none said"
    [ -s camp/report.html ] || no "no report.html"
    for run in camp/runs/*/; do
        babeltrace2 "$run" >events
        grep -q syscall_entry_ events || no "no call in $run"
        ! grep syscall_entry_clone events || no "a thread was made in $run"
    done
}
