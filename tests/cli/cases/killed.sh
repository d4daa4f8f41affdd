# Killed while working, and files with a flipped bit.

# Every other command: it ends by itself, or with one line and nothing half-written.
case_kill_while_working() {
    trained
    interrupted=0
    strace_text 20000 5 >long.txt
    "$strange" -q prepare --cut accept --scope thread --vocab train.data -o long.data long.txt
    for line in 'train -o new.model long.data' 'score web.model long.txt' 'score --json web.model long.data' \
        'eval web.model --known long.data --novel n=odd.data' 'report -o new.html web.model --known long.data' \
        'explain web.model long.txt' 'info long.txt' 'info long.data'; do
        for signal in INT TERM KILL; do
            # shellcheck disable=SC2086 # words
            "$strange" -q $line >out 2>err &
            pid=$!
            listens $pid
            kill_when $pid $signal /
            case $signal:$got in
                *:0 | *:1) rm -f new.model new.html ;; # it was faster
                KILL:137) # could not clean up; what has its name by then is whole
                    [ ! -e new.model ] || "$strange" -q info new.model >out || no 'half a model has its name'
                    [ ! -e new.html ] || grep -q '</html>' new.html || no 'half a report has its name'
                    rm -rf new.* tmp/*
                    ;;
                *:2)
                    [ "$(wc -l <err)" = 1 ] || { cat err; no "not one line: $line"; }
                    interrupted=$((interrupted + 1))
                    ;;
                *) cat err; no "exit status $got after $signal: $line" ;;
            esac
            nothing_but train.txt valid.txt test.txt odd.txt train.data valid.data test.data odd.data web.model long.txt long.data
        done
    done
    [ $interrupted -gt 4 ] || no "only $interrupted runs were interrupted"
}

# What a trace is cut into for a while is for nobody else to read.
case_cut_trace_is_private() {
    trained
    umask 022
    strace_text 20000 5 >long.txt
    "$strange" -q score web.model long.txt >out 2>err &
    pid=$!
    n=0 modes=
    until modes=$(stat -c %a tmp/* 2>stat.err) || [ $n = 2000 ]; do n=$((n + 1)); done
    kill_when $pid TERM /
    [ "$modes" = 700 ] || no "modes in TMPDIR: $modes"
}

# The end of a terminal is like Ctrl-C, and nohup keeps it away.
case_hangup() {
    data_sets
    line='train --model lstm --hidden 16 --layers 1 --valid valid.data -o new.model train.data'
    # shellcheck disable=SC2086 # words
    "$strange" -q $line --updates 1000000 2>err &
    pid=$!
    listens $pid
    kill_when $pid HUP /
    [ "$got" = 2 ] || no "exit status $got"
    grep -q 'the state is saved: .* interrupted' err || { cat err; no 'not said'; }
    rm new.model.checkpoint
    # shellcheck disable=SC2086 # words
    (trap '' HUP; exec "$strange" -q $line --updates 20) 2>err &
    pid=$!
    listens $pid
    kill_when $pid HUP /
    [ "$got" = 0 ] || { cat err; no "exit status $got under nohup"; }
}

# A mapped file that somebody makes shorter ends the program in words, whatever it was doing.
case_shrinking_file() {
    data_sets
    "$strange" -q train --model lstm --hidden 64 --batch 1 --eval-every 100000 --valid valid.data -o new.model train.data 2>err &
    pid=$!
    listens $pid
    sleep 0.5
    : >train.data
    got=0
    wait $pid || got=$?
    [ "$got" = 2 ] || { cat err; no "exit status $got"; }
    [ "$(wc -l <err)" = 1 ]
    grep -q '^strange: .*/train.data: became shorter' err || { cat err; no 'not said'; }
    nothing_but train.txt valid.txt test.txt odd.txt train.data valid.data test.data odd.data
}

case_flipped_bits() {
    trained
    for file in test.data web.model; do
        size=$(wc -c <$file)
        for part in 2 3 5 7; do
            cp $file new
            flip new $((size - size / part))
            if [ $file = web.model ]; then refused 'new' "$strange" score new test.data; else refused 'new' "$strange" score web.model new; fi
            refused 'new' "$strange" info new
        done
    done
}
